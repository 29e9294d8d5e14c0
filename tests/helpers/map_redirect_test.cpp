// Maps that redirect, and bloom filters: what is in and what is not, for programs and the host.
#include "tests/helpers/map_support.h"

namespace skep {
namespace {

TEST(RedirectMaps, DevicesAreThereOrNot) {
  const auto map = make(map_spec(MapType::devmap, 4, 8, 2));
  EXPECT_EQ(map->lookup(Bytes(0), 0), nullptr);
  EXPECT_EQ(map->lookup(Bytes(2), 0), nullptr);
  EXPECT_EQ(map->write(Bytes(0), Bytes(7), 0), 0);
  EXPECT_EQ(map->write(Bytes(0), Bytes(7), 1), kEEXIST);
  EXPECT_EQ(map->write(Bytes(0), Bytes(7), 3), kEINVAL);
  EXPECT_EQ(map->write(Bytes(2), Bytes(7), 0), kE2BIG);
  EXPECT_EQ(map->write(Bytes(1), Bytes(5ull << 32), 0), kEINVAL) << "a program without a device";
  EXPECT_EQ(number_at(map->lookup(Bytes(0), 0)), 7u);
  EXPECT_EQ(map->write(Bytes(0), Bytes(0), 0), 0) << "no device";
  EXPECT_EQ(map->lookup(Bytes(0), 0), nullptr);
  Bytes value;
  EXPECT_EQ(map->read(Bytes(0), value), kENOENT);
  EXPECT_EQ(map->erase(Bytes(0)), 0);
  EXPECT_EQ(map->erase(Bytes(2)), kEINVAL);
  EXPECT_EQ(map->update(Bytes(0), Bytes(7), 0, 0), kEINVAL);
}

TEST(RedirectMaps, DevicesByHash) {
  const auto map = make(map_spec(MapType::devmap_hash, 4, 4, 2));
  EXPECT_EQ(map->write(Bytes(70), Bytes(0), 0), kEINVAL);
  EXPECT_EQ(map->write(Bytes(70), Bytes(7), 2), 0) << "as Linux does";
  EXPECT_EQ(map->write(Bytes(70), Bytes(8), 1), kEEXIST);
  EXPECT_EQ(map->write(Bytes(71), Bytes(8), 1), 0);
  EXPECT_EQ(map->write(Bytes(72), Bytes(8), 0), kE2BIG);
  EXPECT_EQ(number_at(map->lookup(Bytes(71), 0), 4), 8u);
  EXPECT_EQ(map->erase(Bytes(71)), 0);
  EXPECT_EQ(map->erase(Bytes(71)), kENOENT);
  EXPECT_EQ(map->lookup(Bytes(71), 0), nullptr);
}

TEST(RedirectMaps, CpusAndSockets) {
  const auto cpus = make(map_spec(MapType::cpumap, 4, 4, 8), {.cpus = 2});
  EXPECT_EQ(cpus->write(Bytes(1), Bytes(192), 0), 0);
  EXPECT_EQ(cpus->write(Bytes(2), Bytes(192), 0), kENODEV);
  EXPECT_EQ(cpus->write(Bytes(1), Bytes(16385), 0), -75);
  EXPECT_NE(cpus->lookup(Bytes(1), 0), nullptr);
  EXPECT_EQ(cpus->write(Bytes(1), Bytes(0), 0), 0);
  EXPECT_EQ(cpus->lookup(Bytes(1), 0), nullptr);
  const auto sockets = make(map_spec(MapType::xskmap, 4, 4, 2));
  EXPECT_EQ(sockets->write(Bytes(1), Bytes(3), 2), kENOENT);
  EXPECT_EQ(sockets->write(Bytes(1), Bytes(3), 1), 0);
  EXPECT_EQ(sockets->write(Bytes(1), Bytes(3), 1), kEEXIST);
  EXPECT_NE(sockets->lookup(Bytes(1), 0), nullptr);
  Bytes value;
  EXPECT_EQ(sockets->read(Bytes(1), value), kEOPNOTSUPP);
}

TEST(RedirectMaps, ValuesAreReadOnlyAndEnd) {
  const auto map = make(map_spec(MapType::devmap, 4, 4, 4));
  for (u64 key = 0; key < 4; ++key) EXPECT_EQ(map->write(Bytes(key), Bytes(7), 0), 0);
  const u64 value = reinterpret_cast<u64>(map->lookup(Bytes(1), 0));
  Region region;
  for (u64 at = value - 8; at < value + 12; ++at) {
    EXPECT_EQ(map->region_of(at, region), at - value < 4) << at - value;
  }
  ASSERT_TRUE(map->region_of(value, region));
  EXPECT_EQ(region.cls, AddressClass::ReadOnly);
  EXPECT_EQ(region.access, kRead);
}

TEST(BloomFilters, WhatWasPutInIsIn) {
  const auto map = make(map_spec(MapType::bloom_filter, 0, 12, 1000));
  for (u64 value = 0; value < 1000; ++value) ASSERT_EQ(map->push(Bytes(value), 0), 0);
  for (u64 value = 0; value < 1000; ++value) ASSERT_EQ(map->peek(Bytes(value)), 0) << value;
  u64 wrong = 0;
  for (u64 value = 1000; value < 11'000; ++value) wrong += map->peek(Bytes(value)) == 0;
  EXPECT_LT(wrong, 500u) << "of 10000; about 170 are to be expected";
  Bytes value(1);
  EXPECT_EQ(map->pop(value), kEOPNOTSUPP);
  EXPECT_EQ(map->read(nullptr, value), 0);
}

}  // namespace
}  // namespace skep
