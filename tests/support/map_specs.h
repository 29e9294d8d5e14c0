// Map specs in a line, for tests.
#pragma once

#include "helpers/spec/map_spec.h"

namespace skep {

inline MapSpec map_spec(MapType type, u32 key_size, u32 value_size, u32 max_entries, u32 flags = 0,
                        const char* name = "m") {
  MapSpec spec;
  spec.name = name;
  spec.type = type;
  spec.key_size = key_size;
  spec.value_size = value_size;
  spec.max_entries = max_entries;
  spec.flags = flags;
  return spec;
}

}  // namespace skep
