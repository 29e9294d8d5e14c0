// Modules of programs without maps, for tests of the JIT.
#pragma once

#include <gtest/gtest.h>

#include "helpers/bodies/bind.h"
#include "jit/lift.h"
#include "tests/support/generator.h"

namespace skep::test {

// A world without maps, whose helpers are the real ones.
inline World world_of(const Image& image) {
  return {.user = &image,
          .resolve = [](const void* user, u32 id) -> HelperTarget {
            const HelperUse use = find_helper_use(*static_cast<const Image*>(user), id);
            return {use.entry, use.host, use.forbidden};
          },
          .maps = {}};
}

// With the generator's maps, of which nothing is laid out in memory.
inline ir::Module lifted(std::vector<Insn> insns, LiftOptions options = {}) {
  const auto image = image_of_insns(std::move(insns), ProgramType::raw);
  EXPECT_NE(image, nullptr);
  if (image == nullptr) return {};
  World world = world_of(*image);
  std::vector<World::MapBinding> maps;
  for (const MapSpec& spec : *image->maps) maps.push_back({&spec, {}});
  world.maps = maps;
  auto module = lift(*image, world, options);
  EXPECT_TRUE(module) << module.error().text;
  return module ? std::move(*module) : ir::Module{};
}

}  // namespace skep::test
