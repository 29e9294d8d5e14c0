// Lemmas about numbers as a whole: the reduction, and what is made of rows and sets through it.
#include "tests/prove/contracts.h"

namespace skep::domain {
namespace {

constexpr const char* kKeeps = "keeps members";
constexpr const char* kOfBoth = "members of both";
constexpr const char* kCommon = "common members";
constexpr const char* kGive = "members of both give members";

using W = Symbol<64>;
using M = Modular<64>;

Goals goals_of(const Truth& assumed, const Number<M>& result, const M& value) {
  return {{with_contracts(assumed), contains(result, value)}};
}

Goals low_half_goals() {
  const auto x = any_bounds<W>();
  const W a = any<W>();
  Goals goals;
  split(goals, contains(x, a), low_half(x), low_half(a));
  return goals;
}

Goals with_low_half_goals() {
  const auto x = any_bounds<W>();
  const auto low = any_halves<Half<W>>();
  const W a = any<W>();
  Goals goals;
  split(goals, contains(x, a) & contains(low, low_half(a)), with_low_half(x, low), a);
  return goals;
}

Goals reduced_goals() {
  const auto x = any_number<M>();
  const M a = any<M>();
  track<64>({a});
  const Number<M> result = reduced<M>(x);
  return goals_of(contains(x, a), result, a);
}

// At once, without the lemmas about its steps.
Goals short_reduced_goals() {
  using Short = Symbol<8>;
  const auto x = any_number<Short>();
  const Short a = any<Short>();
  Goals goals;
  split(goals, contains(x, a), reduced(x), a);
  return goals;
}

Goals reduced_only_takes_away() {
  using Short = Symbol<8>;
  const auto x = any_number<Short>();
  const Short a = any<Short>();
  return {{contains(reduced(x), a), contains(x, a)}};
}

Goals union_goals(Number<M> (*function)(const Number<M>&, const Number<M>&)) {
  const auto x = any_number<M>(), y = any_number<M>();
  const M a = any<M>();
  track<64>({a});
  const Number<M> result = function(x, y);
  return goals_of(contains(x, a) | contains(y, a), result, a);
}

Goals meet_goals() {
  const auto x = any_number<M>(), y = any_number<M>();
  const M a = any<M>();
  track<64>({a});
  const Number<M> result = meet<M>(x, y);
  return goals_of(contains(x, a) & contains(y, a), result, a);
}

Number<M> widened_by_two(const Number<M>& x, const Number<M>& y) {
  const std::vector<M> two{any<M>(), any<M>()};
  return widened(x, y, std::span<const M>(two));
}

Goals zero_extended_goals() {
  Goals goals;
  for (const int bits : {8, 16, 32}) {
    const auto x = any_part<W>();
    const W a = any<W>();
    split(goals, contains(x, a), zero_extended(x, bits), zero_extended(a, bits));
  }
  return goals;
}

Goals truncated_goals() {
  Goals all;
  for (const int bits : {8, 16, 32}) {
    const auto x = any_number<M>();
    const M a = any<M>();
    track<64>({a, zero_extended(a, bits)});
    const Number<M> result = truncated<M>(x, bits);
    all.push_back(goals_of(contains(x, a), result, zero_extended(a, bits)).at(0));
  }
  return all;
}

bool is_arithmetic(Op op) {
  return kind(op) == OpKind::Alu || kind(op) == OpKind::Unary || kind(op) == OpKind::MovSx;
}

Goals at_width_goals() {
  Goals all;
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (!is_arithmetic(op) && kind(op) != OpKind::Swap) continue;
    const auto x = any_number<M>(), y = any_number<M>();
    const M a = any<M>(), b = any<M>(), value = meaning(op, a, b);
    track<64>({a, b, value});
    const Number<M> result = at_width<M>(op, x, y);
    all.push_back(goals_of(contains(x, a) & contains(y, b), result, value).at(0));
  }
  return all;
}

Goals at_half_width_goals() {
  Goals all;
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (!is_arithmetic(op)) continue;
    const auto x = any_number<M>(), y = any_number<M>();
    const M a = any<M>(), b = any<M>();
    const Modular<32> value = meaning(op, low_half(a), low_half(b));
    const M extended = from_halves(Modular<32>(0), value);
    track<64>({a, b});
    tracked<64>() = {extended};  // what reduced() is about
    const Number<M> result = at_half_width<M>(op, x, y);
    all.push_back(goals_of(contains(x, a) & contains(y, b), result, extended).at(0));
  }
  return all;
}

// `whole` compares 64 bits, else 32.
Goals outcome_goals(bool whole) {
  Goals all;
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (kind(op) != OpKind::Jump) continue;
    for (const bool taken : {true, false}) {
      const auto x = any_number<M>(), y = any_number<M>();
      const M a = any<M>(), b = any<M>();
      track<64>({a, b});
      const Numbers<M> result =
          whole ? outcome_at_width<M>(op, taken, x, y) : outcome_at_half_width<M>(op, taken, x, y);
      const Truth jumps = whole ? is_taken(op, a, b) : is_taken(op, low_half(a), low_half(b));
      const Truth assumed = contains(x, a) & contains(y, b) & (taken ? jumps : !jumps);
      all.push_back({with_contracts(assumed), contains(result.x, a) & contains(result.y, b)});
    }
  }
  return all;
}

}  // namespace

std::vector<Lemma> number_lemmas() {
  return {
      {{"low_half(Bounds)", kKeeps, 64}, low_half_goals},
      {{"with_low_half(Bounds)", kKeeps, 64}, with_low_half_goals},
      {{"reduced", kKeeps, 64}, reduced_goals},
      {{"reduced", kKeeps, 8}, short_reduced_goals},
      {{"reduced", "only takes away", 8}, reduced_only_takes_away},
      {{"constant_number", "has its value", 64},
       []() -> Goals {
         const W a = any<W>(), b = any<W>();
         return {{contains(constant_number(a), a), a == a},
                 {a == b, contains(constant_number(a), b)}};
       }},
      {{"zero_extended(Part)", kKeeps, 64}, zero_extended_goals},
      {{"join(Number)", kOfBoth, 64}, [] { return union_goals(&join<M>); }},
      {{"meet(Number)", kCommon, 64}, meet_goals},
      {{"covers(Number)", "all members", 64},
       []() -> Goals {
         const auto x = any_number<W>(), y = any_number<W>();
         const W a = any<W>();
         Goals goals;
         split(goals, covers(x, y) & contains(y, a), x, a);
         return goals;
       }},
      {{"widened(Number)", kOfBoth, 64}, [] { return union_goals(&widened_by_two); }},
      {{"truncated", kKeeps, 64}, truncated_goals},
      {{"at_width", kGive, 64}, at_width_goals},
      {{"at_half_width", kGive, 64}, at_half_width_goals},
      {{"outcome_at_width", kKeeps, 64}, [] { return outcome_goals(true); }},
      {{"outcome_at_half_width", kKeeps, 64}, [] { return outcome_goals(false); }},
  };
}

}  // namespace skep::domain
