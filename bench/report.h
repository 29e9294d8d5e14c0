// What skep_bench prints: a row a program, a column an engine, in ns an executed instruction.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

#include "isa/types.h"

namespace skep::bench {

struct ProgramRow {
  std::string name;
  u64 insns = 0;  // executed in one run
};

struct Sample {
  double best = 0;  // ns a run, the least of all rounds
  std::string error;
};

// Collects the least time of every benchmark over its repetitions, which Google Benchmark runs
// interleaved, and prints the table at the end. Names are "program/engine".
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  TableReporter(std::vector<ProgramRow> programs, std::vector<std::string> engines)
      : programs_(std::move(programs)), all_engines_(std::move(engines)) {}

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

  bool failed() const { return failed_; }

 private:
  void add(const Run& run);

  void print_row(std::ostream& out, const ProgramRow& program);
  void print_summary(std::ostream& out);

  std::vector<ProgramRow> programs_;
  std::vector<std::string> all_engines_;
  std::vector<std::string> engines_;  // of the benchmarks that ran
  std::map<std::pair<std::string, std::string>, Sample> samples_;
  bool failed_ = false;
};

}  // namespace skep::bench
