// One CPU a run: runs within runs, by other threads, and when there is none left.
#include "helpers/bodies/cpu_slots.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

TEST(CpuSlots, AreTakenOnce) {
  CpuSlots slots(3);
  EXPECT_EQ(slots.take(1), 1u);
  EXPECT_EQ(slots.take(1), std::nullopt);
  EXPECT_EQ(slots.take(kAnyCpu), 0u);
  EXPECT_EQ(slots.take(kAnyCpu), 2u);
  EXPECT_EQ(slots.take(kAnyCpu), std::nullopt);
  EXPECT_EQ(slots.take(3), std::nullopt);
  slots.give(1);
  EXPECT_EQ(slots.take(kAnyCpu), 1u);
}

TEST(CpuSlots, HaveBounds) {
  EXPECT_EQ(CpuSlots(0).count(), 1u);
  EXPECT_EQ(CpuSlots(5000).count(), CpuSlots::kMaxCpus);
}

// Counts in the value of its CPU, without atomics: two runs on one CPU would lose some.
constexpr const char* kCount = R"(
    *(u32 *)(r10 - 4) = 0
    r1 = map[counts]
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto out
    r1 = *(u64 *)(r0 + 0)
    r1 += 1
    *(u64 *)(r0 + 0) = r1
  out:
    call get_smp_processor_id
    exit
)";

class CpuRuns : public testing::Test {
 public:
  static constexpr u32 kCpus = 3;

  void load(const char* text) {
    MapSpec counts = test::array_spec("counts", 8, 1);
    counts.type = MapType::percpu_array;
    const std::shared_ptr<const Image> images[] = {
        test::image_of(text, ProgramType::raw, {counts})};
    auto loaded = vm.load(images);
    ASSERT_TRUE(loaded) << loaded.error().text;
    instance = std::move(*loaded);
    ASSERT_FALSE(instance->programs()[0].error) << instance->programs()[0].error->text;
  }

  Env env() {
    Env env = Env::deterministic(1);
    env.cpus = kCpus;
    env.slots = &vm.cpu_slots();
    return env;
  }

  RunResult run(Env& env, u32 cpu = kAnyCpu) {
    Frame frame;
    frame.type = ProgramType::raw;
    return instance->programs()[0].loaded->run(frame, {.env = &env, .cpu = cpu});
  }

  Vm vm{{.cpus = kCpus}};
  std::unique_ptr<Instance> instance;
};

TEST_F(CpuRuns, GoOnTheOneThatIsAskedForIfItIsFree) {
  load(kCount);
  Env world = env();
  EXPECT_EQ(run(world, 2).r0, 2u);
  EXPECT_EQ(run(world).r0, 0u);
  ASSERT_EQ(vm.cpu_slots().take(0), 0u);
  EXPECT_EQ(run(world).r0, 1u);
  const RunResult busy = run(world, 0);
  EXPECT_EQ(busy.fault.code, Code::cpu_busy);
  EXPECT_EQ(busy.message, "CPU 0 has a run on it");
  EXPECT_EQ(run(world, 3).message, "there is no CPU 3 of 3");
}

TEST_F(CpuRuns, WithoutSlotsAreWhereTheCallerSays) {
  load(kCount);
  Env world = Env::deterministic(1);
  EXPECT_EQ(run(world, 2).r0, 2u);
  EXPECT_EQ(run(world).r0, 0u);
}

// A run that begins within another, in a hook of its Env, has a CPU of its own; all are given back.
TEST_F(CpuRuns, WithinRunsHaveTheirOwn) {
  load(R"(
    *(u64 *)(r10 - 8) = 0x61
    r1 = r10
    r1 += -8
    r2 = 2
    call trace_printk
    call get_smp_processor_id
    exit
)");
  struct Nested {
    CpuRuns* test;
    Env env;
    std::vector<std::string> results;
  } nested{this, env(), {}};
  nested.env.user = &nested;
  nested.env.print = [](void* user, std::string_view) {
    auto& outer = *static_cast<Nested*>(user);
    const RunResult result = outer.test->run(outer.env);
    outer.results.push_back(result.ok() ? std::to_string(result.r0) : result.message);
  };
  for (int round = 0; round < 2; ++round) {
    nested.results.clear();
    EXPECT_EQ(run(nested.env).r0, 0u);
    const std::vector<std::string> expected{"all 3 CPUs have runs on them", "2", "1"};
    EXPECT_EQ(nested.results, expected);
  }
}

TEST_F(CpuRuns, OfManyThreadsLoseNoCount) {
  constexpr u64 kRuns = 2000;
  load(kCount);
  std::atomic<u64> busy{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Env world = env();
      for (u64 done = 0; done < kRuns;) {
        const RunResult result = run(world);
        done += result.ok();
        if (!result.ok()) {
          ++busy;
          std::this_thread::yield();
        }
      }
    });
  }
  threads.clear();
  u64 counts[kCpus] = {};
  const u32 key = 0;
  ASSERT_EQ(instance->map("counts")->read(reinterpret_cast<const u8*>(&key),
                                          reinterpret_cast<u8*>(counts)),
            0);
  EXPECT_EQ(counts[0] + counts[1] + counts[2], 4 * kRuns) << busy << " runs found no CPU";
}

}  // namespace
}  // namespace skep
