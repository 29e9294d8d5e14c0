// Counts the primes below 200 by trial division with 32-bit remainders.
#include "program.h"

PROGRAM(primes, 8) {
  u32 found = 0;
  LOOP(u32 n = 2; n < 200; ++n) {
    u32 prime = 1;
    LOOP(u32 d = 2; d < n; ++d) {
      if (d * d > n) break;
      if (n % d == 0) {
        prime = 0;
        break;
      }
    }
    found += prime;
  }
  return found + memory[0];
}
