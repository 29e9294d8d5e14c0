// The representation itself: building, ordering, dominators and loops, and the validator, which
// must find each fault that is planted here.
#include "jit/ir.h"

#include <gtest/gtest.h>

#include "jit/dominators.h"

namespace skep::ir {
namespace {

using enum skep::Op;

// r1 counts down to 0 in a loop; gives how often:
//   b0(r1..r5): jump b1(0, r1)
//   b1(n, left): branch left == 0, b3(), b2()
//   b2(): jump b1(n + 1, left - 1)
//   b3(): exit n
struct Counter {
  Function function;
  BlockId b0, b1, b2, b3;
  Ref zero, n, left, more, exit;

  Counter() {
    Builder to(function);
    b0 = to.new_block({0});
    b1 = to.new_block({1});
    b2 = to.new_block({2});
    b3 = to.new_block({3});
    Ref args[5];
    for (Ref& arg : args) arg = to.add_param(b0);
    n = to.add_param(b1);
    left = to.add_param(b1);
    function.order = {b0, b1, b2, b3};
    to.use(b0);
    zero = to.constant(0);
    to.jump(to.edge(b1, std::array{zero, args[0]}));
    to.use(b1);
    to.branch(Jeq, 64, left, kNone, 0, to.edge(b3, {}), to.edge(b2, {}));
    to.use(b2);
    more = to.binary_imm(Op::Add, 64, n, 1);
    const Ref less = to.binary_imm(Op::Sub, 64, left, 1);
    to.jump(to.edge(b1, std::array{more, less}));
    to.use(b3);
    to.exit(n);
    exit = function.blocks[b3].last;
  }
};

TEST(Ir, AWellFormedFunctionIsFine) {
  EXPECT_EQ(validate(Counter().function, 1), "");
}

TEST(Ir, DominatorsAndLoops) {
  Counter c;
  const Dominators dominators = find_dominators(c.function);
  EXPECT_EQ(dominators.parent[c.b1], c.b0);
  EXPECT_EQ(dominators.parent[c.b2], c.b1);
  EXPECT_EQ(dominators.parent[c.b3], c.b1);
  EXPECT_TRUE(dominators.dominates(c.b0, c.b2));
  EXPECT_TRUE(dominators.dominates(c.b1, c.b1));
  EXPECT_FALSE(dominators.dominates(c.b2, c.b3));
  find_loops(c.function, dominators);
  EXPECT_EQ(c.function.blocks[c.b0].depth, 0u);
  EXPECT_EQ(c.function.blocks[c.b1].depth, 1u);
  EXPECT_EQ(c.function.blocks[c.b2].depth, 1u);
  EXPECT_EQ(c.function.blocks[c.b3].depth, 0u);
}

// A chain of `depth` headers whose latches are nested: loop i is b[i] .. b[2 * depth - i].
TEST(Ir, DeepLoopsAreWalkedOnce) {
  constexpr u32 kDepth = 20'000;
  Function function;
  Builder to(function);
  for (u32 i = 0; i < 2 * kDepth + 2; ++i) {
    function.order.push_back(to.new_block({i}));
    if (i == 0) {
      for (int k = 0; k < 5; ++k) to.add_param(0);
    }
    to.use(i);
    if (i <= kDepth) {
      to.jump(to.edge(i + 1, {}));
    } else if (i <= 2 * kDepth) {
      to.branch(Jeq, 64, 0, kNone, 0, to.edge(2 * kDepth + 1 - i, {}), to.edge(i + 1, {}));
      if (2 * kDepth + 1 - i == 0) break;
    } else {
      to.exit(0);
    }
  }
  ASSERT_EQ(validate(function, 1), "");
  find_loops(function, find_dominators(function));
  EXPECT_EQ(function.blocks[kDepth].depth, kDepth);
  EXPECT_EQ(function.blocks[2 * kDepth].depth, 1u);
  EXPECT_EQ(function.blocks[2 * kDepth + 1].depth, 0u);
}

TEST(Ir, OrderDropsWhatIsNotReached) {
  Counter c;
  Builder to(c.function);
  const BlockId lost = to.new_block({9});
  to.use(lost);
  to.exit(c.zero);
  c.function.order = {c.b0, lost, c.b3, c.b2, c.b1};
  order_blocks(c.function);
  EXPECT_EQ(c.function.order, (std::vector<BlockId>{c.b0, c.b1, c.b3, c.b2}));
  EXPECT_EQ(validate(c.function, 1), "");
}

TEST(Ir, InsertingAndRemoving) {
  Counter c;
  Builder to(c.function);
  to.use_before(c.exit);
  const Ref twice = to.binary(Op::Add, 64, c.n, c.n);
  c.function.at(c.exit).in[0] = twice;
  EXPECT_EQ(validate(c.function, 1), "");
  remove(c.function, twice);
  EXPECT_EQ(validate(c.function, 1), "function 0: v" + std::to_string(c.exit) + ": v" +
                                         std::to_string(twice) +
                                         " is not defined on every way here");
  c.function.at(c.exit).in[0] = c.n;
  EXPECT_EQ(validate(c.function, 1), "");
}

struct Planted {
  const char* name;
  void (*plant)(Counter& c);
  const char* complaint;
};

class PlantedFault : public testing::TestWithParam<Planted> {};

TEST_P(PlantedFault, IsFound) {
  Counter c;
  GetParam().plant(c);
  EXPECT_NE(validate(c.function, 1).find(GetParam().complaint), std::string::npos)
      << validate(c.function, 1);
}

Inst* end_of(Counter& c, BlockId block) {
  return &c.function.at(c.function.blocks[block].last);
}

const Planted kPlanted[] = {
    {"no_blocks", [](Counter& c) { c.function.order.clear(); }, "no blocks"},
    {"unknown_block", [](Counter& c) { c.function.order.push_back(99); }, "an unknown block"},
    {"block_twice", [](Counter& c) { c.function.order.push_back(c.b3); }, "in the order twice"},
    {"few_entry_params", [](Counter& c) { c.function.blocks[c.b0].param_count = 4; },
     "not five parameters"},
    {"edge_to_entry", [](Counter& c) { c.function.blocks[c.b2].edges[0].to = c.b0; }, "argument"},
    {"edge_to_none", [](Counter& c) { c.function.blocks[c.b2].edges[0].to = 77; },
     "an edge to no block"},
    {"edge_count", [](Counter& c) { c.function.blocks[c.b1].edge_count = 1; }, "1 edges, not 2"},
    {"few_arguments", [](Counter& c) { c.function.blocks[c.b2].edges[0].count = 1; },
     "1 arguments for b"},
    {"arguments_nowhere", [](Counter& c) { c.function.blocks[c.b2].edges[0].args = 9999; },
     "arguments out of range"},
    {"unreachable",
     [](Counter& c) { c.function.blocks[c.b1].edges[0] = c.function.blocks[c.b1].edges[1]; },
     "can't be reached"},
    {"use_before_definition", [](Counter& c) { c.function.at(c.exit).in[0] = c.more; },
     "not defined on every way"},
    {"argument_not_defined",
     [](Counter& c) { c.function.args(c.function.blocks[c.b0].edges[0])[0] = c.more; },
     "not defined on every way"},
    {"use_of_no_value",
     [](Counter& c) { c.function.at(c.exit).in[0] = c.function.blocks[c.b1].last; },
     "not defined on every way"},
    {"wrong_operands", [](Counter& c) { c.function.at(c.more).in[2] = c.n; }, "wrong operands"},
    {"missing_operand", [](Counter& c) { c.function.at(c.exit).in[0] = kNone; }, "wrong operands"},
    {"wide_immediate", [](Counter& c) { c.function.at(c.more).imm = 1ll << 40; },
     "a field out of range"},
    {"no_condition", [](Counter& c) { end_of(c, c.b1)->row = skep::Op::Add; },
     "a field out of range"},
    {"bits", [](Counter& c) { c.function.at(c.more).bits = 16; }, "neither 32 nor 64"},
    {"bad_link", [](Counter& c) { c.function.at(c.more).prev = c.zero; }, "badly linked"},
    {"wrong_block", [](Counter& c) { c.function.at(c.more).block = c.b0; }, "badly linked"},
    {"no_end", [](Counter& c) { remove(c.function, c.exit); }, "no end"},
    {"two_ends",
     [](Counter& c) {
       Builder to(c.function);
       to.use(c.b3);
       to.exit(c.n);
     },
     "a block ends elsewhere"},
    {"parameter_elsewhere", [](Counter& c) { c.function.at(c.n).block = c.b2; },
     "not a parameter of its block"},
    {"no_such_function",
     [](Counter& c) {
       Builder to(c.function);
       to.use_before(c.exit);
       to.call(Op::CallLocal, 3, std::array{c.n, c.n, c.n, c.n, c.n});
     },
     "a field out of range"},
    {"guard_without_parts",
     [](Counter& c) {
       Builder to(c.function);
       to.use_before(c.exit);
       const Ref guard = to.binary(Op::Add, 64, c.n, c.n);
       c.function.at(guard).op = Op::Guard;
       c.function.at(guard).in[1] = kNone;
     },
     "a field out of range"},
};

INSTANTIATE_TEST_SUITE_P(Validator, PlantedFault, testing::ValuesIn(kPlanted),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Ir, ConditionsTurned) {
  for (const skep::Op cond : {Jeq, Jne, Jgt, Jge, Jlt, Jle, Jsgt, Jsge, Jslt, Jsle}) {
    skep::Op back = cond;
    ASSERT_TRUE(negate(back));
    EXPECT_NE(back, cond);
    ASSERT_TRUE(negate(back));
    EXPECT_EQ(back, cond);
    EXPECT_EQ(swap_operands(swap_operands(cond)), cond);
  }
  skep::Op set = Jset;
  EXPECT_FALSE(negate(set));
}

}  // namespace
}  // namespace skep::ir
