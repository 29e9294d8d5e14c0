// Programs and the maps inside of maps: values of inner maps are the run's memory, an inner map
// that the host takes away lives until the run is over, and a lock that a run leaves held is let
// go.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::array_spec, test::image_of;

constexpr const char* kAddToInner = R"(
    *(u32 *)(r10 - 4) = 1
    r1 = map[outer]
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto none
    r6 = r0
    call get_prandom_u32
    *(u32 *)(r10 - 4) = 0
    r1 = r6
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto none
    r1 = 5
    lock *(u64 *)(r0 + 0) += r1
    r0 = *(u64 *)(r0 + 0)
    exit
none:
    r0 = -1
    exit
)";

MapSpec outer_spec(MapType type) {
  MapSpec spec = array_spec("outer", 4, 2);
  spec.type = type;
  spec.inner = std::make_shared<MapSpec>(array_spec("shape", 8, 1));
  return spec;
}

const u8* bytes(const u32& number) {
  return reinterpret_cast<const u8*>(&number);
}

RunResult run(Instance& instance, Env& env) {
  Frame frame;
  frame.type = ProgramType::raw;
  return instance.programs()[0].loaded->run(frame, {.env = &env});
}

class NestedMaps : public testing::TestWithParam<MapType> {
 protected:
  Vm vm;
  Env env = Env::deterministic(1);
  u32 key = 1;
};

// As an object says it: the slot of a map names another map of the object.
TEST_P(NestedMaps, AreFilledByTheObject) {
  MapSpec outer = outer_spec(GetParam());
  outer.slots = {{1, {}, 1}};
  const auto instance =
      vm.load({{image_of(kAddToInner, ProgramType::raw, {outer, array_spec("first", 8, 1)})}});
  ASSERT_TRUE(instance) << instance.error().text;
  EXPECT_EQ(run(**instance, env).r0, 5u);
  const RunResult second = run(**instance, env);
  EXPECT_EQ(second.r0, 10u) << second.message;
  u32 id = 0;
  EXPECT_EQ((*instance)->map("outer")->read(bytes(key), reinterpret_cast<u8*>(&id)), 0);
  EXPECT_EQ(vm.maps().find(id), (*instance)->map("first"));
}

TEST_P(NestedMaps, MustFit) {
  MapSpec outer = outer_spec(GetParam());
  outer.slots = {{1, {}, 1}};
  const auto instance =
      vm.load({{image_of(kAddToInner, ProgramType::raw, {outer, array_spec("first", 4, 1)})}});
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().text,
            "map 'outer': slot 1 with map 'first': it is not of the inner maps' shape");
}

TEST_P(NestedMaps, LiveUntilTheRunIsOver) {
  const auto instance =
      vm.load({{image_of(kAddToInner, ProgramType::raw, {outer_spec(GetParam())})}});
  ASSERT_TRUE(instance) << instance.error().text;
  Map& outer = *(*instance)->map("outer");
  EXPECT_EQ(run(**instance, env).r0, ~u64{0});
  const auto id = vm.maps().create(*outer.spec().inner);
  ASSERT_TRUE(id);
  EXPECT_EQ(outer.write(bytes(key), bytes(*id), 0), 0);
  EXPECT_EQ(run(**instance, env).r0, 5u);
  std::weak_ptr<Map> inner = vm.maps().share(*id);
  EXPECT_TRUE(vm.maps().release(*id));
  EXPECT_FALSE(vm.maps().release(*id));
  EXPECT_FALSE(inner.expired()) << "the outer map holds it";

  struct Scene {
    Map& outer;
    std::weak_ptr<Map>& inner;
  } scene{outer, inner};
  env.user = &scene;
  env.random = [](Env& in) {
    auto& [map, held] = *static_cast<Scene*>(in.user);
    const u32 one = 1;
    EXPECT_EQ(map.erase(bytes(one)), 0);
    EXPECT_FALSE(held.expired());
    return 0u;
  };
  const RunResult result = run(**instance, env);
  EXPECT_EQ(result.r0, 10u) << result.message;
  EXPECT_EQ(outer.erase(bytes(key)), kENOENT);  // finds that nobody runs
  EXPECT_TRUE(inner.expired());
}

