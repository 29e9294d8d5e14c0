// What a conditional jump tells of both its operands, when taken and when not.
//
// Each refinement is a meet with what the outcome implies, never a replacement: at most it learns
// nothing. An outcome that is impossible shows as operands without members.
// Proved by tests/prove, tested by
// tests/isa/domain/scalar_test.cpp.
#pragma once

#include "isa/domain/transfer.h"

namespace skep::domain {

template <class W>
struct Parts {
  Part<W> x, y;
};

template <class W>
constexpr Part<W> meet(const Part<W>& x, const Part<W>& y) {
  return {meet(x.bits, y.bits), meet(x.bounds, y.bounds)};
}

template <class W>
constexpr Part<W> select(const Bool<W>& condition, const Part<W>& yes, const Part<W>& no) {
  return {{select(condition, yes.bits.value, no.bits.value),
           select(condition, yes.bits.mask, no.bits.mask)},
          select<W>(condition, yes.bounds, no.bounds)};
}

template <class W>
constexpr Part<W> nothing() {
  return {{~W(0), ~W(0)}, no_bounds<W>()};
}

// x without one number, where that is a bound.
template <class W>
constexpr Bounds<W> without(const Bounds<W>& x, const W& value) {
  const Bounds<W> rest{select(x.umin == value, x.umin + W(1), x.umin),
                       select(x.umax == value, x.umax - W(1), x.umax),
                       select(x.smin == value, x.smin + W(1), x.smin),
                       select(x.smax == value, x.smax - W(1), x.smax)};
  const Bool<W> only = (x.umin == value) & (x.umax == value);
  return select<W>(only, no_bounds<W>(), rest);
}

template <class W>
constexpr Bool<W> is_constant(const Bounds<W>& x) {
  return x.umin == x.umax;
}

// x without y, if y is one number.
template <class W>
constexpr Part<W> differing(const Part<W>& x, const Part<W>& y) {
  return {x.bits, select<W>(is_constant(y.bounds), without(x.bounds, y.bounds.umin), x.bounds)};
}

// x < y: neither can be at its end.
template <class W>
constexpr Parts<W> less(const Part<W>& x, const Part<W>& y) {
  const Bool<W> none = (y.bounds.umax == W(0)) | (x.bounds.umin == ~W(0));
  Parts<W> result{x, y};
  result.x.bounds.umax = smaller(x.bounds.umax, y.bounds.umax - W(1));
  result.y.bounds.umin = larger(y.bounds.umin, x.bounds.umin + W(1));
  return {select<W>(none, nothing<W>(), result.x), select<W>(none, nothing<W>(), result.y)};
}

template <class W>
constexpr Parts<W> at_most(const Part<W>& x, const Part<W>& y) {
  Parts<W> result{x, y};
  result.x.bounds.umax = smaller(x.bounds.umax, y.bounds.umax);
  result.y.bounds.umin = larger(y.bounds.umin, x.bounds.umin);
  return result;
}

template <class W>
constexpr Parts<W> less_signed(const Part<W>& x, const Part<W>& y) {
  const Bool<W> none =
      (y.bounds.smax == smallest_signed<W>()) | (x.bounds.smin == largest_signed<W>());
  Parts<W> result{x, y};
  result.x.bounds.smax = signed_smaller(x.bounds.smax, y.bounds.smax - W(1));
  result.y.bounds.smin = signed_larger(y.bounds.smin, x.bounds.smin + W(1));
  return {select<W>(none, nothing<W>(), result.x), select<W>(none, nothing<W>(), result.y)};
}

template <class W>
constexpr Parts<W> at_most_signed(const Part<W>& x, const Part<W>& y) {
  Parts<W> result{x, y};
  result.x.bounds.smax = signed_smaller(x.bounds.smax, y.bounds.smax);
  result.y.bounds.smin = signed_larger(y.bounds.smin, x.bounds.smin);
  return result;
}

// (x & y) != 0: if they can share one bit only, both have it; 0 has none.
template <class W>
constexpr Parts<W> sharing_bits(const Part<W>& x, const Part<W>& y) {
  const W shared = largest(x.bits) & largest(y.bits);
  const W only = select((shared & (shared - W(1))) == W(0), shared, W(0));
  const Tnum<W> has{only, ~only};
  const Bool<W> none = shared == W(0);
  const Part<W> new_x{meet(x.bits, has), without(x.bounds, W(0))};
  const Part<W> new_y{meet(y.bits, has), without(y.bounds, W(0))};
  return {select<W>(none, nothing<W>(), new_x), select<W>(none, nothing<W>(), new_y)};
}

// (x & y) == 0: what one has, the other has not.
template <class W>
constexpr Parts<W> sharing_no_bits(const Part<W>& x, const Part<W>& y) {
  return {{meet(x.bits, Tnum<W>{W(0), ~y.bits.value}), x.bounds},
          {meet(y.bits, Tnum<W>{W(0), ~x.bits.value}), y.bounds}};
}

template <class W>
constexpr Parts<W> equal(const Part<W>& x, const Part<W>& y) {
  const Part<W> both = meet(x, y);
  return {both, both};
}

template <class W>
constexpr Parts<W> different(const Part<W>& x, const Part<W>& y) {
  return {differing(x, y), differing(y, x)};
}

template <class W>
constexpr Parts<W> swapped(const Parts<W>& x) {
  return {x.y, x.x};
}

// The operands of a JUMP row, when it is taken or not. Rows of other kinds tell nothing.
template <class W>
constexpr Parts<W> outcome(Op op, bool taken, const Part<W>& x, const Part<W>& y) {
  switch (op) {
    case Op::Jeq: return taken ? equal(x, y) : different(x, y);
    case Op::Jne: return taken ? different(x, y) : equal(x, y);
    case Op::Jset: return taken ? sharing_bits(x, y) : sharing_no_bits(x, y);
    case Op::Jgt: return taken ? swapped(less(y, x)) : at_most(x, y);
    case Op::Jge: return taken ? swapped(at_most(y, x)) : less(x, y);
    case Op::Jlt: return taken ? less(x, y) : swapped(at_most(y, x));
    case Op::Jle: return taken ? at_most(x, y) : swapped(less(y, x));
    case Op::Jsgt: return taken ? swapped(less_signed(y, x)) : at_most_signed(x, y);
    case Op::Jsge: return taken ? swapped(at_most_signed(y, x)) : less_signed(x, y);
    case Op::Jslt: return taken ? less_signed(x, y) : swapped(at_most_signed(y, x));
    case Op::Jsle: return taken ? at_most_signed(x, y) : swapped(less_signed(y, x));
    default: return {x, y};
  }
}

template <class W>
struct Numbers {
  Number<W> x, y;
};

template <class W>
constexpr Number<W> with_low_part(const Number<W>& x, const Part<Half<W>>& part) {
  const Tnum<W> bits = with_low_half(x.bits, part.bits);
  return reduced(Number<W>{bits, x.wide, part.bounds});
}

// Equal numbers are so in their low halves, too.
template <class W>
constexpr Numbers<W> outcome_at_width(Op op, bool taken, const Number<W>& x, const Number<W>& y) {
  const Parts<W> parts = outcome(op, taken, Part<W>{x.bits, x.wide}, Part<W>{y.bits, y.wide});
  const bool equal = op == (taken ? Op::Jeq : Op::Jne);
  const Bounds<Half<W>> low = meet(x.low, y.low);
  return {reduced(Number<W>{parts.x.bits, parts.x.bounds, equal ? low : x.low}),
          reduced(Number<W>{parts.y.bits, parts.y.bounds, equal ? low : y.low})};
}

template <class W>
constexpr Numbers<W> outcome_at_half_width(Op op, bool taken, const Number<W>& x,
                                           const Number<W>& y) {
  using H = Half<W>;
  const Parts<H> parts =
      outcome(op, taken, Part<H>{low_half(x.bits), x.low}, Part<H>{low_half(y.bits), y.low});
  return {with_low_part(x, parts.x), with_low_part(y, parts.y)};
}

}  // namespace skep::domain
