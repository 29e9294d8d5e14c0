// Maps of maps: which maps fit, what the host reads and writes, and how long an inner map lives.
// The errors of each operation are in map_scripts.h.
#include "helpers/maps/active_runs.h"
#include "tests/helpers/map_support.h"

namespace skep {
namespace {

MapSpec outer_spec(MapType type, const MapSpec& inner) {
  MapSpec spec = map_spec(type, 4, 4, 4);
  spec.inner = std::make_shared<MapSpec>(inner);
  return spec;
}
const MapSpec kInner = map_spec(MapType::array, 4, 8, 2);

std::shared_ptr<Map> make_shared_map(const MapSpec& spec) {
  return make(spec);
}

class Nested : public testing::TestWithParam<MapType> {
 protected:
  std::unique_ptr<Map> outer = make(outer_spec(GetParam(), kInner), {.runs = &runs});
  ActiveRuns runs;
};

TEST_P(Nested, TakeMapsOfTheShape) {
  MapSpec other = kInner;
  EXPECT_EQ(outer->set_inner(Bytes(1), make_shared_map(other), 0), 0);
  other.name = "other";
  other.flags = map_flags::kRdonly;
  EXPECT_EQ(outer->set_inner(Bytes(1), make_shared_map(other), 0), 0) << "as for descriptors";
  const auto refused = [&](auto change) {
    MapSpec changed = kInner;
    change(changed);
    EXPECT_EQ(outer->set_inner(Bytes(1), make_shared_map(changed), 0), kEINVAL);
  };
  refused([](MapSpec& spec) { spec.type = MapType::hash; });
  refused([](MapSpec& spec) { spec.value_size = 4; });
  refused([](MapSpec& spec) { spec.max_entries = 3; });
  refused([](MapSpec& spec) { spec.flags = map_flags::kRdonlyProg; });
  refused([](MapSpec& spec) { spec.fields = {{FieldKind::SpinLock, 0, 4}}; });
}

TEST_P(Nested, GiveMapsToPrograms) {
  const auto inner = make_shared_map(kInner);
  EXPECT_EQ(outer->inner(Bytes(1)), nullptr);
  EXPECT_EQ(outer->set_inner(Bytes(1), inner, 0), 0);
  EXPECT_EQ(outer->inner(Bytes(1)), inner.get());
  EXPECT_EQ(outer->inner(Bytes(2)), nullptr);
  EXPECT_EQ(outer->lookup(Bytes(1), 0), nullptr) << "there is no value to touch";
  EXPECT_EQ(outer->set_inner(Bytes(1), nullptr, 0), 0);
  EXPECT_EQ(outer->set_inner(Bytes(1), nullptr, 0), kENOENT);
  EXPECT_EQ(outer->inner(Bytes(1)), nullptr);
}

TEST_P(Nested, KeepMapsForRunsThatHadBegun) {
  std::weak_ptr<Map> first, second;
  const auto put = [&] {
    auto inner = make_shared_map(kInner);
    EXPECT_EQ(outer->set_inner(Bytes(1), inner, 0), 0);
    return std::weak_ptr<Map>(inner);
  };
  first = put();
  EXPECT_FALSE(first.expired());
  {
    const ActiveRuns::Run run(outer->active_runs(), 0);
    second = put();
    EXPECT_EQ(outer->erase(Bytes(1)), 0);
    EXPECT_FALSE(first.expired());
    EXPECT_FALSE(second.expired());
  }
  put();  // what was taken away goes with a later change
  put();
  EXPECT_TRUE(first.expired());
  EXPECT_TRUE(second.expired());
  outer.reset();
}

TEST_P(Nested, RunsThatGoOnMakeWritersWait) {
  const ActiveRuns::Run run(outer->active_runs(), 0);
  int error = 0;
  u32 rounds = 0;
  for (; error == 0 && rounds < 1000; ++rounds) {
    error = outer->set_inner(Bytes(1), make_shared_map(kInner), 0);
  }
  EXPECT_EQ(error, kEBUSY);
  EXPECT_GT(rounds, 200u);
}

TEST_P(Nested, NeedASpecThatCanBeInside) {
  using enum MapType;
  EXPECT_FALSE(create_map(map_spec(GetParam(), 4, 4, 4), {}));
  EXPECT_FALSE(create_map(outer_spec(GetParam(), outer_spec(array_of_maps, kInner)), {}));
  EXPECT_FALSE(create_map(outer_spec(GetParam(), map_spec(prog_array, 4, 4, 1)), {}));
  EXPECT_FALSE(create_map(outer_spec(GetParam(), map_spec(array, 4, 0, 1)), {}));
  EXPECT_TRUE(create_map(outer_spec(GetParam(), map_spec(ringbuf, 0, 0, 4096)), {}));
}

INSTANTIATE_TEST_SUITE_P(Types, Nested,
                         testing::Values(MapType::array_of_maps, MapType::hash_of_maps),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

}  // namespace
}  // namespace skep
