// The maps that a run got out of maps of maps, and their handles.
#pragma once

#include "isa/run.h"

namespace skep {

// The handle of an inner map, the same each time that the run gets it; 0 without memory.
u64 hold_inner_map(Run& run, Map* map);
// The handle of any map that the run has; 0 for others.
u64 handle_of(const Run& run, const Map* map);

}  // namespace skep
