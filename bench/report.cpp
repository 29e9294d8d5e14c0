// The table: a line a program, then geometric mean, largest, and ratio to the last engine.

#include "bench/report.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

namespace skep::bench {
namespace {

// Geometric mean, and the largest, of numbers as they come.
struct Summary {
  double log_sum = 0;
  double largest = 0;
  int count = 0;

  void add(double x) {
    log_sum += std::log(x);
    largest = std::max(largest, x);
    ++count;
  }
  double geomean() const { return count == 0 ? 0 : std::exp(log_sum / count); }
};

}  // namespace

bool TableReporter::ReportContext(const Context&) {
  return true;
}

void TableReporter::add(const Run& run) {
  const std::string& name = run.run_name.function_name;
  const std::size_t slash = name.find('/');
  const std::string engine = name.substr(slash + 1);
  if (std::ranges::find(engines_, engine) == engines_.end()) engines_.push_back(engine);
  Sample& sample = samples_[{name.substr(0, slash), engine}];
  if (run.error_occurred) {
    failed_ = true;
    sample.error = run.error_message;
    return;
  }
  const double ns = run.real_accumulated_time / static_cast<double>(run.iterations) * 1e9;
  if (sample.best == 0 || ns < sample.best) sample.best = ns;
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.run_type == Run::RT_Iteration) add(run);
  }
}

void TableReporter::print_row(std::ostream& out, const ProgramRow& program) {
  out << std::left << std::setw(10) << program.name << std::right << std::setw(8) << program.insns;
  for (const std::string& engine : engines_) {
    const Sample& sample = samples_[{program.name, engine}];
    if (!sample.error.empty()) {
      out << "  error: " << sample.error;
    } else if (sample.best > 0) {
      out << std::setprecision(1) << std::setw(12) << sample.best << std::setprecision(3)
          << std::setw(9) << sample.best / static_cast<double>(program.insns);
    } else {
      out << std::setw(21) << "-";
    }
  }
  out << '\n';
}

void TableReporter::print_summary(std::ostream& out) {
  std::map<std::string, Summary> per_insn;
  std::map<std::string, Summary> ratio;  // to the last engine
  for (const ProgramRow& program : programs_) {
    const double reference = samples_[{program.name, engines_.back()}].best;
    for (const std::string& engine : engines_) {
      const double best = samples_[{program.name, engine}].best;
      if (best == 0) continue;
      per_insn[engine].add(best / static_cast<double>(program.insns));
      if (reference > 0) ratio[engine].add(best / reference);
    }
  }
  const auto line = [&](const std::string& title, auto number) {
    out << std::left << std::setw(18) << title << std::right << std::setprecision(3);
    for (const std::string& engine : engines_) out << std::setw(21) << number(engine);
    out << '\n';
  };
  line("geomean ns/insn", [&](const std::string& e) { return per_insn[e].geomean(); });
  line("largest ns/insn", [&](const std::string& e) { return per_insn[e].largest; });
  line("time : " + engines_.back(), [&](const std::string& e) { return ratio[e].geomean(); });
}

void TableReporter::Finalize() {
  if (engines_.empty()) return;
  std::ostream& out = GetOutputStream();
  out << std::fixed << std::left << std::setw(10) << "program" << std::right << std::setw(8)
      << "insns";
  std::vector<std::string> order;
  for (const std::string& engine : all_engines_) {
    if (std::ranges::find(engines_, engine) != engines_.end()) order.push_back(engine);
  }
  engines_ = order;
  for (const std::string& engine : engines_) {
    out << std::setw(9) << engine << " ns" << std::setw(9) << "ns/insn";
  }
  out << '\n';
  for (const ProgramRow& program : programs_) {
    const auto ran = [&](const std::string& e) { return samples_.contains({program.name, e}); };
    if (std::ranges::any_of(engines_, ran)) print_row(out, program);
  }
  print_summary(out);
}

}  // namespace skep::bench
