// A program that the host takes out of a prog array lives until the runs that may be in it are
// over.
#include <gtest/gtest.h>

#include "tests/support/image.h"
#include "vm/vm.h"

namespace skep {
namespace {

struct Scene {
  Map* array = nullptr;
  bool dead = false;
  bool dead_while_running = false;
};

TEST(ProgArray, AReplacedTargetOutlivesTheRun) {
  MapSpec spec = test::array_spec("p", 4, 1);
  spec.type = MapType::prog_array;
  Vm vm;
  const auto instance = vm.load({{test::image_of(
      "r2 = map[p]\nr3 = 0\ncall tail_call\nr0 = 5\nexit\n", ProgramType::raw, {spec})}});
  const auto target = vm.load({{test::image_of("call get_prandom_u32\nr0 = 1234\nexit\n")}});
  ASSERT_TRUE(instance && target);
  Scene scene;
  scene.array = (*instance)->maps()[0];
  const Callable* callable = (*target)->programs()[0].loaded->callable();
  const auto set = [&] {
    scene.dead = false;
    return scene.array->set_target(0, {callable, [&](const Callable*) { scene.dead = true; }});
  };
  ASSERT_EQ(set(), 0);

  Env env = Env::deterministic(1);
  env.user = &scene;
  env.random = [](Env& in) {  // the target calls this, and is taken away
    auto& inside = *static_cast<Scene*>(in.user);
    const u32 key = 0;
    EXPECT_EQ(inside.array->erase(reinterpret_cast<const u8*>(&key)), 0);
    inside.dead_while_running = inside.dead;
    return 0u;
  };
  Frame frame;
  frame.type = ProgramType::raw;
  const RunResult result = (*instance)->programs()[0].loaded->run(frame, {.env = &env});
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, 1234u);
  EXPECT_FALSE(scene.dead_while_running);

  // The next change of the array finds that nobody runs.
  ASSERT_EQ(scene.array->set_target(
                0, std::shared_ptr<const Callable>(std::shared_ptr<void>(), callable)),
            0);
  EXPECT_TRUE(scene.dead);
}

}  // namespace
}  // namespace skep
