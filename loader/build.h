// Makes the Images of linked objects: each entry function with the functions that it reaches.
// Tested by tests/loader/loader_test.cpp.
#pragma once

#include "loader/link.h"

namespace skep {

// Fills programs and failures of `object`, whose maps and types are there. Fails only when memory
// or limits are exceeded.
Status build_programs(const Linked& linked, const LoadOptions& options, Object& object);

}  // namespace skep
