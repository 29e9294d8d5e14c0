// Map helpers pass on what the program says; helpers that call back stop when they are told to.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

using test::NotedMap;

class MapBodies : public test::BodyTest {
 protected:
  MapBodies() { start(ProgramType::xdp); }
  u32 key = 0x04030201;
  u64 value = 0x1112131415161718;
};

TEST_F(MapBodies, PassOnKeysValuesAndResults) {
  NotedMap map(MapType::percpu_hash);
  const u64 handle = add_map(&map);
  const u64 k = lend_all(key, kRead), v = lend_all(value, kRead);
  run.cpu = 3;
  map.found = reinterpret_cast<u8*>(&value);
  EXPECT_EQ(call("map_lookup_elem", {handle, k}), reinterpret_cast<u64>(&value));
  EXPECT_EQ(map.last_cpu, 3u);
  map.result = kENOENT;
  EXPECT_EQ(call_signed("map_update_elem", {handle, k, v, 2}), kENOENT);
  EXPECT_EQ(map.last_flags, 2u);
  EXPECT_EQ(call_signed("map_delete_elem", {handle, k}), kENOENT);
  EXPECT_EQ(map.notes,
            (std::vector<std::string>{"lookup 01 02 03 04", "update 01 02 03 04",
                                      "value 18 17 16 15 14 13 12 11", "remove 01 02 03 04"}));
}

TEST_F(MapBodies, QueuesHaveNoKeys) {
  NotedMap queue(MapType::queue, 0, 8);
  const u64 handle = add_map(&queue);
  const u64 v = lend_all(value);
  EXPECT_EQ(call_signed("map_push_elem", {handle, v, 2}), 0);
  EXPECT_EQ(queue.last_flags, 2u);
  EXPECT_EQ(call_signed("map_pop_elem", {handle, v}), 0);
  EXPECT_EQ(value, 0x5a5a5a5a5a5a5a5a);
  queue.result = kENOENT;
  value = 1;
  EXPECT_EQ(call_signed("map_peek_elem", {handle, v}), kENOENT);
  EXPECT_EQ(value, 1u);
}

TEST_F(MapBodies, LookupsOfOtherCpusAreBounded) {
  NotedMap map(MapType::percpu_array, 4, 12);
  map.host_size = 2 * 16;  // two CPUs
  map.found = reinterpret_cast<u8*>(&value);
  const u64 handle = add_map(&map);
  const u64 k = lend_all(key, kRead);
  EXPECT_NE(call("map_lookup_percpu_elem", {handle, k, 1}), 0u);
  EXPECT_EQ(map.last_cpu, 1u);
  EXPECT_EQ(call("map_lookup_percpu_elem", {handle, k, 2}), 0u);
  EXPECT_EQ(call("map_lookup_percpu_elem", {handle, k, 0xffffffff}), 0u);
}

// ---- bpf_loop
// ------------------------------------------------------------------------------------

TEST_F(MapBodies, LoopCountsRounds) {
  std::vector<u64> rounds;
  callback = [&](u64 function, const u64(&args)[5]) -> u64 {
    EXPECT_EQ(function, kFunctionBase + 5);
    EXPECT_EQ(args[1], 0xabcdu);
    rounds.push_back(args[0]);
    return args[0] == 3 ? 1 : 0;
  };
  EXPECT_EQ(call_signed("loop", {3, kFunctionBase + 5, 0xabcd, 0}), 3);
  EXPECT_EQ(rounds, (std::vector<u64>{0, 1, 2}));
  EXPECT_EQ(call_signed("loop", {100, kFunctionBase + 5, 0xabcd, 0}), 4) << "the last one counts";
  EXPECT_EQ(call_signed("loop", {0, kFunctionBase + 5, 0xabcd, 0}), 0);
  EXPECT_EQ(call_signed("loop", {1, kFunctionBase + 5, 0xabcd, 1}), kEINVAL);
  EXPECT_EQ(call_signed("loop", {(8 << 20) + 1, kFunctionBase + 5, 0xabcd, 0}), kE2BIG);
  EXPECT_EQ(rounds.size(), 7u);
}

TEST_F(MapBodies, LoopEndsWithAFault) {
  int calls = 0;
  callback = [&](u64, const u64(&)[5]) -> u64 {
    ++calls;
    run.set_fault(Code::budget_spent);
    return 0;
  };
  EXPECT_EQ(fault_of("loop", {10, kFunctionBase, 0, 0}), "budget_spent");
  EXPECT_EQ(calls, 1);
}

