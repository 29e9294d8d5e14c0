// Words of a few bits for the templates of isa/domain, so that all sets and all their members can
// be enumerated. As machine words they compute modulo 2^N; what goes wrong at the end of a word
// goes wrong in them too. Tested by tests/isa/domain/exhaustive_test.cpp, against plain integers.
#pragma once

#include <bit>

#include "isa/domain/word.h"

namespace skep::domain {

template <int N>
class Small {
 public:
  constexpr Small() = default;
  constexpr explicit Small(u64 value) : value_(static_cast<u8>(value & kOnes)) {}

  constexpr u32 value() const { return value_; }
  constexpr int signed_value() const {
    return value_ >= 1 << (N - 1) ? static_cast<int>(value_) - (1 << N) : value_;
  }

  friend constexpr Small operator+(Small x, Small y) { return make(x.value() + y.value()); }
  friend constexpr Small operator-(Small x, Small y) { return make(x.value() - y.value()); }
  friend constexpr Small operator*(Small x, Small y) { return make(x.value() * y.value()); }
  friend constexpr Small operator&(Small x, Small y) { return make(x.value() & y.value()); }
  friend constexpr Small operator|(Small x, Small y) { return make(x.value() | y.value()); }
  friend constexpr Small operator^(Small x, Small y) { return make(x.value() ^ y.value()); }
  friend constexpr Small operator<<(Small x, int by) { return make(x.value() << by); }
  friend constexpr Small operator>>(Small x, int by) { return make(x.value() >> by); }
  constexpr Small operator~() const { return make(~value()); }
  friend constexpr auto operator<=>(Small, Small) = default;

 private:
  static constexpr u32 kOnes = (1u << N) - 1;
  static constexpr Small make(u32 value) { return Small(u64{value}); }
  u8 value_ = 0;
};

template <int N>
struct WordTraits<Small<N>> {
  static constexpr int kBits = N;
  using Half = Small<N / 2>;
  using Bool = bool;
};

template <int N>
constexpr Small<N> select(bool condition, Small<N> yes, Small<N> no) {
  return condition ? yes : no;
}

template <int N>
constexpr bool signed_less(Small<N> x, Small<N> y) {
  return x.signed_value() < y.signed_value();
}

template <int N>
constexpr Small<N> shift_left(Small<N> x, Small<N> amount) {
  return amount.value() < N ? x << static_cast<int>(amount.value()) : Small<N>(0);
}

template <int N>
constexpr Small<N> shift_right(Small<N> x, Small<N> amount) {
  return amount.value() < N ? x >> static_cast<int>(amount.value()) : Small<N>(0);
}

template <int N>
constexpr Small<N> shift_right_signed(Small<N> x, Small<N> amount) {
  const int by = amount.value() < N ? static_cast<int>(amount.value()) : N - 1;
  return Small<N>(static_cast<u64>(x.signed_value() >> by));
}

template <int N>
constexpr Small<N> divide(Small<N> x, Small<N> y) {
  return y.value() == 0 ? ~Small<N>(0) : Small<N>(u64{x.value() / y.value()});
}

template <int N>
constexpr bool product_overflows(Small<N> x, Small<N> y) {
  return x.value() * y.value() >= 1u << N;
}

template <int N>
constexpr bool signed_product_overflows(Small<N> x, Small<N> y) {
  const int product = x.signed_value() * y.signed_value();
  return product < -(1 << (N - 1)) || product >= 1 << (N - 1);
}

template <int N>
constexpr Small<N> fill_down(Small<N> x) {
  return Small<N>((u64{1} << std::bit_width(x.value())) - 1);
}

template <int N>
constexpr Small<N / 2> low_half(Small<N> x) {
  return Small<N / 2>(u64{x.value()});
}

template <int N>
constexpr Small<N / 2> high_half(Small<N> x) {
  return Small<N / 2>(u64{x.value() >> N / 2});
}

template <int N>
constexpr Small<2 * N> from_halves(Small<N> high, Small<N> low) {
  return Small<2 * N>(u64{high.value() << N | low.value()});
}

// Words of a few bits have no bytes: what is swapped is what has the width, and all of it.
template <int N>
constexpr Small<N> swap_bytes(Small<N> x, int) {
  return x;
}

}  // namespace skep::domain
