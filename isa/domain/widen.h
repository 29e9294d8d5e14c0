// Widening: what a loop's invariant becomes, so that finding it ends.
//
// A bound that moved goes on to the next threshold, or to the end of the word; a bit that became
// unknown takes all above it along, but none below, so that alignment survives. Which thresholds
// are good is the caller's knowledge: any keep the result a cover of both. Proved by tests/prove,
// tested by tests/isa/domain/scalar_test.cpp.
#pragma once

#include <span>

#include "isa/domain/number.h"

namespace skep::domain {

template <class W>
constexpr Tnum<W> widened(const Tnum<W>& old, const Tnum<W>& next) {
  const Tnum<W> both = join(old, next);
  const W grown = both.mask & ~old.mask;
  const W mask = select(grown == W(0), both.mask, both.mask | ~fill_down(grown));
  return {both.value & ~mask, mask};
}

// A threshold for words that are its own width or the half of it.
template <class W, class T>
constexpr W threshold(const T& value) {
  if constexpr (std::is_same_v<W, T>) {
    return value;
  } else {
    return low_half(value);
  }
}

// The closest threshold at or below (above) each bound; the end of the word if there is none.
template <class W, class T>
constexpr Bounds<W> rounded(const Bounds<W>& x, std::span<const T> thresholds) {
  Bounds<W> result = unbounded<W>();
  for (const T& each : thresholds) {
    const W at = threshold<W>(each);
    result.umin = select(at <= x.umin, larger(at, result.umin), result.umin);
    result.umax = select(x.umax <= at, smaller(at, result.umax), result.umax);
    result.smin = select(signed_at_most(at, x.smin), signed_larger(at, result.smin), result.smin);
    result.smax = select(signed_at_most(x.smax, at), signed_smaller(at, result.smax), result.smax);
  }
  return result;
}

template <class W, class T>
constexpr Bounds<W> widened(const Bounds<W>& old, const Bounds<W>& next,
                            std::span<const T> thresholds) {
  const Bounds<W> far = rounded(next, thresholds);
  return {select(old.umin <= next.umin, old.umin, far.umin),
          select(next.umax <= old.umax, old.umax, far.umax),
          select(signed_at_most(old.smin, next.smin), old.smin, far.smin),
          select(signed_at_most(next.smax, old.smax), old.smax, far.smax)};
}

template <class W>
constexpr Number<W> widened(const Number<W>& old, const Number<W>& next,
                            std::span<const W> thresholds) {
  return reduced(Number<W>{widened(old.bits, next.bits), widened(old.wide, next.wide, thresholds),
                           widened(old.low, next.low, thresholds)});
}

}  // namespace skep::domain
