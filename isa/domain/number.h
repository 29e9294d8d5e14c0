// What is known of a number: its bits, its bounds, and the bounds of its low half, kept consistent.
//
// Programs compute with whole registers and with their low halves, and what is learnt of one must
// be known of the other; so a Number has bounds for both. reduced() is the one place where each
// part learns from the others; everything else works part by part and ends with it. It only takes
// away: whatever the order, no member is lost. Proved by tests/prove, tested by
// tests/isa/domain/exhaustive_test.cpp.
#pragma once

#include "isa/domain/bounds.h"

namespace skep::domain {

template <class W>
struct Number {
  Tnum<W> bits;
  Bounds<W> wide;       // of the whole word
  Bounds<Half<W>> low;  // of its low half

  friend constexpr bool operator==(const Number&, const Number&) = default;
};

template <class W>
constexpr Number<W> unknown_number() {
  return {unknown_bits<W>(), unbounded<W>(), unbounded<Half<W>>()};
}

template <class W>
constexpr Number<W> constant_number(const W& value) {
  return {constant_bits(value), constant_bounds(value), constant_bounds(low_half(value))};
}

template <class W>
constexpr Bool<W> contains(const Number<W>& x, const W& value) {
  return contains(x.bits, value) & contains(x.wide, value) & contains(x.low, low_half(value));
}

// Whether a part says that there are no members. Not every set without members says so.
template <class W>
constexpr Bool<W> is_empty(const Number<W>& x) {
  return is_empty(x.bits) | is_empty(x.wide) | is_empty(x.low);
}

template <class W>
constexpr Bool<W> covers(const Number<W>& x, const Number<W>& y) {
  return covers(x.bits, y.bits) & covers(x.wide, y.wide) & covers(x.low, y.low);
}

// A number of which the low half is in `low`, next to one that need not be; `none` if there is
// none.
template <class W>
struct Neighbour {
  W value;
  Bool<W> none;
};

// The first number from `from` on whose low half is in `low`, in the order in which `last` has the
// largest high half.
template <class W>
constexpr Neighbour<W> first_from(const W& from, const Halves<Half<W>>& low, const Half<W>& last) {
  using H = Half<W>;
  const H half = low_half(from), high = high_half(from);
  const Bool<W> in_low = low.low & (half <= low.low_max);
  const Bool<W> in_high = low.high & (half <= low.high_max);
  const H next = select(
      in_low, larger(half, low.low_min),
      select(in_high, larger(half, low.high_min), select(low.low, low.low_min, low.high_min)));
  const Bool<W> carry = !(in_low | in_high);
  return {from_halves(select(carry, high + H(1), high), next), Bool<W>(carry & (high == last))};
}

// The last number up to `to` whose low half is in `low`; `first` has the smallest high half.
template <class W>
constexpr Neighbour<W> last_up_to(const W& to, const Halves<Half<W>>& low, const Half<W>& first) {
  using H = Half<W>;
  const H half = low_half(to), high = high_half(to);
  const Bool<W> in_low = low.low & (half >= low.low_min);
  const Bool<W> in_high = low.high & (half >= low.high_min);
  const H next = select(
      in_high, smaller(half, low.high_max),
      select(in_low, smaller(half, low.low_max), select(low.high, low.high_max, low.low_max)));
  const Bool<W> borrow = !(in_low | in_high);
  return {from_halves(select(borrow, high - H(1), high), next), Bool<W>(borrow & (high == first))};
}

// Bounds moved inwards to numbers whose low half is possible.
template <class W>
constexpr Bounds<W> with_low_half(const Bounds<W>& x, const Halves<Half<W>>& low) {
  using H = Half<W>;
  const Neighbour<W> umin = first_from(x.umin, low, ~H(0));
  const Neighbour<W> umax = last_up_to(x.umax, low, H(0));
  const Neighbour<W> smin = first_from(x.smin, low, largest_signed<H>());
  const Neighbour<W> smax = last_up_to(x.smax, low, smallest_signed<H>());
  const Bool<W> none = umin.none | umax.none | smin.none | smax.none | !(low.low | low.high);
  return select<W>(none, no_bounds<W>(), {umin.value, umax.value, smin.value, smax.value});
}

// The same set, each part as close as the others show it to be; empty parts where that shows that
// there are no members.
template <class W>
constexpr Number<W> reduced(const Number<W>& x) {
  using H = Half<W>;
  const Halves<H> low_halves = halves(meet(x.low, bounds_of(low_half(x.bits))));
  const Bounds<W> wide =
      tightened(with_low_half(tightened(meet(x.wide, bounds_of(x.bits))), low_halves));
  const Bounds<H> low = tightened(meet(bounds_of(low_halves), low_half(wide)));
  const Tnum<W> bits = meet(x.bits, common_bits(wide.umin, wide.umax));
  const Tnum<H> low_bits = meet(low_half(bits), common_bits(low.umin, low.umax));
  const Bool<W> empty = is_empty(bits) | is_empty(low_bits) | is_empty(wide) | is_empty(low);
  const Tnum<W> all_bits = with_low_half(bits, low_bits);
  return {{select(empty, ~W(0), all_bits.value), select(empty, ~W(0), all_bits.mask)},
          select<W>(empty, no_bounds<W>(), tightened(meet(wide, bounds_of(all_bits)))),
          select<H>(empty, no_bounds<H>(), tightened(meet(low, bounds_of(low_half(all_bits)))))};
}

template <class W>
constexpr Number<W> join(const Number<W>& x, const Number<W>& y) {
  return reduced(Number<W>{join(x.bits, y.bits), join(x.wide, y.wide), join(x.low, y.low)});
}

template <class W>
constexpr Number<W> meet(const Number<W>& x, const Number<W>& y) {
  return reduced(Number<W>{meet(x.bits, y.bits), meet(x.wide, y.wide), meet(x.low, y.low)});
}

}  // namespace skep::domain
