// Specs: rows of maps.def, what validate() refuses and in which words, what create_map() adds.
// map_kernel_test.cpp compares the refusals with the kernel's over many more specs.
#include <array>

#include "tests/helpers/map_support.h"

namespace skep {
namespace {

TEST(MapKinds, RowsAreInOrder) {
  for (u32 id = 0; id <= 35; ++id) {
    const MapKind* kind = find_map_kind(static_cast<MapType>(id));
    ASSERT_NE(kind, nullptr);
    EXPECT_EQ(static_cast<u32>(kind->type), id);
    EXPECT_EQ(find_map_kind(kind->name), kind);
  }
  EXPECT_EQ(find_map_kind(static_cast<MapType>(36)), nullptr);
  EXPECT_EQ(find_map_kind(static_cast<MapType>(~0u)), nullptr);
  EXPECT_EQ(find_map_kind("no_such_type"), nullptr);
}

TEST(MapKinds, RowsSay) {
  const MapKind* ring = find_map_kind("ringbuf");
  EXPECT_EQ(ring->type, MapType::ringbuf);
  EXPECT_EQ(ring->since, 5.8_v);
  EXPECT_TRUE(ring->runs);
  EXPECT_TRUE(ring->may(kReserve));
  EXPECT_FALSE(ring->may(kLookup));
  EXPECT_FALSE(find_map_kind(MapType::sockmap)->runs);
  EXPECT_EQ(find_map_kind(MapType::insn_array)->since, 6.19_v);
}

// A row that says it runs has a family that makes it, and the other way round.
TEST(MapKinds, WhatRunsCanBeMade) {
  for (u32 id = 1; id <= 35; ++id) {
    const MapKind& kind = *find_map_kind(static_cast<MapType>(id));
    const MapRule& rule = kind.rule;
    const u32 entries = kind.may(kReserve) || kind.may(kDrain) ? 4096 : rule.entries.min;
    MapSpec spec = map_spec(kind.type, rule.key.min, rule.value.min, entries, rule.required);
    spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 4, 1));
    ASSERT_TRUE(validate(spec)) << kind.name << ": " << validate(spec).error().text;
    const auto map = create_map(spec, {});
    EXPECT_EQ(map.has_value(), kind.runs) << kind.name;
    EXPECT_TRUE(map || map.error().code == Code::map_not_emulated);
  }
}

struct Case {
  const char* name;
  MapSpec spec;
  const char* text;  // of the error; "" for none
};

MapSpec with(MapSpec spec, void (*change)(MapSpec&)) {
  change(spec);
  return spec;
}

class MapSpecs : public testing::TestWithParam<Case> {};

TEST_P(MapSpecs, AreCheckedAsLinuxDoes) {
  const auto checked = validate(GetParam().spec);
  EXPECT_EQ(checked ? "" : checked.error().text, GetParam().text);
  const auto map = create_map(GetParam().spec, {});
  EXPECT_TRUE(map ? checked.has_value() : !checked || map.error().code == Code::map_not_emulated);
}

