// Env: deterministic where asked, alive where not, and mapped memory as the only outside memory.
#include "helpers/bodies/env.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace skep {
namespace {

TEST(Env, VirtualClockMovesByTickWithEachReading) {
  Env env = Env::deterministic(1);
  EXPECT_EQ(env.clock(env, Clock::Monotonic), 1'000'000'000u);
  EXPECT_EQ(env.clock(env, Clock::Boot), 1'000'001'000u);
  env.tick = 0;
  EXPECT_EQ(env.clock(env, Clock::Tai), env.clock(env, Clock::Coarse));
}

TEST(Env, SameSeedSameNumbers) {
  Env a = Env::deterministic(7), b = Env::deterministic(7), c = Env::deterministic(8);
  std::vector<u32> from_a, from_b, from_c;
  for (int i = 0; i < 8; ++i) {
    from_a.push_back(a.random(a));
    from_b.push_back(b.random(b));
    from_c.push_back(c.random(c));
  }
  EXPECT_EQ(from_a, from_b);
  EXPECT_NE(from_a, from_c);
}

TEST(Env, HostClocksMoveOnAndSeedsDiffer) {
  Env a = Env::host(), b = Env::host();
  for (Clock clock : {Clock::Monotonic, Clock::Boot, Clock::Coarse, Clock::Tai}) {
    const u64 first = a.clock(a, clock);
    EXPECT_GT(first, 0u);
    EXPECT_GE(a.clock(a, clock), first);
  }
  EXPECT_NE(a.random_state, b.random_state);
  EXPECT_GE(a.cpus, 1u);
  EXPECT_NE(a.task.tgid, 0u);
  EXPECT_EQ(a.task.comm[15], 0);
}

TEST(Env, ThreadsThatShareItNeverGetTheSameInstant) {
  Env env = Env::deterministic(1);
  std::vector<u64> seen[4];
  std::vector<std::thread> threads;
  for (auto& mine : seen) {
    threads.emplace_back([&env, &mine] {
      for (int i = 0; i < 1000; ++i) mine.push_back(env.clock(env, Clock::Monotonic));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<u64> all;
  for (const auto& mine : seen) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 4000u);
}

struct ReadCase {
  const char* name;
  u64 address;
  bool user;
  u64 size;
  const char* expected;  // null: not mapped
};

class MappedReads : public testing::TestWithParam<ReadCase> {};

TEST_P(MappedReads, SeeOnlyMappings) {
  u8 first[] = {'a', 'b', 'c', 'd'}, second[] = {'e', 'f'}, kernel[] = {'k'}, last[] = {'y', 'z'};
  const MappedMemory memory[] = {{0x1000, first, 4, true},
                                 {0x1004, second, 2, true},
                                 {0x1000, kernel, 1, false},
                                 {~u64(0) - 1, last, 2, true}};
  Env env = Env::deterministic(0);
  env.memory = memory;
  std::string out(GetParam().size, '?');
  const bool read = read_mapped(env, GetParam().address, GetParam().user,
                                {reinterpret_cast<u8*>(out.data()), out.size()});
  EXPECT_EQ(read, GetParam().expected != nullptr);
  if (read) {
    EXPECT_EQ(out, GetParam().expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, MappedReads,
                         testing::Values(ReadCase{"whole", 0x1000, true, 4, "abcd"},
                                         ReadCase{"inside", 0x1001, true, 2, "bc"},
                                         ReadCase{"across_two", 0x1002, true, 4, "cdef"},
                                         ReadCase{"past_the_end", 0x1004, true, 3, nullptr},
                                         ReadCase{"before", 0xfff, true, 2, nullptr},
                                         ReadCase{"kernel_is_apart", 0x1000, false, 1, "k"},
                                         ReadCase{"kernel_ends", 0x1000, false, 2, nullptr},
                                         ReadCase{"null", 0, true, 1, nullptr},
                                         ReadCase{"nothing_at_null", 0, true, 0, ""},
                                         ReadCase{"end_of_space", ~u64(0) - 1, true, 2, "yz"},
                                         ReadCase{"wraps", ~u64(0), true, 2, nullptr}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
