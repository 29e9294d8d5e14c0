// Words that stand for any value, as z3's integers: for products and quotients, which defeat z3 as
// bits (64 of them, at least).
//
// A word is an integer from 0 to 2^N - 1, and sums wrap by a case. Products and quotients are
// unknown integers; all that is assumed of them is in facts(): instances, for the ones that occur,
// of a few laws of the integers, each of which is proved by itself (laws()). What is left is
// linear.
#pragma once

#include <string>
#include <vector>

#include "isa/domain/word.h"
#include "tests/prove/symbol.h"

namespace skep::domain {

// The unknown products and quotients of one lemma, and what is known of them.
class Unknowns {
 public:
  z3::expr fresh() { return context().int_const(("i" + std::to_string(count_++)).c_str()); }

  void assume(const z3::expr& fact) { facts_.push_back(fact); }

  z3::expr product(const z3::expr& x, const z3::expr& y) {
    for (const Term& each : products_) {
      if (z3::eq(each.x, x) && z3::eq(each.y, y)) return each.result;
    }
    products_.push_back({x, y, fresh()});
    return products_.back().result;
  }

  // Rounded down, of x >= 0 by y; anything if y is not above 0.
  z3::expr quotient(const z3::expr& x, const z3::expr& y) {
    for (const Term& each : quotients_) {
      if (z3::eq(each.x, x) && z3::eq(each.y, y)) return each.result;
    }
    quotients_.push_back({x, y, fresh()});
    return quotients_.back().result;
  }

  // Everything assumed, with the laws for all that occurs.
  z3::expr facts() {
    z3::expr_vector all(context());
    for (const Term& each : quotients_) all.push_back(division(each));
    for (const Term& x : quotients_) {
      for (const Term& y : quotients_) all.push_back(monotone_quotient(x, y));
    }
    for (const Term& each : products_) all.push_back(zero_product(each));
    for (const Term& x : products_) {
      for (const Term& y : products_) {
        if (z3::eq(x.y, y.y)) all.push_back(monotone_product(x.x, x.result, y.x, y.result, x.y));
        if (z3::eq(x.x, y.x)) all.push_back(monotone_product(x.y, x.result, y.y, y.result, x.x));
        all.push_back(equal_product(x, y));
      }
    }
    for (const z3::expr& each : facts_) all.push_back(each);
    return z3::mk_and(all);
  }

  struct Term {
    z3::expr x, y, result;
  };

  // The laws. Each is assumed of the unknowns and is a lemma when `result` is the product itself.
  static z3::expr monotone_product(const z3::expr& x, const z3::expr& xz, const z3::expr& y,
                                   const z3::expr& yz, const z3::expr& z) {
    return z3::implies(x <= y, z3::implies(z >= 0, xz <= yz) && z3::implies(z <= 0, xz >= yz));
  }
  static z3::expr zero_product(const Term& a) {
    return z3::implies(a.x == 0 || a.y == 0, a.result == 0);
  }
  static z3::expr equal_product(const Term& a, const Term& b) {
    return z3::implies(a.x == b.x && a.y == b.y, a.result == b.result);
  }
  static z3::expr monotone_quotient(const Term& a, const Term& b) {
    return z3::implies(a.x >= 0 && a.x <= b.x && a.y >= b.y && b.y > 0, a.result <= b.result);
  }

 private:
  // What a quotient is: defined, not proved.
  z3::expr division(const Term& each) {
    const z3::expr back = product(each.result, each.y);
    return z3::implies(each.x >= 0 && each.y > 0,
                       back <= each.x && each.x < back + each.y && each.result >= 0 &&
                           each.result <= each.x && z3::implies(each.x < each.y, each.result == 0));
  }

  int count_ = 0;
  std::vector<Term> products_, quotients_;
  std::vector<z3::expr> facts_;
};

inline Unknowns*& unknowns() {
  thread_local Unknowns* current = nullptr;
  return current;
}

template <int N>
class Integer {
 public:
  explicit Integer(u64 value) : term_(context().int_val(static_cast<uint64_t>(value))) {}
  explicit Integer(const z3::expr& term) : term_(term) {}
  const z3::expr& term() const { return term_; }

  static Integer any() {
    const Integer result(unknowns()->fresh());
    unknowns()->assume(result.term() >= 0 && result.term() < end());
    return result;
  }
  static z3::expr power(int exponent) {
    return context().int_val(std::to_string(u64{1} << (exponent - 1)).c_str()) * 2;
  }
  static z3::expr end() { return power(N).simplify(); }
  static z3::expr half() { return power(N - 1).simplify(); }
  z3::expr signed_term() const { return z3::ite(term_ < half(), term_, term_ - end()); }

  friend Integer operator+(const Integer& x, const Integer& y) {
    const z3::expr sum = x.term_ + y.term_;
    return Integer(z3::ite(sum < end(), sum, sum - end()));
  }
  friend Integer operator-(const Integer& x, const Integer& y) {
    const z3::expr difference = x.term_ - y.term_;
    return Integer(z3::ite(difference >= 0, difference, difference + end()));
  }
  // Modulo 2^N: known where the product, of unsigned or of signed numbers, fits.
  friend Integer operator*(const Integer& x, const Integer& y) {
    const Integer result = any();
    const z3::expr product = unknowns()->product(x.term_, y.term_);
    unknowns()->assume(z3::implies(product < end(), result.term_ == product));
    const z3::expr with_sign = unknowns()->product(x.signed_term(), y.signed_term());
    unknowns()->assume(
        z3::implies(with_sign >= -half() && with_sign < half(), result.signed_term() == with_sign));
    return result;
  }
  Integer operator~() const { return Integer(end() - 1 - term_); }
  // Of constants alone.
  friend Integer operator<<(const Integer& x, int by) {
    return Integer((x.term_ * power(by)).simplify());
  }
  friend Truth operator<(const Integer& x, const Integer& y) { return x.term_ < y.term_; }
  friend Truth operator<=(const Integer& x, const Integer& y) { return x.term_ <= y.term_; }
  friend Truth operator>(const Integer& x, const Integer& y) { return x.term_ > y.term_; }
  friend Truth operator>=(const Integer& x, const Integer& y) { return x.term_ >= y.term_; }
  friend Truth operator==(const Integer& x, const Integer& y) { return x.term_ == y.term_; }
  friend Truth operator!=(const Integer& x, const Integer& y) { return x.term_ != y.term_; }

 private:
  z3::expr term_;
};

template <int N>
struct WordTraits<Integer<N>> {
  static constexpr int kBits = N;
  using Bool = Truth;
};

template <int N>
Integer<N> select(const Truth& condition, const Integer<N>& yes, const Integer<N>& no) {
  return Integer<N>(z3::ite(condition.term(), yes.term(), no.term()));
}

template <int N>
Truth signed_less(const Integer<N>& x, const Integer<N>& y) {
  return x.signed_term() < y.signed_term();
}

template <int N>
Integer<N> divide(const Integer<N>& x, const Integer<N>& y) {
  return select(y == Integer<N>(0), ~Integer<N>(0),
                Integer<N>(unknowns()->quotient(x.term(), y.term())));
}

template <int N>
Truth product_overflows(const Integer<N>& x, const Integer<N>& y) {
  return unknowns()->product(x.term(), y.term()) >= Integer<N>::end();
}

template <int N>
Truth signed_product_overflows(const Integer<N>& x, const Integer<N>& y) {
  const z3::expr product = unknowns()->product(x.signed_term(), y.signed_term());
  return product < -Integer<N>::half() || product >= Integer<N>::half();
}

}  // namespace skep::domain
