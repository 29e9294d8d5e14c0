// The lock that a run holds.
#pragma once

#include "isa/run.h"

namespace skep {

// Lets go of the lock that the run holds, if it holds one.
void release_lock(Run& run);
// Whether `address` is the bpf_spin_lock of some value of the run's maps.
bool is_value_lock(const Run& run, u64 address);

}  // namespace skep
