// Comparisons: what is known on each side. Of numbers, with all that are the same number; of
// pointers that may be null, with all that become null together; of the packet and its end, which
// is how programs learn that bytes are there.

#include <bit>
#include <optional>

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

constexpr i64 kMaxPacketOffset = 0xffff;  // Linux include/linux/bpf.h, MAX_PACKET_OFF

// Linux 6.12 kernel/bpf/verifier.c, reg_not_null: what a comparison with 0 decides.
bool is_never_null(const Value& value) {
  return !value.may_be_null &&
         (value.type == Type::MapValue || value.type == Type::Socket || value.type == Type::Memory);
}

// The comparison with its operands changed over.
Op mirrored(Op op) {
  switch (op) {
    case Op::Jgt: return Op::Jlt;
    case Op::Jge: return Op::Jle;
    case Op::Jlt: return Op::Jgt;
    case Op::Jle: return Op::Jge;
    case Op::Jsgt: return Op::Jslt;
    case Op::Jsge: return Op::Jsle;
    case Op::Jslt: return Op::Jsgt;
    case Op::Jsle: return Op::Jsge;
    default: return op;
  }
}

}  // namespace

Next Judge::branch(State& state, const Decoded& insn, Step& step) {
  if (read(state, insn.dst) == nullptr) return Next::Refused;
  const Cell left = store_.top(state).regs[insn.dst];
  Cell right;
  if (insn.immediate) {
    right.value = values_.put_constant(static_cast<u64>(insn.imm));
  } else {
    const Cell* source = read(state, insn.src);
    if (source == nullptr) return Next::Refused;
    right = *source;
  }
  step.other_pc = insn.target;
  const bool left_number = value(left).type == Type::Number;
  const bool right_number = value(right).type == Type::Number;
  if (left_number && right_number) return compare_numbers(state, insn, left, right, step);
  const bool equality = insn.op == Op::Jeq || insn.op == Op::Jne;
  if (insn.bits == 64 && equality && insn.immediate && insn.imm == 0) {
    const bool null_jumps = insn.op == Op::Jeq;
    if (value(left).may_be_null) {
      step.other = store_.copy(state);
      learn_null(state, insn.dst, !null_jumps);
      learn_null(step.other, insn.dst, null_jumps);
      return Next::Parts;
    }
    if (is_never_null(value(left))) {
      if (!null_jumps) step.pc = insn.target;
      return Next::Goes;
    }
  }
  if (insn.bits == 64 && !left_number && !right_number) {
    if (compare_packets(state, insn, left, right, step)) return Next::Parts;
    // Equal to one that is not null: then it is not null either.
    const bool first = value(left).may_be_null;
    const Cell& one = first ? left : right;
    const Cell& two = first ? right : left;
    if (equality && value(one).may_be_null && is_never_null(value(two)) &&
        value(one).type != Type::Kernel) {
      step.other = store_.copy(state);
      learn_null(insn.op == Op::Jeq ? step.other : state, first ? insn.dst : insn.src, false);
      return Next::Parts;
    }
  }
  step.other = store_.copy(state);
  return Next::Parts;
}

Next Judge::compare_numbers(State& state, const Decoded& insn, const Cell& left, const Cell& right,
                            Step& step) {
  const Scalar x = number(left), y = number(right);
  if (!insn.immediate && insn.src == insn.dst) {
    // A register with itself: what holds for all numbers of a set with themselves.
    const bool equal_jumps = insn.op == Op::Jeq || insn.op == Op::Jge || insn.op == Op::Jle ||
                             insn.op == Op::Jsge || insn.op == Op::Jsle;
    if (insn.op != Op::Jset) {
      if (equal_jumps) step.pc = insn.target;
      return Next::Goes;
    }
  }
  auto taken = refine(insn.op, true, x, y, insn.bits);
  // Linux 6.12 kernel/bpf/verifier.c, regs_refine_cond_op: that one of several bits is set tells
  // nothing.
  const auto is_bit = [](const Scalar& of) {
    return of.is_constant() && std::has_single_bit(of.umin());
  };
  if (learns_as_kernel_ && insn.op == Op::Jset && taken && !is_bit(x) && !is_bit(y)) {
    taken->x = x;
    taken->y = y;
  }
  const auto not_taken = refine(insn.op, false, x, y, insn.bits);
  const auto learn = [&](State& of, const Refined& known, bool jumps) {
    if (!(known.x == x)) learn_number(of, insn.dst, known.x);
    if (!insn.immediate && !(known.y == y)) learn_number(of, insn.src, known.y);
    // Two that are equal are one number from here on.
    const bool equal =
        insn.bits == 64 && !insn.immediate && (jumps ? insn.op == Op::Jeq : insn.op == Op::Jne);
    if (equal && !known.x.is_constant()) {
      Cell cell = store_.top(of).regs[insn.dst];
      if (cell.id == 0) {
        cell.id = of.next_id++;
        cell.delta = 0;
        set(of, insn.dst, cell);
      }
      const Cell source = store_.top(of).regs[insn.src];
      if (source.id == 0) set(of, insn.src, cell);
    }
  };
  if (!taken && !not_taken) return Next::Ends;
  if (!taken) {
    learn(state, *not_taken, false);
    return Next::Goes;
  }
  if (!not_taken) {
    learn(state, *taken, true);
    step.pc = insn.target;
    return Next::Goes;
  }
  step.other = store_.copy(state);
  learn(state, *not_taken, false);
  learn(step.other, *taken, true);
  return Next::Parts;
}

