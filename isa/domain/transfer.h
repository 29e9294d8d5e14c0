// What each arithmetic row of isa/insn.def does to what is known of its operands: one short
// function a row, on one width (Part), and two readers, which make Numbers of the results:
// at_width() for 64-bit rows and at_half_width() for 32-bit ones.
//
// Where the low half of a result depends on the low halves alone (sums, products, bits, shifts to
// the left), it is computed from them once more, by the same function. Proved by tests/prove,
// tested by tests/isa/domain/scalar_test.cpp.
#pragma once

#include "isa/domain/division.h"
#include "isa/domain/number.h"
#include "isa/insn.h"

namespace skep::domain {

// What is known at one width.
template <class W>
struct Part {
  Tnum<W> bits;
  Bounds<W> bounds;
};

template <class W>
constexpr Part<W> unknown_part() {
  return {unknown_bits<W>(), unbounded<W>()};
}

template <class W>
constexpr Bool<W> contains(const Part<W>& x, const W& value) {
  return contains(x.bits, value) & contains(x.bounds, value);
}

// The amounts by which a row shifts: the operand's low bits, `bits` being the row's width.
template <class W>
struct Amounts {
  W least, most;
};

template <class W>
constexpr Amounts<W> amounts(const Part<W>& y, int bits) {
  const W limit = W(static_cast<u64>(bits - 1));
  const Bool<W> unmasked = y.bounds.umax <= limit;
  const Tnum<W> masked = bit_and(y.bits, constant_bits(limit));
  return {select(unmasked, y.bounds.umin, masked.value),
          select(unmasked, y.bounds.umax, largest(masked))};
}

template <class W>
constexpr Tnum<W> if_constant(const Amounts<W>& by, const Tnum<W>& yes, const Tnum<W>& no) {
  const Bool<W> constant = by.least == by.most;
  return {select(constant, yes.value, no.value), select(constant, yes.mask, no.mask)};
}

// By an amount that is not known: at least so many zeros more at the end.
template <class W>
constexpr Tnum<W> ending_with_zeros(const Tnum<W>& x, const W& amount) {
  const W zeros = ~largest(x) & (largest(x) - W(1));
  const W known = ~shift_left(~zeros, amount);
  return {W(0), ~known};
}

template <class W>
constexpr Part<W> shift_left(const Part<W>& x, const Amounts<W>& by) {
  return {if_constant(by, shift_left(x.bits, by.least), ending_with_zeros(x.bits, by.least)),
          shift_left(x.bounds, by.least, by.most)};
}

template <class W>
constexpr Part<W> shift_right(const Part<W>& x, const Amounts<W>& by) {
  return {if_constant(by, shift_right(x.bits, by.least), unknown_bits<W>()),
          shift_right(x.bounds, by.least, by.most)};
}

template <class W>
constexpr Part<W> shift_right_signed(const Part<W>& x, const Amounts<W>& by) {
  return {if_constant(by, shift_right_signed(x.bits, by.least), unknown_bits<W>()),
          shift_right_signed(x.bounds, by.least, by.most)};
}

template <class W>
constexpr Part<W> sign_extended(const Part<W>& x, int bits) {
  return {sign_extended(x.bits, bits), sign_extended(x.bounds, bits)};
}

template <class W>
constexpr Part<W> zero_extended(const Part<W>& x, int bits) {
  return {zero_extended(x.bits, bits), bits == kBits<W> ? x.bounds : zero_extended(x.bounds, bits)};
}

template <class W>
constexpr Part<W> swapped(const Part<W>& x, int bits) {
  return {swap_bytes(x.bits, bits), unbounded<W>()};
}

// The row, on operands of its own width: x = dst and y = the operand, as in isa/arith.h. Rows other
// than ALU, UNARY, MOVSX and SWAP give what is not known.
template <class W>
constexpr Part<W> transfer(Op op, const Part<W>& x, const Part<W>& y) {
  constexpr int kWidth = kBits<W>;
  switch (op) {
    case Op::Add: return {add(x.bits, y.bits), add(x.bounds, y.bounds)};
    case Op::Sub: return {sub(x.bits, y.bits), sub(x.bounds, y.bounds)};
    case Op::Mul: return {mul(x.bits, y.bits), mul(x.bounds, y.bounds)};
    case Op::Div: return {unknown_bits<W>(), div(x.bounds, y.bounds)};
    case Op::SDiv: return {unknown_bits<W>(), div_signed(x.bounds, y.bounds)};
    case Op::Or: return {bit_or(x.bits, y.bits), bit_or(x.bounds, y.bounds)};
    case Op::And: return {bit_and(x.bits, y.bits), bit_and(x.bounds, y.bounds)};
    case Op::Lsh: return shift_left(x, amounts(y, kWidth));
    case Op::Rsh: return shift_right(x, amounts(y, kWidth));
    case Op::Mod: return {unknown_bits<W>(), mod(x.bounds, y.bounds)};
    case Op::SMod: return {unknown_bits<W>(), mod_signed(x.bounds, y.bounds)};
    case Op::Xor: return {bit_xor(x.bits, y.bits), bit_xor(x.bounds, y.bounds)};
    case Op::Mov: return y;
    case Op::Arsh: return shift_right_signed(x, amounts(y, kWidth));
    case Op::Neg: return {sub(constant_bits(W(0)), x.bits), negated(x.bounds)};
    case Op::MovSx8: return sign_extended(y, kWidth < 8 ? kWidth : 8);
    case Op::MovSx16: return sign_extended(y, kWidth < 16 ? kWidth : 16);
    case Op::MovSx32: return sign_extended(y, kWidth < 32 ? kWidth : 32);
    case Op::Le16: return zero_extended(x, kWidth < 16 ? kWidth : 16);
    case Op::Le32: return zero_extended(x, kWidth < 32 ? kWidth : 32);
    case Op::Le64: return x;
    case Op::Be16:
    case Op::Bswap16: return swapped(x, 16);
    case Op::Be32:
    case Op::Bswap32: return swapped(x, 32);
    case Op::Be64:
    case Op::Bswap64: return swapped(x, 64);
    default: return unknown_part<W>();
  }
}

// Extension from fewer bits than a half has, of the half; from more it leaves the half as it is.
template <class H>
constexpr Bounds<H> low_sign_extended(const Bounds<H>& x, int bits) {
  return bits < kBits<H> ? sign_extended(x, bits) : x;
}

template <class H>
constexpr Bounds<H> low_zero_extended(const Bounds<H>& x, int bits) {
  return bits < kBits<H> ? zero_extended(x, bits) : x;
}

// The bounds of a 64-bit row's low half, as far as the operands' low halves tell.
template <class W>
constexpr Bounds<Half<W>> low_half_of(Op op, const Number<W>& x, const Number<W>& y) {
  switch (op) {
    case Op::Add: return add(x.low, y.low);
    case Op::Sub: return sub(x.low, y.low);
    case Op::Mul: return mul(x.low, y.low);
    case Op::Or: return bit_or(x.low, y.low);
    case Op::And: return bit_and(x.low, y.low);
    case Op::Xor: return bit_xor(x.low, y.low);
    case Op::Mov: return y.low;
    case Op::Neg: return negated(x.low);
    case Op::Lsh: {
      const Amounts<W> by = amounts(Part<W>{y.bits, y.wide}, kBits<W>);
      return shift_left(x.low, low_half(by.least), low_half(by.most));
    }
    case Op::MovSx8: return low_sign_extended(y.low, 8);
    case Op::MovSx16: return low_sign_extended(y.low, 16);
    case Op::MovSx32: return low_sign_extended(y.low, 32);
    case Op::Le16: return low_zero_extended(x.low, 16);
    case Op::Le32: return low_zero_extended(x.low, 32);
    case Op::Le64: return x.low;
    default: return unbounded<Half<W>>();
  }
}

template <class W>
constexpr Number<W> at_width(Op op, const Number<W>& x, const Number<W>& y) {
  const Part<W> result = transfer(op, Part<W>{x.bits, x.wide}, Part<W>{y.bits, y.wide});
  return reduced(Number<W>{result.bits, result.bounds, low_half_of(op, x, y)});
}

// The low `bits` of a word, zero-extended: fewer than the word has.
template <class W>
constexpr Number<W> truncated(const Number<W>& x, int bits) {
  const Part<W> result = zero_extended(Part<W>{x.bits, x.wide}, bits);
  return reduced(Number<W>{result.bits, result.bounds, low_zero_extended(x.low, bits)});
}

// A half-word, zero-extended.
template <class W>
constexpr Number<W> from_low_half(const Part<Half<W>>& x) {
  return reduced(Number<W>{with_low_half(constant_bits(W(0)), x.bits), unbounded<W>(), x.bounds});
}

template <class W>
constexpr Number<W> at_half_width(Op op, const Number<W>& x, const Number<W>& y) {
  return from_low_half<W>(
      transfer(op, Part<Half<W>>{low_half(x.bits), x.low}, Part<Half<W>>{low_half(y.bits), y.low}));
}

}  // namespace skep::domain