const std::array kCases = std::to_array<Case>({
    {"unspec", map_spec(MapType::unspec, 4, 4, 1), "map 'm': there is no map type 0"},
    {"unknown_type", map_spec(static_cast<MapType>(99), 4, 4, 1),
     "map 'm': there is no map type 99"},
    {"array", map_spec(MapType::array, 4, 1, 1), ""},
    {"array_key", map_spec(MapType::array, 8, 8, 1), "map 'm' (array): key_size = 8: must be 4"},
    {"array_value", map_spec(MapType::array, 4, 0, 1),
     "map 'm' (array): value_size = 0: must be at least 1"},
    {"array_entries", map_spec(MapType::array, 4, 8, 0),
     "map 'm' (array): max_entries = 0: must be at least 1"},
    {"array_flag", map_spec(MapType::array, 4, 8, 1, map_flags::kNoPrealloc),
     "map 'm' (array): flags = 0x1: BPF_F_NO_PREALLOC is not for this type"},
    {"array_unknown_flag", map_spec(MapType::array, 4, 8, 1, 1u << 31),
     "map 'm' (array): flags = 0x80000000: flag 0x80000000 is not for this type"},
    {"array_access",
     map_spec(MapType::array, 4, 8, 1, map_flags::kRdonlyProg | map_flags::kWronlyProg),
     "map 'm' (array): flags = 0x180: BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"},
    {"array_host_access",
     map_spec(MapType::array, 4, 8, 1, map_flags::kRdonly | map_flags::kWronly),
     "map 'm' (array): flags = 0x18: BPF_F_RDONLY and BPF_F_WRONLY exclude each other"},
    {"array_value_too_large", map_spec(MapType::array, 4, 0x8000'0000, 1),
     "map 'm' (array): value_size = 2147483648, the limit is 2147483647"},
    {"array_too_large", map_spec(MapType::array, 4, 0x10000, 0x40001),
     "map 'm' (array): bytes = 17179934720, the limit is 17179869184"},
    {"array_extra", with(map_spec(MapType::array, 4, 8, 1), [](MapSpec& spec) { spec.extra = 1; }),
     "map 'm' (array): map_extra = 1: must be 0"},
    {"array_initial",
     with(map_spec(MapType::array, 4, 8, 1), [](MapSpec& spec) { spec.initial.resize(9); }),
     "map 'm' (array): initial = 9: must be at most value_size = 8 bytes"},
    {"hash_initial",
     with(map_spec(MapType::hash, 4, 8, 1), [](MapSpec& spec) { spec.initial.resize(8); }),
     "map 'm' (hash): initial = 8: only arrays have a first value"},
    {"slot",
     with(map_spec(MapType::prog_array, 4, 4, 2),
          [](MapSpec& spec) { spec.slots.push_back({2, "p", 0}); }),
     "map 'm' (prog_array): slot = 2: must be below max_entries = 2"},
    {"hash_entries", map_spec(MapType::hash, 4, 8, (1u << 27) + 1, map_flags::kNoPrealloc),
     "map 'm' (hash): max_entries = 134217729, the limit is 134217728"},
    {"hash_too_large", map_spec(MapType::hash, 4, 1000, 1u << 27),
     "map 'm' (hash): bytes = 135291469824, the limit is 17179869184"},
    {"hash_mmapable", map_spec(MapType::hash, 4, 8, 1, map_flags::kMmapable),
     "map 'm' (hash): flags = 0x400: BPF_F_MMAPABLE is not for this type"},
    {"percpu_value", map_spec(MapType::percpu_array, 4, 32769, 1),
     "map 'm' (percpu_array): value_size = 32769, the limit is 32768"},
    {"lpm_prealloc", map_spec(MapType::lpm_trie, 8, 8, 1),
     "map 'm' (lpm_trie): flags = 0x0: BPF_F_NO_PREALLOC must be set"},
    {"lpm_key", map_spec(MapType::lpm_trie, 261, 8, 1, map_flags::kNoPrealloc),
     "map 'm' (lpm_trie): key_size = 261: must be 5 to 260"},
    {"ring_size", map_spec(MapType::ringbuf, 0, 0, 12288),
     "map 'm' (ringbuf): max_entries = 12288: must be a power of two and a multiple of the page "
     "size, 4096"},
    {"lru_on_demand", map_spec(MapType::lru_hash, 4, 8, 1, map_flags::kNoPrealloc),
     "map 'm' (lru_hash): BPF_F_NO_PREALLOC is not for maps that evict"},
});

INSTANTIATE_TEST_SUITE_P(All, MapSpecs, testing::ValuesIn(kCases), case_name<Case>);

TEST(MapCreate, TypesWithoutABody) {
  const MapSpec spec = map_spec(MapType::sockmap, 4, 4, 1);
  EXPECT_TRUE(validate(spec));
  EXPECT_EQ(create_map(spec, {}).error().text, "map 'm': skep does not run maps of type sockmap");
}

TEST(MapCreate, FirstContentsAndFrozen) {
  MapSpec spec = map_spec(MapType::array, 4, 12, 1, map_flags::kRdonlyProg);
  spec.initial = {1, 2, 3};
  spec.frozen = true;
  const auto map = make(spec);
  Bytes value;
  EXPECT_EQ(map->read(Bytes(0), value), 0);
  EXPECT_EQ(value.number(), 0x030201u);
  EXPECT_EQ(map->write(Bytes(0), value, 0), kEPERM);
  EXPECT_EQ(map->update(Bytes(0), value, 0, 0), kEACCES);
  Region region;
  ASSERT_TRUE(map->region_of(reinterpret_cast<u64>(map->lookup(Bytes(0), 0)), region));
  EXPECT_EQ(region.cls, AddressClass::ReadOnly);
  EXPECT_EQ(region.access, kRead);
}

// Per-CPU maps are bounded with all their CPUs, which a spec does not know.
TEST(MapCreate, BoundsPerCpuMapsByAllCpus) {
  const MapSpec spec = map_spec(MapType::percpu_array, 4, 32768, 1u << 18);
  EXPECT_TRUE(validate(spec));
  for (const u32 cpus : {0u, 3u, ~0u}) {
    const auto map = create_map(spec, {.cpus = cpus});
    ASSERT_FALSE(map);
    EXPECT_EQ(map.error().code, Code::no_memory);
  }
}

}  // namespace
}  // namespace skep
