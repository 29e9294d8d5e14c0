// Trying memory out: who is about to make many small allocations, which can only throw, first asks
// for all of it at once. Tested by tests/limits/limits_test.cpp.
#pragma once

#include "isa/diagnostic.h"

namespace skep {

// Fails with no_memory, about `what`, when `bytes` can't be had at this moment. What is allocated
// afterwards then fits, as long as no other thread takes the memory away meanwhile.
Status check_memory(u64 bytes, std::string_view what);

}  // namespace skep
