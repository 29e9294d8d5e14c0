// The lifter: what is refused, as the interpreter refuses it; what facts leave out; that work and
// memory grow with the program and not faster. That what it makes means what the program means is
// shown by tests/agree/passes.cpp and, program by program, tests/filetests/run.
#include "jit/lift.h"

#include <gtest/gtest.h>

#include "isa/asm.h"
#include "jit/opt/edit.h"
#include "tests/jit/modules.h"
#include "tests/support/image.h"
#include "tests/support/ir_engine.h"

namespace skep {
namespace {

// ---- refusals ---------------------------------------------------------------------------------

struct Refused {
  const char* name;
  const char* text;
  ProgramType type;
  Mode mode;
};
class Refusal : public testing::TestWithParam<Refused> {};

TEST_P(Refusal, IsTheInterpreters) {
  const auto image = test::image_of(GetParam().text, GetParam().type);
  const auto ours = test::make_ir_engine({.mode = GetParam().mode})->load(image, {});
  const auto theirs = make_interpreter({.mode = GetParam().mode})->load(image, {});
  ASSERT_FALSE(theirs);
  ASSERT_FALSE(ours);
  EXPECT_EQ(ours.error().text, theirs.error().text);
  EXPECT_EQ(ours.error().code, theirs.error().code);
  EXPECT_EQ(ours.error().pc, theirs.error().pc);
}

const Refused kRefused[] = {
    {"maybe_context_trusted",
     "r2 = *(u32 *)(r1 + 16)\nif r2 == 0 goto +1\nr1 = r10\nr0 = *(u32 *)(r1 - 4)\nexit\n",
     ProgramType::xdp, Mode::Trusted},
    {"no_map", "r0 = 0\nexit\nr1 = map[7]\nexit\n", ProgramType::raw, Mode::Checked},
    {"address_space_cast", "r1 = addr_space_cast(r2, 0, 1)\nexit\n", ProgramType::raw,
     Mode::Checked},
};
INSTANTIATE_TEST_SUITE_P(Lift, Refusal, testing::ValuesIn(kRefused),
                         [](const auto& param) { return std::string(param.param.name); });

// ---- facts ------------------------------------------------------------------------------------

struct Count {
  u32 insts = 0, checked = 0, branches = 0, nonzero = 0, faults = 0;
};
Count count(const ir::Module& module) {
  Count counts;
  for (const ir::Function& function : module.functions) {
    for (const ir::BlockId block : function.order) {
      for (ir::Ref ref = function.blocks[block].first; ref != ir::kNone;
           ref = function.at(ref).next) {
        const ir::Inst& inst = function.at(ref);
        ++counts.insts;
        counts.checked += inst.has(ir::kChecked);
        counts.branches += inst.op == ir::Op::Branch;
        counts.nonzero += inst.has(ir::kNonZero);
        counts.faults += inst.op == ir::Op::Fault;
      }
    }
  }
  return counts;
}

std::vector<Insn> insns_of(std::string_view text) {
  const auto image = test::image_of(text);
  return {image->program.insns().begin(), image->program.insns().end()};
}

TEST(Facts, LeaveOutWhatWasProved) {
  const auto insns = insns_of(
      "r0 = *(u64 *)(r1 + 0)\n"   // 0
      "r2 = *(u64 *)(r1 + 8)\n"   // 1
      "r0 /= r2\n"                // 2
      "if r0 == 3 goto +1\n"      // 3
      "exit\n"                    // 4
      "r0 = *(u64 *)(r1 + 16)\n"  // 5
      "exit\n");                  // 6
  const Count before = count(test::lifted(insns));
  EXPECT_EQ(before.checked, 3u);
  EXPECT_EQ(before.branches, 1u);
  EXPECT_EQ(before.nonzero, 0u);
  Facts facts;
  facts.of = {Facts::kAccessProved, 0, Facts::kDivisorNonZero, Facts::kNeverTaken, 0, 0, 0};
  const Count after = count(test::lifted(insns, {.facts = &facts}));
  EXPECT_EQ(after.checked, 1u);
  EXPECT_EQ(after.branches, 0u);
  EXPECT_EQ(after.nonzero, 1u);
  facts.of[3] = Facts::kAlwaysTaken;
  EXPECT_EQ(count(test::lifted(insns, {.facts = &facts})).checked, 2u);
  facts.of[3] = 0;
  facts.of[5] = Facts::kUnreachable;
  EXPECT_EQ(count(test::lifted(insns, {.facts = &facts})).faults, 1u);
}

TEST(Lift, UnmeteredChargesNothing) {
  const auto insns = insns_of("r0 = 1\nif r1 == 0 goto +1\nr0 = 2\nexit\n");
  const u32 metered = count(test::lifted(insns)).insts;
  EXPECT_EQ(count(test::lifted(insns, {.metered = false})).insts, metered - 3);
}

// A value that is the same on all ways needs no parameters, however many blocks hand it on.
TEST(Lift, NoParametersForWhatDoesNotChange) {
  std::string text = "r6 = r1\n";
  for (int i = 0; i < 50; ++i) text += "if r2 == " + std::to_string(i) + " goto +1\nr3 += 1\n";
  text += "r0 = r6\nexit\n";
  const ir::Module module = test::lifted(insns_of(text));
  const ir::Function& function = module.functions[0];
  for (const ir::BlockId block : std::span(function.order).subspan(1)) {
    EXPECT_EQ(function.blocks[block].param_count, 0u);  // r3 is dead, r6 is r1
  }
}

// ---- size -------------------------------------------------------------------------------------

// What lifting makes of a program: everything that takes memory or time afterwards.
u64 size_of(const ir::Module& module) {
  u64 size = 0;
  for (const ir::Function& function : module.functions) {
    size += function.insts.size() + function.blocks.size() + function.refs.size();
  }
  return size;
}

Insn jump(i16 off, u8 dst, i32 imm) {
  return make_insn(0x15, dst, 0, off, imm);
}
const Insn kExit = make_insn(0x95);

// r1 to r9 take part in `blocks` blocks, each of which may go `far` blocks on.
std::vector<Insn> ladder(u32 blocks, i32 far) {
  std::vector<Insn> insns;
  for (u32 i = 0; i < blocks; ++i) {
    const u8 reg = static_cast<u8>(1 + i % 9);
    insns.push_back(make_insn(0x07, reg, 0, 0, 1));
    const i32 ahead = std::min<i32>(far, static_cast<i32>(blocks - 1 - i));
    insns.push_back(jump(static_cast<i16>(2 * ahead), reg, static_cast<i32>(i)));
  }
  for (u8 reg = 1; reg <= 9; ++reg) insns.push_back(make_insn(0x0f, 0, reg));
  insns.push_back(kExit);
  return insns;
}

// Loops one in another, all entered at their heads.
std::vector<Insn> nest(u32 depth) {
  std::vector<Insn> insns;
  for (u32 i = 0; i < depth; ++i)
    insns.push_back(make_insn(0x07, static_cast<u8>(1 + i % 9), 0, 0, 1));
  for (u32 i = 0; i < depth; ++i) {
    insns.push_back(
        jump(static_cast<i16>(-2 * static_cast<i32>(i) - 2), static_cast<u8>(1 + i % 9), 7));
  }
  insns.push_back(kExit);
  return insns;
}

TEST(LiftSize, GrowsWithTheProgram) {
  for (const i32 far : {1, 7, 1000}) {
    const u64 small = size_of(test::lifted(ladder(8'000, far)));
    const u64 large = size_of(test::lifted(ladder(16'000, far)));
    EXPECT_LT(large, small * 5 / 2) << far;
    EXPECT_LT(large, 16'000 * 2 * 30u) << far;
  }
  const u64 small = size_of(test::lifted(nest(1'000)));
  EXPECT_LT(size_of(test::lifted(nest(8'000))), small * 9);
}

TEST(LiftSize, AQuarterOfAMillionInsns) {
  const ir::Module module = test::lifted(ladder((kMaxSlots / 4 - 10) / 2, 100));
  EXPECT_LT(size_of(module), u64{kMaxSlots} / 4 * 30);
  EXPECT_EQ(validate(module), "");
}

}  // namespace
}  // namespace skep