INSTANTIATE_TEST_SUITE_P(Types, NestedMaps,
                         testing::Values(MapType::array_of_maps, MapType::hash_of_maps),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

TEST(NestedMap, ValuesEndWhereTheyEnd) {
  MapSpec outer = outer_spec(MapType::array_of_maps);
  outer.inner = std::make_shared<MapSpec>(array_spec("shape", 8, 2));
  outer.slots = {{1, {}, 1}};
  std::string past = kAddToInner;
  past.replace(past.find("r0 = *(u64 *)(r0 + 0)"), 21, "r0 = *(u64 *)(r0 + 1)");
  Vm vm;
  const auto instance =
      vm.load({{image_of(past, ProgramType::raw, {outer, array_spec("first", 8, 2)})}});
  ASSERT_TRUE(instance) << instance.error().text;
  Env env = Env::deterministic(1);
  EXPECT_EQ(run(**instance, env).fault.code, Code::bad_access);
}

constexpr const char* kLocked = R"(
    *(u32 *)(r10 - 4) = 0
    r1 = map[values]
    r2 = r10
    r2 += -4
    call map_lookup_elem
    if r0 == 0 goto none
    r6 = r0
    r1 = r0
    call spin_lock
    r1 = *(u64 *)(r6 + 8)
    r1 += 1
    *(u64 *)(r6 + 8) = r1
    r1 = *(u64 *)(r6 + 16)
    r1 += -1
    *(u64 *)(r6 + 16) = r1
    r1 = r6
    call spin_unlock
none:
    r0 = 0
    exit
)";

MapSpec locked_spec() {
  MapSpec spec = array_spec("values", 24, 1);
  spec.fields = {{FieldKind::SpinLock, 0, 4}};
  return spec;
}

TEST(LockedValues, AreWholeForProgramsAndHost) {
  Vm vm({.cpus = 2});
  const auto instance = vm.load({{image_of(kLocked, ProgramType::raw, {locked_spec()})}});
  ASSERT_TRUE(instance) << instance.error().text;
  Map& map = *(*instance)->map("values");
  constexpr u32 kRuns = 3000;
  const auto work = [&] {
    Env env = Env::deterministic(1);
    for (u32 i = 0; i < kRuns; ++i) {
      const RunResult result = run(**instance, env);
      ASSERT_TRUE(result.ok()) << result.message;
    }
  };
  std::thread first(work), second(work);
  const u32 zero = 0;
  u64 value[3];
  for (u32 i = 0; i < kRuns; ++i) {
    const int error = map.read(bytes(zero), reinterpret_cast<u8*>(value), update_flags::kLock);
    ASSERT_TRUE(error == 0 || error == kEBUSY);
    if (error != 0) continue;
    ASSERT_EQ(value[1] + value[2], 0u);
  }
  first.join();
  second.join();
  ASSERT_EQ(map.read(bytes(zero), reinterpret_cast<u8*>(value), update_flags::kLock), 0);
  EXPECT_EQ(value[1], 2u * kRuns);
}

// By its end, by a fault, by its budget: the lock is free afterwards.
TEST(LockedValues, AreFreeAfterTheRun) {
  const char* const ends[] = {"goto none\n", "r1 = *(u64 *)(r6 + 24)\n", "goto -1\n"};
  for (const char* end : ends) {
    std::string text = kLocked;
    const auto at = text.find("r1 = r6\n    call spin_unlock\n");
    text.replace(at, 29, end);
    Vm vm;
    const auto instance = vm.load({{image_of(text, ProgramType::raw, {locked_spec()})}});
    ASSERT_TRUE(instance) << instance.error().text;
    Env env = Env::deterministic(1);
    Frame frame;
    frame.type = ProgramType::raw;
    (*instance)->programs()[0].loaded->run(frame, {.env = &env, .budget = 1000});
    const u32 zero = 0;
    u64 value[3];
    Map& map = *(*instance)->map("values");
    EXPECT_EQ(map.read(bytes(zero), reinterpret_cast<u8*>(value), update_flags::kLock), 0) << end;
    EXPECT_EQ(value[1], 1u);
  }
}

}  // namespace
}  // namespace skep