void Judge::learn_number(State& state, u32 reg, const Scalar& scalar) {
  const Cell cell = store_.top(state).regs[reg];
  // It may have been learned already, of another that is the same number.
  const Scalar narrowed = meet(scalar, number(cell)).value_or(scalar);
  const ValueId known = values_.put_number(narrowed);
  store_.own_top(state).regs[reg].value = known;
  if (cell.id == 0) return;
  store_.rewrite(
      state,
      [&](const Cell& other) { return other.id == cell.id && value(other).type == Type::Number; },
      [&](Cell& other) {
        if (other.delta == cell.delta) {
          other.value = known;
          return;
        }
        const u64 apart = static_cast<u64>(i64{other.delta} - cell.delta);
        const Scalar moved = apply(Op::Add, narrowed, Scalar::constant(apart), 64);
        if (const auto both = meet(moved, number(other))) other.value = values_.put_number(*both);
      });
}

void Judge::learn_null(State& state, u32 reg, bool null) {
  const auto resolve = [&](Cell& cell) {
    if (null) {
      cell = Cell{.value = values_.put_constant(0)};
      return;
    }
    Value known = value(cell);
    known.may_be_null = false;
    cell.value = values_.put(known);
    if (!known.identified) cell.id = 0;
  };
  const Cell pointer = store_.top(state).regs[reg];
  // A reference that turns out to be null is none, unless another group's pointer has it too.
  if (null && pointer.reference != 0 && pointer.reference == pointer.id) {
    drop_reference(state, pointer.reference);
  }
  // Without an identity it is like no other.
  if (pointer.id == 0) {
    resolve(store_.own_top(state).regs[reg]);
    return;
  }
  store_.rewrite(
      state, [&](const Cell& cell) { return cell.id == pointer.id && value(cell).may_be_null; },
      resolve);
}

void Judge::drop_reference(State& state, u32 reference) {
  for (u32 i = 0; i < state.reference_count; ++i) {
    if (state.references[i].id != reference) continue;
    state.references[i] = state.references[--state.reference_count];
    state.references[state.reference_count] = {};
    return;
  }
}

void Judge::learn_range(State& state, const Cell& pointer, bool one_more) {
  const Value& base = value(pointer);
  const Scalar& variable = values_.number(base.number);
  if (base.offset < 0 || (base.offset == 0 && !one_more)) return;
  if (variable.smin() < 0 || variable.smax() > kMaxPacketOffset ||
      variable.smax() + base.offset > kMaxPacketOffset) {
    return;
  }
  const u32 range = static_cast<u32>(base.offset) + (one_more ? 1 : 0);
  const Type type = base.type;
  store_.rewrite(
      state,
      [&](const Cell& cell) {
        const Value& of = value(cell);
        return of.type == type && cell.id == pointer.id && of.range < range;
      },
      [&](Cell& cell) {
        Value of = value(cell);
        of.range = range;
        cell.value = values_.put(of);
      });
}

bool Judge::compare_packets(State& state, const Decoded& insn, const Cell& left, const Cell& right,
                            Step& step) {
  // The packet against its end, or the metadata against the packet's very start.
  const auto ends = [&](const Cell& start, const Cell& end) {
    if (value(start).type == Type::Packet) return value(end).type == Type::PacketEnd;
    return value(start).type == Type::PacketMeta && value(end).type == Type::Packet &&
           end.id == 0 && value(end).offset == 0;
  };
  Op op = insn.op;
  Cell start = left;
  if (!ends(left, right)) {
    if (!ends(right, left)) return false;
    op = mirrored(op);
    start = right;
  }
  // start < end: one byte more than up to start. start <= end: up to it.
  bool on_taken = false, one_more = false;
  switch (op) {
    case Op::Jgt: break;                   // not taken: start <= end
    case Op::Jge: one_more = true; break;  // not taken: start < end
    case Op::Jlt: on_taken = one_more = true; break;
    case Op::Jle: on_taken = true; break;
    default: return false;
  }
  step.other = store_.copy(state);
  learn_range(on_taken ? step.other : state, start, one_more);
  return true;
}

// Pointers into a packet that may have moved are numbers without a meaning.
void Judge::forget_packets(State& state) {
  const auto is_of_packet = [&](const Cell& cell) {
    const Value& of = value(cell);
    return of.is_packet() || of.type == Type::PacketEnd;
  };
  store_.rewrite(state, is_of_packet, [](Cell& cell) { cell = any_number(); });
}

}  // namespace skep::abstract
