// Programs and the host on the same map at once: two threads interpret a program that reads,
// writes and atomically adds to values, puts them in and takes them out, while the host updates,
// deletes, reads and walks. No run ever faults on a value that it holds, no addition is lost, what
// the kernel promises whole is whole, every element can be used again afterwards, and the thread
// sanitizer finds nothing undefined.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/image.h"
#include "tests/support/map_specs.h"
#include "tests/support/together.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::together;

constexpr std::chrono::milliseconds kTime{25};  // of a test
constexpr u32 kKeys = 16;                       // key 0 is nobody's to replace or to delete

// Every word that anybody writes has four equal quarters, or is zero: torn words are found out.
u64 word_of(u64 key, u64 round) {
  return (key << 8 | (round & 0xff)) * 0x0001'0001'0001'0001;
}
u64 key_in(u64 word) {
  return word >> 8 & 0xff;
}
bool is_whole(u64 word) {
  return word == (word & 0xffff) * 0x0001'0001'0001'0001;
}

struct Value {
  u64 first = 0, second = ~u64{0};  // of who put it in; the second is the first's complement
  u64 count = 0;                    // of runs, by programs' atomic additions
  u32 count32 = 0, unused = 0;      // the same
  u64 mark = 0;                     // by programs' stores
};

// What a run is given and what it gives back.
struct Request {
  u64 key = 0, outer_key = 0;
  u64 word = 0;       // to be stored
  u64 takes_out = 0;  // deletes the element that it found, and goes on with it
  Value seen = {};
};

// r0: 1 if the element was there, 2 if it was put in, 3 if there is no such map, or an error.
constexpr const char* kBegin = R"(
    r6 = r1
    r1 = *(u64 *)(r6 + 0)
    *(u32 *)(r10 - 4) = r1
)";
constexpr const char* kPlain = "r9 = map[m]\n";
constexpr const char* kInner = R"(
    r1 = *(u64 *)(r6 + 8)
    *(u32 *)(r10 - 8) = r1
    r1 = map[m]
    r2 = r10
    r2 += -8
    call map_lookup_elem
    if r0 == 0 goto gone
    r9 = r0
)";
constexpr const char* kRest = R"(
    r1 = r9
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto insert
    r7 = r0
    r1 = *(u64 *)(r6 + 24)
    if r1 == 0 goto stays
    r1 = r9
    r2 = r10
    r2 += -4
    call map_delete_elem
stays:
    r1 = 1
    lock *(u64 *)(r7 + 16) += r1
    r1 = 1
    w1 = atomic_fetch_add((u32 *)(r7 + 24), w1)
    r1 = *(u64 *)(r6 + 16)
    *(u64 *)(r7 + 32) = r1
    r1 = *(u64 *)(r7 + 3)
    r1 = *(u16 *)(r7 + 33)
    r1 = *(u64 *)(r7 + 0)
    *(u64 *)(r6 + 32) = r1
    r1 = *(u64 *)(r7 + 8)
    *(u64 *)(r6 + 40) = r1
    r1 = *(u64 *)(r7 + 32)
    *(u64 *)(r6 + 64) = r1
    r0 = 1
    exit
insert:
    r1 = *(u64 *)(r6 + 16)
    *(u64 *)(r10 - 48) = r1
    *(u64 *)(r10 - 16) = r1
    r1 ^= -1
    *(u64 *)(r10 - 40) = r1
    *(u64 *)(r10 - 32) = 0
    *(u64 *)(r10 - 24) = 0
    r1 = r9
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -48
    r4 = 0
    call map_update_elem
    if r0 != 0 goto out
    r0 = 2
out:
    exit
gone:
    r0 = 3
    exit
)";

const u8* bytes(const u32& key) {
  return reinterpret_cast<const u8*>(&key);
}

struct Case {
  std::string name;
  MapSpec spec;
};

