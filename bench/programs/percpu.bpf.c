// 32 counters of this CPU counted up by packet lengths.
#include "program.h"

struct counter {
  u64 packets, bytes;
};
MAP(percpu_counters, kPerCpuArray, u32, struct counter, 32, 0);

PROGRAM(percpu, 64) {
  u64 found = 0;
  LOOP(u32 i = 0; i < 32; ++i) {
    const u32 key = memory[i] & 31;
    struct counter* counter = (struct counter*)map_lookup(MAP_OF(percpu_counters), &key);
    if (!counter) continue;
    counter->packets += 1;
    counter->bytes += load16(memory + i * 2);
    found += key;
  }
  return found;
}
