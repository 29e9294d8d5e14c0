// What arithmetic, moves and constants leave known. Pointers take numbers added to them; all other
// arithmetic on them is refused, but the difference of two is some number.

#include <utility>

#include "isa/domain/scalar.h"
#include "verifier/judge.h"

namespace skep::abstract {
namespace {

constexpr i64 kMaxOffset = i64{1} << 29;  // Linux include/linux/bpf_verifier.h, BPF_MAX_VAR_OFF

}  // namespace

bool Judge::writable(u32 reg) {
  if (reg != kFrameReg) return true;
  return refuse<Code::frame_pointer_written>("r10, the frame pointer, is read only");
}

const Cell* Judge::read(const State& state, u32 reg) {
  const Cell& cell = store_.top(state).regs[reg];
  if (cell.value != Values::kNothing) return &cell;
  refuse<Code::uninit_register>("r{} is read, but was never written on this path", reg);
  return nullptr;
}

std::string Judge::text_of(const Cell& cell) const {
  const Value& of = value(cell);
  const bool map = of.type == Type::Map || of.type == Type::MapValue;
  return values_.text(cell.value, map ? map_name(of.object) : std::string());
}

Next Judge::step(State& state, Pc pc, Step& step) {
  pc_ = pc;
  const Decoded& insn = image_.program.at(pc);
  step.pc = pc + insn.slots();
  bool good = false;
  switch (kind(insn.op)) {
    case OpKind::Alu:
      good = insn.op == Op::Mov ? move(state, insn) : arithmetic(state, insn);
      break;
    case OpKind::MovSx: good = move(state, insn); break;
    case OpKind::Unary:
    case OpKind::Swap: good = arithmetic(state, insn); break;
    case OpKind::Lddw: good = load_constant(state, insn); break;
    case OpKind::Memory:
    case OpKind::Atomic:
    case OpKind::Ordered: good = memory(state, insn); break;
    case OpKind::Jump: return branch(state, insn, step);
    case OpKind::Other: return other(state, insn, step);
  }
  return good ? Next::Goes : Next::Refused;
}

Next Judge::other(State& state, const Decoded& insn, Step& step) {
  switch (insn.op) {
    case Op::Ja:
    case Op::JaLong: step.pc = insn.target; return Next::Goes;
    case Op::MayGoto:
      step.other = store_.copy(state);
      step.other_pc = insn.target;
      ++store_.own_top(state).rounds;
      return Next::Parts;
    case Op::CallHelper: return call(state, insn, step);
    case Op::CallLocal: return call_local(state, insn, step);
    case Op::Exit: return exit(state, step);
    default: break;
  }
  refuse<Code::not_supported_yet>("{} is not supported yet", row(insn.op).name);
  return Next::Refused;
}

bool Judge::move(State& state, const Decoded& insn) {
  if (!writable(insn.dst)) return false;
  if (insn.immediate) {
    const u64 constant = insn.bits == 32 ? static_cast<u32>(insn.imm) : static_cast<u64>(insn.imm);
    set(state, insn.dst, Cell{.value = values_.put_constant(constant)});
    return true;
  }
  if (read(state, insn.src) == nullptr) return false;
  const Cell source = store_.top(state).regs[insn.src];
  const bool is_number = value(source).type == Type::Number;
  const bool whole =
      insn.op == Op::Mov && (insn.bits == 64 || (is_number && number(source).umax() <= UINT32_MAX));
  if (whole) {
    set(state, insn.dst, shared(state, insn.src));
    return true;
  }
  if (!is_number) {
    set(state, insn.dst, any_number());
    if (insn.bits == 32)
      set_number(state, insn.dst, apply(Op::Mov, Scalar::unknown(), Scalar::unknown(), 32));
    return true;
  }
  set_number(state, insn.dst, apply(insn.op, number(source), number(source), insn.bits));
  return true;
}

// From here on the two are the same, whatever else will be learned of one.
Cell Judge::shared(State& state, u32 reg) {
  Cell cell = store_.top(state).regs[reg];
  const Value& of = value(cell);
  const bool may_be_learned =
      of.type == Type::Number ? !number(cell).is_constant() : of.may_be_null;
  if (cell.id == 0 && may_be_learned) {
    cell.id = state.next_id++;
    cell.delta = 0;
    set(state, reg, cell);
  }
  return cell;
}

bool Judge::load_constant(State& state, const Decoded& insn) {
  if (!writable(insn.dst)) return false;
  switch (insn.op) {
    case Op::LoadImm:
      set(state, insn.dst, Cell{.value = values_.put_constant(static_cast<u64>(insn.imm))});
      return true;
    case Op::LoadMap:
    case Op::LoadMapIdx: {
      if (insn.map_index() >= image_.maps->size()) break;
      const Value map{.type = Type::Map, .object = insn.map_index(), .number = Values::kZero};
      set(state, insn.dst, Cell{.value = values_.put(map)});
      return true;
    }
    case Op::LoadValue:
    case Op::LoadValueIdx: {
      if (insn.map_index() >= image_.maps->size()) break;
      const MapSpec& spec = *specs_[insn.map_index()];
      if (spec.type != MapType::array || spec.max_entries != 1) {
        return refuse<Code::map_rule>("map '{}' has no single value to take the address of",
                                      spec.name);
      }
      if (insn.value_offset() >= spec.value_size) {
        return refuse<Code::map_bounds>("offset {} is beyond the {} bytes of map '{}'",
                                        insn.value_offset(), spec.value_size, spec.name);
      }
      const Value pointer{.type = Type::MapValue,
                          .object = insn.map_index(),
                          .offset = static_cast<i32>(insn.value_offset()),
                          .number = Values::kZero};
      set(state, insn.dst, Cell{.value = values_.put(pointer)});
      return true;
    }
    case Op::LoadFunc: {
      const Value function{
          .type = Type::Function, .object = insn.target.value, .number = Values::kZero};
      set(state, insn.dst, Cell{.value = values_.put(function)});
      return true;
    }
    default: break;
  }
  return refuse<Code::not_supported_yet>("{} is not supported yet", row(insn.op).name);
}

bool Judge::arithmetic(State& state, const Decoded& insn) {
  if (!writable(insn.dst)) return false;
  if (read(state, insn.dst) == nullptr) return false;
  if (kind(insn.op) != OpKind::Alu) {
    const Cell dst = store_.top(state).regs[insn.dst];
    if (value(dst).type != Type::Number) {
      set_number(state, insn.dst, apply(insn.op, Scalar::unknown(), Scalar::unknown(), insn.bits));
      return true;
    }
    set_number(state, insn.dst, apply(insn.op, number(dst), number(dst), insn.bits));
    return true;
  }
  Cell operand;
  if (insn.immediate) {
    if ((insn.op == Op::Div || insn.op == Op::Mod || insn.op == Op::SDiv || insn.op == Op::SMod) &&
        insn.imm == 0) {
      return refuse<Code::bad_constant>("division by the constant 0");
    }
    const bool shift = insn.op == Op::Lsh || insn.op == Op::Rsh || insn.op == Op::Arsh;
    if (shift && (insn.imm < 0 || insn.imm >= insn.bits)) {
      return refuse<Code::bad_constant>("a {}-bit number is shifted by {}", insn.bits, insn.imm);
    }
    operand.value = values_.put_constant(static_cast<u64>(insn.imm));
  } else {
    const Cell* source = read(state, insn.src);
    if (source == nullptr) return false;
    operand = *source;
  }
  return number_arithmetic(state, insn, operand);
}

bool Judge::number_arithmetic(State& state, const Decoded& insn, const Cell& operand) {
  const Cell dst = store_.top(state).regs[insn.dst];
  const bool left = value(dst).type != Type::Number, right = value(operand).type != Type::Number;
  if (left && right) {
    if (insn.op != Op::Sub) {
      return refuse<Code::pointer_arithmetic_rule>("r{} {} r{} combines two pointers", insn.dst,
                                                   row(insn.op).text, insn.src);
    }
    set(state, insn.dst, any_number());
    return true;
  }
  if (left || right) {
    if (insn.bits == 32) {
      if (insn.op == Op::Sub) {
        set(state, insn.dst, any_number());
        return true;
      }
      return refuse<Code::pointer_arithmetic_rule>("32-bit arithmetic on a pointer: r{} is {}",
                                                   left ? insn.dst : insn.src,
                                                   text_of(left ? dst : operand));
    }
    if (insn.op != Op::Add && insn.op != Op::Sub) {
      return refuse<Code::pointer_arithmetic_rule>("pointers take no {}: r{} is {}",
                                                   row(insn.op).text, left ? insn.dst : insn.src,
                                                   text_of(left ? dst : operand));
    }
    if (right && insn.op == Op::Sub) {
      return refuse<Code::pointer_arithmetic_rule>("a pointer is subtracted from a number");
    }
    return left ? pointer_arithmetic(state, insn, dst, operand, insn.op == Op::Sub)
                : pointer_arithmetic(state, insn, operand, dst, false);
  }
  const bool shift = insn.op == Op::Lsh || insn.op == Op::Rsh || insn.op == Op::Arsh;
  if (shift && number(operand).umax() >= insn.bits) {
    // Nothing is known of what is shifted by more than its bits.
    set_number(state, insn.dst, Scalar::loaded(insn.bits / 8));
    return true;
  }
  Cell result{.value = values_.put_number(apply(insn.op, number(dst), number(operand), insn.bits))};
  // A number and a constant more stay related: what is learned of one is learned of the other.
  if (insn.bits == 64 && dst.id != 0 && number(operand).is_constant() &&
      (insn.op == Op::Add || insn.op == Op::Sub)) {
    const i64 by = static_cast<i64>(number(operand).umin());
    const i64 delta = by < -kMaxOffset || by > kMaxOffset
                          ? kMaxOffset * 4
                          : dst.delta + (insn.op == Op::Add ? by : -by);
    if (delta >= -kMaxOffset && delta <= kMaxOffset && !number(result).is_constant()) {
      result.id = dst.id;
      result.delta = static_cast<i32>(delta);
    }
  }
  set(state, insn.dst, result);
  return true;
}

bool Judge::pointer_arithmetic(State& state, const Decoded& insn, const Cell& pointer,
                               const Cell& operand, bool subtract) {
  const Value& of = value(pointer);
  const u32 reg = store_.top(state).regs[insn.dst] == pointer ? insn.dst : insn.src;
  if (of.may_be_null) {
    return refuse<Code::null_arithmetic>("r{} is {}: compare it with 0 before arithmetic", reg,
                                         text_of(pointer));
  }
  switch (of.type) {
    case Type::Map:
    case Type::Function:
      if (is_null(operand) && !subtract) break;
      [[fallthrough]];
    case Type::PacketEnd:
    case Type::Socket:
      return refuse<Code::pointer_arithmetic_rule>("r{} is {}, which can't be added to", reg,
                                                   text_of(pointer));
    case Type::FlowKeys:
      if (insn.immediate) break;
      return refuse<Code::pointer_arithmetic_rule>("r{} is {}, which takes constants alone", reg,
                                                   text_of(pointer));
    case Type::Stack:
      if (!subtract) break;
      return refuse<Code::pointer_arithmetic_rule>("a number is subtracted from a stack pointer");
    default: break;
  }
  const Scalar& by = number(operand);
  const bool sane = by.smin() > -kMaxOffset && by.smax() < kMaxOffset;
  if (!sane) {
    return refuse<Code::pointer_arithmetic_rule>(
        "r{} is {}, and what is {} it is {}: bound it first", reg, text_of(pointer),
        subtract ? "subtracted from" : "added to", text_of(operand));
  }
  Cell result;
  if (!add_to(pointer, value(operand).number, subtract, state, result)) return false;
  set(state, insn.dst, result);
  return true;
}

bool Judge::add_to(const Cell& pointer, NumberId by, bool subtract, State& state, Cell& result) {
  Value sum = value(pointer);
  result = pointer;
  const Scalar& number = values_.number(by);
  const i64 old = sum.offset;
  if (number.is_constant()) {
    const i64 constant = static_cast<i64>(number.umin());
    const i64 offset = subtract ? old - constant : old + constant;
    if (offset <= -kMaxOffset || offset >= kMaxOffset) {
      return refuse<Code::pointer_arithmetic_rule>("offset {} takes {} out of all bounds", offset,
                                                   text_of(pointer));
    }
    sum.offset = static_cast<i32>(offset);
  } else {
    const Scalar total =
        apply(subtract ? Op::Sub : Op::Add, values_.number(sum.number), number, 64);
    if (total.smin() <= -kMaxOffset || total.smax() >= kMaxOffset) {
      return refuse<Code::pointer_arithmetic_rule>("{} may get out of all bounds",
                                                   text_of(pointer));
    }
    sum.number = values_.put(total);
    if (sum.is_packet()) {
      // Where it points now, nothing has been compared with the packet's end.
      sum.range = 0;
      result.id = state.next_id++;
    }
  }
  result.value = values_.put(sum);
  return true;
}

}  // namespace skep::abstract
