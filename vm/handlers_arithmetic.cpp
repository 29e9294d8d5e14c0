// Handlers of arithmetic and conditional jumps; what they compute is isa/arith.h.
// Tested by tests/vm/rows_test.cpp, row by row.

#include "isa/arith.h"
#include "vm/handlers.h"

namespace skep {
namespace {

// The operand y of a step.
template <class U, int S>
inline U operand(const Step* step, Exec* exec) {
  if constexpr (S == kImm) {
    return static_cast<U>(step->imm);
  } else {
    return static_cast<U>(reg<S>(exec, step->src));
  }
}

template <Op op, class U>
struct Arithmetic {
  template <int D, int S>
  static const Step* run(const Step* step, Exec* exec, i64 budget) {
    const U x = static_cast<U>(reg<D>(exec, step->dst));
    reg<D>(exec, step->dst) = eval<U>(op, x, operand<U, S>(step, exec));
    return go_on(step + 1, exec, budget);
  }
};

struct Constant {
  template <int D, int S>
  static const Step* run(const Step* step, Exec* exec, i64 budget) {
    reg<D>(exec, step->dst) = static_cast<u64>(step->imm);
    return go_on(step + 1, exec, budget);
  }
};

template <Op op, class U>
struct Branch {
  template <int D, int S>
  static const Step* run(const Step* step, Exec* exec, i64 budget) {
    const U x = static_cast<U>(reg<D>(exec, step->dst));
    // Two arms that each go on: processors foresee branches better than selected addresses.
    if (taken<U>(op, x, operand<U, S>(step, exec)))
      return enter_block(target_of(step), exec, budget);
    return enter_block(step + 1, exec, budget);
  }
};

// Rows that are most of what compilers emit with two registers: 99 % over bench/programs.
constexpr bool is_frequent(Op op) {
  switch (op) {
    case Op::Add:
    case Op::Sub:
    case Op::Mul:
    case Op::Or:
    case Op::And:
    case Op::Xor:
    case Op::Mov: return true;
    default: return false;
  }
}

template <Op op, class U>
Handler arithmetic(const Decoded& insn) {
  using Family = Arithmetic<op, U>;
  if (insn.immediate) return for_dst<Family, kImm>(insn.dst);
  if constexpr (is_frequent(op)) return for_regs<Family>(insn.dst, insn.src);
  return for_any_dst<Family, kAny>();
}

template <Op op>
Handler arithmetic_of(const Decoded& insn) {
  return insn.bits == 32 ? arithmetic<op, u32>(insn) : arithmetic<op, u64>(insn);
}

template <Op op, class U>
Handler branch(const Decoded& insn) {
  using Family = Branch<op, U>;
  return insn.immediate ? for_dst<Family, kImm>(insn.dst) : for_any_dst<Family, kAny>();
}

}  // namespace

Handler arithmetic_handler(const Decoded& insn) {
  switch (insn.op) {
#define ALU(name, ...) \
  case Op::name: return arithmetic_of<Op::name>(insn);
#define UNARY(name, ...) \
  case Op::name: return arithmetic_of<Op::name>(insn);
#define MOVSX(name, ...) \
  case Op::name: return arithmetic_of<Op::name>(insn);
#define SWAP(name, ...) \
  case Op::name: return for_any_dst<Arithmetic<Op::name, u64>, kImm>();
#include "isa/insn.def"
    default: return for_dst<Constant, kImm>(insn.dst);
  }
}

Handler jump_handler(const Decoded& insn) {
  switch (insn.op) {
#define JUMP(name, ...) \
  case Op::name: return insn.bits == 32 ? branch<Op::name, u32>(insn) : branch<Op::name, u64>(insn);
#include "isa/insn.def"
    default: return nullptr;
  }
}

}  // namespace skep
