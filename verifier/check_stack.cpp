// The stack, byte by byte. A register that is stored whole, or a number in part, can be loaded
// back; all else that is written is some number. Offsets may vary within what is known of them.

#include <algorithm>

#include "verifier/judge.h"

namespace skep::abstract {

bool Judge::stack_range(const Value& of, u32 reg, i64 offset, u64 size, StackRange& range) {
  const Scalar& variable = values_.number(of.number);
  const i64 frame = kStackSize;
  const bool sane =
      variable.smin() > -frame * 4 && variable.smax() < frame * 4 && size <= kStackSize;
  const i64 low = sane ? of.offset + offset + variable.smin() : 0;
  const i64 high = sane ? of.offset + offset + variable.smax() + static_cast<i64>(size) : 0;
  if (!sane || low < -frame || high > 0) {
    return sane ? refuse<Code::stack_bounds>(
                      "r{} is {}: an access of {} bytes touches offsets {} to {}, and the frame is "
                      "-{} to 0",
                      reg, text_of(Cell{.value = values_.put(of)}), size, low, high, kStackSize)
                : refuse<Code::stack_bounds>("r{} is {}: the offset has no bound", reg,
                                             text_of(Cell{.value = values_.put(of)}));
  }
  range = {of.object, static_cast<u32>(low + frame), static_cast<u32>(high + frame),
           variable.is_constant()};
  return true;
}

void Judge::note_stack(const State& state, u32 depth, u32 lowest) {
  u32& used = stack_used_[store_.frame(state, depth).function];
  used = std::max(used, kStackSize - lowest);
}

bool Judge::stack_load(State& state, const Decoded& insn, const Value& of, u32 reg) {
  StackRange range;
  if (!stack_range(of, reg, insn.off, insn.size, range)) return false;
  if (!check_alignment(of, reg, insn.off, insn.size)) return false;
  note_stack(state, range.depth, range.first);
  if (!stack_is_written(state, range) && !profile_.has(Feature::uninit_stack_reads)) {
    return refuse<Code::uninit_stack>("stack bytes at r10 {} are read, and not all were written",
                                      static_cast<i32>(range.first) - static_cast<i32>(kStackSize));
  }
  const bool is_signed = insn.op == Op::LoadSigned;
  if (!range.exact) {
    set_number(state, insn.dst,
               is_signed ? Scalar::loaded_signed(insn.size) : Scalar::loaded(insn.size));
    return true;
  }
  bool pointer_part = false;
  const Cell loaded = fill(state, range, insn.size, is_signed, pointer_part);
  if (pointer_part) {
    return refuse<Code::bad_pointer_use>("{} bytes of a spilled pointer are read, not all 8",
                                         insn.size);
  }
  set(state, insn.dst, loaded);
  return true;
}

Cell Judge::fill(State& state, const StackRange& range, u32 size, bool is_signed,
                 bool& pointer_part) {
  const Slot& slot = store_.slot(state, range.depth, range.first / 8);
  const u32 at = range.first % 8;
  const u32 spilled = slot.spilled();
  bool zeros = true;
  for (u32 i = at; i < at + size; ++i) zeros = zeros && slot.bytes[i] == Byte::Zero;
  if (zeros) return Cell{.value = values_.put_constant(0)};
  const auto number_of = [&](const Scalar& scalar) {
    return Cell{.value = values_.put_number(is_signed ? sign_extend(scalar, static_cast<int>(size))
                                                      : scalar)};
  };
  if (at + size <= spilled) {
    const Value& of = value(slot.cell);
    if (of.type != Type::Number) {
      pointer_part = size != 8;
      return slot.cell;
    }
    const bool whole =
        size == 8 || (at == 0 && !is_signed && number(slot.cell).umax() >> (size * 8) == 0);
    if (whole) {
      // What is loaded is what stays there, whatever will be learned of either.
      if (slot.cell.id != 0 || number(slot.cell).is_constant()) return slot.cell;
      Cell& own = store_.own_slot(state, range.depth, range.first / 8).cell;
      own.id = state.next_id++;
      own.delta = 0;
      return own;
    }
    return number_of(bytes_of(number(slot.cell), static_cast<int>(at), static_cast<int>(size)));
  }
  // Any bytes, among them perhaps some of a pointer.
  if (at < spilled && value(slot.cell).type != Type::Number) pointer_part = true;
  return number_of(Scalar::loaded(static_cast<int>(size)));
}

bool Judge::stack_is_written(const State& state, const StackRange& range) const {
  for (u32 byte = range.first; byte < range.end; ++byte) {
    if (store_.slot(state, range.depth, byte / 8).bytes[byte % 8] == Byte::Unwritten) return false;
  }
  return true;
}

bool Judge::stack_store(State& state, const Decoded& insn, const Value& of, u32 reg,
                        const Cell& stored) {
  StackRange range;
  if (!stack_range(of, reg, insn.off, insn.size, range)) return false;
  if (!check_alignment(of, reg, insn.off, insn.size)) return false;
  note_stack(state, range.depth, range.first);
  const Value& what = value(stored);
  const bool pointer = what.type != Type::Number;
  if (pointer && insn.size != 8) {
    // Part of a pointer is some number; the kernel refuses it.
    return refuse<Code::bad_pointer_use>("{} bytes of a pointer are stored, not all 8", insn.size);
  }
  // Linux refuses it of pointers to any stack, since its own frame's could outlive the function.
  if (what.type == Type::Stack && range.depth != state.depth) {
    return refuse<Code::bad_pointer_use>(
        "a pointer to {} stack is stored in a caller's",
        what.object > range.depth ? "this function's" : "a caller's");
  }
  if (what.type == Type::Memory && what.read_only && range.depth < state.depth) {
    return refuse<Code::not_supported_yet>(
        "a pointer to a callback's key is kept for after it: not "
        "supported yet");
  }
  if (!range.exact) {
    if (pointer) {
      return refuse<Code::bad_pointer_use>("a pointer is stored at a variable stack offset");
    }
    if (!stack_is_written(state, range) && !profile_.has(Feature::uninit_stack_reads)) {
      return refuse<Code::uninit_stack>(
          "a store at a variable offset needs all bytes that it may "
          "reach to be written before");
    }
    write_bytes(state, range, is_null(stored));
    return true;
  }
  if (range.first % 8 == 0) {
    spill(state, range, stored);
  } else {
    write_bytes(state, range, is_null(stored));
  }
  return true;
}

void Judge::spill(State& state, const StackRange& range, const Cell& cell) {
  const u32 size = range.end - range.first;
  write_bytes(state, range, is_null(cell));
  if (is_null(cell)) return;
  Slot& slot = store_.own_slot(state, range.depth, range.first / 8);
  for (u32 i = 0; i < size; ++i) slot.bytes[i] = Byte::Spill;
  if (size == 8) {
    slot.cell = cell;
    return;
  }
  // A part: the same number only if nothing was cut off.
  const bool whole = number(cell).umax() >> (size * 8) == 0;
  slot.cell =
      whole ? cell
            : Cell{.value = values_.put_number(truncate(number(cell), static_cast<int>(size)))};
}

// Makes the bytes some number, or zeros: exactly if the range is, else what they may be besides.
void Judge::write_bytes(State& state, const StackRange& range, bool zero) {
  note_stack(state, range.depth, range.first);
  for (u32 index = range.first / 8; index <= (range.end - 1) / 8; ++index) {
    Slot& slot = store_.own_slot(state, range.depth, index);
    const u32 first = std::max(range.first, index * 8) - index * 8;
    const u32 end = std::min(range.end, index * 8 + 8) - index * 8;
    const u32 spilled = slot.spilled();
    if (spilled != 0) {
      const bool is_number = value(slot.cell).type == Type::Number;
      const bool is_zero = is_number && value(slot.cell).number == Values::kZero;
      // A number in the low bytes stays what it is when only those above change.
      if (!is_number || first < spilled) {
        for (u32 i = 0; i < spilled; ++i) slot.bytes[i] = is_zero ? Byte::Zero : Byte::Misc;
        slot.cell = {};
      }
    }
    for (u32 i = first; i < end; ++i) {
      const bool stays_zero = zero && (range.exact || slot.bytes[i] == Byte::Zero);
      slot.bytes[i] = stays_zero ? Byte::Zero : Byte::Misc;
    }
  }
}

}  // namespace skep::abstract
