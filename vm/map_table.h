// MapTable: the maps of a Vm, by id. Maps live as long as the table, so a run never holds memory
// of a map that is gone. Adding is safe beside running programs. Tested by tests/vm/vm_test.cpp.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "helpers/maps/map.h"

namespace skep {

class MapTable {
 public:
  explicit MapTable(u32 cpus, u32 max_maps)
      : world_{.cpus = cpus, .runs = &runs_}, max_maps_(max_maps) {}

  // Creates a map of a checked spec and gives its id.
  Result<u32> create(const MapSpec& spec);
  // Takes a map made elsewhere, a host's own kind for instance.
  Result<u32> add(std::unique_ptr<Map> map);
  Map* find(u32 id) const;
  // The newest map of that name, or null.
  Map* find(std::string_view name) const;
  u32 size() const;
  const MapWorld& world() const { return world_; }

 private:
  mutable std::mutex mutex_;
  ActiveRuns runs_;  // outlives the maps
  std::vector<std::unique_ptr<Map>> maps_;
  MapWorld world_;
  u32 max_maps_;
};

}  // namespace skep
