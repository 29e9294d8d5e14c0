// Maps under many threads: what must hold at any moment, and, with the thread sanitizer, that
// nothing is undefined. Programs' accesses are the atomic ones that engines make.
#include <thread>

#include "helpers/maps/shared.h"
#include "tests/helpers/map_support.h"
#include "tests/support/together.h"

namespace skep {
namespace {

using test::together;

constexpr std::chrono::milliseconds kTime{150};  // of a test

// A value that belongs to its key: two words that fit together.
Bytes value_of(u64 key, u64 round) {
  Bytes value(key << 32 | round);
  const u64 check = ~(key << 32 | round);
  std::memcpy(value.bytes + 8, &check, 8);
  return value;
}

struct Case {
  std::string name;
  MapSpec spec;
};

class MapThreads : public testing::TestWithParam<Case> {};

// Keys below kKept are there all the time, though replaced all the time; the others come and go.
constexpr u64 kKept = 4, kKeys = 24;

// Key as the map wants it: a number, or for tries a /8 (kept) or a /32 below one of those.
Bytes key_of(const Map& map, u64 key) {
  if (map.spec().type != MapType::lpm_trie) return Bytes(key);
  return key < kKept ? Bytes(8 | (key + 1) << 32) : Bytes(32 | (key % kKept + 1) << 32 | key << 56);
}

bool evicts(const Map& map) {
  return map.spec().type == MapType::lru_hash || map.spec().type == MapType::lru_percpu_hash;
}

// Whether a key always has a value: a trie's longer prefixes have at least that of the kept one.
bool always_there(const Map& map, u64 key) {
  const MapType type = map.spec().type;
  if (evicts(map)) return false;
  return key < kKept || type == MapType::array || type == MapType::percpu_array ||
         type == MapType::lpm_trie;
}

void write_all(Map& map, u32 cpu, u64 seed, const std::atomic<bool>& stop) {
  for (u64 round = 1; !stop; ++round) {
    const u64 key = (round * 7 + seed) % kKeys;
    const Bytes map_key = key_of(map, key);
    if (key < kKept || round % 3 != 0) {
      const int error = map.update(map_key, value_of(key, round & 0xffff), 0, cpu);
      ASSERT_TRUE(error == 0 || (error == kE2BIG && !evicts(map))) << error;
    } else {
      map.remove(map_key);
    }
  }
}

void read_as_program(Map& map, u32 cpu, const std::atomic<bool>& stop) {
  while (!stop) {
    for (u64 key = 0; key < kKeys; ++key) {
      u8* value = map.lookup(key_of(map, key), cpu);
      ASSERT_TRUE(value != nullptr || !always_there(map, key)) << key;
      if (value == nullptr) continue;
      Region region;
      ASSERT_TRUE(map.region_of(reinterpret_cast<u64>(value), region));
      ASSERT_EQ(region.base, reinterpret_cast<u64>(value));
      load_shared<u64>(value);
      __atomic_fetch_add(reinterpret_cast<u64*>(value + 16), 1, __ATOMIC_RELAXED);
    }
  }
}

// The host's copies are made under the lock, so they are of the key's own value. (Arrays have no
// lock, and a trie gives the value of another prefix when a longer one is gone.)
void read_as_host(Map& map, const std::atomic<bool>& stop) {
  std::vector<u8> value(map.host_value_size());
  const bool whole = map.spec().type == MapType::hash || map.spec().type == MapType::lru_hash;
  while (!stop) {
    for (u64 key = 0; key < kKeys; ++key) {
      const int error = map.read(key_of(map, key), value.data());
      ASSERT_TRUE(error == 0 || !always_there(map, key));
      if (error != 0 || !whole) continue;
      ASSERT_EQ(number_at(value.data()) >> 32, key);
      ASSERT_EQ(number_at(value.data()), ~number_at(value.data() + 8));
    }
  }
}

void iterate(Map& map, const std::atomic<bool>& stop) {
  while (!stop) {
    Bytes key, next;
    int error = map.next_key(nullptr, next);
    for (int steps = 0; error == 0 && steps < 100; ++steps) {
      std::memcpy(key.bytes, next.bytes, sizeof key.bytes);
      error = map.next_key(key, next);
    }
  }
}

TEST_P(MapThreads, ReadersWritersAndDeleters) {
  const auto map = make(GetParam().spec, {.cpus = 2});
  ASSERT_NE(map, nullptr);
  for (u64 key = 0; key < kKept; ++key) map->update(key_of(*map, key), value_of(key, 0), 0, 0);
  std::atomic<bool> stop{false};
  together(
      kTime, stop, [&] { write_all(*map, 0, 0, stop); }, [&] { write_all(*map, 1, 11, stop); },
      [&] { read_as_program(*map, 0, stop); }, [&] { read_as_program(*map, 1, stop); },
      [&] { read_as_host(*map, stop); }, [&] { iterate(*map, stop); });
}

std::vector<Case> cases() {
  using enum MapType;
  using namespace map_flags;
  return {
      {"array", map_spec(array, 4, 24, kKeys)},
      {"percpu_array", map_spec(percpu_array, 4, 24, kKeys)},
      {"hash", map_spec(hash, 4, 24, kKeys)},
      {"hash_full", map_spec(hash, 4, 24, kKept + 1)},
      {"hash_of_8_byte_keys", map_spec(hash, 8, 24, 16)},
      {"hash_on_demand", map_spec(hash, 4, 24, kKeys, kNoPrealloc)},
      {"percpu_hash", map_spec(percpu_hash, 4, 24, kKeys)},
      {"lpm_trie", map_spec(lpm_trie, 8, 24, kKeys, kNoPrealloc)},
      {"lru_hash", map_spec(lru_hash, 4, 24, kKeys)},
      {"lru_hash_full", map_spec(lru_hash, 4, 24, kKept + 1)},
      {"lru_hash_of_one", map_spec(lru_hash, 4, 24, 1)},
      {"lru_hash_by_cpu", map_spec(lru_hash, 4, 24, kKept + 2, kNoCommonLru)},
      {"lru_percpu_hash", map_spec(lru_percpu_hash, 4, 24, kKept + 1)},
  };
}

INSTANTIATE_TEST_SUITE_P(Types, MapThreads, testing::ValuesIn(cases()), case_name<Case>);

// Elements of a growing map are found by address while chunks are added.
TEST(MapThreadsGrowing, RegionsWhileGrowing) {
  const auto map = make(map_spec(MapType::hash, 4, 512, 20'000, map_flags::kNoPrealloc));
  std::atomic<bool> stop{false};
  std::atomic<u64> written{0};
  together(
      kTime, stop,
      [&] {
        const std::vector<u8> value(512, 1);
        for (u64 key = 0; key < 20'000 && !stop; ++key) {
          ASSERT_EQ(map->update(Bytes(key), value.data(), 0, 0), 0);
          written = key;
        }
      },
      [&] {
        Region region;
        for (u64 key = 0; !stop; key = (key + 7) % (written + 1)) {
          const u8* value = map->lookup(Bytes(key), 0);
          ASSERT_TRUE(value == nullptr || map->region_of(reinterpret_cast<u64>(value), region));
        }
      });
}

// Records of each producer arrive once, in order, whole.
TEST(MapThreadsRing, ProducersAndConsumer) {
  const auto map = make(map_spec(MapType::ringbuf, 0, 0, 4096));
  constexpr u64 kProducers = 3;
  struct Record {
    u64 producer, number;
    u8 fill[];
  };
  std::atomic<bool> stop{false};
  std::atomic<u64> at_work{kProducers};
  u64 written[kProducers] = {};
  // At least one record each, however late a busy machine lets a thread begin; the consumer makes
  // room until all have ended.
  const auto write_records = [&](u64 producer) {
    for (u64 number = 0; !stop || number == 0; ++number) {
      const u64 size = sizeof(Record) + (number * 13 + producer) % 100;
      u8* memory = map->reserve(size);
      for (; memory == nullptr; memory = map->reserve(size)) {
        if (stop && number > 0) return;
        std::this_thread::yield();
      }
      const bool discard = number % 5 == 0;
      auto* record = reinterpret_cast<Record*>(memory);
      record->producer = producer;
      record->number = number;
      std::memset(record->fill, static_cast<int>(number), size - sizeof(Record));
      map->commit(memory, discard, 0);
      written[producer] = number + 1;
    }
  };
  const auto produce = [&](u64 producer) {
    write_records(producer);
    --at_work;
  };
  u64 next[kProducers] = {1, 1, 1};
  const auto sink = [&](std::span<const u8> got) {
    const auto* record = reinterpret_cast<const Record*>(got.data());
    ASSERT_LT(record->producer, kProducers);
    u64& expected = next[record->producer];
    ASSERT_EQ(record->number, expected);
    expected += expected % 5 == 4 ? 2 : 1;
    ASSERT_EQ(got.size(), sizeof(Record) + (record->number * 13 + record->producer) % 100);
    for (const u8 byte : got.subspan(sizeof(Record)))
      ASSERT_EQ(byte, static_cast<u8>(record->number));
  };
  together(
      kTime, stop, [&] { produce(0); }, [&] { produce(1); }, [&] { produce(2); },
      [&] {
        while (at_work > 0) {
          map->consume(sink);
          EXPECT_LE(map->query(0), 4096u);
        }
      });
  map->consume(sink);
  for (u64 producer = 0; producer < kProducers; ++producer) {
    const u64 last = written[producer];
    EXPECT_EQ(next[producer], last % 5 == 0 ? last + 1 : last);
    EXPECT_GT(last, 0u);
  }
  EXPECT_EQ(map->query(0), 0u);
}

// Values without keys: each comes out once, whole; a queue gives each writer's in their order.
class MapThreadsQueue : public testing::TestWithParam<MapType> {};

TEST_P(MapThreadsQueue, EachValueComesOutOnce) {
  const auto map = make(map_spec(GetParam(), 0, 16, 64));
  std::atomic<bool> stop{false};
  std::atomic<u64> in{0}, out{0}, sum_in{0}, sum_out{0};
  const auto put = [&](u64 writer) {
    for (u64 round = 1; !stop; ++round) {
      const int error = map->push(value_of(writer, round & 0xffff'ffff), 0);
      ASSERT_TRUE(error == 0 || error == kE2BIG);
      if (error != 0) std::this_thread::yield();
      in += error == 0;
      sum_in += error == 0 ? round : 0;
    }
  };
  const auto take = [&](bool host) {
    u64 last[2] = {};
    for (bool late = false;; late = stop) {
      Bytes value;
      const int error = host ? map->read_and_erase(nullptr, value) : map->pop(value);
      if (error == kENOENT && late) return;
      if (error != 0) continue;
      ASSERT_EQ(value.number(), ~number_at(value.bytes + 8));
      const u64 writer = value.number() >> 32, round = value.number() & 0xffff'ffff;
      ASSERT_LT(writer, 2u);
      ASSERT_TRUE(round > last[writer] || GetParam() == MapType::stack);
      last[writer] = round;
      ++out;
      sum_out += round;
    }
  };
  const auto look = [&] {
    Bytes value;
    while (!stop) {
      if (map->peek(value) != 0) continue;
      ASSERT_EQ(value.number(), ~number_at(value.bytes + 8));
    }
  };
  together(
      kTime, stop, [&] { put(0); }, [&] { put(1); }, [&] { take(false); }, [&] { take(true); },
      look);
  take(true);
  EXPECT_EQ(in, out);
  EXPECT_EQ(sum_in, sum_out);
}

INSTANTIATE_TEST_SUITE_P(Types, MapThreadsQueue, testing::Values(MapType::queue, MapType::stack),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

// Records of each CPU arrive whole and in order, and what does not arrive is counted.
TEST(MapThreadsPerf, ProducersAndReader) {
  const auto map = make(map_spec(MapType::perf_event_array, 4, 4, 2), {.cpus = 2});
  std::atomic<bool> stop{false};
  u64 written[2] = {}, refused[2] = {};
  const auto produce = [&](u32 cpu) {
    for (u64 number = 1; !stop; ++number) {
      const Bytes record = value_of(cpu, number & 0xffff'ffff);
      const int error = map->emit(cpu, cpu, {record.bytes, 20});
      ASSERT_TRUE(error == 0 || error == kENOSPC) << error;
      ++(error == 0 ? written : refused)[cpu];
      if (error != 0) std::this_thread::yield();
    }
  };
  u64 last[2] = {}, got = 0;
  const auto sink = [&](std::span<const u8> record) {
    const u64 first = number_at(record.data());
    ASSERT_EQ(record.size(), 20u);
    ASSERT_EQ(first, ~number_at(record.data() + 8));
    ASSERT_LT(first >> 32, 2u);
    ASSERT_GT(first & 0xffff'ffff, last[first >> 32]);
    last[first >> 32] = first & 0xffff'ffff;
    ++got;
  };
  together(
      kTime, stop, [&] { produce(0); }, [&] { produce(1); },
      [&] {
        while (!stop) map->consume(sink);
      });
  map->consume(sink);
  for (u32 cpu = 0; cpu < 2; ++cpu) {  // these tell of the last losses
    const Bytes record = value_of(cpu, 0xffff'ffff);
    ASSERT_EQ(map->emit(cpu, cpu, {record.bytes, 20}), 0);
  }
  map->consume(sink);
  EXPECT_EQ(got, written[0] + written[1] + 2);
  EXPECT_EQ(map->lost_events(), refused[0] + refused[1]);
}

// Inner maps live while runs hold them, in either kind of outer map, while the host replaces and
// deletes them and keys come and go.
class MapThreadsNested : public testing::TestWithParam<MapType> {};

TEST_P(MapThreadsNested, InnerMapsLiveWhileRunsHoldThem) {
  ActiveRuns runs;
  MapSpec spec = map_spec(GetParam(), 4, 4, 4);
  spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 8, 1));
  const auto outer = make(spec, {.runs = &runs});
  std::atomic<bool> stop{false};
  std::atomic<u64> found{0};
  const auto replace = [&](u64 first) {
    for (u64 round = 0; !stop; ++round) {
      const Bytes key(first + round % 2);
      std::shared_ptr<Map> inner;
      if (round % 5 != 4) {
        inner = make(*spec.inner);
        ASSERT_EQ(inner->write(Bytes(0), Bytes(0x5ec0), 0), 0);
      }
      const int error = outer->set_inner(key, std::move(inner), 0);
      ASSERT_TRUE(error == 0 || error == kEBUSY || error == kENOENT) << error;
    }
  };
  const auto run = [&](u32 cpu) {
    while (!stop) {
      const ActiveRuns::Run active(outer->active_runs(), cpu);
      for (u64 key = 0; key < 4; ++key) {
        Map* inner = outer->inner(Bytes(key));
        if (inner == nullptr) continue;
        std::this_thread::yield();
        u8* value = inner->lookup(Bytes(0), cpu);
        ASSERT_GE(load_shared<u64>(value), 0x5ec0u);
        __atomic_fetch_add(reinterpret_cast<u64*>(value), 1, __ATOMIC_RELAXED);
        ++found;
      }
    }
  };
  const auto look = [&] {
    Bytes id;
    while (!stop) {
      for (u64 key = 0; key < 4; ++key) {
        const int error = outer->read(Bytes(key), id);
        ASSERT_TRUE(error == 0 || error == kENOENT);
      }
    }
  };
  together(
      kTime, stop, [&] { replace(0); }, [&] { replace(2); }, [&] { run(0); }, [&] { run(17); },
      look);
  EXPECT_GT(found, 0u);
}

INSTANTIATE_TEST_SUITE_P(Types, MapThreadsNested,
                         testing::Values(MapType::array_of_maps, MapType::hash_of_maps),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

struct Alive : Callable {
  std::atomic<u64> magic{0x5ec0};
  ~Alive() { magic = 0; }
};

TEST(MapThreadsProgArray, TargetsLiveWhileRunsHoldThem) {
  ActiveRuns runs;
  const auto map = make(map_spec(MapType::prog_array, 4, 4, 2), {.runs = &runs});
  std::atomic<bool> stop{false};
  const auto replace = [&](u32 index) {
    for (int round = 0; !stop; ++round) {
      const int error = round % 4 == 3 ? map->erase(Bytes(index))
                                       : map->set_target(index, std::make_shared<Alive>());
      ASSERT_TRUE(error == 0 || error == kEBUSY || error == kENOENT) << error;
    }
  };
  const auto run = [&](u32 cpu) {
    while (!stop) {
      const ActiveRuns::Run active(map->active_runs(), cpu);
      for (u32 index = 0; index < 2; ++index) {
        const auto* target = static_cast<const Alive*>(map->target(index));
        if (target == nullptr) continue;
        std::this_thread::yield();
        ASSERT_EQ(target->magic, 0x5ec0u);
      }
    }
  };
  together(
      kTime, stop, [&] { replace(0); }, [&] { replace(1); }, [&] { run(0); }, [&] { run(1); },
      [&] { run(17); });
}

}  // namespace
}  // namespace skep
