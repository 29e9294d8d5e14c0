// 64 lookups in a hash map of 32-bit keys, three of four with success.
#include "program.h"

MAP(mhash_table, kHash, u32, u64, 1024, 0);

PROGRAM(mhash, 256) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 64; ++i) {
    const u32 key = load32(memory + i * 4);
    const u64* value = (const u64*)map_lookup(MAP_OF(mhash_table), &key);
    if (value) sum = sum * 3 + *value;
  }
  return sum;
}
