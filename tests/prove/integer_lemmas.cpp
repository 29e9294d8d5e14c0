// Lemmas about products, quotients and remainders, over the integers (integer.h).
#include "tests/prove/integer.h"
#include "tests/prove/lemma.h"

namespace skep::domain {
namespace {

template <class W>
Bounds<W> any_integers() {
  return {W::any(), W::any(), W::any(), W::any()};
}

// The meanings of the rows, as meaning.h has them for symbols.
template <class W>
W remainder_of(const W& x, const W& y) {
  return x - divide(x, y) * y;
}

template <class W>
W negated_if(const Truth& condition, const W& x) {
  return select(condition, negated(x), x);
}

template <class W>
W meaning(Op op, const W& x, const W& y) {
  const W zero(0), a = magnitude(x), b = magnitude(y);
  const Truth signs_differ =
      (is_negative(x) & !is_negative(y)) | (is_negative(y) & !is_negative(x));
  switch (op) {
    case Op::Div: return select(y == zero, zero, divide(x, y));
    case Op::Mod: return select(y == zero, x, remainder_of(x, y));
    case Op::SDiv: return select(y == zero, zero, negated_if(signs_differ, divide(a, b)));
    case Op::SMod: return select(y == zero, x, negated_if(is_negative(x), remainder_of(a, b)));
    default: return x * y;
  }
}

template <class W>
Bounds<W> result_of(Op op, const Bounds<W>& x, const Bounds<W>& y) {
  switch (op) {
    case Op::Div: return div(x, y);
    case Op::Mod: return mod(x, y);
    case Op::SDiv: return div_signed(x, y);
    case Op::SMod: return mod_signed(x, y);
    default: return mul(x, y);
  }
}

template <int N>
Lemma row_lemma(const char* subject, Op op) {
  return {{subject, "members of both give members", N},
          [op] {
            using W = Integer<N>;
            const auto x = any_integers<W>(), y = any_integers<W>();
            const W a = W::any(), b = W::any();
            const Bounds<W> result = result_of(op, x, y);
            const W value = meaning(op, a, b);
            if (op == Op::Mul) {
              // The laws lead from a corner to the product by way of these.
              for (const W& corner : {x.umin, x.umax}) {
                unknowns()->product(corner.term(), b.term());
              }
              for (const W& corner : {x.smin, x.smax}) {
                unknowns()->product(corner.signed_term(), b.signed_term());
              }
            }
            Goals goals;
            split(goals, contains(x, a) & contains(y, b), result, value);
            return goals;
          },
          true};
}

// What Unknowns assumes of all products and quotients, of some.
Goals law_goals() {
  const auto any_integer = [] { return unknowns()->fresh(); };
  const z3::expr x = any_integer(), y = any_integer(), z = any_integer(), w = any_integer();
  const z3::expr p = any_integer(), q = any_integer();
  const Truth always(context().bool_val(true));
  const auto quotient = [](const z3::expr& of, const z3::expr& by, const z3::expr& is) {
    return by > 0 && is * by <= of && of < is * by + by;
  };
  return {
      {always, Unknowns::monotone_product(x, x * z, y, y * z, z)},
      {always, Unknowns::zero_product({x, y, x * y})},
      {always, Unknowns::equal_product({x, y, x * y}, {z, w, z * w})},
      {quotient(x, z, p) && quotient(y, w, q) && p >= 0 && q >= 0,
       Unknowns::monotone_quotient({x, z, p}, {y, w, q})},
      {quotient(x, z, p) && x >= 0, p >= 0 && p <= x && z3::implies(x < z, p == 0)},
  };
}

template <int N>
void add_rows(std::vector<Lemma>& lemmas) {
  lemmas.push_back(row_lemma<N>("mul(Bounds)", Op::Mul));
  lemmas.push_back(row_lemma<N>("div", Op::Div));
  lemmas.push_back(row_lemma<N>("mod", Op::Mod));
  lemmas.push_back(row_lemma<N>("div_signed", Op::SDiv));
  lemmas.push_back(row_lemma<N>("mod_signed", Op::SMod));
}

}  // namespace

std::vector<Lemma> integer_lemmas() {
  std::vector<Lemma> lemmas{{{"laws", "hold for the integers", 0}, law_goals, true}};
  add_rows<64>(lemmas);
  add_rows<32>(lemmas);
  return lemmas;
}

}  // namespace skep::domain
