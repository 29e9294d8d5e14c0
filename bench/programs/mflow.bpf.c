// 32 lookups in a hash map whose keys are flows: 16 bytes.
#include "program.h"

struct flow {
  u32 source, destination;
  u16 ports[2];
  u32 protocol;
};
MAP(mflow_table, kHash, struct flow, u64, 1024, 0);

PROGRAM(mflow, 512) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 512; i += 16) {
    struct flow key;
    key.source = load32(memory + i);
    key.destination = load32(memory + i + 4);
    key.ports[0] = load16(memory + i + 8);
    key.ports[1] = load16(memory + i + 10);
    key.protocol = load32(memory + i + 12);
    const u64* value = (const u64*)map_lookup(MAP_OF(mflow_table), &key);
    if (value) sum = sum * 3 + *value;
  }
  return sum;
}
