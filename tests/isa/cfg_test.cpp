// Basic blocks: what is charged where. Each case is a program and the cost at each pc.
#include <gtest/gtest.h>

#include "isa/cfg.h"

namespace skep {
namespace {

constexpr Insn kMov = make_insn(0xb7, 0);  // r0 = 0
constexpr Insn kExit = make_insn(0x95);
constexpr Insn jump(i16 off) {
  return make_insn(0x05, 0, 0, off);
}
constexpr Insn branch(i16 off) {
  return make_insn(0x15, 0, 0, off);
}  // if r0 == 0
constexpr Insn call(i32 distance) {
  return make_insn(0x85, 0, 1, 0, distance);
}
constexpr Insn kLddw = make_insn(kLddwOpcode, 1);
constexpr Insn kGotox = make_insn(0x0d, 0);

struct Case {
  const char* name;
  std::vector<Insn> insns;
  std::vector<u32> costs;
};

class BlockCosts : public testing::TestWithParam<Case> {};

TEST_P(BlockCosts, AreAsWritten) {
  const auto program = Program::make(GetParam().insns);
  ASSERT_TRUE(program) << program.error().text;
  EXPECT_EQ(block_costs(*program), GetParam().costs);
}

INSTANTIATE_TEST_SUITE_P(
    Cfg, BlockCosts,
    testing::Values(Case{"straight", {kMov, kMov, kExit}, {3, 0, 0}},
                    Case{"diamond", {branch(1), kMov, kMov, kExit}, {1, 1, 2, 0}},
                    Case{"loop", {kMov, kMov, branch(-2), kExit}, {1, 2, 0, 1}},
                    Case{"lddw_counts_one", {kLddw, Insn{}, kMov, kExit}, {3, 0, 0, 0}},
                    Case{"calls_do_not_end_blocks", {call(1), kExit, kMov, kExit}, {2, 0, 2, 0}},
                    Case{"goto_ends_one", {jump(0), kMov, kExit}, {1, 2, 0}},
                    Case{"gotox_makes_each_insn_one", {kMov, kMov, kGotox, kExit}, {1, 1, 1, 1}}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace skep
