// The four lanes of XXH64 over 1024 bytes.
#include "program.h"

#define PRIME1 0x9e3779b185ebca87ull
#define PRIME2 0xc2b2ae3d27d4eb4full

INLINE u64 lane(u64 acc, u64 word) {
  return rol64(acc + word * PRIME2, 31) * PRIME1;
}

PROGRAM(xxh, 1024) {
  u64 a = PRIME1 + PRIME2, b = PRIME2, c = 0, d = 0 - PRIME1;
  LOOP(u32 i = 0; i < 1024; i += 32) {
    a = lane(a, load64(memory + i));
    b = lane(b, load64(memory + i + 8));
    c = lane(c, load64(memory + i + 16));
    d = lane(d, load64(memory + i + 24));
  }
  u64 hash = rol64(a, 1) + rol64(b, 7) + rol64(c, 12) + rol64(d, 18) + 1024;
  hash = (hash ^ hash >> 33) * PRIME2;
  return hash ^ hash >> 29;
}
