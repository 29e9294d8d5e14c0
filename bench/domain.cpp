// What it costs to compute with what is known of numbers (isa/domain): a row on two sets, what a
// comparison tells, joining two, and the hash for a table of them.
//
//   build/release/bench/skep_domain [Google Benchmark's flags]
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "isa/domain/scalar.h"

namespace skep {
namespace {

// Sets as programs have them: bytes, small ranges, multiples, packet lengths, anything.
std::vector<Scalar> sets() {
  std::mt19937_64 random(1);
  std::vector<Scalar> all;
  for (int i = 0; i < 1024; ++i) {
    const u64 start = random() % 4096;
    switch (i % 5) {
      case 0: all.push_back(Scalar::loaded(1 << i % 3)); break;
      case 1: all.push_back(Scalar::range(start, start + random() % 1500)); break;
      case 2: all.push_back(Scalar::bits(0, 0x3c)); break;
      case 3: all.push_back(Scalar::signed_range(-static_cast<i64>(start), 64)); break;
      default: all.push_back(Scalar::unknown()); break;
    }
  }
  return all;
}

void over_pairs(benchmark::State& state, auto function) {
  const std::vector<Scalar> all = sets();
  std::size_t i = 0;
  for ([[maybe_unused]] auto turn : state) {
    benchmark::DoNotOptimize(function(all[i % 1024], all[(i + 7) % 1024]));
    ++i;
  }
}

void apply_row(benchmark::State& state, Op op, int bits) {
  over_pairs(state, [=](const Scalar& x, const Scalar& y) { return apply(op, x, y, bits); });
}

BENCHMARK_CAPTURE(apply_row, add, Op::Add, 64);
BENCHMARK_CAPTURE(apply_row, add32, Op::Add, 32);
BENCHMARK_CAPTURE(apply_row, and, Op::And, 64);
BENCHMARK_CAPTURE(apply_row, lsh, Op::Lsh, 64);
BENCHMARK_CAPTURE(apply_row, mul, Op::Mul, 64);
BENCHMARK_CAPTURE(apply_row, smod, Op::SMod, 64);

void refine_less(benchmark::State& state) {
  over_pairs(state,
             [](const Scalar& x, const Scalar& y) { return refine(Op::Jlt, true, x, y, 64); });
}
BENCHMARK(refine_less);

void join_two(benchmark::State& state) {
  over_pairs(state, [](const Scalar& x, const Scalar& y) { return join(x, y); });
}
BENCHMARK(join_two);

void hash_one(benchmark::State& state) {
  over_pairs(state, [](const Scalar& x, const Scalar&) { return hash(x); });
}
BENCHMARK(hash_one);

}  // namespace
}  // namespace skep

BENCHMARK_MAIN();
