// What skep_maps prints: the table of the least times, and what went wrong.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <iomanip>
#include <map>
#include <string>
#include <vector>

namespace skep::bench {

// Keeps the least time of each cell, or its error; prints a row an operation, a column an engine
// and number of threads.
class TableReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration) add(run);
    }
  }
  void Finalize() override {
    std::ostream& out = GetOutputStream();
    out << std::fixed << std::setprecision(1) << std::left << std::setw(kRowWidth)
        << "ns an operation" << std::right;
    for (const std::string& column : columns_) out << std::setw(kColumnWidth) << column;
    out << '\n';
    for (const std::string& row : rows_) print(out, row);
    out.flush();
    for (const auto& [place, error] : errors_) {
      GetErrorStream() << "skep_maps: error: " << place.first << ", " << place.second << ": "
                       << error << '\n';
    }
  }
  bool failed() const { return !errors_.empty(); }

 private:
  static constexpr int kRowWidth = 27, kColumnWidth = 18;
  using Place = std::pair<std::string, std::string>;  // row and column

  static void note(std::vector<std::string>& names, const std::string& name) {
    const auto place = std::lower_bound(names.begin(), names.end(), name);
    if (place == names.end() || *place != name) names.insert(place, name);
  }
  // Of a name TYPE/OPERATION/ENGINE, and our or Google Benchmark's threads.
  static Place place_of(const Run& run) {
    const std::string& name = run.run_name.function_name;
    const std::string& own = run.run_name.args;  // "threads:N"
    const std::size_t slash = name.rfind('/');
    return {name.substr(0, slash),
            name.substr(slash + 1) + " x" +
                (own.empty() ? std::to_string(run.threads) : own.substr(own.find(':') + 1))};
  }
  void add(const Run& run) {
    const Place place = place_of(run);
    note(rows_, place.first);
    note(columns_, place.second);
    if (run.error_occurred) {
      errors_[place] = run.error_message;
      return;
    }
    const double ns = run.real_accumulated_time / static_cast<double>(run.iterations) * 1e9;
    const auto [least, fresh] = least_.try_emplace(place, ns);
    if (!fresh) least->second = std::min(least->second, ns);
  }
  void print(std::ostream& out, const std::string& row) const {
    out << std::left << std::setw(kRowWidth) << row << std::right;
    for (const std::string& column : columns_) {
      const auto least = least_.find({row, column});
      out << std::setw(kColumnWidth);
      if (errors_.contains({row, column})) {
        out << "error";
      } else if (least == least_.end()) {
        out << "-";
      } else {
        out << least->second;
      }
    }
    out << '\n';
  }

  std::vector<std::string> rows_, columns_;
  std::map<Place, double> least_;
  std::map<Place, std::string> errors_;
};

}  // namespace skep::bench
