// Narrowing: what is known about each value (isa/domain/scalar.h), and what it saves: extensions of
// what is short already, masks that mask nothing, wide divisions of narrow numbers, branches that
// are decided, tests of divisors.
//
// The first walk takes parameters of loops for anything; each further one takes them for what the
// walk before found on all ways in, which can only be less: so any number of walks is right, and
// two are made. Tested by tests/agree/passes.cpp and tests/filetests/ir/narrow.test.

#include <optional>

#include "isa/domain/scalar.h"
#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr int kWalks = 2;
constexpr u64 kLow = 0xffffffff;

// The row that computes an operation, for what is known of its result.
std::optional<skep::Op> row_of(const Inst& inst) {
  switch (inst.op) {
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

class Narrowing {
 public:
  explicit Narrowing(Function& function)
      : function_(function),
        predecessors_(find_predecessors(function)),
        replacements_(function),
        known_(function.insts.size()) {}

  void run() {
    for (int walk = 0; walk < kWalks; ++walk) {
      done_.assign(function_.blocks.size(), walk > 0);
      for (const BlockId block : function_.order) {
        learn_params(block);
        for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
          if (has_result(function_.at(ref))) known_[ref] = learn(function_.at(ref));
        }
        done_[block] = true;
      }
    }
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        use_what_is_known(ref);
      }
    }
    replacements_.apply(function_);
    if (!cut_) return;
    order_blocks(function_);
    simplify_params(function_);
  }

 private:
  // ---- learning -------------------------------------------------------------------------------

  void learn_params(BlockId block) {
    const auto params = function_.params(block);
    if (block == function_.order.front()) return;  // r1 to r5 are anything
    for (u32 i = 0; i < params.size(); ++i) {
      std::optional<Scalar> all;
      for (const auto& from : predecessors_.of(block)) {
        Scalar one;
        if (done_[from.block]) {
          one = known_[function_.args(function_.blocks[from.block].edges[from.edge])[i]];
        }
        all = all ? join(*all, one) : one;
        if (all->is_unknown()) break;
      }
      if (all) known_[params[i]] = *all;
    }
  }

  Scalar second(const Inst& inst) const {
    return inst.in[1] == kNone ? Scalar::constant(static_cast<u64>(inst.imm)) : known_[inst.in[1]];
  }

  Scalar learn(const Inst& inst) const {
    switch (inst.shape()) {
      case Shape::Constant: return Scalar::constant(static_cast<u64>(inst.imm));
      case Shape::Unary:
      case Shape::Binary: return learn_arithmetic(inst);
      case Shape::Extend: return learn_extension(inst);
      case Shape::Compare: return Scalar::range(0, 1);
      case Shape::Select: return join(known_[inst.in[2]], known_[inst.in[3]]);
      case Shape::Load:
      case Shape::ContextLoad:
        return inst.has(kSigned) ? Scalar::loaded_signed(inst.size) : Scalar::loaded(inst.size);
      case Shape::Field:
      case Shape::Atomic: return Scalar::loaded(inst.size);
      default: return Scalar::unknown();
    }
  }

  Scalar learn_arithmetic(const Inst& inst) const {
    const auto op = row_of(inst);
    if (op) return apply(*op, known_[inst.in[0]], second(inst), inst.bits);
    return inst.bits == 32 ? Scalar::loaded(4) : Scalar::unknown();
  }

  Scalar learn_extension(const Inst& inst) const {
    const Scalar& x = known_[inst.in[0]];
    switch (inst.op) {
      case Op::ZeroExtend: return truncate(x, inst.size);
      case Op::SignExtend: {
        const Scalar extended = sign_extend(x, inst.size);
        return inst.bits == 32 ? truncate(extended, 4) : extended;
      }
      default: return Scalar::loaded(inst.size);
    }
  }

  // ---- using ----------------------------------------------------------------------------------

  static bool is_low(const Scalar& x) { return x.umax() <= kLow; }
  static bool is_low_signed(const Scalar& x) { return x.umax() <= kLow >> 1; }

  void use_what_is_known(Ref ref) {
    Inst& inst = function_.at(ref);
    if (inst.op == Op::Branch || inst.shape() == Shape::Compare || inst.shape() == Shape::Select) {
      return narrow_condition(ref, inst);
    }
    if (!has_result(inst) || inst.op == Op::Const) return;
    const Scalar& result = known_[ref];
    if (result.is_constant() && is_removable(inst) && inst.count == 0) {
      inst = {.op = Op::Const,
              .pc = inst.pc,
              .imm = static_cast<i64>(result.umin()),
              .block = inst.block,
              .prev = inst.prev,
              .next = inst.next};
      return;
    }
    if (is_low(result)) inst.flags |= kUpperZero;
    if (inst.shape() == Shape::Binary) {
      narrow_binary(ref, inst);
    } else if (inst.shape() == Shape::Extend && changes_nothing(inst)) {
      replacements_.replace(ref, inst.in[0]);
    }
  }

  bool changes_nothing(const Inst& inst) const {
    const Scalar& x = known_[inst.in[0]];
    const u64 sign = u64{1} << (8 * inst.size - 1);
    if (inst.op == Op::ZeroExtend) return inst.size == 8 || x.umax() <= 2 * sign - 1;
    if (inst.op != Op::SignExtend) return false;
    if (x.umax() < sign) return true;
    return inst.bits == 64 && x.smin() >= -static_cast<i64>(sign) &&
           x.smax() < static_cast<i64>(sign);
  }

  void narrow_binary(Ref ref, Inst& inst) {
    const Scalar& x = known_[inst.in[0]];
    const Scalar y = second(inst);
    switch (inst.op) {
      case Op::And:
        if (masks_nothing(inst, x, y)) return replacements_.replace(ref, inst.in[0]);
        break;
      case Op::Div:
      case Op::Mod:
      case Op::SDiv:
      case Op::SMod:
        if (inst.bits == 64 ? !y.contains(0) : y.umin32() != 0) inst.flags |= kNonZero;
        break;
      default: break;
    }
    if (inst.bits == 64 && is_same_on_32(inst, x, y, known_[ref])) inst.bits = 32;
  }

  static bool masks_nothing(const Inst& inst, const Scalar& x, const Scalar& y) {
    const u64 possible = x.known_ones() | x.unknown_bits();
    return y.is_constant() && (possible & ~y.umin()) == 0 && (inst.bits == 64 || is_low(x));
  }

  // Sums and shifts to the left stay wide: addresses are made of them.
  static bool is_same_on_32(const Inst& inst, const Scalar& x, const Scalar& y,
                            const Scalar& result) {
    switch (inst.op) {
      case Op::And:
      case Op::Or:
      case Op::Xor:
      case Op::Mul: return is_low(result);
      case Op::Div:
      case Op::Mod: return is_low(x) && is_low(y);
      case Op::Rsh: return is_low(x) && y.umax() < 32;
      default: return false;
    }
  }

  void narrow_condition(Ref ref, Inst& inst) {
    const Scalar& x = known_[inst.in[0]];
    const Scalar y = second(inst);
    if (const auto answer = decided(inst.row, x, y, inst.bits)) return decide(ref, inst, *answer);
    if (inst.op == Op::Branch && tests_select(inst)) return narrow_condition(ref, inst);
    const bool is_signed = inst.row == skep::Op::Jsgt || inst.row == skep::Op::Jsge ||
                           inst.row == skep::Op::Jslt || inst.row == skep::Op::Jsle;
    const bool low = is_signed ? is_low_signed(x) && is_low_signed(y) : is_low(x) && is_low(y);
    if (low) inst.bits = 32;
  }

  // A test for 0 of what is 0 on one way alone is a test of which way it went.
  bool tests_select(Inst& inst) {
    const bool if_zero = inst.row == skep::Op::Jeq;
    if (inst.bits != 64 || inst.in[1] != kNone || inst.imm != 0) return false;
    if (!if_zero && inst.row != skep::Op::Jne) return false;
    const Inst& select = function_.at(inst.in[0]);
    if (select.op != Op::Select || replacements_.is_replaced(inst.in[0])) return false;
    if (!(known_[select.in[3]] == Scalar::constant(0)) || known_[select.in[2]].contains(0))
      return false;
    inst.row = select.row;
    inst.bits = select.bits;
    inst.imm = select.imm;
    inst.in[0] = select.in[0];
    inst.in[1] = select.in[1];
    Block& block = function_.blocks[inst.block];
    if (if_zero) std::swap(block.edges[0], block.edges[1]);
    return true;
  }

  void decide(Ref ref, Inst& inst, bool answer) {
    if (inst.op == Op::Select) return replacements_.replace(ref, inst.in[answer ? 2 : 3]);
    if (inst.op == Op::Compare) {
      inst.op = Op::Const;
      inst.imm = answer;
    } else {
      Block& block = function_.blocks[inst.block];
      if (!answer) block.edges[0] = block.edges[1];
      block.edge_count = 1;
      inst.op = Op::Jump;
      cut_ = true;
    }
    inst.in[0] = inst.in[1] = kNone;
  }

  Function& function_;
  const Predecessors predecessors_;
  Replacements replacements_;
  std::vector<Scalar> known_;  // by Ref
  std::vector<bool> done_;     // blocks whose values this walk, or one before, has learnt
  bool cut_ = false;
};

}  // namespace

void narrow(Function& function) {
  Narrowing(function).run();
}

}  // namespace skep::ir::opt
