// Tries allocations out before they are made in small pieces. Tested by
// tests/limits/objects_test.cpp.
#include "loader/limits.h"

#include <new>

namespace skep::loader_limits {

Status check_memory(u64 bytes, std::string_view what) {
  if (bytes > SIZE_MAX / 2) return fail<Code::no_memory>(what);
  void* probe = ::operator new(static_cast<std::size_t>(bytes + kSlack), std::nothrow);
  if (probe == nullptr) return fail<Code::no_memory>(what);
  *static_cast<volatile char*>(probe) = 0;  // an allocation that nobody uses may be left out
  ::operator delete(probe);
  return {};
}

}  // namespace skep::loader_limits