Case nested(const char* name, MapType outer, const MapSpec& inner) {
  Case result{name, map_spec(outer, 4, 4, 2)};
  result.spec.inner = std::make_shared<MapSpec>(inner);
  return result;
}

class ProgramsAndHost : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const MapSpec& spec = GetParam().spec;
    const std::string text = std::string(kBegin) + (spec.inner ? kInner : kPlain) + kRest;
    auto loaded = vm.load({{test::image_of(text, ProgramType::raw, {spec})}});
    ASSERT_TRUE(loaded) << loaded.error().text;
    instance = std::move(*loaded);
    ASSERT_NE(instance->programs()[0].loaded, nullptr);
    outer = instance->map("m");
    map = spec.inner ? put_inner(0) : outer;
    ASSERT_EQ(write(*map, 0, 0), 0);
  }

  bool evicts() const { return map->spec().type == MapType::lru_hash; }
  // Whether the host's copies are made under a lock.
  bool copies_whole_values() const { return evicts() || map->spec().type == MapType::hash; }

  static int write(Map& to, u32 key, u64 round, u64 flags = 0) {
    Value value[2];
    for (Value& one : value) {
      one.first = one.mark = word_of(key, round);
      one.second = ~one.first;
    }
    return to.write(bytes(key), reinterpret_cast<const u8*>(value), flags);
  }

  // A new inner map at `key` of the outer one; null if too much waits for runs to end.
  Map* put_inner(u32 key) {
    const auto id = vm.maps().create(*GetParam().spec.inner);
    EXPECT_TRUE(id) << id.error().text;
    const std::shared_ptr<Map> made = vm.maps().share(*id);
    vm.maps().release(*id);
    const int error = outer->set_inner(bytes(key), made, 0);
    EXPECT_TRUE(error == 0 || error == kEBUSY) << error;
    ever.push_back(made);
    return error == 0 ? made.get() : nullptr;
  }

  void run_programs(u32 cpu, u64& found) {
    Env env = Env::deterministic(cpu + 1);
    u64 round = 0;
    do {
      const u64 key = ++round * 5 % kKeys;
      Request request{.key = key,
                      .outer_key = round / 7 % 2,
                      .word = word_of(key, round),
                      .takes_out = key != 0 && round % 3 == 0};
      Frame frame;
      frame.type = ProgramType::raw;
      frame.memory = reinterpret_cast<u8*>(&request);
      frame.size = sizeof request;
      const RunResult result =
          instance->programs()[0].loaded->run(frame, {.env = &env, .cpu = cpu});
      ASSERT_TRUE(result.ok()) << result.message;
      ASSERT_TRUE(result.r0 - 1 < 3 || static_cast<i32>(result.r0) == kE2BIG) << result.r0;
      if (result.r0 != 1) continue;
      ASSERT_TRUE(is_whole(request.seen.first)) << std::hex << request.seen.first;
      ASSERT_TRUE(is_whole(~request.seen.second) || request.seen.second == 0);
      ASSERT_TRUE(is_whole(request.seen.mark)) << std::hex << request.seen.mark;
      found += key == 0 && (request.outer_key == 0 || map == outer);
    } while (!stop || round < kKeys);
  }

  void change_as_host() {
    u64 round = 0;
    do {
      const u32 key = 1 + ++round * 3 % (kKeys - 1);
      if (map != outer && round % 16 == 0) put_inner(1);
      const int error = round % 4 == 0 ? map->erase(bytes(key)) : write(*map, key, round);
      ASSERT_TRUE(error == 0 || error == kENOENT || error == kEINVAL || error == kE2BIG) << error;
    } while (!stop);
  }

  void check_words(u32 key, std::span<const Value> values) {
    for (const Value& value : values) {
      ASSERT_TRUE(is_whole(value.first) && is_whole(value.mark));
      ASSERT_TRUE(is_whole(~value.second) || value.second == 0);
      if (!copies_whole_values()) continue;
      ASSERT_EQ(value.first, ~value.second);
      ASSERT_EQ(key_in(value.first), key);
    }
  }

  void read_as_host() {
    Value values[2];
    const std::span<const Value> all(values, map->host_value_size() / sizeof(Value));
    u32 next = 0;
    do {
      for (u32 key = 0; key < kKeys; ++key) {
        const int error = map->read(bytes(key), reinterpret_cast<u8*>(values));
        ASSERT_TRUE(error == 0 || (error == kENOENT && (key != 0 || evicts()))) << error;
        if (error == 0) check_words(key, all);
        map->next_key(bytes(key), reinterpret_cast<u8*>(&next));
      }
    } while (!stop);
  }

  // Takes all out and puts in as much as a new map has room for.
  void expect_all_room() {
    const u32 entries = map->spec().max_entries;
    u32 key = 0;
    while (map->next_key(nullptr, reinterpret_cast<u8*>(&key)) == 0)
      ASSERT_EQ(map->erase(bytes(key)), 0);
    for (u32 i = 0; i < entries; ++i) ASSERT_EQ(write(*map, 1000 + i, i, 1), 0) << i;
    u32 there = 0;
    Value values[2];
    for (u32 i = 0; i < entries; ++i)
      there += map->read(bytes(key = 1000 + i), reinterpret_cast<u8*>(values)) == 0;
    EXPECT_EQ(there, entries);
    EXPECT_EQ(write(*map, 2000, 0, 1), evicts() ? 0 : kE2BIG);
  }

  Vm vm{{.cpus = 2}};
  std::unique_ptr<Instance> instance;
  Map* outer = nullptr;
  Map* map = nullptr;  // the one whose values are looked at: the inner map at 0, if there are some
  std::vector<std::weak_ptr<Map>> ever;
  std::atomic<bool> stop{false};
};

