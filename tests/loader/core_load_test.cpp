// CO-RE as part of a load: which types are asked, what is reported, and of whom.
#include <gtest/gtest.h>

#include "loader/core_relocate.h"
#include "tests/support/objects.h"

namespace skep {
namespace {

// core.bpf.c reads task.pid and, if it is there, task.absent.
CoreTarget target_with(u32 pid_bit_offset) {
  test::BtfBuilder btf;
  const u32 integer = btf.integer("int", 4, test::BtfBuilder::kSigned);
  btf.structure("skep_task", 64, {{"pid", integer, pid_bit_offset}});
  auto target = CoreTarget::make(btf.share());
  EXPECT_TRUE(target);
  return *std::move(target);
}

TEST(CoreLoad, AsksTheTargetsTypes) {
  const CoreTarget target = target_with(24 * 8);
  const Object object = test::load_fixture("core", {.target = &target});
  const Program& program = (*object.image("reads"))->program;
  bool found = false;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    found |= program.at(pc).op == Op::Load && program.at(pc).off == 24;
  }
  EXPECT_TRUE(found) << "the field's offset in the target";
  EXPECT_EQ(object.relocations[static_cast<std::size_t>(RelocationKind::Core)], 3u);
}

TEST(CoreLoad, ReportsWhatTheTargetLacks) {
  const CoreTarget target = target_with(0);
  const Object object = test::load_fixture("core", {.target = &target});
  ASSERT_EQ(object.failed_core.size(), 1u);
  const FailedCoreRelo& failed = object.failed_core[0];
  EXPECT_EQ(failed.kind, CoreKind::FieldByteOffset);
  EXPECT_TRUE(failed.poisoned);
  EXPECT_EQ(failed.path, "struct skep_task.absent");
  EXPECT_EQ(failed.section, "raw_tp/guarded");
  // The pc counts in the section, which this program begins.
  const Program& program = (*object.image("guarded"))->program;
  ASSERT_LT(failed.pc.value, program.size());
  EXPECT_EQ(program.at(failed.pc).op, Op::CallHelper);
  EXPECT_EQ(program.at(failed.pc).imm, kCorePoison);
}

TEST(CoreLoad, WithoutATargetOnlyThoseFailThatNeedOne) {
  const auto object = load(test::fixture("core"));
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->programs.size(), 1u);
  EXPECT_EQ(object->programs[0]->name, "needs_none");
  ASSERT_EQ(object->failures.size(), 2u);
  EXPECT_EQ(object->failures[0].error.code, Code::missing_core_target);
}

TEST(CoreLoad, LookingNeedsNoTarget) {
  EXPECT_EQ(test::load_fixture("core", {.inspect = true}).programs.size(), 3u);
}

}  // namespace
}  // namespace skep
