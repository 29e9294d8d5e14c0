// Lemmas about rows of isa/insn.def, one a row: members of the operands' sets give members of the
// result's; operands of a jump that was taken, or not, stay members.
#include "tests/prove/contracts.h"

namespace skep::domain {
namespace {

// Sums, products and quotients are proved through the lemmas about their parts; the rest at once.
bool is_composed(Op op) {
  return op == Op::Add || op == Op::Sub || op == Op::Mul || op == Op::Div || op == Op::SDiv ||
         op == Op::Mod || op == Op::SMod;
}

template <int N, bool M>
Goals transfer_goals(Op op) {
  using W = Symbol<N, M>;
  const Part<W> x = any_part<W>(), y = any_part<W>();
  const W a = any<W>(), b = any<W>();
  if constexpr (M) track<N>({a, b, negated(b), meaning(op, a, b)});
  const Part<W> result = transfer<W>(op, x, y);
  Truth assumed = contains(x, a) & contains(y, b);
  if constexpr (M) assumed = with_contracts(assumed);
  Goals goals;
  split(goals, assumed, result, meaning(op, a, b));
  return goals;
}

template <int N>
Lemma transfer_lemma(Op op) {
  return {{"transfer/" + std::string(row(op).name), "members give members", N}, [op] {
            return is_composed(op) ? transfer_goals<N, true>(op) : transfer_goals<N, false>(op);
          }};
}

template <bool M>
Goals low_half_goals(Op op) {
  using W = Symbol<64, M>;
  const Number<W> x = any_number<W>(), y = any_number<W>();
  const W a = any<W>(), b = any<W>();
  if constexpr (M) {
    track<64>({a, b});
    const Half<W> c = low_half(a), d = low_half(b);
    tracked<32>() = {c, d, negated(d), meaning(op, c, d)};
  }
  const Bounds<Half<W>> result = low_half_of<W>(op, x, y);
  Truth assumed = contains(x, a) & contains(y, b);
  if constexpr (M) assumed = with_contracts(assumed);
  Goals goals;
  split(goals, assumed, result, low_half(meaning(op, a, b)));
  return goals;
}

Lemma low_half_lemma(Op op) {
  return {{"low_half_of/" + std::string(row(op).name), "members give members", 64},
          [op] { return is_composed(op) ? low_half_goals<true>(op) : low_half_goals<false>(op); }};
}

template <int N>
Lemma outcome_lemma(Op op, bool taken) {
  return {{"outcome/" + std::string(row(op).name), taken ? "taken" : "not taken", N}, [op, taken] {
            using W = Symbol<N>;
            const Part<W> x = any_part<W>(), y = any_part<W>();
            const W a = any<W>(), b = any<W>();
            const Parts<W> result = outcome<W>(op, taken, x, y);
            const Truth jumps = is_taken(op, a, b);
            const Truth assumed = contains(x, a) & contains(y, b) & (taken ? jumps : !jumps);
            Goals goals;
            split(goals, assumed, result.x, a);
            split(goals, assumed, result.y, b);
            return goals;
          }};
}

}  // namespace

std::vector<Lemma> row_lemmas() {
  std::vector<Lemma> lemmas;
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    switch (kind(op)) {
      case OpKind::Alu:
      case OpKind::Unary:
      case OpKind::MovSx: lemmas.push_back(transfer_lemma<32>(op)); [[fallthrough]];
      case OpKind::Swap:
        lemmas.push_back(transfer_lemma<64>(op));
        lemmas.push_back(low_half_lemma(op));
        break;
      case OpKind::Jump:
        for (const bool taken : {true, false}) {
          lemmas.push_back(outcome_lemma<64>(op, taken));
          lemmas.push_back(outcome_lemma<32>(op, taken));
        }
        break;
      default: break;
    }
  }
  return lemmas;
}

}  // namespace skep::domain
