// Bounds of quotients and remainders, with BPF's own cases: division by 0 gives 0, the remainder by
// 0 is the dividend, signed division truncates towards 0 and wraps for the smallest number by -1.
//
// Signed division is that of magnitudes, with the sign put back; so there is one quotient and one
// remainder, of unsigned intervals.
// Proved by tests/prove, tested by
// tests/isa/domain/exhaustive_test.cpp.
#pragma once

#include "isa/domain/bounds.h"

namespace skep::domain {

// Unsigned numbers from min to max.
template <class W>
struct Span {
  W min, max;
};

template <class W>
constexpr Span<W> quotient(const Span<W>& x, const Span<W>& y) {
  const W least = select(y.min == W(0), W(1), y.min);
  return {select(y.min == W(0), W(0), divide(x.min, y.max)),
          select(y.max == W(0), W(0), divide(x.max, least))};
}

// Below the divisor and not above the dividend; the dividend itself where it is below all divisors
// or they are 0; and in order for one divisor that goes into all dividends equally often.
template <class W>
constexpr Span<W> remainder(const Span<W>& x, const Span<W>& y) {
  const Bool<W> same = (x.max < y.min) | (y.max == W(0));
  const W times = divide(x.min, y.max);
  const Bool<W> in_order = (y.min == y.max) & (times == divide(x.max, y.max));
  const W most = select(y.min == W(0), x.max, smaller(x.max, y.max - W(1)));
  const W less = times * y.max;
  return {select(same, x.min, select(in_order, x.min - less, W(0))),
          select(same, x.max, select(in_order, x.max - less, most))};
}

// |x| for all of x.
template <class W>
constexpr Span<W> magnitudes(const Halves<W>& x) {
  const W least = select(x.high, negated(x.high_max), ~W(0));
  const W most = select(x.high, negated(x.high_min), W(0));
  return {select(x.low, smaller(x.low_min, least), least),
          select(x.low, larger(x.low_max, most), most)};
}

// Numbers of such magnitudes that may have either sign. What wraps, wraps anywhere.
template <class W>
constexpr Bounds<W> with_sign(const Span<W>& x, const Bool<W>& positive, const Bool<W>& negative) {
  return select<W>(positive & is_negative(x.max), unbounded<W>(),
                   signed_bounds(select(negative, negated(x.max), x.min),
                                 select(positive, x.max, negated(x.min))));
}

template <class W>
constexpr Bounds<W> div(const Bounds<W>& x, const Bounds<W>& y) {
  const Span<W> result = quotient(Span<W>{x.umin, x.umax}, Span<W>{y.umin, y.umax});
  return unsigned_bounds(result.min, result.max);
}

template <class W>
constexpr Bounds<W> mod(const Bounds<W>& x, const Bounds<W>& y) {
  const Span<W> result = remainder(Span<W>{x.umin, x.umax}, Span<W>{y.umin, y.umax});
  return unsigned_bounds(result.min, result.max);
}

template <class W>
constexpr Bounds<W> div_signed(const Bounds<W>& x, const Bounds<W>& y) {
  const Halves<W> a = halves(x), b = halves(y);
  return with_sign<W>(quotient(magnitudes(a), magnitudes(b)), (a.low & b.low) | (a.high & b.high),
                      (a.low & b.high) | (a.high & b.low));
}

// The sign of a remainder is the dividend's, and it is no further from 0.
template <class W>
constexpr Bounds<W> mod_signed(const Bounds<W>& x, const Bounds<W>& y) {
  const Halves<W> a = halves(x);
  const Bounds<W> towards_zero = signed_bounds(select(is_negative(x.smin), x.smin, W(0)),
                                               select(is_negative(x.smax), W(0), x.smax));
  return meet(towards_zero,
              with_sign<W>(remainder(magnitudes(a), magnitudes(halves(y))), a.low, a.high));
}

}  // namespace skep::domain
