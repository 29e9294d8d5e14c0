// Integer logarithms by halving, with branches and shifts by variables, over 64 words.
#include "program.h"

INLINE u32 log2_of(u64 x) {
  u32 n = 0;
  if (x > 0xffffffffull) n += 32, x >>= 32;
  if (x > 0xffff) n += 16, x >>= 16;
  if (x > 0xff) n += 8, x >>= 8;
  if (x > 0xf) n += 4, x >>= 4;
  if (x > 3) n += 2, x >>= 2;
  return n + (x > 1);
}

PROGRAM(ilog2, 512) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 64; ++i) {
    const u64 word = load64(memory + i * 8);
    sum = sum * 3 + log2_of(word >> (word & 63));
  }
  return sum;
}
