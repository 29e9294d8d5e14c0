// CO-RE over the linked objects. Tested by tests/loader/core_load_test.cpp.
#pragma once

#include "loader/link.h"

namespace skep {

// Adjusts Unit::code to the target's types. What fails is kept by function (Unit::core_errors), or
// reported in `object` where the program may still run.
void apply_core(Linked& linked, const LoadOptions& options, Object& object);

}  // namespace skep
