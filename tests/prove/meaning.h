// What arithmetic and comparison rows mean, as terms of z3: a second statement of isa/arith.h,
// which is written for machine words; prove.cpp compares the two on constants.
#pragma once

#include "isa/insn.h"
#include "tests/prove/symbol.h"

namespace skep::domain {

// Quotients and remainders of unsigned numbers by what is not 0. Modular symbols have unknown ones:
// contracts say of them what is known.
template <int N>
Symbol<N> quotient_of(const Symbol<N>& x, const Symbol<N>& y) {
  return Symbol<N>(z3::udiv(x.term(), y.term()));
}

template <int N>
Symbol<N, true> quotient_of(const Symbol<N, true>& x, const Symbol<N, true>& y) {
  const z3::sort word = context().bv_sort(N);
  return Symbol<N, true>(z3::function("quotient", word, word, word)(x.term(), y.term()));
}

template <class W>
W signed_quotient(const W& x, const W& y) {
  const W result = quotient_of(magnitude(x), magnitude(y));
  return select((is_negative(x) & !is_negative(y)) | (is_negative(y) & !is_negative(x)),
                negated(result), result);
}

template <class W>
W remainder_of(const W& x, const W& y) {
  return x - quotient_of(x, y) * y;
}

template <class W>
W signed_remainder(const W& x, const W& y) {
  const W result = remainder_of(magnitude(x), magnitude(y));
  return select(is_negative(x), negated(result), result);
}

template <class W>
W meaning(Op op, const W& x, const W& y) {
  constexpr int kWidth = kBits<W>;
  const W zero(0), amount = y & W(u64{kWidth - 1});
  const auto from = [](int bits) { return kWidth < bits ? kWidth : bits; };
  switch (op) {
    case Op::Add: return x + y;
    case Op::Sub: return x - y;
    case Op::Mul: return x * y;
    case Op::Div: return select(y == zero, zero, quotient_of(x, y));
    case Op::SDiv: return select(y == zero, zero, signed_quotient(x, y));
    case Op::Or: return x | y;
    case Op::And: return x & y;
    case Op::Lsh: return shift_left(x, amount);
    case Op::Rsh: return shift_right(x, amount);
    case Op::Mod: return select(y == zero, x, remainder_of(x, y));
    case Op::SMod: return select(y == zero, x, signed_remainder(x, y));
    case Op::Xor: return x ^ y;
    case Op::Mov: return y;
    case Op::Arsh: return shift_right_signed(x, amount);
    case Op::Neg: return negated(x);
    case Op::MovSx8: return sign_extended(y, from(8));
    case Op::MovSx16: return sign_extended(y, from(16));
    case Op::MovSx32: return sign_extended(y, from(32));
    case Op::Le16: return zero_extended(x, from(16));
    case Op::Le32: return zero_extended(x, from(32));
    case Op::Le64: return x;
    case Op::Be16:
    case Op::Bswap16: return swap_bytes(x, 16);
    case Op::Be32:
    case Op::Bswap32: return swap_bytes(x, 32);
    case Op::Be64:
    case Op::Bswap64: return swap_bytes(x, 64);
    default: return zero;
  }
}

template <class W>
Truth is_taken(Op op, const W& x, const W& y) {
  switch (op) {
    case Op::Jeq: return x == y;
    case Op::Jgt: return y < x;
    case Op::Jge: return y <= x;
    case Op::Jset: return (x & y) != W(0);
    case Op::Jne: return x != y;
    case Op::Jsgt: return z3::sgt(x.term(), y.term());
    case Op::Jsge: return z3::sge(x.term(), y.term());
    case Op::Jlt: return x < y;
    case Op::Jle: return x <= y;
    case Op::Jslt: return z3::slt(x.term(), y.term());
    case Op::Jsle: return z3::sle(x.term(), y.term());
    default: return Truth(context().bool_val(false));
  }
}

}  // namespace skep::domain
