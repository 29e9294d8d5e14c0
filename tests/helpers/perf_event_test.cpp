// Perf event output: which event, what goes into the record, each error.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

constexpr u64 kCurrentCpu = 0xffffffff;

class PerfEvents : public test::BodyTest {
 protected:
  PerfEvents() { handle = add_map(&events); }
  i64 output(u64 flags, u64 size = 2) {
    return call_signed("perf_event_output", {run.context, handle, flags, at, size});
  }
  test::NotedMap events{MapType::perf_event_array, 4, 4, 4};
  u64 handle;
  const u8 bytes[4] = {0xaa, 0xbb, 0xcc, 0xdd};
  u64 at = lend(bytes, 4, kRead);
};

TEST_F(PerfEvents, GoToTheEventOfTheIndex) {
  start(ProgramType::kprobe);
  EXPECT_EQ(output(3), 0);
  EXPECT_EQ(events.notes.back(), "emit aa bb");
  EXPECT_EQ(events.last_index, 3u);
  run.cpu = 2;
  EXPECT_EQ(output(kCurrentCpu), 0);
  EXPECT_EQ(events.last_index, 2u);
  EXPECT_EQ(events.last_cpu, 2u);
  EXPECT_EQ(output(4), kE2BIG);
  run.cpu = 9;
  EXPECT_EQ(output(kCurrentCpu), kE2BIG);
  EXPECT_EQ(output(u64(1) << 32), kEINVAL) << "there is no packet to append";
  events.result = kENOENT;
  EXPECT_EQ(output(0), kENOENT);
  EXPECT_EQ(output(0, 0), kENOENT);
}

TEST_F(PerfEvents, TakeTheStartOfThePacketAlong) {
  start(ProgramType::xdp, {1, 2, 3});
  EXPECT_EQ(output(u64(2) << 32 | 1), 0);
  EXPECT_EQ(events.notes.back(), "emit aa bb 01 02");
  EXPECT_EQ(output(u64(4) << 32), kEFAULT);
  EXPECT_EQ(output(u64(1) << 52), kEINVAL);
}

}  // namespace
}  // namespace skep
