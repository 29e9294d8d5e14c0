// Allocations of random programs keep their values, by the checker; and the checker finds planted
// faults, one of each kind that an allocator can make.
#include "jit/regalloc.h"

#include <gtest/gtest.h>

#include "jit/ir_text.h"
#include "jit/pipeline.h"
#include "tests/jit/modules.h"
#include "tests/support/wild_programs.h"

namespace skep::jit {
namespace {

TEST(Regalloc, KeepsTheValuesOfRandomPrograms) {
  for (u64 seed = 0; seed < 200; ++seed) {
    ir::Module module = test::lifted(test::wild_program(seed));
    for (const ir::Level level : {ir::Level::O0, ir::Level::O2}) {
      ir::optimise(module, level, World{});
      for (const ir::Function& function : module.functions) {
        for (const Target* target : {&kX64, &kA64}) {
          const Allocation allocation = allocate(function, *target);
          ASSERT_EQ(check_allocation(function, *target, allocation), "")
              << seed << " " << target->name << "\n"
              << ir::print(function);
        }
      }
    }
  }
}

// Values that live at once beyond the registers go to slots, and slots are shared.
TEST(Regalloc, SharesSlots) {
  std::string text = "function 0 @0 cleared=0 {\nb0(v0, v1, v2, v3, v4) @0:\n";
  u32 next = 5;
  for (u32 turn = 0; turn < 10; ++turn) {
    const u32 first = next;
    for (u32 i = 0; i < 40; ++i) text += fmt::format("  v{} = add64 v0, {}\n", next++, i);
    for (u32 i = 0; i < 40; ++i) text += fmt::format("  store 8 [v1], v{}\n", first + i);
  }
  const auto module = ir::parse(text + "  exit v0\n}\n");
  ASSERT_TRUE(module) << module.error().text;
  for (const Target* target : {&kX64, &kA64}) {
    const Allocation allocation = allocate(module->functions[0], *target);
    EXPECT_EQ(check_allocation(module->functions[0], *target, allocation), "");
    EXPECT_GT(allocation.slots, 0u);
    EXPECT_LE(allocation.slots, 40u);
  }
}

// ---- planted faults ---------------------------------------------------------------------------

// What is changed in a good allocation: value `of` (as the text numbers them) goes to the place of
// value `to`, or to `place`.
struct Fault {
  const char* name;
  const char* text;
  u32 of;
  u32 to;
  u32 place;
  const char* found;  // part of what the checker says
};
constexpr u32 kPlace = ~0u - 1;  // Fault::to: `place` counts

constexpr const char* kStraight = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  v5 = add64 v0, 1
  v6 = add64 v1, 2
  v7 = mul64 v5, v6
  v8 = sub64 v7, v5
  exit v8
})";
constexpr const char* kAcrossCall = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  v5 = call_helper 5 (v0, v1, v2, v3, v4)
  v6 = add64 v5, v0
  exit v6
})";
constexpr const char* kAcrossDivision = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  v5 = div64 v1, v2
  v6 = add64 v5, v0
  exit v6
})";
constexpr const char* kLoop = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  v5 = const 0
  jump b1(v5)
b1(v6) @1:
  v7 = add64 v6, v1
  branch64 v7 s> 100, b2, b1(v7) @2
b2 @3:
  v8 = add64 v7, v0
  exit v8
})";
constexpr const char* kExchange = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  v5 = atomic 8 CmpXchg [v0], v1, v2
  exit v5
})";
constexpr const char* kDiamond = R"(function 0 @0 cleared=0 {
b0(v0, v1, v2, v3, v4) @0:
  branch64 v0 == 0, b1, b2
b1 @1:
  v5 = add64 v1, 1
  store 8 [v2], v5
  jump b3
b2 @2:
  jump b3
b3 @3:
  v6 = add64 v3, v2
  exit v6
})";

const Fault kFaults[] = {
    {"two_values_in_one_register", kStraight, 5, 6, 0, "does not hold it"},
    {"result_over_an_operand_still_needed", kStraight, 7, 5, 0, "does not hold it"},
    {"across_a_call_in_a_register_it_changes", kAcrossCall, 0, kPlace, 6, "does not hold it"},
    {"across_a_division", kAcrossDivision, 0, kPlace, 2, "does not hold it"},
    {"around_a_loop", kLoop, 1, 7, 0, "does not hold it"},
    {"behind_a_loop", kLoop, 0, 6, 0, "does not hold it"},
    {"operand_in_a_register_for_parts", kExchange, 1, kPlace, 0, "does not hold it"},
    {"changed_on_one_path_only", kDiamond, 5, 3, 0, "does not hold it"},
    {"used_and_nowhere", kStraight, 6, kPlace, Allocation::kNowhere, "is nowhere"},
    {"a_pinned_register", kStraight, 5, kPlace, 3, "not to be allocated"},
    {"a_slot_that_is_not", kStraight, 5, kPlace, Allocation::kFirstSlot, "in slot 0 of 0"},
    {"a_register_that_is_not_saved", kStraight, 5, kPlace, 15, "not among those that are used"},
};

class Planted : public testing::TestWithParam<Fault> {};

TEST_P(Planted, IsFound) {
  const Fault& fault = GetParam();
  const auto module = ir::parse(fault.text);
  ASSERT_TRUE(module) << module.error().text;
  const ir::Function& function = module->functions[0];
  ASSERT_EQ(ir::validate(*module), "");
  std::vector<ir::Ref> values;  // by their numbers in the text
  for (const ir::BlockId block : function.order) {
    for (const ir::Ref param : function.params(block)) values.push_back(param);
    for (ir::Ref ref = function.blocks[block].first; ref != ir::kNone;
         ref = function.at(ref).next) {
      if (ir::has_result(function.at(ref))) values.push_back(ref);
    }
  }
  Allocation allocation = allocate(function, kX64);
  ASSERT_EQ(check_allocation(function, kX64, allocation), "");
  const u32 place = fault.to == kPlace ? fault.place : allocation.place[values[fault.to]];
  allocation.place[values[fault.of]] = place;
  if (fault.to == kPlace && place < 8 && place != 3) allocation.registers |= 1u << place;
  const std::string said = check_allocation(function, kX64, allocation);
  EXPECT_NE(said.find(fault.found), std::string::npos) << said;
}
INSTANTIATE_TEST_SUITE_P(Faults, Planted, testing::ValuesIn(kFaults),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace skep::jit
