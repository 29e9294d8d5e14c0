// What the templates of isa/domain ask of a word, and the machine's own words u64 and u32.
//
// Each transfer function is written once, over a word type: machine words run in production, short
// ones are enumerated exhaustively in tests, symbolic ones are what z3 proves the lemmas on. For
// the last no template may branch on a value: it takes both sides and selects. A word W has
//   W(u64), + - * & | ^ ~, << and >> by an int, and < <= > >= == != (unsigned), which give the
//   word's own truth value; truth values have & | ! and select(truth, W, W) picks;
// and the functions below. A word with halves says so by WordTraits<W>::Half.
// Proved by tests/prove, tested by
// tests/isa/domain/exhaustive_test.cpp.
#pragma once

#include <bit>
#include <type_traits>

#include "isa/types.h"

namespace skep::domain {

template <class W>
struct WordTraits;
template <>
struct WordTraits<u64> {
  static constexpr int kBits = 64;
  using Half = u32;
  using Bool = bool;
};
template <>
struct WordTraits<u32> {
  static constexpr int kBits = 32;
  using Bool = bool;
};

template <class W>
using Half = WordTraits<W>::Half;
template <class W>
using Bool = WordTraits<W>::Bool;
template <class W>
inline constexpr int kBits = WordTraits<W>::kBits;

template <class W>
concept MachineWord = std::is_same_v<W, u64> || std::is_same_v<W, u32>;

template <MachineWord W>
constexpr W select(bool condition, W yes, W no) {
  return condition ? yes : no;
}

constexpr bool select(bool condition, bool yes, bool no) {
  return condition ? yes : no;
}

template <MachineWord W>
constexpr bool signed_less(W x, W y) {
  using S = std::make_signed_t<W>;
  return static_cast<S>(x) < static_cast<S>(y);
}

// Shifts by a word are total: 0 (or all sign) when the amount is not below the width.
template <MachineWord W>
constexpr W shift_left(W x, W amount) {
  return amount < W{kBits<W>} ? x << amount : W{0};
}

template <MachineWord W>
constexpr W shift_right(W x, W amount) {
  return amount < W{kBits<W>} ? x >> amount : W{0};
}

template <MachineWord W>
constexpr W shift_right_signed(W x, W amount) {
  using S = std::make_signed_t<W>;
  return static_cast<W>(static_cast<S>(x) >> (amount < W{kBits<W>} ? amount : W{kBits<W> - 1}));
}

// The quotient; all ones where y is 0.
template <MachineWord W>
constexpr W divide(W x, W y) {
  return y == 0 ? ~W{0} : x / y;
}

// Whether the product does not fit, of unsigned and of signed numbers.
template <MachineWord W>
constexpr bool product_overflows(W x, W y) {
  W product = 0;
  return __builtin_mul_overflow(x, y, &product);
}

template <MachineWord W>
constexpr bool signed_product_overflows(W x, W y) {
  using S = std::make_signed_t<W>;
  S product = 0;
  return __builtin_mul_overflow(static_cast<S>(x), static_cast<S>(y), &product);
}

// Ones from the highest one of x down; 0 for 0.
template <MachineWord W>
constexpr W fill_down(W x) {
  return x == 0 ? W{0} : ~W{0} >> std::countl_zero(x);
}

constexpr u32 low_half(u64 x) {
  return static_cast<u32>(x);
}
constexpr u32 high_half(u64 x) {
  return static_cast<u32>(x >> 32);
}
constexpr u64 from_halves(u32 high, u32 low) {
  return u64{high} << 32 | low;
}

// The low `bits` (16, 32 or 64) in the other byte order, nothing above.
template <MachineWord W>
constexpr W swap_bytes(W x, int bits) {
  if (bits == 16) return __builtin_bswap16(static_cast<u16>(x));
  if (bits == 32) return __builtin_bswap32(static_cast<u32>(x));
  return static_cast<W>(__builtin_bswap64(x));
}

// What follows from these for every word.

template <class W>
constexpr W sign_bit() {
  return W(1) << (kBits<W> - 1);
}

template <class W>
constexpr Bool<W> is_negative(const W& x) {
  return x >= sign_bit<W>();
}

template <class W>
constexpr Bool<W> signed_at_most(const W& x, const W& y) {
  return !signed_less(y, x);
}

template <class W>
constexpr W smaller(const W& x, const W& y) {
  return select(x < y, x, y);
}

template <class W>
constexpr W larger(const W& x, const W& y) {
  return select(x < y, y, x);
}

template <class W>
constexpr W signed_smaller(const W& x, const W& y) {
  return select(signed_less(x, y), x, y);
}

template <class W>
constexpr W signed_larger(const W& x, const W& y) {
  return select(signed_less(x, y), y, x);
}

template <class W>
constexpr W negated(const W& x) {
  return W(0) - x;
}

// |x|, as an unsigned number.
template <class W>
constexpr W magnitude(const W& x) {
  return select(is_negative(x), negated(x), x);
}

// Ones in the low `bits`; kBits at most.
template <class W>
constexpr W low_ones(int bits) {
  return bits == 0 ? W(0) : ~W(0) >> (kBits<W> - bits);
}

// The low `bits` of x, extended with zeros or with their sign.
template <class W>
constexpr W zero_extended(const W& x, int bits) {
  return x & low_ones<W>(bits);
}

template <class W>
constexpr W sign_extended(const W& x, int bits) {
  const W sign = W(1) << (bits - 1);
  return ((x & low_ones<W>(bits)) ^ sign) - sign;
}

}  // namespace skep::domain
