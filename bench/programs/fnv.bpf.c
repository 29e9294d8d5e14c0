// FNV-1a of 256 bytes, 64 bits wide.
#include "program.h"

PROGRAM(fnv, 256) {
  u64 hash = 0xcbf29ce484222325ull;
  LOOP(u32 i = 0; i < 256; ++i) hash = (hash ^ memory[i]) * 0x100000001b3ull;
  return hash;
}
