// Eviction: a full map takes every new element, what was used lately survives, and who looks
// counts.
#include <set>

#include "tests/helpers/map_support.h"

namespace skep {
namespace {

constexpr u32 kEntries = 100;

struct Case {
  const char* name;
  MapSpec spec;
  u32 capacity;  // of one CPU's elements
};

class Lru : public testing::TestWithParam<Case> {
 protected:
  int add(u64 key, u32 cpu = 0) { return map->update(Bytes(key), Bytes(key), 0, cpu); }
  bool has(u64 key) { return map->visit(Bytes(key), 0) != nullptr; }
  u64 count(u64 first, u64 end) {
    u64 found = 0;
    for (u64 key = first; key < end; ++key) found += has(key);
    return found;
  }
  u64 size() {
    u64 keys = 0;
    Bytes key, next;
    for (int error = map->next_key(nullptr, next); error == 0; ++keys) {
      std::memcpy(key.bytes, next.bytes, sizeof key.bytes);
      error = map->next_key(key, next);
    }
    return keys;
  }
  const u32 capacity = GetParam().capacity;
  std::unique_ptr<Map> map = make(GetParam().spec, {.cpus = 2});
};

TEST_P(Lru, HoldsItsEntriesAndNoMore) {
  for (u64 key = 0; key < capacity; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(count(0, capacity), capacity) << "nothing goes before the map is full";
  for (u64 key = capacity; key < 50 * capacity; ++key) {
    ASSERT_EQ(add(key), 0);
    ASSERT_TRUE(has(key)) << "what just came stays";
  }
  EXPECT_EQ(size(), capacity);
}

TEST_P(Lru, WhatIsNewStaysForAWhile) {
  for (u64 key = 0; key < 20 * capacity; ++key) {
    ASSERT_EQ(add(key), 0);
    if (key < capacity) continue;
    ASSERT_EQ(count(key - capacity / 4, key + 1), capacity / 4 + 1) << key;
  }
}

TEST_P(Lru, WhatProgramsLookUpSurvives) {
  for (u64 key = 0; key < capacity; ++key) ASSERT_EQ(add(key), 0);
  for (u64 key = 0; key < capacity / 2; ++key) map->lookup(Bytes(key), 0);
  for (u64 key = 1000; key < 1000 + capacity / 2; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(count(0, capacity / 2), capacity / 2);
  EXPECT_EQ(count(capacity / 2, capacity), 0u);
  EXPECT_EQ(count(1000, 1000 + capacity / 2), capacity / 2);
}

// Keys that are looked up now and then outlive any number that are not.
TEST_P(Lru, ASmallSetInUseOutlivesAStorm) {
  const u64 kept = capacity / 10;
  for (u64 key = 0; key < kept; ++key) ASSERT_EQ(add(key), 0);
  for (u64 key = 1000; key < 1000 + 100 * u64{capacity}; ++key) {
    ASSERT_EQ(add(key), 0);
    if (key % (capacity / 4) != 0) continue;
    for (u64 used = 0; used < kept; ++used) ASSERT_NE(map->lookup(Bytes(used), 0), nullptr) << key;
  }
}

TEST_P(Lru, WhatIsUpdatedSurvives) {
  for (u64 key = 0; key < capacity; ++key) ASSERT_EQ(add(key), 0);
  for (u64 key = 0; key < capacity / 2; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(size(), capacity) << "an update evicts nothing";
  for (u64 key = 1000; key < 1000 + capacity / 2; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(count(0, capacity / 2), capacity / 2);
}

TEST_P(Lru, WhatTheHostReadsDoesNot) {
  for (u64 key = 0; key < capacity; ++key) ASSERT_EQ(add(key), 0);
  std::vector<u8> value(map->host_value_size());
  for (u64 key = 0; key < capacity / 2; ++key) {
    ASSERT_EQ(map->read(Bytes(key), value.data()), 0);
    ASSERT_NE(map->visit(Bytes(key), 0), nullptr);
  }
  for (u64 key = capacity / 2; key < capacity; ++key) map->lookup(Bytes(key), 0);
  for (u64 key = 1000; key < 1000 + capacity / 2; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(count(0, capacity / 2), 0u);
  EXPECT_EQ(count(capacity / 2, capacity), capacity / 2);
}

TEST_P(Lru, DeletedPlacesAreUsedFirst) {
  for (u64 key = 0; key < capacity; ++key) ASSERT_EQ(add(key), 0);
  for (u64 key = 0; key < 10; ++key) ASSERT_EQ(map->remove(Bytes(key)), 0);
  for (u64 key = 1000; key < 1010; ++key) ASSERT_EQ(add(key), 0);
  EXPECT_EQ(count(10, capacity), capacity - 10) << "nothing had to go";
}

const Case kCases[] = {
    {"common", map_spec(MapType::lru_hash, 4, 24, kEntries), kEntries},
    {"by_cpu", map_spec(MapType::lru_hash, 4, 24, kEntries, map_flags::kNoCommonLru), kEntries / 2},
    {"percpu", map_spec(MapType::lru_percpu_hash, 4, 24, kEntries), kEntries},
    {"percpu_by_cpu", map_spec(MapType::lru_percpu_hash, 4, 24, kEntries, map_flags::kNoCommonLru),
     kEntries / 2},
};
INSTANTIATE_TEST_SUITE_P(All, Lru, testing::ValuesIn(kCases), case_name<Case>);

TEST(LruOfCpus, EvictTheirOwn) {
  const auto map =
      make(map_spec(MapType::lru_hash, 4, 8, 20, map_flags::kNoCommonLru), {.cpus = 2});
  for (u64 key = 0; key < 10; ++key) EXPECT_EQ(map->update(Bytes(key), Bytes(1), 0, 0), 0);
  for (u64 key = 100; key < 1000; ++key) EXPECT_EQ(map->update(Bytes(key), Bytes(1), 0, 1), 0);
  for (u64 key = 0; key < 10; ++key) EXPECT_NE(map->visit(Bytes(key), 0), nullptr) << key;
}

TEST(LruOfCpus, TakeTheHostsWhereThereIsRoom) {
  const auto map =
      make(map_spec(MapType::lru_hash, 4, 8, 20, map_flags::kNoCommonLru), {.cpus = 2});
  for (u64 key = 0; key < 20; ++key) EXPECT_EQ(map->write(Bytes(key), Bytes(1), 0), 0);
  for (u64 key = 0; key < 20; ++key) EXPECT_NE(map->visit(Bytes(key), 0), nullptr) << key;
}

TEST(LruOfOne, AlwaysHasTheLast) {
  const auto map = make(map_spec(MapType::lru_hash, 4, 8, 1));
  for (u64 key = 0; key < 1000; ++key) {
    EXPECT_EQ(map->update(Bytes(key), Bytes(key), 0, 0), 0);
    EXPECT_EQ(number_at(map->lookup(Bytes(key), 0)), key);
  }
}

}  // namespace
}  // namespace skep
