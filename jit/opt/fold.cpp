// Folding: what can be computed now, and the plainer of two ways to say a thing.
//
// Insts are walked in reverse post-order, so operands are plain before their users are looked at.
// Each rule looks at one inst and the definitions of its operands; it changes the inst in place, or
// names another value that stands for it. What rules leave is in one form: constants on the right
// and as immediates, sums of a value and a constant as one sum, addresses in the frame as such.
// Tested by tests/agree/passes.cpp and tests/filetests/ir/fold.test.

#include <bit>
#include <optional>

#include "isa/arith.h"
#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr int kMostSteps = 8;  // of rules that apply to one inst, one after another

bool fits(i64 value) {
  return value == static_cast<i32>(value);
}

std::optional<skep::Op> arithmetic_row(Op op) {
  switch (op) {
    case Op::Add: return skep::Op::Add;
    case Op::Sub: return skep::Op::Sub;
    case Op::Mul: return skep::Op::Mul;
    case Op::Div: return skep::Op::Div;
    case Op::SDiv: return skep::Op::SDiv;
    case Op::Mod: return skep::Op::Mod;
    case Op::SMod: return skep::Op::SMod;
    case Op::Or: return skep::Op::Or;
    case Op::And: return skep::Op::And;
    case Op::Xor: return skep::Op::Xor;
    case Op::Lsh: return skep::Op::Lsh;
    case Op::Rsh: return skep::Op::Rsh;
    case Op::Arsh: return skep::Op::Arsh;
    case Op::Neg: return skep::Op::Neg;
    default: return std::nullopt;
  }
}

u64 low(u64 value, u32 bytes) {
  return bytes == 8 ? value : value & ((u64{1} << 8 * bytes) - 1);
}

u64 extended(u64 value, u32 bytes) {
  const u32 shift = 64 - 8 * bytes;
  return static_cast<u64>(static_cast<i64>(value << shift) >> shift);
}

class Folder {
 public:
  explicit Folder(Function& function)
      : function_(function), to_(function), replacements_(function) {}

