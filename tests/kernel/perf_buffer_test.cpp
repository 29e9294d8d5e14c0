// Records that programs send by bpf_perf_event_output, in test runs: bytes, order, and what was
// lost. Skipped where bpf(2) or perf_event_open(2) is refused.
#include "kernel/perf_buffer.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>

#include "helpers/contexts/frames.h"
#include "kernel/backend.h"
#include "tests/support/image.h"
#include "tests/support/run_on_zeros.h"
#include "vm/vm.h"

namespace skep {
namespace {

// Counts in map `n`, and sends 20 bytes that begin with the count; r0 is what the helper says.
constexpr const char* kSender = R"(
  r6 = r1
  r7 = map[n][0] + 0
  r8 = *(u64 *)(r7 + 0)
  r9 = r8
  r9 += 1
  *(u64 *)(r7 + 0) = r9
  *(u64 *)(r10 - 24) = r8
  *(u64 *)(r10 - 16) = 0x55
  *(u64 *)(r10 - 8) = 0x77
  r1 = r6
  r2 = map[events]
  r3 = 0xffffffff ll
  r4 = r10
  r4 += -24
  r5 = 20
  call perf_event_output
  exit
)";

class PerfBuffers : public testing::TestWithParam<ProgramType> {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
    MapSpec events;
    events.name = "events";
    events.type = MapType::perf_event_array;
    events.key_size = events.value_size = 4;
    events.max_entries = possible_cpus();
    const auto image = std::const_pointer_cast<Image>(
        test::image_of(kSender, GetParam(), {events, test::array_spec("n", 8, 1)}));
    image->license = "GPL";
    auto instance = vm_.load({{image}}, *backend_);
    ASSERT_TRUE(instance) << instance.error().text;
    instance_ = std::move(*instance);
    ASSERT_FALSE(instance_->programs()[0].error) << instance_->programs()[0].error->text;
  }

  KernelMap& events() const { return static_cast<KernelMap&>(*instance_->map("events")); }

  RunResult run(u32 repeat) {
    return test::run_on_zeros(*instance_->programs()[0].loaded, GetParam(), repeat);
  }

  std::vector<std::vector<u8>> take(PerfBuffer& buffer) {
    std::vector<std::vector<u8>> records;
    buffer.consume(
        [&](std::span<const u8> record) { records.emplace_back(record.begin(), record.end()); });
    return records;
  }

  std::unique_ptr<Backend> backend_ = make_kernel_backend();
  Vm vm_;
  Env env_ = Env::deterministic(1);
  std::unique_ptr<Instance> instance_;
};

#define OPEN_OR_SKIP(buffer, bytes)                                            \
  auto buffer = PerfBuffer::open(events(), bytes);                             \
  if (!buffer && buffer.error().text.find("CAP_PERFMON") != std::string::npos) \
    GTEST_SKIP() << "needs permission: " << buffer.error().text;               \
  ASSERT_TRUE(buffer) << buffer.error().text

TEST_P(PerfBuffers, RecordsComeAsTheyWereSent) {
  EXPECT_EQ(static_cast<i32>(run(1).r0), kENOENT);  // no ring yet
  OPEN_OR_SKIP(buffer, 4096);
  EXPECT_TRUE(take(*buffer).empty());
  EXPECT_EQ(run(1).r0, 0u);
  EXPECT_EQ(run(1).r0, 0u);
  const auto records = take(*buffer);
  ASSERT_EQ(records.size(), 2u);
  std::vector<u8> counts;
  for (const auto& record : records) {
    ASSERT_EQ(record.size(), 20u);  // and the 4 of its length: a multiple of 8
    counts.push_back(record[0]);
    EXPECT_EQ(record[8], 0x55);
    EXPECT_EQ(record[16], 0x77);
  }
  std::ranges::sort(counts);  // they may be of two CPUs
  EXPECT_EQ(counts, (std::vector<u8>{1, 2}));
  EXPECT_TRUE(take(*buffer).empty());
  EXPECT_EQ(buffer->lost(), 0u);
}

// Many times around the ring, so that records go over its end.
TEST_P(PerfBuffers, NothingIsLostThatIsTakenInTime) {
  OPEN_OR_SKIP(buffer, 4096);
  u64 taken = 0;
  for (int turn = 0; turn < 40; ++turn) {
    ASSERT_EQ(run(37).r0, 0u);
    for (const auto& record : take(*buffer)) {
      ASSERT_EQ(record.size(), 20u);
      EXPECT_EQ(record[8], 0x55);
      EXPECT_EQ(record[16], 0x77);
      ++taken;
    }
  }
  EXPECT_EQ(taken, 40u * 37);
  EXPECT_EQ(buffer->lost(), 0u);
}

// On one CPU, whose ring the runs overflow; the next record that fits tells of the lost ones.
TEST_P(PerfBuffers, LostRecordsAreCounted) {
  OPEN_OR_SKIP(buffer, 4096);
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(static_cast<i32>(run(1000).r0), kENOSPC);
  const u64 taken = take(*buffer).size();
  EXPECT_EQ(run(1).r0, 0u);
  EXPECT_EQ(take(*buffer).size(), 1u);
  EXPECT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
  EXPECT_GT(taken, 0u);
  EXPECT_LT(taken, 1000u);
  EXPECT_EQ(buffer->lost(), 1000 - taken);
}

INSTANTIATE_TEST_SUITE_P(Kernel, PerfBuffers,
                         testing::Values(ProgramType::xdp, ProgramType::sched_cls),
                         [](const auto& which) { return std::string(name(which.param)); });

}  // namespace
}  // namespace skep
