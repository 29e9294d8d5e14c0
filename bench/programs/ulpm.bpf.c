// 8 routes replaced, 8 put into and taken out of a longest-prefix trie.
#include "program.h"

struct prefix {
  u32 length, address;
};
MAP(ulpm_routes, kLpmTrie, struct prefix, u64, 128, 1);

PROGRAM(ulpm, 128) {
  u64 good = 0;
  LOOP(u32 i = 0; i < 64; i += 4) {
    const struct prefix key = {24 + (i & 4), load32(memory + i)};
    const u64 route = i;
    good += map_update(MAP_OF(ulpm_routes), &key, &route, 0) == 0;
  }
  LOOP(u32 i = 0; i < 64; i += 8) {
    const struct prefix key = {24, load32(memory + i)};
    good += (u64)(map_remove(MAP_OF(ulpm_routes), &key) == 0) << 8;
  }
  return good;
}
