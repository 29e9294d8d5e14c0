// SipHash-2-4 of 64 bytes.
#include "program.h"

#define SIP_ROUND                                        \
  v0 += v1, v1 = rol64(v1, 13) ^ v0, v0 = rol64(v0, 32); \
  v2 += v3, v3 = rol64(v3, 16) ^ v2;                     \
  v0 += v3, v3 = rol64(v3, 21) ^ v0;                     \
  v2 += v1, v1 = rol64(v1, 17) ^ v2, v2 = rol64(v2, 32)

PROGRAM(siphash, 80) {
  const u64 k0 = load64(memory + 64);
  const u64 k1 = load64(memory + 72);
  u64 v0 = k0 ^ 0x736f6d6570736575ull;
  u64 v1 = k1 ^ 0x646f72616e646f6dull;
  u64 v2 = k0 ^ 0x6c7967656e657261ull;
  u64 v3 = k1 ^ 0x7465646279746573ull;
  LOOP(u32 i = 0; i < 64; i += 8) {
    const u64 m = load64(memory + i);
    v3 ^= m;
    SIP_ROUND;
    SIP_ROUND;
    v0 ^= m;
  }
  v3 ^= 64ull << 56;
  SIP_ROUND;
  SIP_ROUND;
  v0 ^= 64ull << 56;
  v2 ^= 0xff;
  LOOP(u32 i = 0; i < 4; ++i) {
    SIP_ROUND;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}
