// Division by constants, as the pass writes it, over divisors and dividends at which the choice of
// multiplier could go wrong; and that no division is left.
#include <gtest/gtest.h>

#include <random>

#include "jit/opt/passes.h"

namespace skep {
namespace {

using ir::kNone;

// r0 = r1 op by, by the pass. Evaluates the few operations that it makes.
u64 evaluate(const ir::Function& function, u64 x) {
  std::vector<u64> values(function.insts.size());
  values[function.params(0)[0]] = x;
  for (ir::Ref ref = function.blocks[0].first;; ref = function.at(ref).next) {
    const ir::Inst& inst = function.at(ref);
    const u64 a = inst.in[0] == kNone ? 0 : values[inst.in[0]];
    const u64 b = inst.in[1] == kNone ? static_cast<u64>(inst.imm) : values[inst.in[1]];
    switch (inst.op) {
      case ir::Op::Const: values[ref] = static_cast<u64>(inst.imm); break;
      case ir::Op::Add: values[ref] = a + b; break;
      case ir::Op::Sub: values[ref] = a - b; break;
      case ir::Op::Mul: values[ref] = a * b; break;
      case ir::Op::Rsh: values[ref] = a >> (b & 63); break;
      case ir::Op::ZeroExtend: values[ref] = a & 0xffffffff; break;
      case ir::Op::MulHigh:
        values[ref] = static_cast<u64>(static_cast<unsigned __int128>(a) * b >> 64);
        break;
      case ir::Op::Exit: return a;
      default: ADD_FAILURE() << ir::row(inst.op).name; return 0;
    }
  }
}

ir::Function division(ir::Op op, u32 bits, u64 by) {
  ir::Function function;
  ir::Builder to(function);
  function.order = {to.new_block({0})};
  for (int i = 0; i < 5; ++i) to.add_param(0);
  to.use(0);
  to.exit(to.binary_imm(op, bits, function.params(0)[0], static_cast<i64>(by)));
  ir::opt::idioms(function);
  EXPECT_EQ(validate(function, 1), "");
  return function;
}

void check(u32 bits, u64 by, u64 x) {
  const u64 cut = bits == 32 ? x & 0xffffffff : x;
  ASSERT_EQ(evaluate(division(ir::Op::Div, bits, by), x), cut / by) << x << " / " << by;
  ASSERT_EQ(evaluate(division(ir::Op::Mod, bits, by), x), cut % by) << x << " % " << by;
}

TEST(DivisionByConstants, IsExact) {
  std::mt19937_64 random(1);
  for (u32 i = 0; i < 3000; ++i) {
    const u32 bits = i % 2 == 0 ? 64 : 32;
    u64 by = random() >> random() % bits;
    if (i % 5 == 0) by = (u64{1} << random() % bits) + random() % 3 - 1;
    if (i < 200) by = 3 + i / 2;
    if (bits == 32) by &= 0xffffffff;
    if (by < 3 || (by & (by - 1)) == 0) continue;
    const u64 top = bits == 32 ? 0xffffffff : ~u64{0};
    const u64 most = top / by * by;
    for (const u64 x :
         {u64{0}, by - 1, by, most, most - 1, top, top - 1, random(), random() >> 20}) {
      check(bits, by, x);
    }
  }
}

}  // namespace
}  // namespace skep
