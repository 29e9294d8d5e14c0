// skep_bench: the programs of bench/programs on every engine, with Google Benchmark.
//
// Each (program, engine) is a benchmark "program/engine" that runs in many short rounds. The rounds
// of all benchmarks are interleaved at random, and the least time counts: other jobs on the machine
// only ever add. A benchmark whose r0 is not the expected one is an error, and so is the run.
// The flags are Google Benchmark's: --benchmark_filter='siphash/.*', --benchmark_out=FILE.
#include <benchmark/benchmark.h>

#include <iostream>

#include "bench/engines.h"
#include "bench/report.h"

namespace skep::bench {
namespace {

constexpr int kRounds = 25;
constexpr double kRoundSeconds = 0.002;
constexpr double kBatchNs = 20'000;  // runs of one call, so that the call's own cost vanishes

// A program on an engine, with its memory.
struct Job {
  const BenchProgram* program;
  std::unique_ptr<Runner> runner;
  std::vector<u64> words;
  u32 repeat = 1;

  std::span<u8> memory() { return {reinterpret_cast<u8*>(words.data()), program->size}; }
};

std::string check(Job& job) {
  const u64 r0 = job.runner->run(job.memory(), 1);
  if (r0 == job.program->expected) return {};
  return "r0 is " + std::to_string(r0) + ", not " + std::to_string(job.program->expected);
}

void measure(benchmark::State& state, const std::shared_ptr<Job>& job) {
  try {
    if (const std::string wrong = check(*job); !wrong.empty()) {
      state.SkipWithError(wrong.c_str());
      return;
    }
    while (state.KeepRunningBatch(job->repeat)) {
      benchmark::DoNotOptimize(job->runner->run(job->memory(), job->repeat));
    }
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
  }
}

std::shared_ptr<Job> make_job(const BenchProgram& program, std::unique_ptr<Runner> runner,
                              u64 insns) {
  auto job = std::make_shared<Job>();
  job->program = &program;
  job->runner = std::move(runner);
  job->words.resize((program.size + 7) / 8);
  fill(program, job->memory());
  job->repeat = static_cast<u32>(kBatchNs / static_cast<double>(insns + 1)) + 1;
  return job;
}

// Registers all benchmarks.
std::vector<ProgramRow> register_all() {
  std::vector<ProgramRow> rows;
  for (const BenchProgram& program : bench_programs()) {
    const std::shared_ptr<const Image> image = load_image(program);
    u64& insns = rows.emplace_back(std::string(program.name)).insns;
    for (const Engine& engine : engines()) {
      auto job = make_job(program, engine.make(image), insns);
      if (insns == 0) {
        insns = job->runner->insns(job->memory());
        job = make_job(program, std::move(job->runner), insns);
      }
      const std::string name = std::string(program.name) + "/" + engine.name;
      benchmark::RegisterBenchmark(name.c_str(), measure, job)
          ->Repetitions(kRounds)
          ->MinTime(kRoundSeconds)
          ->UseRealTime();
    }
  }
  return rows;
}

int run_all(int argc, char** argv) {
  // Ours come first, so that the caller's win.
  std::vector<char*> arguments{argv[0]};
  std::string interleave = "--benchmark_enable_random_interleaving=true";
  arguments.push_back(interleave.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  std::vector<std::string> names;
  for (const Engine& engine : engines()) names.push_back(engine.name);
  TableReporter reporter(register_all(), std::move(names));
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return reporter.failed() ? 1 : 0;
}

}  // namespace
}  // namespace skep::bench

int main(int argc, char** argv) {
  try {
    return skep::bench::run_all(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "skep_bench: " << error.what() << '\n';
    return 1;
  }
}
