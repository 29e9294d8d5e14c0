// 32 routes looked up by longest prefix, among 64 prefixes of 8 to 32 bits.
#include "program.h"

struct prefix {
  u32 length, address;
};
MAP(lpm_routes, kLpmTrie, struct prefix, u64, 128, 1);

PROGRAM(lpm, 128) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 128; i += 4) {
    const struct prefix key = {32, load32(memory + i)};
    const u64* route = (const u64*)map_lookup(MAP_OF(lpm_routes), &key);
    if (route) sum = sum * 3 + *route;
  }
  return sum;
}
