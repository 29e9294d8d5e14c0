// Divisions and remainders of 32 and 64 bits, by variables and by constants, 32 rounds.
#include "program.h"

PROGRAM(divmix, 256) {
  u64 sum = 1;
  LOOP(u32 i = 0; i < 32; ++i) {
    const u64 x = load64(memory + i * 8);
    const u32 low = (u32)x;
    const u32 high = (u32)(x >> 32) | 1;
    sum += x / (low | 1);
    sum ^= x % high;
    sum += low / (high & 0xffff);
    sum ^= low % 1000003;
    sum += x / 10;
  }
  return sum;
}
