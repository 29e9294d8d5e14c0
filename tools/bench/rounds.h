// Times many programs on many engines in one process, fairly: in rounds that take one short sample
// of each in turn, so that a disturbance of the machine hits all alike and the least time of each
// is an undisturbed one. Tested by tests/tools/bench_result_test.cpp with engines that make up
// times.
#pragma once

#include <memory>

#include "tools/bench/result.h"

namespace skep::bench {

// A program made ready on an engine.
class Contender {
 public:
  struct Sample {
    u64 r0 = 0;     // of the last run
    double ns = 0;  // of all runs
    u64 insns = 0;  // executed in all runs; 0 if the engine does not count
  };
  virtual ~Contender() = default;
  // Runs it `repeat` times, beginning with the input as it was given. Throws Failure if it faults.
  virtual Sample run(u32 repeat) = 0;
  // Bits of r0 that the engine gives: the kernel tells the lower half.
  virtual u64 r0_mask() const { return ~u64{0}; }
};

// What one cell needs.
struct Job {
  u32 row = 0;  // of the result
  std::string engine;
  std::unique_ptr<Contender> contender;
  std::shared_ptr<Contender> base;  // an empty program, timed in the same rounds; may be null
};

struct RoundOptions {
  u32 rounds = 25;
  double sample_ns = 2e6;
};

// Runs all jobs and puts their times into the rows. A job's first run is on fresh maps, and must
// give the r0 that the others give, or `expected` of its row where that is given: else its cell is
// an error. A job that fails is an error too.
void measure(std::span<Job> jobs, const std::vector<std::optional<u64>>& expected,
             const RoundOptions& options, Result& result);

}  // namespace skep::bench
