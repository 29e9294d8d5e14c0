// skep run with maps inside of maps, a queue and perf events: nested.bpf.c from its object to what
// is in its maps.
#include <gtest/gtest.h>

#include "tests/tools/cli_support.h"

namespace skep {
namespace {

Ran run_nested(const std::string& options) {
  write_file("nested.o", read_file(SKEP_OBJECT_DIR "/nested.bpf.o"));
  return run_shell("skep run nested.o --data 00010203 " + options);
}

void expect_part(const Ran& ran, const std::string& part) {
  EXPECT_NE(ran.out.find(part), std::string::npos) << part << " in:\n" << ran.out << ran.err;
}

TEST(NestedRun, TheObjectFillsTheOuterMap) {
  const Ran ran = run_nested("--repeat 3 --dump-maps");
  EXPECT_EQ(ran.code, 0);
  expect_part(ran, "first (hash), 1 entries\n  4: 3\n");
  expect_part(ran, "second (hash), 0 entries\n");
  expect_part(ran, "outer (array_of_maps), 1 entries\n  0: first\n");
  expect_part(ran, "lengths (queue), 3 entries\n  4\n  4\n  4\n");
  expect_part(ran, "events (perf_event_array), 3 records\n  04000000\n");
}

TEST(NestedRun, SoDoOptions) {
  write_file("outer.json", R"([{"key": 0, "value": "second"}])");
  write_file("lengths.json", R"([{"value": 9}])");
  const Ran ran = run_nested("--map outer=outer.json --map lengths=lengths.json --dump-maps");
  EXPECT_EQ(ran.code, 0);
  expect_part(ran, "first (hash), 0 entries\n");
  expect_part(ran, "second (hash), 1 entries\n  4: 1\n");
  expect_part(ran, "outer (array_of_maps), 1 entries\n  0: second\n");
  expect_part(ran, "lengths (queue), 2 entries\n  9\n  4\n");
}

TEST(NestedRun, MapsMustFit) {
  write_file("outer.json", R"([{"key": 0, "value": "events"}])");
  const Ran other = run_nested("--map outer=outer.json");
  EXPECT_NE(other.code, 0);
  EXPECT_NE(other.err.find("it is not of the inner maps' shape"), std::string::npos) << other.err;
  write_file("outer.json", R"([{"key": 0, "value": "nothing"}])");
  const Ran unknown = run_nested("--map outer=outer.json");
  EXPECT_NE(unknown.err.find("there is no map 'nothing'"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace skep
