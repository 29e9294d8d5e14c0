// Sieve of Eratosthenes over 256 bytes of stack.
#include "program.h"

PROGRAM(sieve, 8) {
  u8 composite[256] = {0};
  composite[0] = memory[0] | 1;
  LOOP(u32 n = 2; n < 16; ++n) {
    if (composite[n]) continue;
    LOOP(u32 m = n * 2; m < 256; m += n) composite[m] = 1;
  }
  u64 sum = 0;
  LOOP(u32 n = 2; n < 256; ++n) {
    if (!composite[n]) sum += n;
  }
  return sum;
}
