// Maps by id, under one lock: running programs hold the maps themselves and never ask here.

#include "vm/map_table.h"

namespace skep {

Result<u32> MapTable::create(const MapSpec& spec) {
  return add(TRY(create_map(spec, world_)));
}

Result<u32> MapTable::add(std::unique_ptr<Map> map) {
  const std::lock_guard lock(mutex_);
  if (maps_.size() >= max_maps_) return fail<Code::too_many_maps>(maps_.size());
  map->set_table_id(++last_id_);
  maps_.emplace(last_id_, std::move(map));
  return last_id_;
}

std::shared_ptr<Map> MapTable::share(u32 id) const {
  const std::lock_guard lock(mutex_);
  const auto found = maps_.find(id);
  return found != maps_.end() ? found->second : nullptr;
}

Map* MapTable::find(u32 id) const {
  return share(id).get();
}

bool MapTable::release(u32 id) {
  std::shared_ptr<Map> gone;  // dies outside of the lock, which is let go before
  const std::lock_guard lock(mutex_);
  const auto found = maps_.find(id);
  if (found == maps_.end()) return false;
  gone = std::move(found->second);
  maps_.erase(found);
  return true;
}

Map* MapTable::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (auto map = maps_.rbegin(); map != maps_.rend(); ++map) {
    if (map->second->spec().name == name) return map->second.get();
  }
  return nullptr;
}

u32 MapTable::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<u32>(maps_.size());
}

}  // namespace skep
