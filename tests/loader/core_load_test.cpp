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

// ---- by hand: who is relocated, and whom a failure concerns
// --------------------------------------

constexpr Insn kExit = make_insn(0x95);
constexpr Insn call_local(i32 imm) {
  return make_insn(0x85, 0, 1, 0, imm);
}
constexpr Insn load_field(i16 off) {
  return make_insn(0x61, 0, 1, off);
}

// Types of a program's side: skep_task with pid at this offset, and access strings.
struct LocalTypes {
  test::BtfBuilder btf;
  test::BtfExtBuilder ext;
  u32 task = 0;
  u32 path = 0;

  explicit LocalTypes(u32 pid_byte) {
    const u32 integer = btf.integer("int", 4, test::BtfBuilder::kSigned);
    task = btf.structure("skep_task", 64, {{"pid", integer, pid_byte * 8}});
    path = btf.string("0:0");
  }
  void relocate(const char* section, std::initializer_list<u32> slots) {
    ext.relocations.groups.push_back({btf.string(section), {}});
    for (const u32 slot : slots) {
      ext.relocations.groups.back().records.push_back(
          {slot * 8, task, path, static_cast<u32>(CoreKind::FieldByteOffset)});
    }
  }
  void add_to(test::ElfBuilder& elf) const {
    elf.section(".BTF", btf.bytes());
    elf.section(".BTF.ext", ext.bytes());
  }
};

std::vector<i16> offsets_of_loads(const Program& program) {
  std::vector<i16> offsets;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    if (program.at(pc).op == Op::Load) offsets.push_back(program.at(pc).off);
  }
  return offsets;
}

TEST(CoreLoad, ASharedFunctionIsRelocatedOnce) {
  LocalTypes types(4);
  types.relocate(".text", {0});
  types.relocate("xdp", {0});
  test::ElfBuilder elf;
  const u32 xdp =
      elf.code_section("xdp", {load_field(4), call_local(-1), kExit, call_local(-1), kExit});
  const u32 text = elf.code_section(".text", {load_field(4), kExit});
  const u32 shared = elf.function("shared", text, 0, 2);
  elf.function("one", xdp, 0, 3);
  elf.function("two", xdp, 3, 2);
  elf.relocations(xdp, {{8, shared, 10}, {24, shared, 10}});
  types.add_to(elf);
  const CoreTarget target = target_with(40 * 8);
  const Object object = test::load_good(elf.build(), {.target = &target});
  ASSERT_EQ(object.programs.size(), 2u);
  EXPECT_EQ(offsets_of_loads(object.programs[0]->program), (std::vector<i16>{40, 40}));
  EXPECT_EQ(offsets_of_loads(object.programs[1]->program), (std::vector<i16>{40}));
}

// libbpf refuses the whole object; here only the programs that reach the instruction can't be made.
TEST(CoreLoad, AContradictionConcernsThoseWhoReachIt) {
  LocalTypes types(4);
  types.relocate(".text", {0});
  types.relocate("tc", {0});
  test::ElfBuilder elf;
  const u32 xdp = elf.program("xdp", "reaches", {call_local(-1), kExit});
  elf.program("tc", "does_not", {load_field(4), kExit});
  const u32 text = elf.code_section(".text", {load_field(8), kExit});
  elf.relocations(xdp, {{0, elf.function("wrong", text, 0, 2), 10}});
  types.add_to(elf);
  const CoreTarget target = target_with(40 * 8);
  const auto object = load(elf.build(), {.target = &target});
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->programs.size(), 1u);
  EXPECT_EQ(object->programs[0]->name, "does_not");
  ASSERT_EQ(object->failures.size(), 1u);
  EXPECT_EQ(object->failures[0].name, "reaches");
  EXPECT_EQ(object->failures[0].error.code, Code::bad_core_relocation);
  EXPECT_NE(object->failures[0].error.text.find("struct skep_task.pid"), std::string::npos);
}

// Each object's relocations are about its own types, which differ here.
TEST(CoreLoad, LinkedObjectsAreRelocatedByTheirOwnTypes) {
  std::vector<std::vector<u8>> bytes;
  for (const u8 pid : {4, 12}) {
    LocalTypes types(pid);
    const char* section = pid == 4 ? "xdp" : "tc";
    types.relocate(section, {0});
    test::ElfBuilder elf;
    elf.program(section, pid == 4 ? "a" : "b", {load_field(pid), kExit});
    types.add_to(elf);
    bytes.push_back(elf.build());
  }
  const ObjectFile files[] = {{"a.o", bytes[0]}, {"b.o", bytes[1]}};
  const CoreTarget target = target_with(40 * 8);
  const auto object = load_linked(files, {.target = &target});
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->programs.size(), 2u);
  for (const auto& image : object->programs) {
    EXPECT_EQ(offsets_of_loads(image->program), (std::vector<i16>{40})) << image->name;
  }
}

}  // namespace
}  // namespace skep
