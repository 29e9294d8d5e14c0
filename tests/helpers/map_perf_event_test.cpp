// Perf event arrays: slots, room, what is lost and when the reader learns of it.
#include "tests/helpers/map_support.h"

namespace skep {
namespace {

constexpr u64 kRing = 64 * 4096;

class PerfEventArrays : public testing::Test {
 protected:
  PerfEventArrays() : map(make(map_spec(MapType::perf_event_array, 4, 4, 4), {.cpus = 2})) {}
  int emit(u32 index, u32 cpu, u64 size, u8 fill = 0xaa) {
    return map->emit(index, cpu, std::vector<u8>(size, fill));
  }
  std::string consume() {
    std::string text;
    map->consume([&](std::span<const u8> record) {
      text += fmt::format("{}{:02x}x{}", text.empty() ? "" : " ", record[0], record.size());
    });
    return text;
  }
  std::unique_ptr<Map> map;
};

TEST_F(PerfEventArrays, SlotsAreOfTheCpus) {
  EXPECT_EQ(emit(0, 0, 4), 0);
  EXPECT_EQ(emit(1, 1, 4), 0);
  EXPECT_EQ(emit(1, 0, 4), kEOPNOTSUPP);
  EXPECT_EQ(emit(2, 2, 4), kENOENT);
  EXPECT_EQ(emit(3, 0, 4), kENOENT);
  EXPECT_EQ(emit(4, 4, 4), kE2BIG);
  EXPECT_EQ(map->erase(Bytes(1)), 0);
  EXPECT_EQ(map->erase(Bytes(1)), kENOENT);
  EXPECT_EQ(map->erase(Bytes(4)), kE2BIG);
  EXPECT_EQ(emit(1, 1, 4), kENOENT);
  EXPECT_EQ(consume(), "aax4 aax4") << "what was written is there";
}

TEST_F(PerfEventArrays, RecordsComeByCpuAndPadded) {
  EXPECT_EQ(emit(1, 1, 1, 1), 0);
  EXPECT_EQ(emit(0, 0, 12, 2), 0);
  EXPECT_EQ(emit(0, 0, 13, 3), 0);
  EXPECT_EQ(consume(), "02x12 03x20 01x4");
  EXPECT_EQ(consume(), "");
}

// Each of 24 bytes takes 8 + 4 + 28: with the one byte that stays free, one less than would fit.
TEST_F(PerfEventArrays, WhatFindsNoRoomIsCounted) {
  const u64 fits = (kRing - 1) / 40;
  for (u64 i = 0; i < fits; ++i) ASSERT_EQ(emit(0, 0, 24), 0) << i;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(emit(0, 0, 24), kENOSPC);
  EXPECT_EQ(emit(1, 1, 24), 0) << "rings are apart";
  u64 count = 0;
  const auto take = [&](std::span<const u8>) { ++count; };
  EXPECT_EQ(map->consume(take), fits + 1);
  EXPECT_EQ(map->lost_events(), 0u) << "not known before the next record";
  EXPECT_EQ(emit(0, 0, 24), 0);
  EXPECT_EQ(map->consume(take), 1u);
  EXPECT_EQ(map->lost_events(), 3u);
  for (u64 i = 0; i < fits; ++i) ASSERT_EQ(emit(0, 0, 24), 0) << i;
  ASSERT_EQ(emit(0, 0, 24), kENOSPC);
  EXPECT_EQ(map->consume(take), fits);
  EXPECT_EQ(emit(0, 0, 24), 0);
  EXPECT_EQ(map->consume(take), 1u);
  EXPECT_EQ(map->lost_events(), 4u);
  EXPECT_EQ(count, 2 * fits + 3);
}

TEST_F(PerfEventArrays, LengthsAreBounded) {
  EXPECT_EQ(emit(0, 0, 65'000), 0);
  EXPECT_EQ(emit(0, 0, 65'536), kE2BIG);
  EXPECT_EQ(emit(0, 0, 1), 0);
  EXPECT_EQ(consume(), "aax65004 aax4");
}

}  // namespace
}  // namespace skep
