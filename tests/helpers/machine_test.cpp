// Time, randomness, CPU and task, as the Env says.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Machine : public test::BodyTest {
 protected:
  Machine() { env.tick = 0; }
};

TEST_F(Machine, ClocksAreTheEnvs) {
  env.clock = [](Env&, Clock clock) { return u64(1000) + static_cast<u64>(clock); };
  EXPECT_EQ(call("ktime_get_ns"), 1000u);
  EXPECT_EQ(call("ktime_get_boot_ns"), 1001u);
  start(ProgramType::xdp);
  EXPECT_EQ(call("ktime_get_coarse_ns"), 1002u);
  EXPECT_EQ(call("ktime_get_tai_ns"), 1003u);
}

TEST_F(Machine, JiffiesBeginFiveMinutesBeforeTheyWrap) {
  env.now = 0;
  EXPECT_EQ(call("jiffies64"), (u64(1) << 32) - 300 * 250);
  env.now = 1'999'999'999;
  EXPECT_EQ(call("jiffies64"), (u64(1) << 32) - 300 * 250 + 499);
  env.hz = 1000;
  EXPECT_EQ(call("jiffies64"), (u64(1) << 32) - 300 * 1000 + 1999);
  env.now = ~u64(0);
  EXPECT_GT(call("jiffies64"), u64(1) << 32) << "no overflow";
}

TEST_F(Machine, RandomNumbersHave32Bits) {
  Env twin = Env::deterministic(1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(call("get_prandom_u32"), twin.random(twin));
}

TEST_F(Machine, CpuAndNode) {
  run.cpu = 3;
  env.numa_node = 1;
  EXPECT_EQ(call("get_smp_processor_id"), 3u);
  EXPECT_EQ(call("get_numa_node_id"), 1u);
}

TEST_F(Machine, Task) {
  env.task = {
      .pid = 12, .tgid = 10, .uid = 1000, .gid = 100, .comm = "name", .address = 0xffff8880};
  EXPECT_EQ(call("get_current_pid_tgid"), u64(10) << 32 | 12);
  EXPECT_EQ(call("get_current_uid_gid"), u64(100) << 32 | 1000);
  EXPECT_EQ(call("get_current_task"), 0xffff8880u);
}

struct CommCase {
  u64 size;
  std::string expected;
};

TEST_F(Machine, CommIsCutAndPadded) {
  std::memcpy(env.task.comm, "fifteen letters", 16);
  const CommCase cases[] = {{1, std::string(1, 0)},
                            {5, std::string("fift\0", 5)},
                            {16, std::string("fifteen letters\0", 16)},
                            {20, std::string("fifteen letters\0\0\0\0\0", 20)}};
  for (const CommCase& test : cases) {
    char name[24];
    std::memset(name, '?', sizeof name);
    EXPECT_EQ(call("get_current_comm", {lend_all(name), test.size}), 0u);
    EXPECT_EQ(std::string(name, test.size), test.expected);
    EXPECT_EQ(name[test.size], '?');
  }
  std::memset(env.task.comm, 'x', 16);  // without an end
  char name[32];
  call("get_current_comm", {lend_all(name), 32});
  EXPECT_EQ(std::string(name), std::string(16, 'x'));
}

}  // namespace
}  // namespace skep
