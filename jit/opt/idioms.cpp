// What several insts say and one operation does: rotations out of two shifts; division by a
// constant as multiplication by its inverse.
//
// Division: for d that is no power of two and x below 2^32, floor(x / d) is the upper half of
// x * (floor(2^64 / d) + 1): the product exceeds 2^64 * x / d by at most x * d < 2^64. For all of
// 64 bits see T. Granlund and P. Montgomery, "Division by invariant integers using
// multiplication" (1994): the multiplier may need a 65th bit, and then the sum is halved first.
// Tested by tests/agree/passes.cpp, tests/jit/idioms_test.cpp and tests/filetests/ir/idioms.test.

#include <bit>

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

class Idioms {
 public:
  explicit Idioms(Function& function) : function_(function), to_(function) {}

  void run() {
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        look_at(ref);
      }
    }
  }

 private:
  void look_at(Ref ref) {
    switch (function_.at(ref).op) {
      case Op::Or:
      case Op::Xor:
      case Op::Add: return rotate(ref);
      case Op::Div:
      case Op::Mod: return divide(ref);
      default: return;
    }
  }

  // ---- rotations ------------------------------------------------------------------------------

  // (x << n) and (x >> bits - n) have no bit in common, so it does not matter how they are joined.
  void rotate(Ref ref) {
    Inst& inst = function_.at(ref);
    if (inst.in[1] == kNone) return;
    const Inst* left = &function_.at(inst.in[0]);
    const Inst* right = &function_.at(inst.in[1]);
    if (left->op == Op::Rsh) std::swap(left, right);
    if (left->op != Op::Lsh || right->op != Op::Rsh) return;
    if (left->in[1] != kNone || right->in[1] != kNone) return;
    u32 bits = inst.bits;
    Ref x = left->in[0], y = right->in[0];
    // On 64 bits, of a number that is known to be short, the low half alone may be a rotation: not
    // the same, as the bits above are kept; so both must be of the width of the join.
    if (left->bits != bits || right->bits != bits) return;
    if (bits == 32) x = without_extension(x), y = without_extension(y);
    const u64 by = static_cast<u64>(left->imm) & (bits - 1);
    const u64 back = static_cast<u64>(right->imm) & (bits - 1);
    if (x != y || by == 0 || by + back != bits) return;
    inst.op = Op::Rotl;
    inst.in[0] = x;
    inst.in[1] = kNone;
    inst.imm = static_cast<i64>(by);
  }

  Ref without_extension(Ref ref) const {
    const Inst& inst = function_.at(ref);
    return inst.op == Op::ZeroExtend && inst.size >= 4 ? inst.in[0] : ref;
  }

  // ---- division -------------------------------------------------------------------------------

  void divide(Ref ref) {
    const Inst inst = function_.at(ref);
    u64 by = static_cast<u64>(inst.imm);
    if (inst.in[1] != kNone) {
      if (function_.at(inst.in[1]).op != Op::Const) return;
      by = static_cast<u64>(function_.at(inst.in[1]).imm);
    }
    if (inst.bits == 32) by &= 0xffffffff;
    if (by < 3 || std::has_single_bit(by)) return;
    to_.use_before(ref);
    to_.set_pc(inst.pc);
    const bool is_short = inst.bits == 32 || upper_zero(function_.at(inst.in[0]));
    Ref x = inst.in[0];
    if (inst.bits == 32 && !upper_zero(function_.at(x))) x = to_.extend(Op::ZeroExtend, 64, 4, x);
    const Ref quotient = is_short && by >> 32 == 0 ? short_quotient(x, by) : quotient_of(x, by);
    if (inst.op == Op::Div) return replace(ref, Op::Add, quotient, kNone);
    const Ref whole = to_.binary_imm(Op::Mul, 64, quotient, static_cast<i64>(by));
    replace(ref, Op::Sub, x, whole);
  }

  // Puts an inst on 64 bits in place of another: x op y, or x where there is no y.
  void replace(Ref ref, Op op, Ref x, Ref y) {
    Inst& inst = function_.at(ref);
    inst.op = op;
    inst.bits = 64;
    inst.flags &= kUpperZero;
    inst.in[0] = x;
    inst.in[1] = y;
    inst.imm = 0;
  }

  Ref multiply_high(Ref x, u64 by) {
    return to_.binary(Op::MulHigh, 64, x, to_.constant(static_cast<i64>(by)));
  }

  Ref short_quotient(Ref x, u64 by) { return multiply_high(x, ~u64{0} / by + 1); }

  Ref quotient_of(Ref x, u64 by) {
    // 2^(64 + log) / by, rounded up, has 65 bits: 2^64 + multiplier.
    const int log = std::bit_width(by - 1);
    using Wide = unsigned __int128;
    const Wide power = (Wide{1} << log) - by;
    const u64 multiplier = static_cast<u64>((power << 64) / by) + 1;
    // With a factor 2^k out of `by`, k > 0, one bit less is enough.
    const int zeros = std::countr_zero(by);
    if (zeros > 0) {
      const Ref less = to_.binary_imm(Op::Rsh, 64, x, zeros);
      return even_quotient(less, by >> zeros, 64 - zeros);
    }
    const Ref high = multiply_high(x, multiplier);
    const Ref rest = to_.binary(Op::Sub, 64, x, high);
    const Ref half = to_.binary_imm(Op::Rsh, 64, rest, 1);
    const Ref sum = to_.binary(Op::Add, 64, half, high);
    return to_.binary_imm(Op::Rsh, 64, sum, log - 1);
  }

  // Of x below 2^width, width < 64: a multiplier of 64 bits does.
  Ref even_quotient(Ref x, u64 by, int width) {
    const int log = std::bit_width(by - 1);
    using Wide = unsigned __int128;
    // The least shift such that 2^(64 + shift) / by rounded up errs by less than
    // 2^(64+shift-width).
    const int shift = std::max(0, log + width - 64);
    const u64 multiplier = static_cast<u64>((Wide{1} << (64 + shift)) / by) + 1;
    return to_.binary_imm(Op::Rsh, 64, multiply_high(x, multiplier), shift);
  }

  Function& function_;
  Builder to_;
};

}  // namespace

void idioms(Function& function) {
  Idioms(function).run();
}

}  // namespace skep::ir::opt
