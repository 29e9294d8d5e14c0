// Maps of the C interface: a skep_map is a Map. Tested by tests/c/*_test.cpp.

#include "c/handles.h"

namespace skep {
namespace {

Map& map_of(skep_map* map) {
  return *reinterpret_cast<Map*>(map);
}

bool is_key(const Map& map, const void* key, size_t size) {
  return size == map.spec().key_size && (key != nullptr || size == 0);
}

bool is_value(const Map& map, const void* value, size_t size) {
  return size == map.host_value_size() && (value != nullptr || size == 0);
}

Result<Map*> create(skep_vm& vm, const skep_map_info* given) {
  if (given == nullptr) return fail<Code::usage>("no map is described");
  skep_map_info info;
  TRY(c::read_options(given, info));
  MapSpec spec;
  spec.name = c::text_of(info.name);
  spec.type = static_cast<MapType>(info.type);
  spec.key_size = info.key_size;
  spec.value_size = info.value_size;
  spec.max_entries = info.max_entries;
  spec.flags = info.flags;
  return vm.vm.maps().find(TRY(vm.vm.maps().create(spec)));
}

}  // namespace

int c::write_map_info(const MapSpec& spec, u32 host_value_size, skep_map_info& info) {
  const skep_map_info known{.sz = sizeof known,
                            .name = spec.name.c_str(),
                            .type = static_cast<u32>(spec.type),
                            .key_size = spec.key_size,
                            .value_size = spec.value_size,
                            .max_entries = spec.max_entries,
                            .flags = spec.flags,
                            .host_value_size = host_value_size};
  return c::write_struct(&known, &info, sizeof known) ? SKEP_OK : SKEP_E_USAGE;
}

}  // namespace skep

using namespace skep;

int skep_vm_create_map(skep_vm* vm, const struct skep_map_info* info, skep_map** map) {
  if (vm == nullptr || map == nullptr) return SKEP_E_USAGE;
  *map = nullptr;
  const auto made = create(*vm, info);
  if (!made) return vm->report(vm->message, made.error());
  *map = reinterpret_cast<skep_map*>(*made);
  return SKEP_OK;
}

skep_map* skep_vm_find_map(skep_vm* vm, const char* name) {
  if (vm == nullptr || name == nullptr) return nullptr;
  return reinterpret_cast<skep_map*>(vm->vm.maps().find(std::string_view(name)));
}

int skep_map_get_info(const skep_map* map, struct skep_map_info* info) {
  if (map == nullptr || info == nullptr) return SKEP_E_USAGE;
  const Map& of = *reinterpret_cast<const Map*>(map);
  return c::write_map_info(of.spec(), of.host_value_size(), *info);
}

int skep_map_lookup(skep_map* map, const void* key, size_t key_size, void* value, size_t value_size,
                    uint64_t flags) {
  if (map == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  if (!is_key(of, key, key_size) || !is_value(of, value, value_size)) return kEINVAL;
  return of.read(static_cast<const u8*>(key), static_cast<u8*>(value), flags);
}

int skep_map_lookup_and_delete(skep_map* map, const void* key, size_t key_size, void* value,
                               size_t value_size, uint64_t flags) {
  if (map == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  if (!is_key(of, key, key_size) || !is_value(of, value, value_size)) return kEINVAL;
  return of.read_and_erase(static_cast<const u8*>(key), static_cast<u8*>(value), flags);
}

int skep_map_update(skep_map* map, const void* key, size_t key_size, const void* value,
                    size_t value_size, uint64_t flags) {
  if (map == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  if (!is_key(of, key, key_size) || !is_value(of, value, value_size)) return kEINVAL;
  return of.write(static_cast<const u8*>(key), static_cast<const u8*>(value), flags);
}

int skep_map_delete(skep_map* map, const void* key, size_t key_size) {
  if (map == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  return is_key(of, key, key_size) ? of.erase(static_cast<const u8*>(key)) : kEINVAL;
}

int skep_map_next_key(skep_map* map, const void* key, void* next, size_t key_size) {
  if (map == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  if (!is_key(of, next, key_size)) return kEINVAL;
  return of.next_key(static_cast<const u8*>(key), static_cast<u8*>(next));
}

uint64_t skep_map_consume(skep_map* map, skep_record_fn record, void* user) {
  if (map == nullptr || record == nullptr) return 0;
  return map_of(map).consume(
      [&](std::span<const u8> bytes) { record(user, bytes.data(), bytes.size()); });
}

int skep_map_set_program(skep_map* map, uint32_t index, skep_program* program) {
  if (map == nullptr) return SKEP_E_USAGE;
  if (program == nullptr) return map_of(map).set_target(index, nullptr);
  if (program->loaded == nullptr) return SKEP_E_USAGE;
  // Of the instance, which so lives as long as the slot names it.
  return map_of(map).set_target(index, std::shared_ptr<const Callable>(
                                           program->object->instance, program->loaded->callable()));
}

int skep_map_set_inner(skep_map* map, const void* key, size_t key_size, skep_map* inner,
                       uint64_t flags) {
  if (map == nullptr || inner == nullptr) return SKEP_E_USAGE;
  Map& of = map_of(map);
  if (!is_key(of, key, key_size)) return kEINVAL;
  std::shared_ptr<Map> shared = map_of(inner).weak_from_this().lock();
  if (shared == nullptr) return SKEP_E_USAGE;
  return of.set_inner(static_cast<const u8*>(key), std::move(shared), flags);
}

int skep_vm_release_map(skep_vm* vm, skep_map* map) {
  if (vm == nullptr || map == nullptr) return SKEP_E_USAGE;
  MapTable& maps = vm->vm.maps();
  const u32 id = map_of(map).table_id();
  return maps.find(id) == &map_of(map) && maps.release(id) ? SKEP_OK : SKEP_E_USAGE;
}
