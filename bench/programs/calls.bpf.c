// 192 calls of local functions, two deep.
#include "program.h"

LOCAL_FUNCTION u64 mix(u64 x, u64 y) {
  return (x ^ y) * 0x9e3779b97f4a7c15ull;
}

LOCAL_FUNCTION u64 step(u64 x, u64 y) {
  if (x & 1) return mix(x, y) + y;
  return mix(y, x) ^ x;
}

PROGRAM(calls, 512) {
  u64 hash = 1;
  LOOP(u32 i = 0; i < 64; ++i) {
    hash = step(hash, load64(memory + i * 8));
    hash += mix(hash, i);
  }
  return hash;
}
