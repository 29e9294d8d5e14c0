// What a run has of the maps inside of maps: handles of its own, the same for the same map, which
// end with the run.
#include "helpers/bodies/inner_maps.h"

#include "helpers/bodies/bind.h"
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

using test::NotedMap;

class Inners : public test::BodyTest {
 protected:
  Inners() {
    start(ProgramType::xdp);
    MapSpec outer = map_spec(MapType::array_of_maps, 4, 4, 2000);
    outer.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 8, 1));
    auto made = create_map(outer, {});
    EXPECT_TRUE(made) << made.error().text;
    map = std::move(*made);
    handle = add_map(map.get());
  }
  ~Inners() override { forget_inner_maps(run); }
  std::shared_ptr<Map> put(u32 index, u64 value) {
    auto made = create_map(*map->spec().inner, {});
    std::shared_ptr<Map> inner = std::move(*made);
    const u32 zero = 0;
    EXPECT_EQ(inner->write(bytes(zero), reinterpret_cast<const u8*>(&value), 0), 0);
    EXPECT_EQ(map->set_inner(bytes(index), inner, 0), 0);
    return inner;
  }
  static const u8* bytes(const u32& number) { return reinterpret_cast<const u8*>(&number); }
  u64 look_up(u64 in, u32 index) {
    key = index;
    return call("map_lookup_elem", {in, lend_all(key, kRead)});
  }

  std::unique_ptr<Map> map;
  u64 handle = 0;
  u32 key = 0;
};

TEST_F(Inners, AreMapsForAllHelpers) {
  put(0, 70);
  put(1, 71);
  EXPECT_EQ(look_up(handle, 2), 0u);
  EXPECT_EQ(look_up(handle, 2000), 0u);
  const u64 first = look_up(handle, 0), second = look_up(handle, 1);
  EXPECT_EQ(first, kInnerMapBase);
  EXPECT_EQ(second, kInnerMapBase + 1);
  EXPECT_EQ(look_up(handle, 0), first);
  EXPECT_EQ(*reinterpret_cast<const u64*>(look_up(first, 0)), 70u);
  EXPECT_EQ(*reinterpret_cast<const u64*>(look_up(second, 0)), 71u);
  u64 value = 72;
  EXPECT_EQ(call("map_update_elem", {second, lend_all(key), lend_all(value), 0}), 0u);
  EXPECT_EQ(*reinterpret_cast<const u64*>(look_up(second, 0)), 72u);
  std::vector<u64> given;
  callback = [&](u64, const u64(&args)[5]) -> u64 {
    given.push_back(args[0]);
    return 0;
  };
  EXPECT_EQ(call("for_each_map_elem", {second, kFunctionBase, 0, 0}), 1u);
  EXPECT_EQ(given, std::vector<u64>{second});
}

TEST_F(Inners, HandlesAreNotMadeUp) {
  put(0, 70);
  const u64 at = lend_all(key, kRead);
  EXPECT_EQ(fault_of("map_lookup_elem", {kInnerMapBase, at}), "bad_map_handle");
  EXPECT_EQ(look_up(handle, 0), kInnerMapBase);
  EXPECT_EQ(fault_of("map_lookup_elem", {kInnerMapBase + 1, at}), "bad_map_handle");
  forget_inner_maps(run);
  EXPECT_EQ(fault_of("map_lookup_elem", {kInnerMapBase, at}), "bad_map_handle");
}

TEST_F(Inners, AreRememberedOnceEach) {
  for (u32 i = 0; i < 2000; ++i) put(i, i);
  for (int round = 0; round < 3; ++round) {
    for (u32 i = 0; i < 2000; ++i) ASSERT_EQ(look_up(handle, i), kInnerMapBase + i);
  }
  EXPECT_EQ(run.inner_maps.count, 2000u);
  EXPECT_EQ(handle_of(run, map.get()), handle);
  EXPECT_EQ(handle_of(run, run.inner_maps.maps[1234]), kInnerMapBase + 1234);
  NotedMap other(MapType::hash);
  EXPECT_EQ(handle_of(run, &other), 0u);
}

}  // namespace
}  // namespace skep
