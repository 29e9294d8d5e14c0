// Tristate numbers: what is known of a word bit by bit. Each bit is 0, 1 or unknown; a word belongs
// to the set if it agrees with the known ones.
//
// A bit of `value` under `mask` would be a contradiction: such a Tnum has no members, which is how
// meet() says that two sets have nothing in common. add() and sub() are those of Vishwanathan,
// Shachnai, Narayana and Nagarakatte, "Sound, Precise, and Fast Abstract Interpretation with
// Tristate Numbers" (CGO 2022): where the sums of all smallest and of all largest members differ, a
// carry is unknown. Proved by tests/prove, tested by
// tests/isa/domain/exhaustive_test.cpp.
#pragma once

#include "isa/domain/word.h"

namespace skep::domain {

template <class W>
struct Tnum {
  W value;  // the bits known to be 1
  W mask;   // the unknown bits

  friend constexpr bool operator==(const Tnum&, const Tnum&) = default;
};

template <class W>
constexpr Tnum<W> unknown_bits() {
  return {W(0), ~W(0)};
}

template <class W>
constexpr Tnum<W> constant_bits(const W& value) {
  return {value, W(0)};
}

template <class W>
constexpr Bool<W> contains(const Tnum<W>& x, const W& value) {
  return (value & ~x.mask) == x.value;
}

template <class W>
constexpr Bool<W> is_empty(const Tnum<W>& x) {
  return (x.value & x.mask) != W(0);
}

// Whether all of y is in x.
template <class W>
constexpr Bool<W> covers(const Tnum<W>& x, const Tnum<W>& y) {
  return ((y.mask & ~x.mask) == W(0)) & ((y.value & ~x.mask) == x.value);
}

template <class W>
constexpr Tnum<W> join(const Tnum<W>& x, const Tnum<W>& y) {
  const W mask = x.mask | y.mask | (x.value ^ y.value);
  return {x.value & ~mask, mask};
}

template <class W>
constexpr Tnum<W> meet(const Tnum<W>& x, const Tnum<W>& y) {
  const W mask = x.mask & y.mask;
  const Bool<W> conflict =
      is_empty(x) | is_empty(y) | (((x.value ^ y.value) & ~(x.mask | y.mask)) != W(0));
  return {select(conflict, ~W(0), (x.value | y.value) & ~mask), select(conflict, ~W(0), mask)};
}

// The bits that all numbers from min to max have in common: those above the first that differs.
template <class W>
constexpr Tnum<W> common_bits(const W& min, const W& max) {
  const W mask = fill_down(min ^ max);
  return {min & ~mask, mask};
}

template <class W>
constexpr W largest(const Tnum<W>& x) {
  return x.value | x.mask;
}

template <class W>
constexpr Tnum<W> add(const Tnum<W>& x, const Tnum<W>& y) {
  const W least = x.value + y.value;
  const W carries = least ^ (least + x.mask + y.mask);
  const W mask = carries | x.mask | y.mask;
  return {least & ~mask, mask};
}

template <class W>
constexpr Tnum<W> sub(const Tnum<W>& x, const Tnum<W>& y) {
  const W difference = x.value - y.value;
  const W borrows = (difference + x.mask) ^ (difference - y.mask);
  const W mask = borrows | x.mask | y.mask;
  return {difference & ~mask, mask};
}

template <class W>
constexpr Tnum<W> bit_and(const Tnum<W>& x, const Tnum<W>& y) {
  const W value = x.value & y.value;
  return {value, largest(x) & largest(y) & ~value};
}

template <class W>
constexpr Tnum<W> bit_or(const Tnum<W>& x, const Tnum<W>& y) {
  const W value = x.value | y.value;
  return {value, (x.mask | y.mask) & ~value};
}

template <class W>
constexpr Tnum<W> bit_xor(const Tnum<W>& x, const Tnum<W>& y) {
  const W mask = x.mask | y.mask;
  return {(x.value ^ y.value) & ~mask, mask};
}

// A product's low bits are known as far as the factors' are, and further by the zeros that the
// other one ends with: of what is unknown in x the lowest bit is x.mask's, times y's lowest
// possible one.
template <class W>
constexpr Tnum<W> mul(const Tnum<W>& x, const Tnum<W>& y) {
  const W x_lowest = x.mask & negated(x.mask), y_lowest = y.mask & negated(y.mask);
  const W x_step = largest(x) & negated(largest(x)), y_step = largest(y) & negated(largest(y));
  const W unknown = (x_lowest * y_step) | (y_lowest * x_step);
  const W mask = unknown | negated(unknown);
  return {x.value * y.value & ~mask, mask};
}

// Shifts by the same amount for all members.
template <class W>
constexpr Tnum<W> shift_left(const Tnum<W>& x, const W& amount) {
  return {shift_left(x.value, amount), shift_left(x.mask, amount)};
}

template <class W>
constexpr Tnum<W> shift_right(const Tnum<W>& x, const W& amount) {
  return {shift_right(x.value, amount), shift_right(x.mask, amount)};
}

template <class W>
constexpr Tnum<W> shift_right_signed(const Tnum<W>& x, const W& amount) {
  return {shift_right_signed(x.value, amount), shift_right_signed(x.mask, amount)};
}

template <class W>
constexpr Tnum<W> swap_bytes(const Tnum<W>& x, int bits) {
  return {swap_bytes(x.value, bits), swap_bytes(x.mask, bits)};
}

template <class W>
constexpr Tnum<W> zero_extended(const Tnum<W>& x, int bits) {
  return {zero_extended(x.value, bits), zero_extended(x.mask, bits)};
}

template <class W>
constexpr Tnum<W> sign_extended(const Tnum<W>& x, int bits) {
  return {sign_extended(x.value, bits), sign_extended(x.mask, bits)};
}

template <class W>
constexpr Tnum<Half<W>> low_half(const Tnum<W>& x) {
  return {low_half(x.value), low_half(x.mask)};
}

template <class W>
constexpr Tnum<W> with_low_half(const Tnum<W>& x, const Tnum<Half<W>>& low) {
  return {from_halves(high_half(x.value), low.value), from_halves(high_half(x.mask), low.mask)};
}

}  // namespace skep::domain
