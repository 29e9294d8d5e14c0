// Greatest common divisors by Euclid's 64-bit remainders, of 16 pairs.
#include "program.h"

PROGRAM(gcd, 256) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 256; i += 16) {
    u64 a = load64(memory + i) >> 20;
    u64 b = load64(memory + i + 8) >> 20;
    LOOP(u32 step = 0; step < 100 && b != 0; ++step) {
      const u64 rest = a % b;
      a = b;
      b = rest;
    }
    sum = sum * 31 + a;
  }
  return sum;
}
