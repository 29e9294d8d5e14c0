// 64 calls of a helper that only reads a number.
#include "program.h"

PROGRAM(helper, 8) {
  u64 sum = memory[0];
  LOOP(u32 i = 0; i < 64; ++i) sum += numa_node() < 4096;
  return sum;
}
