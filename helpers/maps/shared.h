// Memory that several threads touch: values and keys, which programs, helpers and the host read and
// write at the same time.
//
// Who races on a value gets some mix of old and new words, as in the kernel; but it must not be
// undefined for us, and the thread sanitizer must agree. So all such copies go through atomic
// accesses of the largest unit that both addresses allow. Tested by
// tests/helpers/map_threads_test.cpp.
#pragma once

#include <cstring>

#include "isa/types.h"

namespace skep {

template <class T>
struct MayAlias {
  using type [[gnu::may_alias]] = T;
};

template <class T>
inline T load_shared(const u8* from, int order = __ATOMIC_RELAXED) {
  return __atomic_load_n(reinterpret_cast<const typename MayAlias<T>::type*>(from), order);
}

template <class T>
inline void store_shared(u8* to, T value, int order = __ATOMIC_RELAXED) {
  __atomic_store_n(reinterpret_cast<typename MayAlias<T>::type*>(to), value, order);
}

inline bool is_aligned(const u8* address, u64 unit) {
  return reinterpret_cast<u64>(address) % unit == 0;
}

template <class T>
inline u64 copy_units(u8* to, const u8* from, u64 size, u64 done) {
  for (; size - done >= sizeof(T); done += sizeof(T)) {
    store_shared<T>(to + done, load_shared<T>(from + done));
  }
  return done;
}

// Copies `size` bytes between places that do not overlap, either of which may be shared.
inline void copy_shared(u8* to, const u8* from, u64 size) {
  const u64 both = reinterpret_cast<u64>(to) | reinterpret_cast<u64>(from);
  u64 done = 0;
  if (both % 8 == 0) done = copy_units<u64>(to, from, size, done);
  if (both % 4 == 0) done = copy_units<u32>(to, from, size, done);
  if (both % 2 == 0) done = copy_units<u16>(to, from, size, done);
  copy_units<u8>(to, from, size, done);
}

inline void clear_shared(u8* to, u64 size) {
  u64 done = 0;
  if (is_aligned(to, 8)) {
    for (; size - done >= 8; done += 8) store_shared<u64>(to + done, 0);
  }
  for (; done < size; ++done) store_shared<u8>(to + done, 0);
}

// Up to 8 bytes as one number, first byte lowest, zeros above.
inline u64 load_bytes(const u8* from, u64 size) {
  if (size >= 8 && is_aligned(from, 8)) return load_shared<u64>(from);
  if (size == 4 && is_aligned(from, 4)) return load_shared<u32>(from);
  if (size >= 8 && is_aligned(from, 4)) {
    return load_shared<u32>(from) | u64{load_shared<u32>(from + 4)} << 32;
  }
  u64 word = 0;
  for (u64 i = 0; i < size && i < 8; ++i) word |= u64{load_shared<u8>(from + i)} << (8 * i);
  return word;
}

}  // namespace skep
