// Words that stand for any value: terms of z3's bit vectors, of N bits. The templates of isa/domain
// compute with them as with machine words, and what comes out is the formula to be proved.
// tests/prove/prove.cpp compares what the lemmas say of instructions (meaning.h) with isa/arith.h.
#pragma once

#include <z3++.h>

#include "isa/domain/word.h"

namespace skep::domain {

inline z3::context& context() {
  thread_local z3::context the_context;
  return the_context;
}

// A truth value that is a term.
class Truth {
 public:
  Truth(const z3::expr& term) : term_(term) {}  // NOLINT: as a bool is made of a comparison
  const z3::expr& term() const { return term_; }

  friend Truth operator&(const Truth& x, const Truth& y) { return x.term_ && y.term_; }
  friend Truth operator|(const Truth& x, const Truth& y) { return x.term_ || y.term_; }
  Truth operator!() const { return !term_; }

 private:
  z3::expr term_;
};

// A modular Symbol stands for the same word, but functions of it that have lemmas of their own are
// replaced by what those say (contracts.h).
template <int N, bool kModular = false>
class Symbol {
 public:
  explicit Symbol(u64 value) : term_(context().bv_val(static_cast<uint64_t>(value), N)) {}
  explicit Symbol(const z3::expr& term) : term_(term) {}
  const z3::expr& term() const { return term_; }

  friend Symbol operator+(const Symbol& x, const Symbol& y) { return Symbol(x.term_ + y.term_); }
  friend Symbol operator-(const Symbol& x, const Symbol& y) { return Symbol(x.term_ - y.term_); }
  friend Symbol operator*(const Symbol& x, const Symbol& y) { return Symbol(x.term_ * y.term_); }
  friend Symbol operator&(const Symbol& x, const Symbol& y) { return Symbol(x.term_ & y.term_); }
  friend Symbol operator|(const Symbol& x, const Symbol& y) { return Symbol(x.term_ | y.term_); }
  friend Symbol operator^(const Symbol& x, const Symbol& y) { return Symbol(x.term_ ^ y.term_); }
  Symbol operator~() const { return Symbol(~term_); }
  friend Symbol operator<<(const Symbol& x, int by) {
    return Symbol(z3::shl(x.term_, context().bv_val(by, N)));
  }
  friend Symbol operator>>(const Symbol& x, int by) {
    return Symbol(z3::lshr(x.term_, context().bv_val(by, N)));
  }
  friend Truth operator<(const Symbol& x, const Symbol& y) { return z3::ult(x.term_, y.term_); }
  friend Truth operator<=(const Symbol& x, const Symbol& y) { return z3::ule(x.term_, y.term_); }
  friend Truth operator>(const Symbol& x, const Symbol& y) { return z3::ugt(x.term_, y.term_); }
  friend Truth operator>=(const Symbol& x, const Symbol& y) { return z3::uge(x.term_, y.term_); }
  friend Truth operator==(const Symbol& x, const Symbol& y) { return x.term_ == y.term_; }
  friend Truth operator!=(const Symbol& x, const Symbol& y) { return x.term_ != y.term_; }

 private:
  z3::expr term_;
};

template <int N, bool M>
struct WordTraits<Symbol<N, M>> {
  static constexpr int kBits = N;
  using Half = Symbol<N / 2, M>;
  using Bool = Truth;
};

template <int N, bool M>
Symbol<N, M> select(const Truth& condition, const Symbol<N, M>& yes, const Symbol<N, M>& no) {
  return Symbol<N, M>(z3::ite(condition.term(), yes.term(), no.term()));
}

template <int N, bool M>
Truth signed_less(const Symbol<N, M>& x, const Symbol<N, M>& y) {
  return z3::slt(x.term(), y.term());
}

template <int N, bool M>
Symbol<N, M> shift_left(const Symbol<N, M>& x, const Symbol<N, M>& amount) {
  return Symbol<N, M>(z3::shl(x.term(), amount.term()));
}

template <int N, bool M>
Symbol<N, M> shift_right(const Symbol<N, M>& x, const Symbol<N, M>& amount) {
  return Symbol<N, M>(z3::lshr(x.term(), amount.term()));
}

template <int N, bool M>
Symbol<N, M> shift_right_signed(const Symbol<N, M>& x, const Symbol<N, M>& amount) {
  return Symbol<N, M>(z3::ashr(x.term(), amount.term()));
}

// z3's bvudiv by 0 gives all ones, too.
template <int N, bool M>
Symbol<N, M> divide(const Symbol<N, M>& x, const Symbol<N, M>& y) {
  return Symbol<N, M>(z3::udiv(x.term(), y.term()));
}

template <int N, bool M>
Truth product_overflows(const Symbol<N, M>& x, const Symbol<N, M>& y) {
  return z3::uge(z3::zext(x.term(), N) * z3::zext(y.term(), N),
                 z3::concat(context().bv_val(1, N), context().bv_val(0, N)));
}

template <int N, bool M>
Truth signed_product_overflows(const Symbol<N, M>& x, const Symbol<N, M>& y) {
  const z3::expr product = z3::sext(x.term(), N) * z3::sext(y.term(), N);
  return product != z3::sext(product.extract(N - 1, 0), N);
}

template <int N, bool M>
Symbol<N, M> fill_down(const Symbol<N, M>& x) {
  Symbol<N, M> result = x;
  for (int by = 1; by < N; by *= 2) result = result | result >> by;
  return result;
}

template <int N, bool M>
Symbol<N / 2, M> low_half(const Symbol<N, M>& x) {
  return Symbol<N / 2, M>(x.term().extract(N / 2 - 1, 0));
}

template <int N, bool M>
Symbol<N / 2, M> high_half(const Symbol<N, M>& x) {
  return Symbol<N / 2, M>(x.term().extract(N - 1, N / 2));
}

template <int N, bool M>
Symbol<2 * N, M> from_halves(const Symbol<N, M>& high, const Symbol<N, M>& low) {
  return Symbol<2 * N, M>(z3::concat(high.term(), low.term()));
}

template <int N, bool M>
Symbol<N, M> swap_bytes(const Symbol<N, M>& x, int bits) {
  if (bits > N) return x;
  z3::expr result = x.term().extract(7, 0);
  for (int at = 8; at < bits; at += 8) {
    result = z3::concat(result,
                        x.term().extract(static_cast<unsigned>(at) + 7, static_cast<unsigned>(at)));
  }
  return Symbol<N, M>(bits == N ? result : z3::zext(result, static_cast<unsigned>(N - bits)));
}

}  // namespace skep::domain
