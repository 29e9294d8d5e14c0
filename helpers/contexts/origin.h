// Where a value may come from, as far as mark_context() asks: the context, the stack, the kernel's
// structures, or elsewhere.
// A lattice of few bits, and the state of registers and spilled values at one point.
// Tested by tests/helpers/mark_context_test.cpp.
#pragma once

#include <algorithm>

#include "isa/types.h"

namespace skep {

// A set of possible origins. `exact` narrows a set of one origin to one value: the context plus
// `number`, the stack of frame `level` at `number` bytes from its end, or `number` itself.
struct Origin {
  enum : u8 { kContext = 1, kStack = 2, kElsewhere = 4, kKernel = 8 };
  enum class Exact : u8 { No, Value, Function };  // Function: of the program, at pc `number`
  u8 set = kElsewhere;
  u8 level = 0;
  Exact exact = Exact::No;
  i32 number = 0;

  static Origin context() { return {kContext, 0, Exact::Value, 0}; }
  static Origin stack(u32 level) { return {kStack, static_cast<u8>(level), Exact::Value, 0}; }
  static Origin kernel() { return {kKernel | kElsewhere, 0, Exact::No, 0}; }
  static Origin constant(i64 value) {
    if (value != static_cast<i32>(value)) return {};
    return {kElsewhere, 0, Exact::Value, static_cast<i32>(value)};
  }
  static Origin function(Pc pc) {
    return {kElsewhere, 0, Exact::Function, static_cast<i32>(pc.value)};
  }

  bool may_be(u8 origin) const { return (set & origin) != 0; }
  bool is_exact(u8 origin) const { return set == origin && exact == Exact::Value; }
  bool is_constant() const { return is_exact(kElsewhere); }
  bool is_pointer() const { return may_be(kContext | kStack | kKernel); }

  // The same origins, at no known place: what arithmetic makes of a value.
  Origin blurred() const { return {set, 0, Exact::No, 0}; }
  Origin plus(i64 delta) const {
    const i64 sum = number + delta;
    if (exact != Exact::Value || sum != static_cast<i32>(sum)) return blurred();
    Origin moved = *this;
    moved.number = static_cast<i32>(sum);
    return moved;
  }
  friend bool operator==(const Origin&, const Origin&) = default;
};

inline Origin join(const Origin& a, const Origin& b) {
  if (a == b) return a;
  return {static_cast<u8>(a.set | b.set), 0, Origin::Exact::No, 0};
}

inline constexpr u32 kMaxSpills = 24;

// A stack slot of 8 bytes that may hold a pointer to the context, the stack or the kernel's
// structures. All others don't.
struct Spill {
  u8 level = 0;
  i16 slot = 0;  // offset from the end of the frame, a negative multiple of 8
  Origin value;

  bool is_at(u32 of_level, i32 of_slot) const { return level == of_level && slot == of_slot; }
  friend bool operator==(const Spill&, const Spill&) = default;
};

// Registers and spills at one point. Plain data, compared and copied often.
struct OriginState {
  Origin regs[kRegs];
  Spill spills[kMaxSpills];
  u32 spill_count = 0;
  bool full = false;  // a pointer was stored where no spill can be: any slot may hold one

  const Spill* find(u32 level, i32 slot) const {
    for (u32 i = 0; i < spill_count; ++i) {
      if (spills[i].is_at(level, slot)) return &spills[i];
    }
    return nullptr;
  }
  Origin slot(u32 level, i32 offset) const {
    const Spill* spill = find(level, offset);
    return spill == nullptr ? Origin{} : spill->value;
  }
  void set_slot(u32 level, i32 offset, const Origin& value) {
    auto* spill = const_cast<Spill*>(find(level, offset));
    if (!value.is_pointer()) {
      if (spill != nullptr) *spill = spills[--spill_count];
    } else if (spill != nullptr) {
      spill->value = value;
    } else if (spill_count < kMaxSpills) {
      spills[spill_count++] = {static_cast<u8>(level), static_cast<i16>(offset), value};
    } else {
      full = true;
    }
  }
  // Bytes [from, to) of a frame may have been overwritten with `value`.
  void blur_slots(u32 level, i64 from, i64 to, const Origin& value) {
    for (u32 i = 0; i < spill_count; ++i) {
      if (spills[i].level != level || spills[i].slot + 8 <= from || spills[i].slot >= to) continue;
      spills[i].value = join(spills[i].value, value).blurred();
    }
  }
  // Frames from this level on are gone, and pointers into them point nowhere.
  void drop_frames(u32 level) {
    for (u32 i = spill_count; i-- > 0;) {
      if (spills[i].level >= level) spills[i] = spills[--spill_count];
    }
  }

  // Adds what `other` allows; whether that was anything new.
  bool join_with(const OriginState& other) {
    const OriginState before = *this;
    for (u32 i = 0; i < kRegs; ++i) regs[i] = join(regs[i], other.regs[i]);
    for (u32 i = 0; i < other.spill_count; ++i) {
      const Spill& spill = other.spills[i];
      set_slot(spill.level, spill.slot, join(slot(spill.level, spill.slot), spill.value));
    }
    for (u32 i = 0; i < spill_count; ++i) {
      if (other.find(spills[i].level, spills[i].slot) == nullptr) {
        spills[i].value = join(spills[i].value, Origin{});
      }
    }
    full |= other.full;
    return !same(before);
  }
  bool same(const OriginState& other) const {
    if (full != other.full || spill_count != other.spill_count) return false;
    return std::equal(regs, regs + kRegs, other.regs) &&
           std::equal(spills, spills + spill_count, other.spills);
  }
};

}  // namespace skep
