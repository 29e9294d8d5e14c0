// Memory is asked for and given back. Tested by tests/limits/limits_test.cpp.
#include "isa/memory.h"

#include <new>

namespace skep {

Status check_memory(u64 bytes, std::string_view what) {
  if (bytes > SIZE_MAX / 2) return fail<Code::no_memory>(what);
  void* probe = ::operator new(static_cast<std::size_t>(bytes + 1), std::nothrow);
  if (probe == nullptr) return fail<Code::no_memory>(what);
  *static_cast<volatile char*>(probe) = 0;  // an allocation that nobody uses may be left out
  ::operator delete(probe);
  return {};
}

}  // namespace skep
