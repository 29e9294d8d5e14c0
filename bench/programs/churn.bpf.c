// 16 elements put into a hash map and taken out again.
#include "program.h"

MAP(churn_table, kHash, u32, u64, 1024, 0);

PROGRAM(churn, 128) {
  u64 good = 0;
  LOOP(u32 i = 0; i < 128; i += 8) {
    const u32 key = load32(memory + i);
    const u64 value = load64(memory + i);
    good += map_update(MAP_OF(churn_table), &key, &value, 1) == 0;
  }
  LOOP(u32 i = 0; i < 128; i += 8) {
    const u32 key = load32(memory + i);
    good += (u64)(map_remove(MAP_OF(churn_table), &key) == 0) << 8;
  }
  return good;
}