TEST_P(ProgramsAndHost, LoseNothing) {
  u64 found[2] = {};
  together(
      kTime, stop, [&] { run_programs(0, found[0]); }, [&] { run_programs(1, found[1]); },
      [&] { change_as_host(); }, [&] { read_as_host(); });
  if (HasFatalFailure()) return;
  const MapType type = map->spec().type;
  Value values[2];
  const u32 zero = 0;
  const u32 cpus = map->host_value_size() / sizeof(Value);
  if (!evicts()) {
    ASSERT_EQ(map->read(bytes(zero), reinterpret_cast<u8*>(values)), 0);
    for (u32 cpu = 0; cpu < cpus; ++cpu) {
      const u64 expected = cpus == 1 ? found[0] + found[1] : found[cpu];
      EXPECT_GT(expected, 0u);
      EXPECT_EQ(values[cpu].count, expected);
      EXPECT_EQ(values[cpu].count32, static_cast<u32>(expected));
    }
  }
  if (type != MapType::array && type != MapType::percpu_array) expect_all_room();
  if (map == outer) return;
  // Nobody runs: the next change lets all go that was replaced before.
  EXPECT_EQ(outer->erase(bytes(zero + 1)) & ~kENOENT, 0);
  put_inner(1);
  EXPECT_EQ(std::ranges::count_if(ever, [](const auto& made) { return !made.expired(); }), 2);
}

std::vector<Case> cases() {
  using enum MapType;
  const MapSpec values = map_spec(array, 4, sizeof(Value), kKeys, 0, "shape");
  const MapSpec table = map_spec(hash, 4, sizeof(Value), kKeys - 3, 0, "shape");
  return {
      {"array", map_spec(array, 4, sizeof(Value), kKeys)},
      {"percpu_array", map_spec(percpu_array, 4, sizeof(Value), kKeys)},
      {"hash", map_spec(hash, 4, sizeof(Value), kKeys)},
      {"hash_often_full", map_spec(hash, 4, sizeof(Value), kKeys - 6)},
      {"hash_on_demand", map_spec(hash, 4, sizeof(Value), kKeys, map_flags::kNoPrealloc)},
      {"percpu_hash", map_spec(percpu_hash, 4, sizeof(Value), kKeys)},
      {"lru_hash", map_spec(lru_hash, 4, sizeof(Value), kKeys - 6)},
      nested("array_of_arrays", array_of_maps, values),
      nested("array_of_hashes", array_of_maps, table),
      nested("hash_of_hashes", hash_of_maps, table),
  };
}

