// Scalar: what can be known about a 64-bit register. Known bits, unsigned and signed bounds of the
// whole and of the low 32 bits, kept consistent; arithmetic and comparisons of isa/insn.def on it.
// The verifier judges by it and the JIT narrows by it.
//
// A set of values is only ever made larger than the truth: for members a of A and b of B,
// eval(op, a, b) is a member of apply(op, A, B). A plain value of 64 bytes: copied, compared and
// hashed as it is; functions have no state and may be called from any thread.
// How it is computed is in number.h, transfer.h, compare.h and widen.h, as templates. Tested by
// tests/isa/domain/scalar_test.cpp.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "isa/domain/number.h"
#include "isa/insn.h"

namespace skep {

struct Scalar {
  domain::Number<u64> number = domain::unknown_number<u64>();

  // Any value.
  static constexpr Scalar unknown() { return {}; }
  static constexpr Scalar constant(u64 value) { return {domain::constant_number(value)}; }
  // From min to max, both included, as unsigned and as signed numbers; min is not above max.
  static Scalar range(u64 min, u64 max);
  static Scalar signed_range(i64 min, i64 max);
  // Values that agree with `value` wherever `mask` has a 0; `value` has no bit of `mask`.
  static Scalar bits(u64 value, u64 mask);
  // What a load of 1, 2, 4 or 8 bytes from unknown memory gives.
  static Scalar loaded(int bytes);
  static Scalar loaded_signed(int bytes);

  constexpr u64 umin() const { return number.wide.umin; }
  constexpr u64 umax() const { return number.wide.umax; }
  constexpr i64 smin() const { return static_cast<i64>(number.wide.smin); }
  constexpr i64 smax() const { return static_cast<i64>(number.wide.smax); }
  constexpr u32 umin32() const { return number.low.umin; }
  constexpr u32 umax32() const { return number.low.umax; }
  constexpr i32 smin32() const { return static_cast<i32>(number.low.smin); }
  constexpr i32 smax32() const { return static_cast<i32>(number.low.smax); }
  // Bits known to be 1, and bits that are not known; no bit is in both.
  constexpr u64 known_ones() const { return number.bits.value; }
  constexpr u64 unknown_bits() const { return number.bits.mask; }

  constexpr bool is_constant() const { return umin() == umax(); }
  constexpr bool is_unknown() const { return number == domain::unknown_number<u64>(); }
  constexpr bool contains(u64 value) const { return domain::contains(number, value); }
  // Whether every value of `other` is one of this: true only if so, and always if each bound and
  // each known bit of this one is that of `other` or weaker.
  constexpr bool covers(const Scalar& other) const { return domain::covers(number, other.number); }

  friend constexpr bool operator==(const Scalar&, const Scalar&) = default;
};

// For hash tables; equal Scalars have equal hashes.
u64 hash(const Scalar& x);

// dst after an ALU, UNARY, MOVSX or SWAP row of 64 or 32 bits, as isa/arith.h's eval: x is dst
// before, y the operand (an immediate is Scalar::constant of the sign-extended imm; SWAP and UNARY
// have x alone, MOVSX y alone). Rows of 32 bits give their zero-extended result; rows of other
// kinds what is unknown.
Scalar apply(Op op, const Scalar& x, const Scalar& y, int bits);

struct Refined {
  Scalar x, y;
};

// What both operands of a JUMP row of 64 or 32 bits are where it was taken, or was not. Nothing:
// it cannot happen for such operands, the edge is dead.
std::optional<Refined> refine(Op op, bool taken, const Scalar& x, const Scalar& y, int bits);

// Whether a JUMP row is certainly taken, or certainly not, if that is known.
std::optional<bool> decided(Op op, const Scalar& x, const Scalar& y, int bits);

// A set that has the values of both.
Scalar join(const Scalar& x, const Scalar& y);

// What is known when both are; nothing if they contradict each other.
std::optional<Scalar> meet(const Scalar& x, const Scalar& y);

// A set that has the values of both, such that x = widen(x, ...) repeated comes to rest: a bound of
// `old` that does not hold for `next` becomes the nearest of the thresholds, which are read as
// unsigned, as signed, and in their low 32 bits.
Scalar widen(const Scalar& old, const Scalar& next, std::span<const u64> thresholds);

// The low 1, 2, 4 or 8 bytes, extended with zeros or with their sign: what a store and a load of
// that size make of a value.
Scalar truncate(const Scalar& x, int bytes);
Scalar sign_extend(const Scalar& x, int bytes);

// `bytes` bytes of the value in memory, from the byte `at` on, zero-extended: what a narrower load
// reads of a spilled register on a little-endian machine.
Scalar bytes_of(const Scalar& x, int at, int bytes);

// For people and tests: "7", "[0, 10]", "[-5, 5] low [0, 9] bits ...x0"; what follows from
// what was said is left out.
std::string text(const Scalar& x);

}  // namespace skep
