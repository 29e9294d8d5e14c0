// The fields of a map's values that belong to the system.
#pragma once

#include <vector>

#include "helpers/spec/map_spec.h"

namespace skep {

class Btf;

// Those of a value of `type` and `size` bytes, in the order of their offsets, also inside of
// structs and arrays. None if there are more than the kernel takes (libbpf then makes the map
// without types), or if they lie outside of the value or on each other.
std::vector<ValueField> value_fields(const Btf& btf, u32 type, u32 size);

}  // namespace skep
