// Bubble sort of 16 words on the stack.
#include "program.h"

PROGRAM(bsort, 64) {
  u32 words[16];
  LOOP(u32 i = 0; i < 16; ++i) words[i] = load32(memory + i * 4);
  LOOP(u32 round = 0; round < 15; ++round) {
    LOOP(u32 i = 0; i < 15 - round; ++i) {
      const u32 a = words[i & 15];
      const u32 b = words[(i + 1) & 15];
      if (a > b) {
        words[i & 15] = b;
        words[(i + 1) & 15] = a;
      }
    }
  }
  u64 hash = 0;
  LOOP(u32 i = 0; i < 16; ++i) hash = hash * 31 + words[i];
  return hash;
}
