// Integer logarithms by halving, with branches and shifts by variables, over 64 words.
#include "program.h"

PROGRAM(ilog2, 512) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 64; ++i) {
    const u64 word = load64(memory + i * 8);
    sum = sum * 3 + log2_of(word >> (word & 63));
  }
  return sum;
}
