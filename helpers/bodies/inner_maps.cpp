// A list, so that a handle is an index that a program can't make up beyond what it was given, and a
// hash table of it, so that a program that gets the same map again and again gets the same handle
// and needs no more memory. Tested by tests/helpers/inner_maps_test.cpp.
#include "helpers/bodies/inner_maps.h"

#include <cstdlib>

#include "helpers/bodies/bind.h"

namespace skep {
namespace {

constexpr u32 kFirstCapacity = 16;

// The place in the table where the map is, or where it belongs.
u32& place_of(const InnerMaps& held, const Map* map) {
  const u32 mask = 2 * held.capacity - 1;
  u32 at = static_cast<u32>((reinterpret_cast<u64>(map) * 0x9e37'79b9'7f4a'7c15) >> 32) & mask;
  while (held.places[at] != 0 && held.maps[held.places[at] - 1] != map) at = (at + 1) & mask;
  return held.places[at];
}

bool grow(InnerMaps& held) {
  if (held.capacity >= 1u << 30) return false;
  const u32 capacity = held.capacity == 0 ? kFirstCapacity : 2 * held.capacity;
  auto** maps = static_cast<Map**>(std::realloc(held.maps, capacity * sizeof(Map*)));
  if (maps == nullptr) return false;
  held.maps = maps;
  auto* places = static_cast<u32*>(std::calloc(u64{2} * capacity, sizeof(u32)));
  if (places == nullptr) return false;
  std::free(held.places);
  held.places = places;
  held.capacity = capacity;
  for (u32 i = 0; i < held.count; ++i) place_of(held, held.maps[i]) = i + 1;
  return true;
}

}  // namespace

u64 hold_inner_map(Run& run, Map* map) {
  InnerMaps& held = run.inner_maps;
  if (held.count == held.capacity && !grow(held)) return 0;
  u32& place = place_of(held, map);
  if (place == 0) {
    held.maps[held.count++] = map;
    place = held.count;
  }
  return kInnerMapBase + place - 1;
}

u64 handle_of(const Run& run, const Map* map) {
  for (u32 i = 0; i < run.map_count; ++i) {
    if (run.maps[i] == map) return kMapBase + i;
  }
  if (run.inner_maps.count == 0) return 0;
  const u32 place = place_of(run.inner_maps, map);
  return place != 0 ? kInnerMapBase + place - 1 : 0;
}

void forget_inner_maps(Run& run) {
  std::free(run.inner_maps.maps);
  std::free(run.inner_maps.places);
  run.inner_maps = {};
}

}  // namespace skep
