// Lemmas: claims about the templates of isa/domain, which z3 proves for all words at once.
//
// A lemma is a list of goals: what is assumed, and what must then hold. It is named by the function
// that it is about, by what it says, and by the width of the words; tests/prove/record.h has the
// list of all that there must be.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "isa/domain/compare.h"
#include "isa/domain/widen.h"
#include "tests/prove/record.h"
#include "tests/prove/symbol.h"

namespace skep::domain {

struct Goal {
  Truth assumed, claimed;
};
using Goals = std::vector<Goal>;

struct Lemma {
  LemmaName name;
  std::function<Goals()> goals;  // made where they are solved: terms belong to a thread
  bool integers = false;         // about Integers, else about Symbols
};

// Contributions of the files beside this one.
std::vector<Lemma> row_lemmas();
std::vector<Lemma> set_lemmas();
std::vector<Lemma> number_lemmas();
std::vector<Lemma> integer_lemmas();

// Any words, sets and parts of them.
template <class W>
W any() {
  thread_local int count = 0;
  const std::string name = "v" + std::to_string(count++);
  return W(context().bv_const(name.c_str(), kBits<W>));
}

inline Truth any_truth() {
  thread_local int count = 0;
  return Truth(context().bool_const(("t" + std::to_string(count++)).c_str()));
}

template <class W>
Tnum<W> any_bits() {
  return {any<W>(), any<W>()};
}

template <class W>
Bounds<W> any_bounds() {
  return {any<W>(), any<W>(), any<W>(), any<W>()};
}

template <class W>
Halves<W> any_halves() {
  return {any_truth(), any_truth(), any<W>(), any<W>(), any<W>(), any<W>()};
}

template <class W>
Part<W> any_part() {
  return {any_bits<W>(), any_bounds<W>()};
}

template <class W>
Number<W> any_number() {
  return {any_bits<W>(), any_bounds<W>(), any_bounds<Half<W>>()};
}

// Halves are what they say only while each is on its side of the sign.
template <class W>
Bool<W> contains(const Halves<W>& x, const W& value) {
  const Bool<W> low_fits = !(x.low & (is_negative(x.low_max) | (x.low_max < x.low_min)));
  const Bool<W> high_fits = !(x.high & (!is_negative(x.high_min)));
  const Bool<W> ordered = !(x.high & (x.high_max < x.high_min));
  return low_fits & high_fits & ordered &
         ((is_negative(value) & x.high & (x.high_min <= value) & (value <= x.high_max)) |
          (x.low & !is_negative(value) & (x.low_min <= value) & (value <= x.low_max)));
}

template <class W>
Bool<W> contains(const Arc<W>& x, const W& value) {
  return value - x.from <= length(x);
}

template <class W>
Bool<W> contains(const Span<W>& x, const W& value) {
  return (x.min <= value) & (value <= x.max);
}

inline Truth implies(const Truth& x, const Truth& y) {
  return y | !x;
}

// One goal for each bound and for the bits: what z3 solves at once is what it must think of at
// once.
template <class W>
void split(Goals& goals, const Truth& assumed, const Bounds<W>& result, const W& value) {
  goals.push_back({assumed, result.umin <= value});
  goals.push_back({assumed, value <= result.umax});
  goals.push_back({assumed, signed_at_most(result.smin, value)});
  goals.push_back({assumed, signed_at_most(value, result.smax)});
}

template <class W>
void split(Goals& goals, const Truth& assumed, const Part<W>& result, const W& value) {
  goals.push_back({assumed, contains(result.bits, value)});
  split(goals, assumed, result.bounds, value);
}

template <class W>
void split(Goals& goals, const Truth& assumed, const Number<W>& result, const W& value) {
  goals.push_back({assumed, contains(result.bits, value)});
  split(goals, assumed, result.wide, value);
  split(goals, assumed, result.low, low_half(value));
}

}  // namespace skep::domain