INSTANTIATE_TEST_SUITE_P(Types, ProgramsAndHost, testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

// With the lock of a value, all of it is whole: programs change two words that fit together, the
// host replaces and reads both. The neighbours come and go without the lock.
class LocksOfBoth : public testing::TestWithParam<MapType> {};

constexpr const char* kLocked = R"(
    r6 = r1
    r1 = *(u64 *)(r6 + 0)
    *(u32 *)(r10 - 4) = r1
    r1 = map[m]
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto none
    r7 = r0
    r1 = r0
    call spin_lock
    r1 = *(u64 *)(r7 + 8)
    r2 = *(u64 *)(r7 + 16)
    r3 = r1
    r3 += r2
    *(u64 *)(r6 + 8) = r3
    r1 += 1
    *(u64 *)(r7 + 8) = r1
    r2 += -1
    *(u64 *)(r7 + 16) = r2
    r1 = r7
    call spin_unlock
    r0 = 1
none:
    exit
)";

TEST_P(LocksOfBoth, KeepValuesWhole) {
  MapSpec spec = map_spec(GetParam(), 4, 24, 64);
  spec.fields = {{FieldKind::SpinLock, 0, 4}};
  Vm vm({.cpus = 2});
  const auto instance = vm.load({{test::image_of(kLocked, ProgramType::raw, {spec})}});
  ASSERT_TRUE(instance) << instance.error().text;
  Map& map = *(*instance)->map("m");
  constexpr u32 kShared = 2;  // keys that programs look for
  const auto write = [&](u32 key, u64 number, u64 flags) {
    const u64 value[] = {0, number, -number};
    return map.write(bytes(key), reinterpret_cast<const u8*>(value), flags);
  };
  for (u32 key = 0; key < kShared; ++key) ASSERT_EQ(write(key, 0, 0), 0);
  std::atomic<bool> stop{false};
  const auto run = [&](u32 cpu) {
    Env env = Env::deterministic(1);
    u64 request[2] = {};
    do {
      request[0] = (request[0] + 1) % kShared;
      Frame frame;
      frame.type = ProgramType::raw;
      frame.memory = reinterpret_cast<u8*>(request);
      frame.size = sizeof request;
      const RunResult result =
          (*instance)->programs()[0].loaded->run(frame, {.env = &env, .cpu = cpu});
      ASSERT_TRUE(result.ok()) << result.message;
      ASSERT_EQ(result.r0, 1u);
      ASSERT_EQ(request[1], 0u);
    } while (!stop);
  };
  const auto change = [&] {
    u32 round = 0;
    do {
      ++round;
      const int locked = write(round % kShared, round * 100, update_flags::kLock);
      ASSERT_TRUE(locked == 0 || locked == kEBUSY) << locked;
      ASSERT_EQ(write(kShared + round % 8, round, 0), 0);
      map.erase(bytes(kShared + round * 3 % 8));
    } while (!stop);
  };
  const auto read = [&] {
    u32 key = 0;
    do {
      u64 value[3] = {};
      const int error = map.read(bytes(key), reinterpret_cast<u8*>(value), update_flags::kLock);
      ASSERT_TRUE(error == 0 || error == kEBUSY) << error;
      ASSERT_EQ(value[1] + value[2], 0u);
      key = (key + 1) % kShared;
    } while (!stop);
  };
  together(kTime, stop, [&] { run(0); }, [&] { run(1); }, change, read);
}

INSTANTIATE_TEST_SUITE_P(Types, LocksOfBoth, testing::Values(MapType::array, MapType::hash),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

}  // namespace
}  // namespace skep
