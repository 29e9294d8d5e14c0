// Images from assembly text, for tests.
#pragma once

#include <gtest/gtest.h>

#include "helpers/spec/image.h"
#include "helpers/spec/proto.h"
#include "isa/asm.h"

namespace skep::test {

// An image of `text`, with these maps (named as map[NAME] in the text). Fails the test, and gives
// an image that only exits, if the text is no program.
inline std::shared_ptr<const Image> image_of(std::string_view text,
                                             ProgramType type = ProgramType::raw,
                                             std::vector<MapSpec> maps = {}) {
  AsmOptions options;
  for (const MapSpec& spec : maps) options.maps.push_back(spec.name);
  options.helper = [](std::string_view name) -> std::optional<i32> {
    const HelperProto* proto = find_helper(name);
    return proto == nullptr ? std::nullopt : std::optional<i32>(static_cast<i32>(proto->id));
  };
  auto image = std::make_shared<Image>();
  image->name = "program";
  image->type = type;
  image->maps = std::make_shared<const std::vector<MapSpec>>(std::move(maps));
  auto assembly = assemble(text, options);
  EXPECT_TRUE(assembly) << assembly.error().text;
  auto program = assembly ? make_program(std::move(*assembly)) : Program::make({make_insn(0x95)});
  EXPECT_TRUE(program) << program.error().text;
  if (program) image->program = std::move(*program);
  return image;
}

inline MapSpec array_spec(std::string name, u32 value_size, u32 entries) {
  MapSpec spec;
  spec.name = std::move(name);
  spec.type = MapType::array;
  spec.key_size = 4;
  spec.value_size = value_size;
  spec.max_entries = entries;
  return spec;
}

}  // namespace skep::test
