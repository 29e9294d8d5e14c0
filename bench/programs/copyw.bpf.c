// Copies 512 bytes as 64-bit words and adds them up.
#include "program.h"

PROGRAM(copyw, 1024) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 512; i += 8) {
    const u64 word = load64(memory + i);
    store64(memory + 512 + i, word);
    sum += word;
  }
  return sum;
}
