// Solves the lemmas of isa/domain by z3, all from nothing, and writes or compares their record.
//
//   prove --domain isa/domain --prover tests/prove --record FILE    solve, write the record
//         --check                    solve, compare with the record instead of writing it
//         --changed                  solve those alone that the record has not, or of another text
//         --only TEXT                solve those whose name has the text; no record
//         --stop                     at the first that fails
//         --jobs N                   as many at once
//
// A lemma that z3 refutes is shown with the values that refute it; one that it cannot decide fails,
// too, as does one whose assumptions contradict each other, which would prove anything.
#include <atomic>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include "isa/arith.h"
#include "tests/prove/contracts.h"
#include "tests/prove/integer.h"

namespace skep::domain {
namespace {

constexpr unsigned kTimeout = 900'000;  // milliseconds a goal, of which z3 needs a few thousand

struct Options {
  std::string domain = "isa/domain", prover = "tests/prove", record, only;
  bool check = false, changed = false, stop = false;
  unsigned jobs = 1;
};

z3::solver solver_for(bool integers) {
  z3::context& c = context();
  z3::solver solver(c);
  if (!integers) {
    solver = (z3::tactic(c, "simplify") & z3::tactic(c, "propagate-values") &
              z3::tactic(c, "solve-eqs") & z3::tactic(c, "simplify") &
              z3::tactic(c, "ackermannize_bv") & z3::tactic(c, "bit-blast") & z3::tactic(c, "sat"))
                 .mk_solver();
  }
  z3::params params(c);
  params.set("timeout", kTimeout);
  solver.set(params);
  return solver;
}

struct Verdict {
  std::string failure;  // empty: proved
  double seconds = 0;
  std::set<std::string> used;
};

std::string check(z3::solver& solver, z3::check_result wanted, const char* what) {
  const z3::check_result result = solver.check();
  if (result == wanted) return "";
  if (result == z3::unknown) return std::string(what) + " not decided";
  std::ostringstream text;
  text << what;
  if (result == z3::sat) text << " refuted:\n" << solver.get_model();
  return text.str();
}

std::string solve(const Goal& goal, const z3::expr& facts, bool integers, bool consistent) {
  z3::solver solver = solver_for(integers);
  solver.add(facts);
  solver.add(goal.assumed.term());
  if (consistent) {
    const std::string failure = check(solver, z3::sat, "assumptions contradict each other, or are");
    if (!failure.empty()) return failure;
  }
  solver.add(!goal.claimed.term());
  return check(solver, z3::unsat, "");
}

// Of this thread.
double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Verdict prove(const Lemma& lemma) {
  const double start = processor_seconds();
  Verdict verdict;
  Unknowns integers;
  unknowns() = &integers;
  granted() = {};
  const Goals goals = lemma.goals();
  const z3::expr facts = lemma.integers ? integers.facts() : context().bool_val(true);
  for (const Goal& goal : goals) {
    const bool first = &goal == &goals.front();
    verdict.failure = solve(goal, facts, lemma.integers, first && lemma.name.subject != "laws");
    if (!verdict.failure.empty()) break;
  }
  verdict.used = granted().used;
  verdict.seconds = processor_seconds() - start;
  return verdict;
}

std::vector<Lemma> all_lemmas() {
  std::vector<Lemma> all;
  for (const auto& part : {integer_lemmas(), number_lemmas(), set_lemmas(), row_lemmas()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// The lemmas that are there and those that must be are the same; what lemmas grant is proved.
bool complete(const std::vector<Lemma>& lemmas) {
  std::set<LemmaName> here, expected;
  for (const Lemma& lemma : lemmas) here.insert(lemma.name);
  for (const LemmaName& name : expected_lemmas()) expected.insert(name);
  for (const LemmaName& name : expected) {
    if (!here.contains(name)) std::cout << text(name) << ": nobody proves it\n";
  }
  for (const LemmaName& name : here) {
    if (!expected.contains(name)) std::cout << text(name) << ": nobody expects it\n";
  }
  return here == expected;
}

// meaning.h says the same as isa/arith.h, on constants.
template <class U>
bool same_meaning(Op op, U x, U y) {
  constexpr int kWidth = sizeof(U) * 8;
  using S = Symbol<kWidth>;
  const S a(x), b(y);
  if (kind(op) == OpKind::Jump) {
    return is_taken(op, a, b).term().simplify().is_true() == taken<U>(op, x, y);
  }
  return meaning(op, a, b).term().simplify().get_numeral_uint64() == eval<U>(op, x, y);
}

bool meanings_agree() {
  std::mt19937_64 random(1);
  const u64 corners[] = {0,
                         1,
                         7,
                         63,
                         64,
                         0x7fff'ffff,
                         0x8000'0000,
                         0xffff'ffff,
                         u64{1} << 63,
                         ~u64{0},
                         static_cast<u64>(INT64_MAX),
                         static_cast<u64>(-7)};
  for (int i = 0; i < kOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (kind(op) > OpKind::Jump) continue;
    for (int turn = 0; turn < 100; ++turn) {
      const u64 x = random() % 3 == 0 ? random() : corners[random() % std::size(corners)];
      const u64 y = random() % 3 == 0 ? random() : corners[random() % std::size(corners)];
      const bool same = same_meaning<u64>(op, x, y) &&
                        (kind(op) == OpKind::Swap ||
                         same_meaning<u32>(op, static_cast<u32>(x), static_cast<u32>(y)));
      if (same) continue;
      std::cout << row(op).name << " of " << x << " and " << y << " means something else here\n";
      return false;
    }
  }
  return true;
}

class Prover {
 public:
  Prover(std::vector<Lemma> lemmas, const Hashes& hashes)
      : lemmas_(std::move(lemmas)), hashes_(hashes) {}

  void run(unsigned jobs, bool stop) {
    stop_ = stop;
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < jobs; ++i) threads.emplace_back([this] { work(); });
  }

  Record record;
  double seconds = 0;
  std::atomic<int> failed = 0;
  std::set<std::string> used;

 private:
  void work() {
    for (std::size_t i = next_++; i < lemmas_.size() && !(stop_ && failed > 0); i = next_++) {
      const Verdict verdict = prove(lemmas_[i]);
      const std::lock_guard lock(mutex_);
      note(lemmas_[i].name, verdict);
    }
  }

  void note(const LemmaName& name, const Verdict& verdict) {
    seconds += verdict.seconds;
    used.insert(verdict.used.begin(), verdict.used.end());
    char time[32];
    std::snprintf(time, sizeof time, "%.2f", verdict.seconds);
    if (verdict.failure.empty()) {
      record.proofs[name] = {hashes_.of(name.subject), time};
      std::cout << "proved " << text(name) << " (" << time << " s)\n" << std::flush;
    } else {
      ++failed;
      std::cout << "FAILED " << text(name) << " (" << time << " s): " << verdict.failure << "\n"
                << std::flush;
    }
  }

  std::vector<Lemma> lemmas_;
  const Hashes& hashes_;
  std::atomic<std::size_t> next_ = 0;
  bool stop_ = false;
  std::mutex mutex_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (option == "--domain") options.domain = value();
    if (option == "--prover") options.prover = value();
    if (option == "--record") options.record = value();
    if (option == "--only") options.only = value();
    if (option == "--jobs") options.jobs = static_cast<unsigned>(std::atoi(value().c_str()));
    if (option == "--check") options.check = true;
    if (option == "--changed") options.changed = true;
    if (option == "--stop") options.stop = true;
  }
  return options;
}

// Every lemma that was taken for granted is there.
bool all_granted_are_there(const std::set<std::string>& used, const std::vector<Lemma>& lemmas) {
  bool good = true;
  for (const std::string& subject : used) {
    const auto about = [&](const Lemma& lemma) { return lemma.name.subject == subject; };
    if (std::any_of(lemmas.begin(), lemmas.end(), about)) continue;
    std::cout << subject << " was taken for granted, and nobody proves it\n";
    good = false;
  }
  return good;
}

Record read_record(const Options& options) {
  std::ostringstream text;
  text << std::ifstream(options.record).rdbuf();
  return parse_record(text.str());
}

// The proofs of a record that are of what is here.
Record still_good(Record record, const Hashes& hashes, const std::string& prover) {
  const auto stale = [&](const auto& entry) {
    return record.prover != prover || entry.second.hash != hashes.of(entry.first.subject);
  };
  std::erase_if(record.proofs, stale);
  return record;
}

bool keep_record(const Options& options, const Record& record, const Hashes& hashes) {
  if (options.record.empty()) return true;
  if (!options.check) {
    std::ofstream(options.record) << print(record);
    return true;
  }
  const auto wrong = faults(read_record(options), hashes, record.prover);
  for (const std::string& each : wrong) std::cout << options.record << ": " << each << "\n";
  return wrong.empty();
}

int run(const Options& options) {
  std::vector<Lemma> lemmas = all_lemmas();
  if (!complete(lemmas) || !meanings_agree()) return 1;
  const std::vector<Lemma> all = lemmas;
  const Hashes hashes(read_sources(options.domain));
  const std::string prover_hash = hash_of(read_sources(options.prover));
  Record known;
  if (options.changed) known = still_good(read_record(options), hashes, prover_hash);
  std::erase_if(lemmas, [&](const Lemma& lemma) {
    return text(lemma.name).find(options.only) == std::string::npos ||
           known.proofs.contains(lemma.name);
  });
  Prover prover(lemmas, hashes);
  prover.run(options.jobs, options.stop);
  const std::size_t proved = prover.record.proofs.size();
  prover.record.prover = prover_hash;
  prover.record.proofs.merge(known.proofs);
  bool good = prover.failed == 0 && (options.changed || !lemmas.empty()) &&
              all_granted_are_there(prover.used, all);
  if (good && options.only.empty()) good = keep_record(options, prover.record, hashes);
  std::printf("prove: %zu of %zu lemmas proved, %.0f s of processor time\n", proved, lemmas.size(),
              prover.seconds);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace skep::domain

int main(int argc, char** argv) {
  return skep::domain::run(skep::domain::parse(argc, argv));
}
