// What create.cpp can make: one function a family, named in the `family` column of maps.def. The
// spec is valid; the result is empty but for the first contents of arrays.
#pragma once

#include <cstring>

#include "helpers/maps/map.h"
#include "helpers/maps/shared.h"

namespace skep {

using MakeMap = Result<std::unique_ptr<Map>> (*)(const MapSpec& spec, const MapWorld& world);

inline constexpr MakeMap make_none = nullptr;
Result<std::unique_ptr<Map>> make_array(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_cgroup_array(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_bloom_filter(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_hash(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_lpm_trie(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_nested(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_perf_event_array(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_prog_array(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_queue(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_redirect(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_ring_buffer(const MapSpec& spec, const MapWorld& world);
Result<std::unique_ptr<Map>> make_stack_trace(const MapSpec& spec, const MapWorld& world);

// A map of class T, on which T::init(spec, world) gave true; or no_memory, which names the map.
template <class T>
Result<std::unique_ptr<Map>> make_map(const MapSpec& spec, const MapWorld& world) {
  std::unique_ptr<T> map(new (std::nothrow) T(spec));
  if (map == nullptr || !map->init(spec, world)) {
    return fail<Code::no_memory>(fmt::format("map '{}'", spec.name));
  }
  return map;
}

// A key of the maps whose keys are the indexes below max_entries.
inline u32 index_of(const u8* key) {
  return static_cast<u32>(load_bytes(key, 4));
}

// What they answer to next_key.
inline int next_index(const u8* key, u8* next, u32 entries) {
  const u32 index = key != nullptr ? index_of(key) : entries;
  if (index == entries - 1) return kENOENT;
  const u32 following = index < entries ? index + 1 : 0;
  std::memcpy(next, &following, sizeof following);
  return 0;
}

}  // namespace skep
