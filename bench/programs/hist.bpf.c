// A histogram by powers of two of 32 sizes, with atomic counters.
#include "program.h"

MAP(hist_buckets, kArray, u32, u64, 64, 0);

PROGRAM(hist, 256) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 256; i += 8) {
    const u64 word = load64(memory + i);
    const u32 key = log2_of(word >> (word & 63));
    u64* bucket = (u64*)map_lookup(MAP_OF(hist_buckets), &key);
    if (!bucket) continue;
    __sync_fetch_and_add(bucket, 1);
    sum += key;
  }
  return sum;
}
