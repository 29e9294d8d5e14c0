// MurmurHash3, 32 bits, of 256 bytes.
#include "program.h"

PROGRAM(murmur, 256) {
  u32 hash = 0x9747b28c;
  LOOP(u32 i = 0; i < 256; i += 4) {
    u32 k = load32(memory + i) * 0xcc9e2d51u;
    k = rol32(k, 15) * 0x1b873593u;
    hash = rol32(hash ^ k, 13) * 5 + 0xe6546b64u;
  }
  hash ^= 256;
  hash = (hash ^ hash >> 16) * 0x85ebca6bu;
  hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
  return hash ^ hash >> 16;
}
