// 16 updates of an array.
#include "program.h"

MAP(uarray_table, kArray, u32, u64, 256, 0);

PROGRAM(uarray, 128) {
  u64 good = 0;
  LOOP(u32 i = 0; i < 128; i += 8) {
    const u32 key = memory[i];
    const u64 value = load64(memory + i);
    good += map_update(MAP_OF(uarray_table), &key, &value, 0) == 0;
  }
  return good;
}