  void run() {
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        visit(ref);
      }
    }
    replacements_.apply(function_);
    if (!cut_) return;
    order_blocks(function_);
    simplify_params(function_);
  }

 private:
  void visit(Ref ref) {
    for (Ref& use : function_.inputs(ref)) {
      if (use != kNone) use = replacements_.of(use);
    }
    for (int step = 0; step < kMostSteps; ++step) {
      const Ref by = simplify(ref);
      if (by == kNone) return;  // nothing applies
      if (by == ref) continue;  // changed in place
      replacements_.replace(ref, by);
      return;
    }
  }

  const Inst& def(Ref ref) const { return function_.at(ref); }
  bool is_constant(Ref ref) const { return ref != kNone && def(ref).op == Op::Const; }
  // The second operand, if it is known.
  std::optional<i64> second(const Inst& inst) const {
    if (inst.in[1] == kNone) return inst.imm;
    if (is_constant(inst.in[1])) return def(inst.in[1]).imm;
    return std::nullopt;
  }

  Ref becomes_constant(Ref ref, u64 value) {
    Inst& inst = function_.at(ref);
    inst.op = Op::Const;
    inst.imm = static_cast<i64>(value);
    inst.count = 0;
    inst.flags = 0;
    for (Ref& use : inst.in) use = kNone;
    return ref;
  }

  Ref becomes_extension(Ref ref, Op op, u32 bits, u32 size, Ref x) {
    Inst& inst = function_.at(ref);
    inst.op = op;
    inst.bits = static_cast<u8>(bits);
    inst.size = static_cast<u8>(size);
    inst.in[0] = x;
    inst.in[1] = kNone;
    inst.imm = 0;
    return ref;
  }

  Ref becomes_binary(Ref ref, Op op, Ref x, i64 imm) {
    Inst& inst = function_.at(ref);
    inst.op = op;
    inst.in[0] = x;
    inst.in[1] = kNone;
    inst.imm = imm;
    return ref;
  }

  // x as a result of `bits` bits.
  Ref becomes_copy(Ref ref, u32 bits, Ref x) {
    if (bits == 64 || upper_zero(def(x))) return x;
    return becomes_extension(ref, Op::ZeroExtend, 64, 4, x);
  }

  // kNone: no rule applies; `ref`: it was changed; else what stands for it.
  Ref simplify(Ref ref) {
    switch (def(ref).shape()) {
      case Shape::Binary:
      case Shape::Unary: return simplify_arithmetic(ref);
      case Shape::Extend: return simplify_extension(ref);
      case Shape::Compare:
      case Shape::Select:
      case Shape::Branch: return simplify_condition(ref);
      case Shape::Load:
      case Shape::Store:
      case Shape::Atomic: return simplify_access(ref);
      case Shape::ContextStore: return simplify_stored(ref);
      default: return kNone;
    }
  }

  // ---- arithmetic -----------------------------------------------------------------------------

  Ref simplify_arithmetic(Ref ref) {
    Inst& inst = function_.at(ref);
    if (inst.shape() == Shape::Unary) {
      if (!is_constant(inst.in[0])) return kNone;
      return becomes_constant(ref, compute(inst, static_cast<u64>(def(inst.in[0]).imm), 0));
    }
    if ((inst.effects() & kCommutes) != 0 && is_constant(inst.in[0]) && inst.in[1] != kNone &&
        !is_constant(inst.in[1])) {
      std::swap(inst.in[0], inst.in[1]);
      return ref;
    }
    const auto y = second(inst);
    if (is_constant(inst.in[0]) && y && arithmetic_row(inst.op)) {
      const u64 x = static_cast<u64>(def(inst.in[0]).imm);
      return becomes_constant(ref, compute(inst, x, static_cast<u64>(*y)));
    }
    if (y && inst.in[1] != kNone && fits(*y)) return becomes_binary(ref, inst.op, inst.in[0], *y);
    if (inst.bits == 32 && look_through(inst)) return ref;
    if (y) return simplify_with_constant(ref, *y);
    return inst.in[0] == inst.in[1] ? simplify_with_itself(ref) : kNone;
  }

  static u64 compute(const Inst& inst, u64 x, u64 y) {
    const skep::Op row = *arithmetic_row(inst.op);
    return inst.bits == 32 ? eval<u32>(row, static_cast<u32>(x), static_cast<u32>(y))
                           : eval<u64>(row, x, y);
  }

  // What looks at the low half alone needs no extension of it.
  bool look_through(Inst& inst) {
    bool changed = false;
    for (int i = 0; i < 2; ++i) {
      if (inst.in[i] == kNone) continue;
      const Inst& operand = def(inst.in[i]);
      const bool extends = operand.op == Op::ZeroExtend || operand.op == Op::SignExtend;
      if (!extends || operand.size < 4) continue;
      inst.in[i] = operand.in[0];
      changed = true;
    }
    return changed;
  }

  Ref simplify_with_itself(Ref ref) {
    const Inst& inst = def(ref);
    switch (inst.op) {
      case Op::Sub:
      case Op::Xor: return becomes_constant(ref, 0);
      case Op::And:
      case Op::Or: return becomes_copy(ref, inst.bits, inst.in[0]);
      default: return kNone;
    }
  }

  Ref simplify_with_constant(Ref ref, i64 y) {
    const Inst inst = def(ref);
    const u64 mask = inst.bits == 32 ? 0xffffffff : ~u64{0};
    const u64 uy = static_cast<u64>(y) & mask;
    const Ref x = inst.in[0];
    const bool is_power = std::has_single_bit(uy);
    const i64 log = std::countr_zero(uy);
    switch (inst.op) {
      case Op::Add:
        if (uy == 0) return becomes_copy(ref, inst.bits, x);
        return add_constants(ref, inst, y);
      case Op::Sub:
        if (fits(-y)) return becomes_binary(ref, Op::Add, x, -y);
        return kNone;
      case Op::Mul:
        if (uy == 0) return becomes_constant(ref, 0);
        if (is_power) return becomes_binary(ref, Op::Lsh, x, log);
        return kNone;
      case Op::Div:
        if (uy == 0) return becomes_constant(ref, 0);
        if (is_power) return becomes_binary(ref, Op::Rsh, x, log);
        return kNone;
      case Op::Mod:
        if (uy == 0) return becomes_copy(ref, inst.bits, x);
        if (is_power && fits(static_cast<i64>(uy - 1)))
          return becomes_binary(ref, Op::And, x, static_cast<i64>(uy - 1));
        return kNone;
      case Op::SDiv:
        if (uy == 0) return becomes_constant(ref, 0);
        if (uy == 1) return becomes_copy(ref, inst.bits, x);
        return kNone;
      case Op::SMod:
        if (uy == 0) return becomes_copy(ref, inst.bits, x);
        if (uy == 1 || uy == mask) return becomes_constant(ref, 0);
        return kNone;
      case Op::Or:
      case Op::Xor:
        if (uy == 0) return becomes_copy(ref, inst.bits, x);
        return combine(ref, inst, y);
      case Op::And: return and_constant(ref, inst, uy);
      case Op::Lsh:
      case Op::Rsh:
      case Op::Arsh:
      case Op::Rotl: return shift_constant(ref, inst, uy & (inst.bits - 1));
      default: return kNone;
    }
  }

  // (a + c) + y, and addresses in the frame.
  Ref add_constants(Ref ref, const Inst& inst, i64 y) {
    const Inst& x = def(inst.in[0]);
    if (x.op == Op::FrameAddress && inst.bits == 64) {
      const i64 disp = x.disp + y;
      if (disp > 0 || disp < -static_cast<i64>(kStackSize)) return kNone;
      Inst& changed = function_.at(ref);
      changed.op = Op::FrameAddress;
      changed.in[0] = kNone;
      changed.disp = static_cast<i32>(disp);
      changed.imm = 0;
      return ref;
    }
    return combine(ref, inst, y);
  }

  // (a op c) op y of one associative op and width.
  Ref combine(Ref ref, const Inst& inst, i64 y) {
    const Inst& x = def(inst.in[0]);
    if (x.op != inst.op || x.bits != inst.bits || x.in[1] != kNone || inst.in[1] != kNone)
      return kNone;
    const u64 both = inst.op == Op::Add  ? static_cast<u64>(x.imm) + static_cast<u64>(y)
                     : inst.op == Op::Or ? static_cast<u64>(x.imm | y)
                                         : static_cast<u64>(x.imm ^ y);
    const i64 imm = inst.bits == 32 ? static_cast<i32>(both) : static_cast<i64>(both);
    if (!fits(imm)) return kNone;
    return becomes_binary(ref, inst.op, x.in[0], imm);
  }

  Ref and_constant(Ref ref, const Inst& inst, u64 y) {
    const u64 whole = inst.bits == 32 ? 0xffffffff : ~u64{0};
    if (y == 0) return becomes_constant(ref, 0);
    if (y == whole) return becomes_copy(ref, inst.bits, inst.in[0]);
    for (const u32 size : {1u, 2u, 4u}) {
      if (y == low(~u64{0}, size))
        return becomes_extension(ref, Op::ZeroExtend, 64, size, inst.in[0]);
    }
    const Inst& x = def(inst.in[0]);
    if (x.op == Op::And && x.bits == inst.bits && x.in[1] == kNone && inst.in[1] == kNone)
      return becomes_binary(ref, Op::And, x.in[0], x.imm & inst.imm);
    return kNone;
  }

  // Shifts up and down again are extensions; two shifts the same way are one.
  Ref shift_constant(Ref ref, const Inst& inst, u64 by) {
    if (by == 0) return becomes_copy(ref, inst.bits, inst.in[0]);
    if (static_cast<u64>(inst.imm) != by)
      return becomes_binary(ref, inst.op, inst.in[0], static_cast<i64>(by));
    const Inst& x = def(inst.in[0]);
    if (x.in[1] != kNone || x.bits != inst.bits || x.shape() != Shape::Binary) return kNone;
    const u64 before = static_cast<u64>(x.imm) & (inst.bits - 1);
    if (x.op == Op::Lsh && before == by && by % 8 == 0) {
      const u32 size = (inst.bits - static_cast<u32>(by)) / 8;
      if (size != 1 && size != 2 && size != 4) return kNone;
      if (inst.op == Op::Rsh) return becomes_extension(ref, Op::ZeroExtend, 64, size, x.in[0]);
      if (inst.op == Op::Arsh)
        return becomes_extension(ref, Op::SignExtend, inst.bits, size, x.in[0]);
    }
    if (x.op != inst.op || inst.op == Op::Rotl) return kNone;
    const u64 sum = before + by;
    if (sum < inst.bits) return becomes_binary(ref, inst.op, x.in[0], static_cast<i64>(sum));
    if (inst.op == Op::Arsh) return becomes_binary(ref, inst.op, x.in[0], inst.bits - 1);
    return becomes_constant(ref, 0);
  }

  // ---- extensions -----------------------------------------------------------------------------

  Ref simplify_extension(Ref ref) {
    const Inst inst = def(ref);
    const Inst& x = def(inst.in[0]);
    if (x.op == Op::Const) return extend_constant(ref, inst, static_cast<u64>(x.imm));
    const bool loads = x.op == Op::Load || x.op == Op::LoadAcquire;
    if (inst.op == Op::ZeroExtend) {
      if (inst.size == 8 || (inst.size == 4 && upper_zero(x))) return inst.in[0];
      if (loads && x.size <= inst.size && !x.has(kSigned)) return inst.in[0];
      if (x.op == Op::ZeroExtend || x.op == Op::SignExtend) {
        if (x.op == Op::ZeroExtend && x.size <= inst.size) return inst.in[0];
        if (x.size >= inst.size)
          return becomes_extension(ref, Op::ZeroExtend, 64, inst.size, x.in[0]);
      }
      if (x.op == Op::ByteSwap && x.size <= inst.size) return inst.in[0];
    }
    if (inst.op == Op::SignExtend) {
      if (loads && x.size == inst.size && x.has(kSigned) && inst.bits == 64) return inst.in[0];
      if ((x.op == Op::ZeroExtend || x.op == Op::SignExtend) && x.size >= inst.size)
        return becomes_extension(ref, Op::SignExtend, inst.bits, inst.size, x.in[0]);
    }
    if (inst.op == Op::ByteSwap) {
      if (x.op == Op::ByteSwap && x.size == inst.size)
        return becomes_extension(ref, Op::ZeroExtend, 64, inst.size, x.in[0]);
      if (x.op == Op::ZeroExtend && x.size >= inst.size)
        return becomes_extension(ref, Op::ByteSwap, 64, inst.size, x.in[0]);
    }
    return kNone;
  }

  Ref extend_constant(Ref ref, const Inst& inst, u64 x) {
    u64 value = low(x, inst.size);
    if (inst.op == Op::SignExtend) value = low(extended(x, inst.size), inst.bits / 8);
    if (inst.op == Op::ByteSwap) value = __builtin_bswap64(x) >> (64 - 8 * inst.size);
    return becomes_constant(ref, value);
  }

  // ---- conditions -----------------------------------------------------------------------------

  Ref simplify_condition(Ref ref) {
    Inst& inst = function_.at(ref);
    const auto y = second(inst);
    if (is_constant(inst.in[0]) && !y) {
      std::swap(inst.in[0], inst.in[1]);
      inst.row = swap_operands(inst.row);
      return ref;
    }
    if (is_constant(inst.in[0]) && y) {
      const u64 x = static_cast<u64>(def(inst.in[0]).imm);
      return becomes_decided(ref, holds(inst, x, static_cast<u64>(*y)));
    }
    if (y && inst.in[1] != kNone && fits(*y)) {
      inst.in[1] = kNone;
      inst.imm = *y;
      return ref;
    }
    if (inst.bits == 32 && look_through(inst)) return ref;
    // Any value will do to tell what a comparison with itself gives, but for x & x.
    if (inst.in[0] == inst.in[1] && inst.row != skep::Op::Jset)
      return becomes_decided(ref, holds(inst, 1, 1));
    if (inst.op == Op::Select && inst.in[2] == inst.in[3]) return inst.in[2];
    return test_of_compare(ref);
  }

  static bool holds(const Inst& inst, u64 x, u64 y) {
    return inst.bits == 32 ? taken<u32>(inst.row, static_cast<u32>(x), static_cast<u32>(y))
                           : taken<u64>(inst.row, x, y);
  }

  // compare(...) == 0 and the like are the comparison, or its opposite.
  Ref test_of_compare(Ref ref) {
    Inst& inst = function_.at(ref);
    const Inst& x = def(inst.in[0]);
    if (x.op != Op::Compare || inst.in[1] != kNone) return kNone;
    const bool if_one = holds(inst, 1, static_cast<u64>(inst.imm));
    const bool if_zero = holds(inst, 0, static_cast<u64>(inst.imm));
    if (if_one == if_zero) return becomes_decided(ref, if_one);
    skep::Op cond = x.row;
    if (if_zero && !negate(cond)) return kNone;
    inst.row = cond;
    inst.bits = x.bits;
    inst.imm = x.imm;
    inst.in[0] = x.in[0];
    inst.in[1] = x.in[1];
    return ref;
  }

  Ref becomes_decided(Ref ref, bool holds_true) {
    Inst& inst = function_.at(ref);
    if (inst.op == Op::Compare) return becomes_constant(ref, holds_true);
    if (inst.op == Op::Select) return inst.in[holds_true ? 2 : 3];
    Block& block = function_.blocks[inst.block];
    if (!holds_true) block.edges[0] = block.edges[1];
    block.edge_count = 1;
    inst.op = Op::Jump;
    inst.in[0] = inst.in[1] = kNone;
    cut_ = true;
    return kNone;
  }

  // ---- memory ---------------------------------------------------------------------------------

  Ref simplify_access(Ref ref) {
    Inst& inst = function_.at(ref);
    const Inst& base = def(inst.in[0]);
    const bool sum = base.op == Op::Add && base.bits == 64 && base.in[1] == kNone;
    const i64 disp = i64{inst.disp} + base.imm;
    if (sum && inst.in[1] == kNone && fits(disp)) {
      inst.in[0] = base.in[0];
      inst.disp = static_cast<i32>(disp);
      return ref;
    }
    return inst.op == Op::Store ? simplify_stored(ref) : kNone;
  }

  // What is stored is the low bytes alone.
  Ref simplify_stored(Ref ref) {
    Inst& inst = function_.at(ref);
    if (inst.in[2] == kNone) return kNone;
    const Inst& value = def(inst.in[2]);
    if (value.op == Op::Const) {
      const i64 imm = static_cast<i64>(extended(static_cast<u64>(value.imm), inst.size));
      if (!fits(imm)) return kNone;
      inst.in[2] = kNone;
      inst.imm = imm;
      return ref;
    }
    const bool extends = value.op == Op::ZeroExtend || value.op == Op::SignExtend;
    if (!extends || value.size < inst.size || inst.op != Op::Store) return kNone;
    inst.in[2] = value.in[0];
    return ref;
  }

  Function& function_;
  Builder to_;
  Replacements replacements_;
  bool cut_ = false;  // an edge is gone
};

}  // namespace

void fold(Function& function) {
  Folder(function).run();
}

}  // namespace skep::ir::opt
