// Maps of maps: arrays and hashes of inner maps. Running programs find an inner map with one lookup
// and one load, while the host replaces it; a replaced one is kept until no run can hold it
// (active_runs.h).
//
// The keys are those of an ordinary array or hash, whose values are slots. A slot's memory may be
// that of another key by the time that a reader looks into it, as all elements', so it is emptied
// before it goes: whatever a reader finds there is an inner map of this map, and was one when its
// run had begun.
//
// The host reads and writes ids of maps, which its MapWorld gives a meaning, or sets maps.
// Semantics: Linux 6.12 kernel/bpf/map_in_map.c; arraymap.c, fd arrays; hashtab.c, fd htabs.
// Tested by tests/helpers/map_nested_test.cpp and map_threads_test.cpp.
#include <new>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

// What a slot owns; read and written under the lock.
struct Owner {
  std::shared_ptr<Map> map;
  Owner* next;
  Owner** link;
};

// A value of the table; zeros are an empty one. `inner` is read without the lock.
struct Slot {
  u64 inner;
  u64 owner;
};

class MapOfMaps final : public Map {
 public:
  explicit MapOfMaps(const MapSpec& spec)
      : Map(spec), hash_(spec.type == MapType::hash_of_maps), entries_(spec.max_entries) {}
  ~MapOfMaps() override {
    while (owners_ != nullptr) delete std::exchange(owners_, owners_->next);
  }

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    runs_ = world.runs;
    ids_ = world.maps;
    MapSpec slots;
    slots.type = hash_ ? MapType::hash : MapType::array;
    slots.key_size = spec().key_size;
    slots.value_size = sizeof(Slot);
    slots.max_entries = entries_;
    slots.flags = spec().flags & (map_flags::kNoPrealloc | map_flags::kZeroSeed);
    auto table = create_map(slots, world);
    if (table) table_ = std::move(*table);
    return table_ != nullptr;
  }

  Map* inner(const u8* key) override {
    const u8* slot = table_->lookup(key, 0);
    return slot != nullptr ? inner_of(slot) : nullptr;
  }

  ActiveRuns* active_runs() override { return runs_; }

  int set_inner(const u8* key, std::shared_ptr<Map> map, u64 flags) override {
    if (const int error = check_key(key, flags); error != 0) return error;
    if (map != nullptr && !fits_inner(*spec().inner, map->spec())) return kEINVAL;
    std::unique_ptr<Owner> owner;
    if (map != nullptr) {
      owner.reset(new (std::nothrow) Owner{std::move(map), nullptr, nullptr});
      if (owner == nullptr) return kENOMEM;
    }
    if (runs_ != nullptr && !runs_->make_room()) return kEBUSY;
    int error = 0;
    {
      const Locked lock(lock_);
      error = owner != nullptr ? put(key, flags, owner) : take_out(key, owner);
    }
    // `owner` is the old one now, or the new one if it could not be set.
    if (runs_ != nullptr) runs_->retire(owner != nullptr ? std::move(owner->map) : nullptr);
    return error;
  }

 protected:
  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0) return kEINVAL;
    const Locked lock(lock_);
    const u8* slot = table_->lookup(key, 0);
    const Map* map = slot != nullptr ? inner_of(slot) : nullptr;
    if (map == nullptr) return kENOENT;
    const u32 id = map->table_id();
    std::memcpy(value, &id, sizeof id);
    return 0;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    if ((flags & update_flags::kLock) != 0) return kEINVAL;
    if (const int error = hash_ ? 0 : check_key(key, flags); error != 0) return error;
    auto map = ids_ != nullptr
                   ? ids_->find(ids_->user, static_cast<u32>(load_bytes(value, sizeof(u32))))
                   : nullptr;
    return map != nullptr ? set_inner(key, std::move(map), flags) : kEBADF;
  }

  int do_erase(const u8* key) override { return set_inner(key, nullptr, update_flags::kAny); }
  int do_next_key(const u8* key, u8* next) override { return table_->next_key(key, next); }

 private:
  static Map* inner_of(const u8* slot) {
    return reinterpret_cast<Map*>(load_shared<u64>(slot + offsetof(Slot, inner), __ATOMIC_SEQ_CST));
  }
  static void set(u8* slot, Owner* owner) {
    store_shared<u64>(slot + offsetof(Slot, owner), reinterpret_cast<u64>(owner));
    Map* map = owner != nullptr ? owner->map.get() : nullptr;
    store_shared<u64>(slot + offsetof(Slot, inner), reinterpret_cast<u64>(map), __ATOMIC_SEQ_CST);
  }

  // What is wrong with an array's key or flags, which the kernel looks at first.
  int check_key(const u8* key, u64 flags) const {
    if (hash_) return 0;
    if (flags != update_flags::kAny) return kEINVAL;
    return index_of(key) < entries_ ? 0 : kE2BIG;
  }

  // With the lock held: swaps.
  int put(const u8* key, u64 flags, std::unique_ptr<Owner>& owner) {
    static constexpr Slot kEmpty{};
    u8* slot = table_->lookup(key, 0);
    const bool there = slot != nullptr && (!hash_ || inner_of(slot) != nullptr);
    if (hash_ && flags > update_flags::kExist) return kEINVAL;
    if (there && flags == update_flags::kNoExist) return kEEXIST;
    if (!there && flags == update_flags::kExist) return kENOENT;
    if (slot == nullptr) {
      const int error = table_->write(key, reinterpret_cast<const u8*>(&kEmpty), 0);
      if (error != 0) return error;
      slot = table_->lookup(key, 0);
      if (slot == nullptr) return kEBUSY;  // the key's bytes have changed meanwhile
    }
    link(owner.get());
    Owner* old = owner_of(slot);
    set(slot, owner.release());
    unlink(old);
    owner.reset(old);
    return 0;
  }

  int take_out(const u8* key, std::unique_ptr<Owner>& owner) {
    u8* slot = table_->lookup(key, 0);
    Owner* old = slot != nullptr ? owner_of(slot) : nullptr;
    if (slot != nullptr) set(slot, nullptr);
    if (slot != nullptr && hash_) table_->erase(key);
    if (old == nullptr) return kENOENT;
    unlink(old);
    owner.reset(old);
    return 0;
  }

  static Owner* owner_of(const u8* slot) {
    return reinterpret_cast<Owner*>(load_shared<u64>(slot + offsetof(Slot, owner)));
  }
  void link(Owner* owner) {
    owner->next = owners_;
    owner->link = &owners_;
    if (owners_ != nullptr) owners_->link = &owner->next;
    owners_ = owner;
  }
  static void unlink(Owner* owner) {
    if (owner == nullptr) return;
    *owner->link = owner->next;
    if (owner->next != nullptr) owner->next->link = owner->link;
  }

  bool hash_;
  u32 entries_;
  ActiveRuns* runs_ = nullptr;
  const MapIds* ids_ = nullptr;
  Lock lock_;
  Owner* owners_ = nullptr;  // all of them; of lock_
  std::unique_ptr<Map> table_;
};

// Types whose maps can't be inner maps: Linux has no map_meta_equal for them.
bool can_be_inner(MapType type) {
  using enum MapType;
  for (const MapType other : {prog_array, array_of_maps, hash_of_maps, cgroup_storage,
                              percpu_cgroup_storage, struct_ops, insn_array}) {
    if (type == other) return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Map>> make_nested(const MapSpec& spec, const MapWorld& world) {
  const std::string_view type = find_map_kind(spec.type)->name;
  if (spec.inner == nullptr) {
    return fail<Code::bad_map_spec>(spec.name, type, "inner", 0, "is not given");
  }
  if (!can_be_inner(spec.inner->type)) {
    return fail<Code::bad_map_spec>(spec.name, type, "inner type",
                                    static_cast<u32>(spec.inner->type), "can't be inside");
  }
  if (auto ok = validate(*spec.inner); !ok) return std::unexpected(std::move(ok).error());
  return make_map<MapOfMaps>(spec, world);
}

}  // namespace skep
