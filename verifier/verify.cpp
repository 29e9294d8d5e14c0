// verify(): structure first, then all paths of the program and of each global function it calls,
// then chains of calls; and the verdict.

#include <algorithm>
#include <bit>
#include <chrono>

#include "verifier/explore.h"

namespace skep {
namespace {

using namespace abstract;

// Visits of the first attempt: most programs need fewer.
constexpr u64 kFirstVisits = 16'384, kFirstVisitsPerInsn = 32;

Outcome outcome_of(Code code) {
  switch (code) {
    case Code::not_supported_yet:
    case Code::needs_types: return Outcome::Unsupported;
    case Code::verify_budget: return Outcome::Undecided;
    case Code::no_memory: return Outcome::Undecided;
    default: return Outcome::Rejected;
  }
}

// One attempt at a verdict.
class Verification {
 public:
  Verification(const Image& image, const KernelProfile& profile, const VerifyOptions& options,
               VerifyStats& stats)
      : image_(image),
        profile_(profile),
        options_(options),
        stats_(stats),
        meter_{.limit = options.budget.memory},
        judge_(image, profile, options, meter_) {}

  void learn_as_kernel() { judge_.learn_as_kernel(); }

  // Nothing: accepted.
  std::optional<Error> run(Demand demand, u64 visits) {
    auto error = judge(demand, visits);
    stats_.peak_bytes = std::max(stats_.peak_bytes, meter_.peak);
    return error;
  }

 private:
  std::optional<Error> judge(Demand demand, u64 visits) {
    Explorer explorer(judge_, options_, meter_, stats_);
    State state;
    if (!judge_.init() || !explorer.init(demand, visits) || !judge_.enter(state)) {
      return make_error<Code::no_memory>("a verdict");
    }
    if (auto error = explore(explorer, state, {0})) return error;
    // The global functions that are called, and those that these call.
    const auto functions = image_.program.subprograms();
    std::vector<bool> judged(functions.size(), false);
    for (u32 i = 0; i < functions.size(); ++i) {
      if (!judge_.called()[i] || judged[i]) continue;
      judged[i] = true;
      if (!judge_.enter_global(state, i)) {
        judge_.store().release(state);
        return judge_.error();
      }
      if (auto error = explore(explorer, state, functions[i].first)) return error;
      i = ~0u;  // from the start
    }
    return check_chains(judge_, stats_.stack_bytes);
  }

  static std::optional<Error> explore(Explorer& explorer, State& state, Pc start) {
    if (explorer.run(state, start) == Explorer::Result::Accepted) return {};
    return explorer.error();
  }

  const Image& image_;
  const KernelProfile& profile_;
  const VerifyOptions& options_;
  VerifyStats& stats_;
  MemoryMeter meter_;
  Judge judge_;
};

// Most programs are judged with all that is known of them. Those with too many paths are tried with
// numbers forgotten that merely steer; what that refuses may be good all the same. `visits` becomes
// how many the attempt took that decided.
std::optional<Error> decide(const Image& image, const KernelProfile& profile,
                            const VerifyOptions& options, VerifyStats& stats, u64& visits) {
  if (auto error = check_shape(image, profile)) return error;
  const auto attempt = [&](Demand demand, u64 most) {
    visits = stats.visits;
    auto error = Verification(image, profile, options, stats).run(demand, most);
    visits = stats.visits - visits;
    return error;
  };
  const u64 all = options.budget.visits;
  const u64 first = kFirstVisits + kFirstVisitsPerInsn * image.program.size();
  auto error = attempt(Demand::AllBranches, std::min(all, first));
  if (!error || error->code != Code::verify_budget || all <= first) return error;
  const auto light = attempt(Demand::LoopExits, first + (all - first) / 2);
  if (!light) return {};
  return attempt(Demand::AllBranches, all);
}

// Whether some comparison may tell us what a kernel does not learn from it: see Judge.
bool may_learn_more(const Program& program) {
  return std::ranges::any_of(program.decoded(), [](const Decoded& insn) {
    return insn.op == Op::Jset &&
           !(insn.immediate && std::has_single_bit(static_cast<u64>(insn.imm)));
  });
}

// Why a kernel may not accept what was accepted in so many visits: it gives up after a number of
// insns. Loops that end soon for us may go on for it, which knows less.
std::optional<Error> past_kernel_limit(const Image& image, const KernelProfile& profile,
                                       const VerifyOptions& options, VerifyStats& stats,
                                       u64 visits) {
  const u64 limit = profile.limit(Limit::insns_verified);
  if (visits > limit) {
    return make_error<Code::verify_budget>(
        0u, fmt::format("a kernel judges at most {} insns, all paths together, and this took {}",
                        limit, visits));
  }
  if (!may_learn_more(image.program)) return {};
  std::optional<Error> error;
  for (const Demand demand : {Demand::AllBranches, Demand::LoopExits}) {
    Verification blind(image, profile, options, stats);
    blind.learn_as_kernel();
    error = blind.run(demand, stats.visits + limit);
    if (!error) return {};
    if (error->code != Code::verify_budget) continue;
    error->text = fmt::format(
        "a kernel judges at most {} insns, all paths together, and this may take more: it learns "
        "less than is known here from comparisons of several bits",
        limit);
  }
  return error;
}

Finding finding_of(const Image& image, const Error& error) {
  Finding finding{.code = error.code,
                  .pc = error.pc.value_or(Pc{}),
                  .text = error.text,
                  .place = {},
                  .line = {}};
  const SourceMap& source = image.program.source();
  if (const SourceLine* line = source.find(finding.pc)) {
    finding.place = source.place(finding.pc);
    finding.line = line->text;
  }
  return finding;
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::Accepted: return "accepted";
    case Outcome::Rejected: return "rejected";
    case Outcome::Unsupported: return "not supported";
    case Outcome::Undecided: return "undecided";
  }
  __builtin_unreachable();
}

Verdict verify(const Image& image, const KernelProfile& profile, const VerifyOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Verdict verdict;
  u64 visits = 0;
  auto error = decide(image, profile, options, verdict.stats, visits);
  if (!error && options.as_kernel) {
    error = past_kernel_limit(image, profile, options, verdict.stats, visits);
  }
  verdict.stats.nanoseconds =
      static_cast<u64>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
  verdict.outcome = error ? outcome_of(error->code) : Outcome::Accepted;
  if (error) verdict.finding = finding_of(image, *error);
  return verdict;
}

}  // namespace skep
