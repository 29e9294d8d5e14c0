// Tries allocations out before they are made in small pieces. Tested by
// tests/limits/objects_test.cpp.
#include "loader/limits.h"

#include <algorithm>

#include "isa/memory.h"

namespace skep::loader_limits {

Status check_memory(u64 bytes, std::string_view what) {
  return skep::check_memory(std::min(bytes, ~u64{0} - kSlack) + kSlack, what);
}

}  // namespace skep::loader_limits
