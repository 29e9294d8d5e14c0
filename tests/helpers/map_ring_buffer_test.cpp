// Ring buffers: what scripts can't show. Busy records, wakeups, consumers, and records in one
// piece.
#include <random>

#include "tests/helpers/map_support.h"

namespace skep {
namespace {

std::vector<u64> sizes(Map& map) {
  std::vector<u64> all;
  map.consume([&](std::span<const u8> record) { all.push_back(record.size()); });
  return all;
}

class MapRingBuffer : public testing::Test {
 protected:
  const std::unique_ptr<Map> map_ = make(map_spec(MapType::ringbuf, 0, 0, 4096));
};

TEST_F(MapRingBuffer, ABusyRecordHoldsBackWhatFollows) {
  u8* first = map_->reserve(8);
  EXPECT_EQ(map_->output(std::vector<u8>(16), 0), 0);
  EXPECT_TRUE(sizes(*map_).empty());
  EXPECT_EQ(map_->query(0), 40u);
  map_->commit(first, false, 0);
  EXPECT_EQ(sizes(*map_), (std::vector<u64>{8, 16}));
}

// The consumer has read everything, but the oldest unfinished record still takes room.
TEST_F(MapRingBuffer, ADiscardedRecordIsRoomAgain) {
  u8* first = map_->reserve(2000);
  u8* second = map_->reserve(2000);
  EXPECT_EQ(map_->reserve(100), nullptr);
  map_->commit(second, true, 0);
  EXPECT_EQ(map_->reserve(100), nullptr);
  map_->commit(first, true, 0);
  EXPECT_EQ(map_->reserve(100), nullptr) << "nobody consumed";
  EXPECT_TRUE(sizes(*map_).empty());
  EXPECT_NE(map_->reserve(100), nullptr);
}

TEST_F(MapRingBuffer, ReserveTooMuch) {
  for (const u64 size :
       {u64{4089}, u64{0x3fff'ffff}, u64{0x4000'0000}, u64{0xffff'ffff}, ~u64{0}}) {
    EXPECT_EQ(map_->reserve(size), nullptr) << size;
  }
  EXPECT_EQ(map_->query(3), 0u);
}

TEST_F(MapRingBuffer, CommitTakesOnlyWhatIsReserved) {
  u8* record = map_->reserve(8);
  map_->commit(record + 8, false, 0);
  map_->commit(record + 1, false, 0);
  map_->commit(record - 4096, false, 0);
  EXPECT_TRUE(sizes(*map_).empty());
  map_->commit(record, false, 0);
  map_->commit(record, true, 0);
  EXPECT_EQ(sizes(*map_), std::vector<u64>{8});
}

// A record is never in two pieces, wherever the ring's end is: every byte is written and read back.
TEST_F(MapRingBuffer, RecordsThatWrapAreInOnePiece) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const u64 size = random() % 1300;
    u8* record = map_->reserve(size);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(reinterpret_cast<u64>(record) % 8, 0u);
    for (u64 i = 0; i < size; ++i) record[i] = static_cast<u8>(i * 7 + round);
    map_->commit(record, false, 0);
    const u64 taken = map_->consume([&](std::span<const u8> got) {
      ASSERT_EQ(got.size(), size);
      for (u64 i = 0; i < size; ++i) ASSERT_EQ(got[i], static_cast<u8>(i * 7 + round));
    });
    ASSERT_EQ(taken, 1u);
  }
}

TEST_F(MapRingBuffer, ASinkThatConsumesIsGivenNothing) {
  EXPECT_EQ(map_->output(std::vector<u8>(8), 0), 0);
  u64 inner = 99;
  EXPECT_EQ(map_->consume([&](std::span<const u8>) { inner = map_->consume([](auto) {}); }), 1u);
  EXPECT_EQ(inner, 0u);
  EXPECT_EQ(map_->consume(Map::Sink()), 0u);
}

// Linux: who polls is woken when the record is the next to be consumed, unless flags say otherwise.
TEST_F(MapRingBuffer, Wakeups) {
  int woken = 0;
  const Map::Waker waker{[](void* user) { ++*static_cast<int*>(user); }, &woken};
  map_->set_waker(&waker);
  const std::vector<u8> record(8);
  map_->output(record, 0);
  EXPECT_EQ(woken, 1);
  map_->output(record, 0);
  EXPECT_EQ(woken, 1) << "the consumer is not at this record";
  map_->output(record, 2);
  EXPECT_EQ(woken, 2) << "BPF_RB_FORCE_WAKEUP";
  sizes(*map_);
  map_->output(record, 1);
  EXPECT_EQ(woken, 2) << "BPF_RB_NO_WAKEUP";
  sizes(*map_);
  map_->output(record, 3);
  EXPECT_EQ(woken, 3) << "force wins";
  sizes(*map_);
  map_->commit(map_->reserve(8), true, 0);
  EXPECT_EQ(woken, 4) << "discarded";
  map_->set_waker(nullptr);
  sizes(*map_);
  map_->output(record, 0);
  EXPECT_EQ(woken, 4);
}

}  // namespace
}  // namespace skep
