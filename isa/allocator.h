// Allocator: where memory whose size comes from input is taken from, for hosts that keep their own:
// elements of maps, and in the C interface packets and handles. The rest of the library uses the
// containers of the standard library, which can't be given memory that may be refused.
// Tested by tests/c/api_test.cpp.
#pragma once

#include <cstdlib>

namespace skep {

struct Allocator {
  // Both or neither; null: the C library's. Memory is zeroed and aligned to 16 bytes; null where
  // there is none. Called by any thread.
  void* (*alloc)(void* user, std::size_t size) = nullptr;
  void (*free)(void* user, void* memory, std::size_t size) = nullptr;
  void* user = nullptr;

  void* take(std::size_t size) const {
    return alloc != nullptr ? alloc(user, size) : std::calloc(1, size);
  }
  void give(void* memory, std::size_t size) const {
    if (free == nullptr) {
      std::free(memory);
    } else if (memory != nullptr) {
      free(user, memory, size);
    }
  }
};

}  // namespace skep
