// A chain of 64-bit arithmetic: linear congruential steps mixed by xorshifts, 256 rounds.
#include "program.h"

PROGRAM(alu64, 16) {
  u64 x = load64(memory) | 1;
  u64 y = load64(memory + 8);
  LOOP(u32 i = 0; i < 256; ++i) {
    x = x * 6364136223846793005ull + 1442695040888963407ull;
    y ^= x >> 29;
    y ^= y << 17;
    y ^= y >> 31;
    x += y;
  }
  return x ^ y;
}
