// Maps that bpf_redirect_map sends packets by: devices, devices by hash, CPUs, sockets. What is in
// them is numbers of the host's world, which skep takes as they are: an interface's, a queue size,
// a socket's. An entry is there or not, and that is what programs ask.
//
// The entries are those of an ordinary array or hash; each begins with a word that says whether it
// is there. Programs can read an entry's value, and not write it.
// Semantics: Linux 6.12 kernel/bpf/devmap.c, cpumap.c; net/xdp/xskmap.c.
// Tested by tests/helpers/map_redirect_test.cpp.
#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

constexpr u32 kMaxQueue = 16384;
constexpr u32 kMaxValue = 8;

struct Entry {
  u64 there;
  u8 value[kMaxValue];
};

class RedirectMap final : public Map {
 public:
  explicit RedirectMap(const MapSpec& spec)
      : Map(spec), type_(spec.type), hash_(spec.type == MapType::devmap_hash) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    cpus_ = world.cpus;
    MapSpec entries;
    entries.type = hash_ ? MapType::hash : MapType::array;
    entries.key_size = sizeof(u32);
    entries.value_size = sizeof(Entry);
    entries.max_entries = spec().max_entries;
    entries.flags = hash_ ? map_flags::kNoPrealloc : 0;
    auto table = create_map(entries, world);
    if (table) table_ = std::move(*table);
    return table_ != nullptr;
  }

  u8* lookup(const u8* key, u32 /*cpu*/) override {
    u8* entry = table_->lookup(key, 0);
    return entry != nullptr && is_there(entry) ? entry + offsetof(Entry, value) : nullptr;
  }

  bool region_of(u64 address, Region& found) override {
    if (!table_->region_of(address, found)) return false;
    const u64 value = found.base + offsetof(Entry, value);
    if (address - value >= spec().value_size) return false;
    found = {value, spec().value_size, AddressClass::ReadOnly, kRead};
    return true;
  }

 protected:
  int do_update(const u8*, const u8*, u64, u32) override { return kEINVAL; }
  int do_remove(const u8*) override { return kEINVAL; }

  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0) return kEINVAL;
    if (type_ == MapType::xskmap) return kEOPNOTSUPP;
    const Locked lock(lock_);
    const u8* from = lookup(key, 0);
    if (from == nullptr) return kENOENT;
    copy_shared(value, from, spec().value_size);
    return 0;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    if (flags > update_flags::kExist) return kEINVAL;
    if (const int error = check_value(key, value, flags); error != 0) return error;
    const Locked lock(lock_);
    u8* entry = table_->lookup(key, 0);
    const bool there = entry != nullptr && is_there(entry);
    if (hash_ || type_ == MapType::xskmap) {
      if (there && flags == update_flags::kNoExist) return kEEXIST;
      if (!there && !hash_ && flags == update_flags::kExist) return kENOENT;
    }
    Entry fresh{type_ == MapType::xskmap || load_bytes(value, sizeof(u32)) != 0, {}};
    std::memcpy(fresh.value, value, spec().value_size);
    return table_->write(key, reinterpret_cast<const u8*>(&fresh), update_flags::kAny);
  }

  int do_erase(const u8* key) override {
    if (hash_) return table_->erase(key);
    static constexpr Entry kNone{};
    const int error = table_->write(key, reinterpret_cast<const u8*>(&kNone), update_flags::kAny);
    return error != 0 ? kEINVAL : 0;
  }

  int do_next_key(const u8* key, u8* next) override { return table_->next_key(key, next); }

 private:
  static bool is_there(const u8* entry) { return load_shared<u64>(entry) != 0; }

  // What is wrong with key, value and flags by themselves, in the kernel's order.
  int check_value(const u8* key, const u8* value, u64 flags) const {
    const u32 first = static_cast<u32>(load_bytes(value, sizeof(u32)));
    if (hash_) return first != 0 ? 0 : kEINVAL;
    if (index_of(key) >= spec().max_entries) return kE2BIG;
    if (type_ == MapType::xskmap) return 0;
    if (flags == update_flags::kNoExist) return kEEXIST;
    if (type_ == MapType::cpumap) {
      if (first > kMaxQueue) return kEOVERFLOW;
      return index_of(key) < cpus_ ? 0 : kENODEV;
    }
    const i32 program = spec().value_size == kMaxValue
                            ? static_cast<i32>(load_bytes(value + sizeof(u32), sizeof(u32)))
                            : 0;
    return first == 0 && program > 0 ? kEINVAL : 0;
  }

  MapType type_;
  bool hash_;
  u32 cpus_ = 1;
  Lock lock_;
  std::unique_ptr<Map> table_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_redirect(const MapSpec& spec, const MapWorld& world) {
  return make_map<RedirectMap>(spec, world);
}

}  // namespace skep
