// MapTable: the maps of a Vm, by id, which begin at 1 and are given once. A map lives as long as
// the table, unless it is released, or as long as an Instance or a map of maps holds it; so a run
// never holds memory of a map that is gone. All functions are safe beside running programs.
// Tested by tests/vm/vm_test.cpp.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string_view>

#include "helpers/maps/map.h"

namespace skep {

class MapTable {
 public:
  explicit MapTable(u32 cpus, u32 max_maps, const Allocator& memory = {})
      : world_{.cpus = cpus, .runs = &runs_, .maps = &ids_, .memory = memory},
        max_maps_(max_maps) {}
  MapTable(const MapTable&) = delete;
  MapTable& operator=(const MapTable&) = delete;

  // Creates a map of a checked spec and gives its id.
  Result<u32> create(const MapSpec& spec);
  // Takes a map made elsewhere, a host's own kind for instance.
  Result<u32> add(std::unique_ptr<Map> map);
  Map* find(u32 id) const;
  // The same, and the map lives on with the result, which must not outlive the table.
  std::shared_ptr<Map> share(u32 id) const;
  // Forgets the map of that id: it goes when nobody else holds it. False if there is none.
  bool release(u32 id);
  // The newest map of that name, or null.
  Map* find(std::string_view name) const;
  u32 size() const;
  const MapWorld& world() const { return world_; }

 private:
  mutable std::mutex mutex_;
  ActiveRuns runs_;  // outlives the maps
  std::map<u32, std::shared_ptr<Map>> maps_;
  u32 last_id_ = 0;
  MapIds ids_{[](void* self, u32 id) { return static_cast<MapTable*>(self)->share(id); }, this};
  MapWorld world_;
  u32 max_maps_;
};

}  // namespace skep
