// What lemmas say of functions, for the lemmas about the functions that call them.
//
// A modular Symbol (symbol.h) makes the templates of isa/domain call the overloads here instead of
// the functions that they name. Each gives any result whatever and notes what the lemma of that
// name says of it, for the members that the goal is about (tracked()). So a function of many steps
// is proved step by step, on its own text. used() names the lemmas that were taken for granted;
// prove.cpp demands that each is there.
#pragma once

#include <set>

#include "tests/prove/lemma.h"
#include "tests/prove/meaning.h"

namespace skep::domain {

template <int N>
using Modular = Symbol<N, true>;

template <int N>
std::vector<Modular<N>>& tracked() {
  thread_local std::vector<Modular<N>> members;
  return members;
}

struct Granted {
  std::vector<Truth> facts;
  std::set<std::string> used;
};

inline Granted& granted() {
  thread_local Granted the_granted;
  return the_granted;
}

// Begins a goal about these members and their low halves.
template <int N>
void track(const std::vector<Modular<N>>& members) {
  granted() = {};
  tracked<N>() = members;
  if constexpr (N == 64) {
    tracked<N / 2>().clear();
    for (const Modular<N>& each : members) tracked<N / 2>().push_back(low_half(each));
  }
}

// What may be assumed after the function in question was called.
inline Truth with_contracts(Truth assumed) {
  for (const Truth& fact : granted().facts) assumed = assumed & fact;
  return assumed;
}

inline void grant(const std::string& lemma, const Truth& fact) {
  granted().used.insert(lemma);
  granted().facts.push_back(fact);
}

// Of one operand, or of two that say something of the same member: what holds for each member.
template <int N>
void grant_each(const std::string& lemma, auto fact) {
  for (const auto& m : tracked<N>()) grant(lemma, fact(m));
}

// Of two operands of a row: the first member is of the first.
template <int N>
void grant_pairs(const std::string& lemma, auto fact) {
  for (std::size_t i = 1; i < tracked<N>().size(); ++i) {
    grant(lemma, fact(tracked<N>()[0], tracked<N>()[i]));
  }
}

// A function of one set that keeps its members.
template <int N, class Result>
Result keeping(const std::string& lemma, const auto& x, const Result& result) {
  grant_each<N>(lemma, [&](const auto& m) { return implies(contains(x, m), contains(result, m)); });
  return result;
}

template <int N, class Set>
Set of_both(const std::string& lemma, const Set& x, const Set& y, const Set& result) {
  grant_each<N>(lemma, [&](const auto& m) {
    return implies(contains(x, m) | contains(y, m), contains(result, m));
  });
  return result;
}

template <int N, class Set>
Set common(const std::string& lemma, const Set& x, const Set& y, const Set& result) {
  grant_each<N>(lemma, [&](const auto& m) {
    return implies(contains(x, m) & contains(y, m), contains(result, m));
  });
  return result;
}

template <int N>
Truth without_members(const auto& x) {
  const Truth result = any_truth();
  grant_each<N>("is_empty", [&](const auto& m) { return implies(contains(x, m), !result); });
  return result;
}

template <int N>
Arc<Modular<N>> any_arc() {
  return {any<Modular<N>>(), any<Modular<N>>()};
}

template <int N>
Truth is_empty(const Tnum<Modular<N>>& x) {
  return without_members<N>(x);
}

template <int N>
Truth is_empty(const Bounds<Modular<N>>& x) {
  return without_members<N>(x);
}

template <int N>
Tnum<Modular<N>> join(const Tnum<Modular<N>>& x, const Tnum<Modular<N>>& y) {
  return of_both<N>("join(Tnum)", x, y, any_bits<Modular<N>>());
}

template <int N>
Tnum<Modular<N>> meet(const Tnum<Modular<N>>& x, const Tnum<Modular<N>>& y) {
  return common<N>("meet(Tnum)", x, y, any_bits<Modular<N>>());
}

template <int N>
Tnum<Modular<N>> widened(const Tnum<Modular<N>>& x, const Tnum<Modular<N>>& y) {
  return of_both<N>("widened(Tnum)", x, y, any_bits<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> join(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return of_both<N>("join(Bounds)", x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> meet(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return common<N>("meet(Bounds)", x, y, any_bounds<Modular<N>>());
}

template <int N, class T>
Bounds<Modular<N>> widened(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y,
                           std::span<const T>) {
  return of_both<N>("widened(Bounds)", x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> bounds_of(const Tnum<Modular<N>>& x) {
  return keeping<N>("bounds_of(Tnum)", x, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> bounds_of(const Halves<Modular<N>>& x) {
  return keeping<N>("bounds_of(Halves)", x, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> bounds_of(const Arc<Modular<N>>& x) {
  return keeping<N>("bounds_of(Arc)", x, any_bounds<Modular<N>>());
}

template <int N>
Arc<Modular<N>> unsigned_arc(const Bounds<Modular<N>>& x) {
  return keeping<N>("unsigned_arc", x, any_arc<N>());
}

template <int N>
Arc<Modular<N>> signed_arc(const Bounds<Modular<N>>& x) {
  return keeping<N>("signed_arc", x, any_arc<N>());
}

template <int N>
Arc<Modular<N>> shorter(const Arc<Modular<N>>& x, const Arc<Modular<N>>& y) {
  return common<N>("shorter", x, y, any_arc<N>());
}

template <int N>
Arc<Modular<N>> negated(const Arc<Modular<N>>& x) {
  const auto result = any_arc<N>();
  grant_each<N>("negated(Arc)", [&](const auto& m) {
    return implies(contains(x, m), contains(result, negated(m)));
  });
  return result;
}

template <int N>
Bounds<Modular<N>> tightened(const Bounds<Modular<N>>& x) {
  return keeping<N>("tightened", x, any_bounds<Modular<N>>());
}

template <int N>
Halves<Modular<N>> halves(const Bounds<Modular<N>>& x) {
  return keeping<N>("halves", x, any_halves<Modular<N>>());
}

template <int N>
Number<Modular<N>> reduced(const Number<Modular<N>>& x) {
  return keeping<N>("reduced", x, any_number<Modular<N>>());
}

template <int N>
Tnum<Modular<N>> common_bits(const Modular<N>& min, const Modular<N>& max) {
  const auto result = any_bits<Modular<N>>();
  grant_each<N>("common_bits", [&](const auto& m) {
    return implies((min <= m) & (m <= max), contains(result, m));
  });
  return result;
}

template <int N>
Bounds<Modular<N>> with_low_half(const Bounds<Modular<N>>& x, const Halves<Modular<N / 2>>& low) {
  const auto result = any_bounds<Modular<N>>();
  grant_each<N>("with_low_half(Bounds)", [&](const auto& m) {
    return implies(contains(x, m) & contains(low, low_half(m)), contains(result, m));
  });
  return result;
}

template <int N>
Bounds<Modular<N / 2>> low_half(const Bounds<Modular<N>>& x) {
  const auto result = any_bounds<Modular<N / 2>>();
  grant_each<N>("low_half(Bounds)", [&](const auto& m) {
    return implies(contains(x, m), contains(result, low_half(m)));
  });
  return result;
}

template <int N>
Part<Modular<N>> zero_extended(const Part<Modular<N>>& x, int bits) {
  const auto result = any_part<Modular<N>>();
  grant_each<N>("zero_extended(Part)", [&](const auto& m) {
    return implies(contains(x, m), contains(result, zero_extended(m, bits)));
  });
  return result;
}

// Of two operands: for each pair of members.
template <int N, class Result>
Result row_contract(const std::string& lemma, Op op, const auto& x, const auto& y,
                    const Result& result) {
  grant_pairs<N>(lemma, [&](const auto& a, const auto& b) {
    return implies(contains(x, a) & contains(y, b), contains(result, meaning(op, a, b)));
  });
  return result;
}

template <int N>
Bounds<Modular<N>> add(const Arc<Modular<N>>& x, const Arc<Modular<N>>& y) {
  return row_contract<N>("add(Arc)", Op::Add, x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> mul(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return row_contract<N>("mul(Bounds)", Op::Mul, x, y, any_bounds<Modular<N>>());
}

template <int N>
Tnum<Modular<N>> mul(const Tnum<Modular<N>>& x, const Tnum<Modular<N>>& y) {
  return row_contract<N>("mul(Tnum)", Op::Mul, x, y, any_bits<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> div(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return row_contract<N>("div", Op::Div, x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> mod(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return row_contract<N>("mod", Op::Mod, x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> div_signed(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return row_contract<N>("div_signed", Op::SDiv, x, y, any_bounds<Modular<N>>());
}

template <int N>
Bounds<Modular<N>> mod_signed(const Bounds<Modular<N>>& x, const Bounds<Modular<N>>& y) {
  return row_contract<N>("mod_signed", Op::SMod, x, y, any_bounds<Modular<N>>());
}

// The rows. Their own lemmas call these functions with the word named, which no overload has.
template <int N>
Part<Modular<N>> transfer(Op op, const Part<Modular<N>>& x, const Part<Modular<N>>& y) {
  const std::string lemma = "transfer/" + std::string(row(op).name);
  return row_contract<N>(lemma, op, x, y, any_part<Modular<N>>());
}

template <int N>
Bounds<Modular<N / 2>> low_half_of(Op op, const Number<Modular<N>>& x,
                                   const Number<Modular<N>>& y) {
  const auto result = any_bounds<Modular<N / 2>>();
  grant_pairs<N>("low_half_of/" + std::string(row(op).name), [&](const auto& a, const auto& b) {
    return implies(contains(x, a) & contains(y, b), contains(result, low_half(meaning(op, a, b))));
  });
  return result;
}

template <int N>
Parts<Modular<N>> outcome(Op op, bool taken, const Part<Modular<N>>& x, const Part<Modular<N>>& y) {
  const Parts<Modular<N>> result{any_part<Modular<N>>(), any_part<Modular<N>>()};
  grant_pairs<N>("outcome/" + std::string(row(op).name), [&](const auto& a, const auto& b) {
    const Truth jumps = is_taken(op, a, b);
    return implies(contains(x, a) & contains(y, b) & (taken ? jumps : !jumps),
                   contains(result.x, a) & contains(result.y, b));
  });
  return result;
}

}  // namespace skep::domain
