// 64 lookups in an array of 256 entries.
#include "program.h"

MAP(marray_table, kArray, u32, u64, 256, 0);

PROGRAM(marray, 64) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 64; ++i) {
    const u32 key = memory[i];
    const u64* value = (const u64*)map_lookup(MAP_OF(marray_table), &key);
    if (value) sum = sum * 3 + *value;
  }
  return sum;
}
