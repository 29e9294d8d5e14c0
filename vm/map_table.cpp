// Maps by id, under one lock: running programs hold the maps themselves and never ask here.

#include "vm/map_table.h"

namespace skep {

Result<u32> MapTable::create(const MapSpec& spec) {
  return add(TRY(create_map(spec, world_)));
}

Result<u32> MapTable::add(std::unique_ptr<Map> map) {
  const std::lock_guard lock(mutex_);
  if (maps_.size() >= max_maps_) return fail<Code::too_many_maps>(maps_.size());
  maps_.push_back(std::move(map));
  return static_cast<u32>(maps_.size() - 1);
}

Map* MapTable::find(u32 id) const {
  const std::lock_guard lock(mutex_);
  return id < maps_.size() ? maps_[id].get() : nullptr;
}

Map* MapTable::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (auto map = maps_.rbegin(); map != maps_.rend(); ++map) {
    if ((*map)->spec().name == name) return map->get();
  }
  return nullptr;
}

u32 MapTable::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<u32>(maps_.size());
}

}  // namespace skep
