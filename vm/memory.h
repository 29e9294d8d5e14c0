// Memory of a run: which region an address lies in, and loads and stores on checked addresses.
// Tested by tests/filetests/run/faults.test.
#pragma once

#include <bit>
#include <cstring>

#include "isa/run.h"

#if defined(__SANITIZE_THREAD__)
#define SKEP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SKEP_TSAN 1
#endif
#endif

namespace skep {

// Run::probe for every engine. On a miss `found` is the nearest region that was meant: the one
// that holds the first byte, or none.
bool probe_region(Run& run, u64 address, u64 size, u8 access, Region& found);

// Programs race with each other and with the host on map values; that is their own affair and
// must not be ours. A plain mov is a relaxed atomic access on x86-64 and arm64 where it is aligned,
// and needs no more where it is not; only the thread sanitizer must be told.
template <class T>
inline T load_relaxed(u64 address) {
#ifdef SKEP_TSAN
  if (address % sizeof(T) == 0) {
    return __atomic_load_n(reinterpret_cast<const T*>(address), __ATOMIC_RELAXED);
  }
  u8 bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = __atomic_load_n(reinterpret_cast<const u8*>(address + i), __ATOMIC_RELAXED);
  }
  return std::bit_cast<T>(bytes);
#else
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof(T));
  return value;
#endif
}

template <class T>
inline void store_relaxed(u64 address, T value) {
#ifdef SKEP_TSAN
  if (address % sizeof(T) == 0) {
    __atomic_store_n(reinterpret_cast<T*>(address), value, __ATOMIC_RELAXED);
    return;
  }
  u8 bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    __atomic_store_n(reinterpret_cast<u8*>(address + i), bytes[i], __ATOMIC_RELAXED);
  }
#else
  std::memcpy(reinterpret_cast<void*>(address), &value, sizeof(T));
#endif
}

// A fault as text for a person: insn, source line, what was accessed, and the bounds missed.
std::string describe(const Run& run, const Fault& fault);

}  // namespace skep
