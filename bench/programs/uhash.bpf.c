// 16 updates of elements that a hash map has.
#include "program.h"

MAP(uhash_table, kHash, u32, u64, 1024, 0);

PROGRAM(uhash, 128) {
  u64 good = 0;
  LOOP(u32 i = 0; i < 128; i += 8) {
    const u32 key = load32(memory + i);
    const u64 value = load64(memory + i);
    good += map_update(MAP_OF(uhash_table), &key, &value, 0) == 0;
  }
  return good;
}
