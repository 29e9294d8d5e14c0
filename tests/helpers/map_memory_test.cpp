// The memory of maps: which addresses are whose value, what is used again, what happens when there
// is no more, and that big maps cost nothing before they are used.
#include <fmt/ranges.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <set>

#include "tests/helpers/map_support.h"

namespace skep {
namespace {

using map_flags::kNoPrealloc, map_flags::kRdonlyProg, map_flags::kWronlyProg;

struct Case {
  const char* name;
  MapSpec spec;
};

class MapRegions : public testing::TestWithParam<Case> {};

// Around each value: every byte of it is its region, every byte before and after is none, or
// another value's.
TEST_P(MapRegions, AreValuesAndNothingElse) {
  const auto map = make(GetParam().spec, {.cpus = 3});
  const u64 size = GetParam().spec.value_size;
  const bool trie = GetParam().spec.type == MapType::lpm_trie;
  const std::vector<u8> contents(size);
  std::set<u64> values;
  const bool by_cpu = (GetParam().spec.flags & map_flags::kNoCommonLru) != 0;
  for (u64 key = 0; key < GetParam().spec.max_entries / (by_cpu ? 3 : 1); ++key) {
    const Bytes map_key(trie ? 32 | key << 56 : key);
    map->update(map_key, contents.data(), 0, 0);
    for (u32 cpu = 0; cpu < 3; ++cpu)
      values.insert(reinterpret_cast<u64>(map->lookup(map_key, cpu)));
  }
  ASSERT_FALSE(values.contains(0));
  for (const u64 value : values) {
    EXPECT_EQ(value % 8, 0u);
    for (u64 address = value - 64; address < value + size + 64; ++address) {
      const auto after = values.upper_bound(address);
      const u64 owner = after == values.begin() ? 0 : *std::prev(after);
      const bool inside = owner != 0 && address - owner < size;
      Region region;
      const bool found = map->region_of(address, region);
      // A trie's inner nodes have regions, too: they were values, or may become some.
      if (found && trie && !inside) {
        ASSERT_TRUE(!values.contains(region.base) && region.size == size);
        continue;
      }
      ASSERT_EQ(found, inside) << address - value;
      if (!found) continue;
      ASSERT_EQ(region.base, owner);
      ASSERT_EQ(region.size, size);
      ASSERT_EQ(region.cls, AddressClass::MapValue);
      ASSERT_EQ(region.access, kRead | kWrite);
    }
  }
  Region region;
  for (const u64 address : {u64{0}, u64{1}, ~u64{0}, reinterpret_cast<u64>(&region), kMapBase}) {
    EXPECT_FALSE(map->region_of(address, region)) << address;
  }
}

const Case kRegionCases[] = {
    {"array", map_spec(MapType::array, 4, 13, 5)},
    {"array_without_padding", map_spec(MapType::array, 4, 16, 5)},
    {"percpu_array", map_spec(MapType::percpu_array, 4, 9, 5)},
    {"hash", map_spec(MapType::hash, 4, 13, 5)},
    {"hash_of_odd_keys", map_spec(MapType::hash, 11, 1, 5)},
    {"hash_on_demand", map_spec(MapType::hash, 4, 1000, 100, kNoPrealloc)},
    {"percpu_hash", map_spec(MapType::percpu_hash, 4, 12, 5)},
    {"lru_hash", map_spec(MapType::lru_hash, 4, 13, 5)},
    {"lru_hash_by_cpu", map_spec(MapType::lru_hash, 4, 13, 15, map_flags::kNoCommonLru)},
    {"lru_percpu_hash", map_spec(MapType::lru_percpu_hash, 4, 12, 5)},
    {"lpm_trie", map_spec(MapType::lpm_trie, 8, 5, 5, kNoPrealloc)},
};
INSTANTIATE_TEST_SUITE_P(All, MapRegions, testing::ValuesIn(kRegionCases), case_name<Case>);

TEST(MapRegion, AccessOfPrograms) {
  const struct {
    u32 flags;
    AddressClass cls;
    u8 access;
  } cases[] = {{0, AddressClass::MapValue, kRead | kWrite},
               {kRdonlyProg, AddressClass::ReadOnly, kRead},
               {kWronlyProg, AddressClass::MapValue, kWrite}};
  for (const auto& expected : cases) {
    const auto map = make(map_spec(MapType::hash, 4, 8, 1, expected.flags));
    EXPECT_EQ(map->write(Bytes(1), Bytes(2), 0), 0);
    Region region;
    ASSERT_TRUE(map->region_of(reinterpret_cast<u64>(map->lookup(Bytes(1), 0)), region));
    EXPECT_EQ(region.cls, expected.cls);
    EXPECT_EQ(region.access, expected.access);
  }
}

class MapStorms : public testing::TestWithParam<Case> {};

// However often elements come and go: their memory is that of the most elements there were at once,
// and few more. A value that was deleted stays a value of the map.
TEST_P(MapStorms, UseMemoryAgain) {
  const auto map = make(GetParam().spec, {.cpus = 2});
  std::set<u64> values;
  const auto key_of = [&](u64 key) {
    return Bytes(GetParam().spec.type == MapType::lpm_trie ? 32 | key << 32 : key);
  };
  for (u64 round = 0; round < 50'000; ++round) {
    ASSERT_EQ(map->update(key_of(round), Bytes(round), 0, 0), 0);
    values.insert(reinterpret_cast<u64>(map->lookup(key_of(round), 0)));
    ASSERT_EQ(map->update(key_of(round), Bytes(round), 0, 0), 0);
    values.insert(reinterpret_cast<u64>(map->lookup(key_of(round), 0)));
    ASSERT_TRUE(round < 10 || map->remove(key_of(round - 10)) == 0);
  }
  EXPECT_LE(values.size(), 2 * 12u);
  Region region;
  for (const u64 value : values) EXPECT_TRUE(map->region_of(value, region));
}

const Case kStormCases[] = {
    {"hash", map_spec(MapType::hash, 4, 8, 1000)},
    {"hash_full", map_spec(MapType::hash, 4, 8, 11)},
    {"hash_on_demand", map_spec(MapType::hash, 4, 8, 1'000'000, kNoPrealloc)},
    {"percpu_hash", map_spec(MapType::percpu_hash, 4, 8, 1000)},
    {"lru_hash", map_spec(MapType::lru_hash, 4, 8, 11)},
    {"lru_hash_by_cpu", map_spec(MapType::lru_hash, 4, 8, 22, map_flags::kNoCommonLru)},
    {"lru_percpu_hash", map_spec(MapType::lru_percpu_hash, 4, 8, 11)},
    {"lpm_trie", map_spec(MapType::lpm_trie, 8, 8, 0xffff'ffff, kNoPrealloc)},
};
INSTANTIATE_TEST_SUITE_P(All, MapStorms, testing::ValuesIn(kStormCases), case_name<Case>);

#ifdef SKEP_LIMIT_ADDRESS_SPACE

u64 statm(int field) {
  std::ifstream file("/proc/self/statm");
  u64 pages = 0;
  for (int i = 0; i <= field; ++i) file >> pages;
  return pages * static_cast<u64>(sysconf(_SC_PAGESIZE));
}
u64 address_space() {
  return statm(0);
}
u64 resident() {
  return statm(1);
}

TEST(MapMemory, BigMapsAreNotTouchedBeforeTheyAreUsed) {
  const u64 before = resident();
  const auto array = make(map_spec(MapType::array, 4, 4096, 1u << 18));
  const auto hash = make(map_spec(MapType::hash, 4, 4096, 1u << 18));
  const auto on_demand = make(map_spec(MapType::hash, 4, 4096, 1u << 27, kNoPrealloc));
  const auto trie = make(map_spec(MapType::lpm_trie, 8, 4096, ~0u, kNoPrealloc));
  const auto ring = make(map_spec(MapType::ringbuf, 0, 0, 1u << 30));
  const auto programs = make(map_spec(MapType::prog_array, 4, 4, 1u << 27));
  const auto queue = make(map_spec(MapType::queue, 0, 4096, 1u << 18));
  ASSERT_TRUE(array && hash && on_demand && trie && ring && programs && queue);
  EXPECT_LT(resident() - before, 16u << 20);
}

// What a storm of insertions and deletions leaves of memory: the process's resident bytes when a
// map is fullest, round by round. Each round has keys of its own and takes them out in another
// order than it put them in; LRU maps evict those of every other round instead. Some of what the
// nested map loses waits for a run.
class MapStormCurves : public testing::TestWithParam<Case> {};

constexpr u32 kRounds = 8;

int put_one(Map& map, const Bytes& key) {
  static const std::vector<u8> value(1 << 13, 1);  // of the largest values
  const MapSpec* const shape = map.spec().inner.get();
  if (shape == nullptr) return map.update(key, value.data(), 0, 0);
  std::shared_ptr<Map> inner = make(*shape);
  if (const int error = inner->write(Bytes(0), value.data(), 0); error != 0) return error;
  return map.set_inner(key, std::move(inner), 0);
}

void storm(Map& map, ActiveRuns& runs, u64 round, const std::function<void()>& at_fullest) {
  const bool trie = map.spec().type == MapType::lpm_trie;
  const u64 elements = map.spec().max_entries;
  const auto key_of = [&](u64 i) {
    const u64 number = round * elements + i;
    return Bytes(trie ? 32 | number << 32 : number);
  };
  for (u64 i = 0; i < elements; ++i) ASSERT_EQ(put_one(map, key_of(i)), 0) << i;
  at_fullest();
  const bool evicts = map.spec().type == MapType::lru_hash;
  if (evicts && round % 2 == 0) return;
  std::optional<ActiveRuns::Run> run;
  for (u64 i = 0; i < elements; ++i) {
    if (i % 128 == 0) run.emplace(&runs, 0);
    if (i % 128 == 100) run.reset();
    const int error = map.erase(key_of(i * 0x9e37 % elements));
    ASSERT_TRUE(error == 0 || (evicts && error == kENOENT)) << error;
  }
}

TEST_P(MapStormCurves, AreFlat) {
  malloc_trim(0);  // else what tests before this one freed is used again, and not seen
  ActiveRuns runs;
  const u64 before = resident();
  const auto map = make(GetParam().spec, {.runs = &runs});
  std::vector<u64> curve;
  for (u64 round = 0; round < kRounds && !HasFatalFailure(); ++round)
    storm(*map, runs, round, [&] { curve.push_back((resident() - before) / 1024); });
  ASSERT_EQ(curve.size(), kRounds);
  const MapSpec& of_values = GetParam().spec.inner ? *GetParam().spec.inner : GetParam().spec;
  const u64 values = u64{GetParam().spec.max_entries} * of_values.value_size / 1024;
  const std::string text =
      fmt::format("{} KiB of values, resident KiB by round: {}", values, fmt::join(curve, " "));
  std::printf("%s: %s\n", GetParam().name, text.c_str());
  EXPECT_GE(curve[0], values);
  EXPECT_LE(*std::ranges::max_element(curve), curve[0] + curve[0] / 32 + 128) << text;
}

MapSpec many_maps() {
  MapSpec spec = map_spec(MapType::hash_of_maps, 4, 4, 1 << 10);
  spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 1 << 13, 1));
  return spec;
}

const Case kCurveCases[] = {
    {"hash", map_spec(MapType::hash, 4, 1 << 10, 1 << 13)},
    {"hash_on_demand", map_spec(MapType::hash, 4, 1 << 10, 1 << 13, kNoPrealloc)},
    {"lru_hash", map_spec(MapType::lru_hash, 4, 1 << 10, 1 << 13)},
    {"lpm_trie", map_spec(MapType::lpm_trie, 8, 1 << 10, 1 << 13, kNoPrealloc)},
    {"hash_of_maps", many_maps()},
};
INSTANTIATE_TEST_SUITE_P(All, MapStormCurves, testing::ValuesIn(kCurveCases), case_name<Case>);

// Runs `body` in a child that may use so much more address space; true if it says so.
template <class Body>
bool within(u64 bytes, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    const u64 limit = address_space() + bytes;
    const rlimit both{limit, limit};
    setrlimit(RLIMIT_AS, &both);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

constexpr u64 kLittle = 64 << 20;

MapSpec of_maps(MapType type, u32 entries) {
  MapSpec spec = map_spec(type, 4, 4, entries);
  spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 4, 1));
  return spec;
}

TEST(MapMemory, TooLittleForCreationIsAnError) {
  const MapSpec specs[] = {
      map_spec(MapType::array, 4, 1 << 20, 1000),
      map_spec(MapType::percpu_array, 4, 32768, 10'000),
      map_spec(MapType::hash, 4, 1 << 20, 1000),
      map_spec(MapType::hash, 4, 8, 1 << 27, kNoPrealloc),
      map_spec(MapType::percpu_hash, 4, 32768, 10'000),
      map_spec(MapType::ringbuf, 0, 0, 1 << 30),
      map_spec(MapType::prog_array, 4, 4, 1 << 27),
      map_spec(MapType::queue, 0, 1 << 20, 1000),
      map_spec(MapType::lru_hash, 4, 1 << 20, 1000),
      map_spec(MapType::lru_percpu_hash, 4, 32768, 10'000, map_flags::kNoCommonLru),
      of_maps(MapType::array_of_maps, 1 << 23),
      of_maps(MapType::hash_of_maps, 1 << 23),
  };
  for (const MapSpec& spec : specs) {
    EXPECT_TRUE(within(kLittle, [&] {
      const auto map = create_map(spec, {.cpus = 4});
      return !map && map.error().code == Code::no_memory;
    })) << find_map_kind(spec.type)->name;
  }
}

// First contents are as large as a data section: they are copied once, into the value.
TEST(MapMemory, FirstContentsAreCopiedOnce) {
  for (const u64 bytes : {kLittle / 3 * 2, kLittle * 2}) {
    const bool fits = bytes < kLittle;
    MapSpec spec = map_spec(MapType::array, 4, static_cast<u32>(bytes), 1);
    spec.initial.assign(bytes, 1);
    EXPECT_TRUE(within(kLittle, [&] {
      const auto map = create_map(spec, {});
      return map.has_value() == fits && (fits || map.error().code == Code::no_memory);
    })) << bytes;
  }
}

// Maps that grow stop with an error, stay as they are, and go on when something is deleted.
TEST(MapMemory, TooLittleForGrowthIsAnError) {
  const MapSpec specs[] = {
      map_spec(MapType::hash, 8, 1 << 20, 1000, kNoPrealloc),
      map_spec(MapType::lpm_trie, 12, 1 << 20, 1000, kNoPrealloc),
  };
  for (const MapSpec& spec : specs) {
    EXPECT_TRUE(within(kLittle, [&] {
      const auto map = create_map(spec, {});
      if (!map) return false;
      static u8 value[1 << 20];
      u64 key = 0;
      const auto bytes = [&](u64 number) { return Bytes(32 | number << 32); };
      int error = 0;
      while (error == 0 && key < 1000) error = (*map)->update(bytes(++key), value, 0, 0);
      return error == kENOMEM && key > 10 && (*map)->lookup(bytes(key), 0) == nullptr &&
             (*map)->lookup(bytes(1), 0) != nullptr && (*map)->remove(bytes(1)) == 0 &&
             (*map)->update(bytes(key), value, 0, 0) == 0;
    })) << find_map_kind(spec.type)->name;
  }
}

#endif

}  // namespace
}  // namespace skep
