// See rounds.h.
#include "tools/bench/rounds.h"

#include <algorithm>
#include <map>

namespace skep::bench {
namespace {

constexpr u32 kMaxRepeat = 1'000'000;

// One contender through all rounds.
struct Lane {
  Contender* contender = nullptr;
  u32 repeat = 1;
  std::vector<double> times = {};  // ns a run

  void calibrate(double sample_ns) {
    double ns = 0;
    for (repeat = 1; repeat < kMaxRepeat; repeat *= 4) {
      ns = contender->run(repeat).ns;
      if (ns >= sample_ns / 8) break;
    }
    repeat = std::min(repeat, kMaxRepeat);
    const double wanted = ns <= 0 ? kMaxRepeat : sample_ns / (ns / repeat);
    repeat = static_cast<u32>(std::clamp(wanted, 1.0, static_cast<double>(kMaxRepeat)));
  }
  void sample() { times.push_back(contender->run(repeat).ns / repeat); }
  double least() const { return *std::ranges::min_element(times); }
  double median() const {
    std::vector<double> sorted = times;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::ranges::nth_element(sorted, middle);
    return *middle;
  }
};

// The first run of a job, which decides whether the others count.
void check_first(Job& job, Row& row, std::optional<u64>& known, Cell& cell) {
  const Contender::Sample sample = job.contender->run(1);
  if (sample.insns != 0) row.insns = sample.insns;
  const u64 mask = job.contender->r0_mask();
  if (!known && mask == ~u64{0}) known = sample.r0;
  if (known && (*known & mask) != (sample.r0 & mask)) {
    cell.wrong = fmt::format("r0 is {:#x}, not {:#x}", sample.r0 & mask, *known & mask);
  }
  if (known) row.r0 = *known;
}

class Race {
 public:
  Race(std::span<Job> jobs, Result& result) : jobs_(jobs), result_(result), lanes_(jobs.size()) {}

  void start(const std::vector<std::optional<u64>>& expected, double sample_ns) {
    std::vector<std::optional<u64>> known = expected;
    known.resize(result_.rows.size());
    // Those that know all of r0 first, so that the others are compared with them.
    for (const bool whole : {true, false}) {
      for (Job& job : jobs_) {
        if ((job.contender->r0_mask() == ~u64{0}) != whole) continue;
        guarded(job, [&](Cell& cell) { check_first(job, row(job), known[job.row], cell); });
      }
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      lanes_[i].contender = jobs_[i].contender.get();
      guarded(jobs_[i], [&](Cell&) { lanes_[i].calibrate(sample_ns); });
      Contender* base = jobs_[i].base.get();
      if (base == nullptr || bases_.contains(base)) continue;
      bases_[base].contender = base;
      bases_[base].calibrate(sample_ns);
    }
  }

  void round(u32 number) {
    for (auto& [base, lane] : bases_) lane.sample();
    // Another one begins each time, so that none always follows the same one.
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const std::size_t at = (i + number) % jobs_.size();
      guarded(jobs_[at], [&](Cell&) { lanes_[at].sample(); });
    }
  }

  void finish() {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      Cell& cell = row(jobs_[i]).cells[jobs_[i].engine];
      const Lane& lane = lanes_[i];
      if (!cell.wrong.empty() || !cell.refused.empty() || lane.times.empty()) continue;
      cell.samples = lane.times.size();
      cell.least = lane.least();
      cell.median = lane.median();
      if (jobs_[i].base == nullptr) continue;
      const Lane& base = bases_.at(jobs_[i].base.get());
      cell.base = base.least();
      cell.least = std::max(0.0, cell.least - base.least());
      cell.median = std::max(0.0, cell.median - base.median());
    }
  }

 private:
  Row& row(const Job& job) { return result_.rows[job.row]; }

  // Does `work` unless the job's cell is wrong, and makes it wrong if that fails.
  template <class Work>
  void guarded(Job& job, Work work) {
    Cell& cell = row(job).cells[job.engine];
    if (!cell.wrong.empty() || !cell.refused.empty()) return;
    try {
      work(cell);
    } catch (const Failure& failure) {
      // Some engines can tell only then that they run no such program.
      const bool refused = failure.error.code == Code::kernel_refused;
      (refused ? cell.refused : cell.wrong) = failure.error.text;
    }
  }

  std::span<Job> jobs_;
  Result& result_;
  std::vector<Lane> lanes_;
  std::map<Contender*, Lane> bases_;
};

}  // namespace

void measure(std::span<Job> jobs, const std::vector<std::optional<u64>>& expected,
             const RoundOptions& options, Result& result) {
  Race race(jobs, result);
  race.start(expected, options.sample_ns);
  for (u32 i = 0; i < options.rounds; ++i) race.round(i);
  race.finish();
  result.rounds = options.rounds;
}

}  // namespace skep::bench