// ---- bpf_for_each_map_elem
// -----------------------------------------------------------------------

class ForEach : public MapBodies {
 protected:
  void fill(MapType type, u32 entries) {
    MapSpec spec;
    spec.name = "elements";
    spec.type = type;
    spec.key_size = 4;
    spec.value_size = 8;
    spec.max_entries = entries;
    auto made = create_map(spec, MapWorld{.cpus = 1});
    ASSERT_TRUE(made) << made.error().text;
    map = std::move(*made);
    for (u32 i = 0; i < entries; ++i) {
      const u64 of_key = i * 10;
      ASSERT_EQ(map->update(bytes(i), bytes(of_key), 0, 0), 0);
    }
    handle = add_map(map.get());
  }
  template <class T>
  static const u8* bytes(const T& object) {
    return reinterpret_cast<const u8*>(&object);
  }
  u32 key_at(u64 address) {
    Region found;
    EXPECT_TRUE(run.find(address, 4, kRead, found)) << "the key can be read";
    EXPECT_FALSE(run.probe(run, address, 4, kWrite, found)) << "but not written";
    u32 read;
    std::memcpy(&read, reinterpret_cast<const void*>(address), 4);
    return read;
  }

  std::unique_ptr<Map> map;
  u64 handle = 0;
};

TEST_F(ForEach, VisitsEachElementOnce) {
  for (MapType type : {MapType::array, MapType::hash}) {
    fill(type, 100);
    std::vector<bool> seen(100);
    callback = [&](u64, const u64(&args)[5]) -> u64 {
      EXPECT_EQ(args[0], handle);
      const u32 at = key_at(args[1]);
      u64 found;
      std::memcpy(&found, reinterpret_cast<const void*>(args[2]), 8);
      EXPECT_EQ(found, at * 10);
      EXPECT_EQ(args[3], 0x77u);
      EXPECT_FALSE(seen[at]);
      seen[at] = true;
      return 0;
    };
    EXPECT_EQ(call_signed("for_each_map_elem", {handle, kFunctionBase, 0x77, 0}), 100);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 100);
    EXPECT_EQ(run.record_count, 0u) << "keys are lent for the call only";
  }
}

TEST_F(ForEach, StopsWhenTold) {
  fill(MapType::array, 10);
  callback = [&](u64, const u64(&args)[5]) -> u64 { return key_at(args[1]) == 4 ? 1 : 0; };
  EXPECT_EQ(call_signed("for_each_map_elem", {handle, kFunctionBase, 0, 0}), 5);
  EXPECT_EQ(call_signed("for_each_map_elem", {handle, kFunctionBase, 0, 1}), kEINVAL);
}

TEST_F(ForEach, ElementsMayBeDeletedAndAddedMeanwhile) {
  fill(MapType::hash, 10);
  std::vector<u32> seen;
  callback = [&](u64, const u64(&args)[5]) -> u64 {
    const u32 at = key_at(args[1]);
    seen.push_back(at);
    EXPECT_EQ(map->remove(bytes(at)), 0);
    if (at < 100) {
      const u32 other = at + 100;
      EXPECT_EQ(map->update(bytes(other), bytes(value), 0, 0), 0);
    }
    return 0;
  };
  EXPECT_EQ(call_signed("for_each_map_elem", {handle, kFunctionBase, 0, 0}), 10);
  EXPECT_EQ(seen.size(), 10u);
  seen.clear();
  callback = [&](u64, const u64(&)[5]) -> u64 {
    for (u32 at = 100; at < 110; ++at) map->remove(bytes(at));
    return 0;
  };
  EXPECT_EQ(call_signed("for_each_map_elem", {handle, kFunctionBase, 0, 0}), 1)
      << "what is gone is not visited";
}

TEST_F(ForEach, EndsWithAFault) {
  fill(MapType::array, 10);
  callback = [&](u64, const u64(&)[5]) -> u64 {
    run.set_fault(Code::budget_spent);
    return 0;
  };
  EXPECT_EQ(fault_of("for_each_map_elem", {handle, kFunctionBase, 0, 0}), "budget_spent");
  EXPECT_EQ(run.record_count, 0u);
}

}  // namespace
}  // namespace skep
