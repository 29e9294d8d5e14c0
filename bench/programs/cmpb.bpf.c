// Compares two equal stretches of 256 bytes, byte by byte, with an exit at the first difference.
#include "program.h"

PROGRAM(cmpb, 512) {
  u32 i = 0;
  LOOP(; i < 256; ++i) {
    if (memory[i] != memory[256 + i]) break;
  }
  return i;
}
