// Lemmas about bits and bounds of one width: joining and meeting them, turning one into another.
#include "tests/prove/contracts.h"

namespace skep::domain {
namespace {

constexpr const char* kKeeps = "keeps members";
constexpr const char* kOfBoth = "members of both";
constexpr const char* kCommon = "common members";
constexpr const char* kGive = "members of both give members";

template <int N>
using Word = Symbol<N>;

template <class W>
Goals goals_of(const Truth& assumed, const Bounds<W>& result, const W& value) {
  Goals goals;
  split(goals, assumed, result, value);
  return goals;
}

std::vector<Lemma> bits_lemmas() {
  using W = Word<64>;
  using Product = Word<10>;  // z3 does not get further in reasonable time
  const auto x = any_bits<W>, y = x;
  return {
      {{"join(Tnum)", kOfBoth, 64},
       [=]() -> Goals {
         const auto p = x(), q = y();
         const W a = any<W>();
         return {{contains(p, a) | contains(q, a), contains(join(p, q), a)}};
       }},
      {{"meet(Tnum)", kCommon, 64},
       [=]() -> Goals {
         const auto p = x(), q = y();
         const W a = any<W>();
         return {{contains(p, a) & contains(q, a), contains(meet(p, q), a)}};
       }},
      {{"covers(Tnum)", "all members", 64},
       [=]() -> Goals {
         const auto p = x(), q = y();
         const W a = any<W>();
         return {{covers(p, q) & contains(q, a), contains(p, a)}};
       }},
      {{"widened(Tnum)", kOfBoth, 64},
       [=]() -> Goals {
         const auto p = x(), q = y();
         const W a = any<W>();
         return {{contains(p, a) | contains(q, a), contains(widened(p, q), a)}};
       }},
      {{"mul(Tnum)", kGive, 10},
       []() -> Goals {
         const auto p = any_bits<Product>(), q = any_bits<Product>();
         const Product a = any<Product>(), b = any<Product>();
         return {{contains(p, a) & contains(q, b), contains(mul(p, q), a * b)}};
       }},
      {{"is_empty", "no members", 64},
       []() -> Goals {
         const auto p = any_number<W>();
         const W a = any<W>();
         return {{contains(p, a), !is_empty(p)}};
       }},
  };
}

template <int N>
std::vector<Lemma> bounds_lemmas() {
  using W = Word<N>;
  return {
      {{"join(Bounds)", kOfBoth, N},
       [] {
         const auto p = any_bounds<W>(), q = any_bounds<W>();
         const W a = any<W>();
         return goals_of(contains(p, a) | contains(q, a), join(p, q), a);
       }},
      {{"meet(Bounds)", kCommon, N},
       [] {
         const auto p = any_bounds<W>(), q = any_bounds<W>();
         const W a = any<W>();
         return goals_of(contains(p, a) & contains(q, a), meet(p, q), a);
       }},
      {{"covers(Bounds)", "all members", N},
       [] {
         const auto p = any_bounds<W>(), q = any_bounds<W>();
         const W a = any<W>();
         return goals_of(covers(p, q) & contains(q, a), p, a);
       }},
      {{"common_bits", kKeeps, N},
       []() -> Goals {
         const W min = any<W>(), max = any<W>(), a = any<W>();
         return {{(min <= a) & (a <= max), contains(common_bits(min, max), a)}};
       }},
      {{"bounds_of(Tnum)", kKeeps, N},
       [] {
         const auto p = any_bits<W>();
         const W a = any<W>();
         return goals_of(contains(p, a), bounds_of(p), a);
       }},
      {{"bounds_of(Arc)", kKeeps, N},
       [] {
         const Arc<W> p{any<W>(), any<W>()};
         const W a = any<W>();
         return goals_of(contains(p, a), bounds_of(p), a);
       }},
      {{"bounds_of(Halves)", kKeeps, N},
       [] {
         const auto p = any_halves<W>();
         const W a = any<W>();
         return goals_of(contains(p, a), bounds_of(p), a);
       }},
      {{"halves", kKeeps, N},
       []() -> Goals {
         const auto p = any_bounds<W>();
         const W a = any<W>();
         return {{contains(p, a), contains(halves(p), a)}};
       }},
      {{"tightened", kKeeps, N},
       [] {
         const auto p = any_bounds<W>();
         const W a = any<W>();
         return goals_of(contains(p, a), tightened(p), a);
       }},
      {{"unsigned_arc", kKeeps, N},
       []() -> Goals {
         const auto p = any_bounds<W>();
         const W a = any<W>();
         return {{contains(p, a), contains(unsigned_arc(p), a)}};
       }},
      {{"signed_arc", kKeeps, N},
       []() -> Goals {
         const auto p = any_bounds<W>();
         const W a = any<W>();
         return {{contains(p, a), contains(signed_arc(p), a)}};
       }},
      {{"shorter", kCommon, N},
       []() -> Goals {
         const Arc<W> p{any<W>(), any<W>()}, q{any<W>(), any<W>()};
         const W a = any<W>();
         return {{contains(p, a) & contains(q, a), contains(shorter(p, q), a)}};
       }},
      {{"negated(Arc)", kKeeps, N},
       []() -> Goals {
         // Any arc, and any member of it, by how far they reach.
         const W from = any<W>(), reach = any<W>(), step = any<W>();
         const Arc<W> p{from, from + reach};
         return {{step <= reach, contains(negated(p), negated(from + step))}};
       }},
      {{"add(Arc)", kGive, N},
       [] {
         using M = Modular<N>;
         const M from = any<M>(), reach = any<M>(), step = any<M>();
         const M from2 = any<M>(), reach2 = any<M>(), step2 = any<M>();
         const M sum = from + step + (from2 + step2);
         track<N>({sum});
         const auto result = add<M>(Arc<M>{from, from + reach}, Arc<M>{from2, from2 + reach2});
         return goals_of(with_contracts((step <= reach) & (step2 <= reach2)), result, sum);
       }},
      {{"widened(Bounds)", kOfBoth, N},
       [] {
         const auto p = any_bounds<W>(), q = any_bounds<W>();
         const W a = any<W>();
         const std::vector<Word<64>> two{any<Word<64>>(), any<Word<64>>()};
         return goals_of(contains(p, a) | contains(q, a),
                         widened(p, q, std::span<const Word<64>>(two)), a);
       }},
  };
}

}  // namespace

std::vector<Lemma> set_lemmas() {
  std::vector<Lemma> lemmas = bits_lemmas();
  for (const auto& each : {bounds_lemmas<64>(), bounds_lemmas<32>()}) {
    lemmas.insert(lemmas.end(), each.begin(), each.end());
  }
  return lemmas;
}

}  // namespace skep::domain
