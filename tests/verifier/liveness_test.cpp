// What liveness says of small programs.
#include "verifier/liveness.h"

#include <gtest/gtest.h>

#include "tests/support/image.h"

namespace skep::abstract {
namespace {

Live live_at(const char* text, u32 pc, Demand demand = Demand::AllBranches) {
  const auto image = test::image_of(text, ProgramType::xdp, {test::array_spec("a", 8, 4)});
  Liveness liveness;
  EXPECT_TRUE(liveness.init(*image, demand));
  return liveness.before({pc});
}

bool has(u32 bits, u32 reg) {
  return (bits >> reg & 1) != 0;
}

TEST(Liveness, RegistersUntilTheirLastUse) {
  const char* text = "r2 = 1\nr3 = r2\nr0 = r3\nexit";
  EXPECT_FALSE(has(live_at(text, 0).regs, 2));
  EXPECT_TRUE(has(live_at(text, 1).regs, 2));
  EXPECT_FALSE(has(live_at(text, 2).regs, 2));
  EXPECT_TRUE(has(live_at(text, 2).regs, 3));
}

TEST(Liveness, CallsKillWhatTheyClobber) {
  const char* text = "r1 = 5\nr6 = 6\ncall ktime_get_ns\nr0 += r6\nexit";
  EXPECT_FALSE(has(live_at(text, 2).regs, 1));
  EXPECT_TRUE(has(live_at(text, 2).regs, 6));
}

TEST(Liveness, NumbersThatNobodyComparesMatterNot) {
  const char* text = "r6 = 1\nr7 = 2\nif r6 > 5 goto +1\nr7 += 1\nr0 = r7\nexit";
  const Live live = live_at(text, 2);
  EXPECT_TRUE(has(live.regs, 6) && has(live.demanded, 6));
  EXPECT_TRUE(has(live.regs, 7));
  EXPECT_FALSE(has(live.demanded, 7));  // xdp programs return what they like
}

TEST(Liveness, OfBranchesPerhapsLoopExitsAlone) {
  const char* text =
      "r6 = 0\nr7 = 0\nif r7 == 3 goto +1\nr7 += 1\nr6 += 1\nif r6 < 9 goto -4\nr0 = 0\nexit";
  EXPECT_TRUE(has(live_at(text, 2).demanded, 7));
  EXPECT_FALSE(has(live_at(text, 2, Demand::LoopExits).demanded, 7));
  EXPECT_TRUE(has(live_at(text, 2, Demand::LoopExits).demanded, 6));
}

TEST(Liveness, StackSlots) {
  const char* text =
      "*(u64 *)(r10 - 8) = 1\n*(u64 *)(r10 - 16) = 2\nr0 = *(u64 *)(r10 - 8)\nr0 = 0\nexit";
  EXPECT_EQ(live_at(text, 0).slots, 0u);
  EXPECT_EQ(live_at(text, 2).slots, u64{1} << 63);
  EXPECT_EQ(live_at(text, 3).slots, 0u);
}

TEST(Liveness, SlotsThatHelpersRead) {
  const char* text =
      "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[a]\ncall map_lookup_elem\nr0 = 0\nexit";
  EXPECT_EQ(live_at(text, 1).slots, u64{1} << 63);
  EXPECT_EQ(live_at(text, 6).slots, 0u);
}

TEST(Liveness, FramesThatFunctionsSee) {
  const char* text =
      "*(u64 *)(r10 - 64) = 1\nr1 = r10\nr1 += -64\ncall f\nr0 = 0\nexit\nf:\nr0 = *(u64 *)(r1 + "
      "0)\nexit";
  EXPECT_EQ(live_at(text, 1).slots, ~u64{0});
}

}  // namespace
}  // namespace skep::abstract
