// Intervals of a word: unsigned and signed bounds together (Bounds), and circular ones (Arc).
//
// A word's values lie on a circle. Unsigned bounds are an interval that does not cross the place
// between the largest number and 0; signed bounds one that does not cross the place between the
// largest signed number and the smallest. Both together are exactly one interval among the
// numbers without the sign bit and one among those with it (Halves): so every circular interval is
// a Bounds, but for those that cross both places, which leave out a hole inside of one half. Arcs
// are therefore computed with, where sums wrap, and not kept.
// Proved by tests/prove, tested by
// tests/isa/domain/exhaustive_test.cpp.
#pragma once

#include "isa/domain/tnum.h"

namespace skep::domain {

// All four inclusive; smin and smax are signed numbers. No members if a lower bound is above its
// upper one.
template <class W>
struct Bounds {
  W umin, umax;
  W smin, smax;

  friend constexpr bool operator==(const Bounds&, const Bounds&) = default;
};

template <class W>
constexpr W smallest_signed() {
  return sign_bit<W>();
}

template <class W>
constexpr W largest_signed() {
  return ~sign_bit<W>();
}

template <class W>
constexpr Bounds<W> unbounded() {
  return {W(0), ~W(0), smallest_signed<W>(), largest_signed<W>()};
}

template <class W>
constexpr Bounds<W> constant_bounds(const W& value) {
  return {value, value, value, value};
}

template <class W>
constexpr Bounds<W> no_bounds() {
  return {W(1), W(0), W(1), W(0)};
}

template <class W>
constexpr Bounds<W> unsigned_bounds(const W& min, const W& max) {
  return {min, max, smallest_signed<W>(), largest_signed<W>()};
}

template <class W>
constexpr Bounds<W> signed_bounds(const W& min, const W& max) {
  return {W(0), ~W(0), min, max};
}

template <class W>
constexpr Bool<W> contains(const Bounds<W>& x, const W& value) {
  return (x.umin <= value) & (value <= x.umax) & signed_at_most(x.smin, value) &
         signed_at_most(value, x.smax);
}

template <class W>
constexpr Bool<W> is_empty(const Bounds<W>& x) {
  return (x.umin > x.umax) | signed_less(x.smax, x.smin);
}

template <class W>
constexpr Bool<W> covers(const Bounds<W>& x, const Bounds<W>& y) {
  return (x.umin <= y.umin) & (y.umax <= x.umax) & signed_at_most(x.smin, y.smin) &
         signed_at_most(y.smax, x.smax);
}

template <class W>
constexpr Bounds<W> join(const Bounds<W>& x, const Bounds<W>& y) {
  return {smaller(x.umin, y.umin), larger(x.umax, y.umax), signed_smaller(x.smin, y.smin),
          signed_larger(x.smax, y.smax)};
}

template <class W>
constexpr Bounds<W> meet(const Bounds<W>& x, const Bounds<W>& y) {
  return {larger(x.umin, y.umin), smaller(x.umax, y.umax), signed_larger(x.smin, y.smin),
          signed_smaller(x.smax, y.smax)};
}

template <class W>
constexpr Bounds<W> select(const Bool<W>& condition, const Bounds<W>& yes, const Bounds<W>& no) {
  return {select(condition, yes.umin, no.umin), select(condition, yes.umax, no.umax),
          select(condition, yes.smin, no.smin), select(condition, yes.smax, no.smax)};
}

// What a Tnum says of its members' size.
template <class W>
constexpr Bounds<W> bounds_of(const Tnum<W>& x) {
  return {x.value, largest(x), x.value | (x.mask & sign_bit<W>()),
          x.value | (x.mask & ~sign_bit<W>())};
}

// The same set, by the sign bit.
template <class W>
struct Halves {
  Bool<W> low, high;  // whether there are members without the sign bit, and with it
  W low_min, low_max;
  W high_min, high_max;
};

template <class W>
constexpr Halves<W> halves(const Bounds<W>& x) {
  Halves<W> result{
      .low = !is_negative(x.smax),
      .high = is_negative(x.smin),
      .low_min = larger(x.umin, select(is_negative(x.smin), W(0), x.smin)),
      .low_max = smaller(x.umax, x.smax),
      .high_min = larger(x.umin, x.smin),
      .high_max = smaller(x.umax, select(is_negative(x.smax), x.smax, ~W(0))),
  };
  result.low = result.low & (result.low_min <= result.low_max);
  result.high = result.high & (result.high_min <= result.high_max);
  return result;
}

template <class W>
constexpr Bounds<W> bounds_of(const Halves<W>& x) {
  const Bounds<W> result{
      select(x.low, x.low_min, x.high_min), select(x.high, x.high_max, x.low_max),
      select(x.high, x.high_min, x.low_min), select(x.low, x.low_max, x.high_max)};
  return select<W>(x.low | x.high, result, no_bounds<W>());
}

// Each bound as close as the other three allow.
template <class W>
constexpr Bounds<W> tightened(const Bounds<W>& x) {
  return bounds_of(halves(x));
}

// The numbers from `from` up to `to`, going on at 0 after the largest.
template <class W>
struct Arc {
  W from, to;
};

template <class W>
constexpr W length(const Arc<W>& x) {
  return x.to - x.from;
}

template <class W>
constexpr Bounds<W> bounds_of(const Arc<W>& x) {
  const Bool<W> ordered = x.from <= x.to, signed_ordered = signed_at_most(x.from, x.to);
  return {select(ordered, x.from, W(0)), select(ordered, x.to, ~W(0)),
          select(signed_ordered, x.from, smallest_signed<W>()),
          select(signed_ordered, x.to, largest_signed<W>())};
}

template <class W>
constexpr Arc<W> unsigned_arc(const Bounds<W>& x) {
  return {x.umin, x.umax};
}

template <class W>
constexpr Arc<W> signed_arc(const Bounds<W>& x) {
  return {x.smin, x.smax};
}

template <class W>
constexpr Arc<W> shorter(const Arc<W>& x, const Arc<W>& y) {
  const Bool<W> first = length(x) < length(y);
  return {select(first, x.from, y.from), select(first, x.to, y.to)};
}

// Sums of members; nothing is known when they go round the whole circle.
template <class W>
constexpr Bounds<W> add(const Arc<W>& x, const Arc<W>& y) {
  const W sum = length(x) + length(y);
  return select<W>(sum < length(x), unbounded<W>(),
                   bounds_of(Arc<W>{x.from + y.from, x.to + y.to}));
}

template <class W>
constexpr Arc<W> negated(const Arc<W>& x) {
  return {negated(x.to), negated(x.from)};
}

template <class W>
constexpr Bounds<W> add(const Bounds<W>& x, const Bounds<W>& y) {
  const Arc<W> ux = unsigned_arc(x), uy = unsigned_arc(y);
  const Arc<W> sx = signed_arc(x), sy = signed_arc(y);
  return meet(meet(add(ux, uy), add(sx, sy)), add(shorter(ux, sx), shorter(uy, sy)));
}

template <class W>
constexpr Bounds<W> negated(const Bounds<W>& x) {
  return meet(bounds_of(negated(unsigned_arc(x))), bounds_of(negated(signed_arc(x))));
}

template <class W>
constexpr Bounds<W> sub(const Bounds<W>& x, const Bounds<W>& y) {
  const Arc<W> ux = unsigned_arc(x), uy = negated(unsigned_arc(y));
  const Arc<W> sx = signed_arc(x), sy = negated(signed_arc(y));
  return meet(meet(add(ux, uy), add(sx, sy)), add(shorter(ux, sx), shorter(uy, sy)));
}

template <class W>
constexpr Bounds<W> bit_not(const Bounds<W>& x) {
  return {~x.umax, ~x.umin, ~x.smax, ~x.smin};
}

// The bits below the sign in which members may differ from it: all are in [~result, result].
template <class W>
constexpr W extent(const Bounds<W>& x) {
  return fill_down(select(is_negative(x.smin), ~x.smin, x.smin) |
                   select(is_negative(x.smax), ~x.smax, x.smax));
}

// At most each operand as unsigned, at most the larger one as signed, and no longer than both. What
// the operands' known bits say of the result's is not repeated here.
template <class W>
constexpr Bounds<W> bit_and(const Bounds<W>& x, const Bounds<W>& y) {
  const W reach = extent(x) | extent(y);
  const Bool<W> both_negative = is_negative(x.smax) & is_negative(y.smax);
  return {W(0), smaller(x.umax, y.umax), ~reach,
          select(both_negative, signed_smaller(x.smax, y.smax), signed_larger(x.smax, y.smax))};
}

template <class W>
constexpr Bounds<W> bit_or(const Bounds<W>& x, const Bounds<W>& y) {
  return bit_not(bit_and(bit_not(x), bit_not(y)));
}

template <class W>
constexpr Bounds<W> bit_xor(const Bounds<W>& x, const Bounds<W>& y) {
  const W reach = extent(x) | extent(y);
  return {W(0), fill_down(x.umax | y.umax), ~reach, reach};
}

template <class W>
constexpr Bounds<W> mul_unsigned(const Bounds<W>& x, const Bounds<W>& y) {
  return select<W>(product_overflows(x.umax, y.umax), unbounded<W>(),
                   unsigned_bounds(x.umin * y.umin, x.umax * y.umax));
}

template <class W>
constexpr Bounds<W> mul_signed(const Bounds<W>& x, const Bounds<W>& y) {
  const Bool<W> overflows =
      signed_product_overflows(x.smin, y.smin) | signed_product_overflows(x.smin, y.smax) |
      signed_product_overflows(x.smax, y.smin) | signed_product_overflows(x.smax, y.smax);
  const W a = x.smin * y.smin, b = x.smin * y.smax, c = x.smax * y.smin, d = x.smax * y.smax;
  return select<W>(overflows, unbounded<W>(),
                   signed_bounds(signed_smaller(signed_smaller(a, b), signed_smaller(c, d)),
                                 signed_larger(signed_larger(a, b), signed_larger(c, d))));
}

template <class W>
constexpr Bounds<W> mul(const Bounds<W>& x, const Bounds<W>& y) {
  return meet(mul_unsigned(x, y), mul_signed(x, y));
}

// By amounts from `least` to `most`, which need not be below the width.
template <class W>
constexpr Bounds<W> shift_left(const Bounds<W>& x, const W& least, const W& most) {
  const W limit = shift_right(~W(0), most), signed_limit = shift_right(largest_signed<W>(), most);
  const Bounds<W> as_unsigned =
      unsigned_bounds(shift_left(x.umin, least), shift_left(x.umax, most));
  const Bool<W> down = is_negative(x.smin), up = !is_negative(x.smax);
  const Bounds<W> as_signed = signed_bounds(shift_left(x.smin, select(down, most, least)),
                                            shift_left(x.smax, select(up, most, least)));
  const Bool<W> fits = (most < W(kBits<W>)) & signed_at_most(~signed_limit, x.smin) &
                       signed_at_most(x.smax, signed_limit);
  return meet(select<W>(x.umax <= limit, as_unsigned, unbounded<W>()),
              select<W>(fits, as_signed, unbounded<W>()));
}

template <class W>
constexpr Bounds<W> shift_right(const Bounds<W>& x, const W& least, const W& most) {
  return unsigned_bounds(shift_right(x.umin, most), shift_right(x.umax, least));
}

template <class W>
constexpr Bounds<W> shift_right_signed(const Bounds<W>& x, const W& least, const W& most) {
  return signed_bounds(shift_right_signed(x.smin, select(is_negative(x.smin), least, most)),
                       shift_right_signed(x.smax, select(is_negative(x.smax), most, least)));
}

// Numbers with the same bits above the low ones have those in order: the low ones of an arc that
// stays within a lap of them.
template <class W>
constexpr Bool<W> within(const Arc<W>& x, int bits) {
  return length(x) <= low_ones<W>(bits);
}

// The low `bits` of members, zero-extended; fewer than the word has.
template <class W>
constexpr Bounds<W> zero_extended(const Arc<W>& x, int bits) {
  const W from = zero_extended(x.from, bits), to = zero_extended(x.to, bits);
  const Bool<W> ordered = within(x, bits) & (from <= to);
  return unsigned_bounds(select(ordered, from, W(0)), select(ordered, to, low_ones<W>(bits)));
}

template <class W>
constexpr Bounds<W> zero_extended(const Bounds<W>& x, int bits) {
  return meet(zero_extended(unsigned_arc(x), bits), zero_extended(signed_arc(x), bits));
}

template <class W>
constexpr Bounds<W> sign_extended(const Arc<W>& x, int bits) {
  const W from = sign_extended(x.from, bits), to = sign_extended(x.to, bits);
  const Bool<W> ordered = within(x, bits) & signed_at_most(from, to);
  return signed_bounds(select(ordered, from, ~low_ones<W>(bits - 1)),
                       select(ordered, to, low_ones<W>(bits - 1)));
}

template <class W>
constexpr Bounds<W> sign_extended(const Bounds<W>& x, int bits) {
  return meet(sign_extended(unsigned_arc(x), bits), sign_extended(signed_arc(x), bits));
}

// The low half of members, as a word of its own.
template <class W>
constexpr Bounds<Half<W>> low_half(const Arc<W>& x) {
  return select<Half<W>>(within(x, kBits<Half<W>>),
                         bounds_of(Arc<Half<W>>{low_half(x.from), low_half(x.to)}),
                         unbounded<Half<W>>());
}

template <class W>
constexpr Bounds<Half<W>> low_half(const Bounds<W>& x) {
  return meet(low_half(unsigned_arc(x)), low_half(signed_arc(x)));
}

}  // namespace skep::domain
