// Ring buffer helpers: a record is the program's from reserve to submit or discard, and no longer.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class RingBodies : public test::BodyTest {
 protected:
  RingBodies() {
    start(ProgramType::xdp);
    MapSpec spec;
    spec.name = "ring";
    spec.type = MapType::ringbuf;
    spec.max_entries = 4096;
    for (auto* ring : {&first, &second}) {
      auto made = create_map(spec, MapWorld{.cpus = 1});
      EXPECT_TRUE(made);
      *ring = std::move(*made);
      handles.push_back(add_map(ring->get()));
    }
  }
  std::vector<std::string> consumed(Map& ring) {
    std::vector<std::string> all;
    ring.consume([&](std::span<const u8> record) {
      all.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
    });
    return all;
  }
  bool can_write(u64 address, u64 size) {
    Region found;
    return run.probe(run, address, size, kWrite, found);
  }

  std::unique_ptr<Map> first, second;
  std::vector<u64> handles;
};

TEST_F(RingBodies, RecordsAreRegionsUntilTheyAreSubmitted) {
  const u64 record = call("ringbuf_reserve", {handles[1], 5, 0});
  ASSERT_NE(record, 0u);
  EXPECT_TRUE(can_write(record, 5));
  EXPECT_FALSE(can_write(record, 6));
  std::memcpy(reinterpret_cast<void*>(record), "hello", 5);
  EXPECT_TRUE(consumed(*second).empty());
  call("ringbuf_submit", {record, 0});
  EXPECT_FALSE(can_write(record, 5));
  EXPECT_EQ(forgotten, 1u);
  EXPECT_EQ(consumed(*second), std::vector<std::string>{"hello"});
  EXPECT_TRUE(consumed(*first).empty());
}

TEST_F(RingBodies, DiscardedRecordsAreNotSeen) {
  const u64 record = call("ringbuf_reserve", {handles[0], 8, 0});
  const u64 other = call("ringbuf_reserve", {handles[0], 1, 0});
  *reinterpret_cast<char*>(other) = 'x';
  call("ringbuf_submit", {other, 0});
  EXPECT_TRUE(consumed(*first).empty()) << "an older one is not finished";
  call("ringbuf_discard", {record, 0});
  EXPECT_EQ(consumed(*first), std::vector<std::string>{"x"});
}

TEST_F(RingBodies, OnlyWholeRecordsOfTheRunAreTaken) {
  const u64 record = call("ringbuf_reserve", {handles[0], 16, 0});
  for (const char* helper : {"ringbuf_submit", "ringbuf_discard"}) {
    EXPECT_EQ(fault_of(helper, {record + 8, 0}), "bad_record");
    EXPECT_EQ(fault_of(helper, {0, 0}), "bad_record");
    run.mode = Mode::Trusted;
    EXPECT_EQ(fault_of(helper, {record + 8, 0}), "bad_record") << "in every mode";
    run.mode = Mode::Checked;
  }
  call("ringbuf_submit", {record, 0});
  EXPECT_EQ(fault_of("ringbuf_submit", {record, 0}), "bad_record") << "once only";
}

TEST_F(RingBodies, ReserveGivesNothingWhere) {
  EXPECT_EQ(call("ringbuf_reserve", {handles[0], 8, 1}), 0u) << "flags";
  EXPECT_EQ(call("ringbuf_reserve", {handles[0], 4096, 0}), 0u) << "too large";
  EXPECT_EQ(call("ringbuf_reserve", {handles[0], ~u64(0), 0}), 0u);
  for (u32 i = 0; i < kMaxRecords; ++i) EXPECT_NE(call("ringbuf_reserve", {handles[0], 8, 0}), 0u);
  EXPECT_EQ(call("ringbuf_reserve", {handles[0], 8, 0}), 0u) << "too many at once";
}

TEST_F(RingBodies, OutputCopies) {
  const u64 text = lend_text("event");
  EXPECT_EQ(call_signed("ringbuf_output", {handles[0], text, 5, 0}), 0);
  EXPECT_EQ(call_signed("ringbuf_output", {handles[0], text, 5, 4}), kEINVAL);
  EXPECT_EQ(call("ringbuf_query", {handles[0], 0}), 16u) << "header and data, in words";
  EXPECT_EQ(call("ringbuf_query", {handles[0], 1}), 4096u);
  EXPECT_EQ(consumed(*first), std::vector<std::string>{"event"});
  EXPECT_EQ(call("ringbuf_query", {handles[0], 2}), 16u);
  EXPECT_EQ(call("ringbuf_query", {handles[0], 4}), 0u);
  std::vector<u8> large(8192);
  EXPECT_EQ(call_signed("ringbuf_output", {handles[0], lend(large.data(), 8192), 8192, 0}),
            kEAGAIN);
}

TEST_F(RingBodies, WhatAProgramLeavesIsDiscarded) {
  call("ringbuf_reserve", {handles[0], 8, 0});
  call("ringbuf_reserve", {handles[1], 8, 0});
  release_held(run);
  EXPECT_EQ(run.record_count, 0u);
  const u64 text = lend_text("next");
  EXPECT_EQ(call_signed("ringbuf_output", {handles[0], text, 4, 0}), 0);
  EXPECT_EQ(consumed(*first), std::vector<std::string>{"next"}) << "the ring is not blocked";
}

}  // namespace
}  // namespace skep
