// Arrays of cgroups, for bpf_current_task_under_cgroup. The host names a cgroup by the number that
// Env::task.cgroups has for it, where the kernel takes a file descriptor; 0 is an empty slot.
//
// Semantics: Linux 6.12 kernel/bpf/arraymap.c, bpf_fd_array_map_update_elem and its neighbours.
// Tested by tests/helpers/tracing_test.cpp.
#include "helpers/maps/families.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

class CgroupArrayMap final : public Map {
 public:
  explicit CgroupArrayMap(const MapSpec& spec) : Map(spec), entries_(spec.max_entries) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    slots_ = allocate_zeroed(world.memory, entries_, sizeof(u32));
    return slots_ != nullptr;
  }

  // For the helper: programs have no other way in.
  u8* lookup(const u8* key, u32 /*cpu*/) override {
    const u32 index = index_of(key);
    return index < entries_ ? slot(index) : nullptr;
  }

 protected:
  int do_read(const u8* /*key*/, u8* /*value*/, u64 flags) override {
    return flags != 0 ? kEINVAL : kENOTSUPP;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    if (flags != update_flags::kAny) return kEINVAL;
    const u32 index = index_of(key);
    if (index >= entries_) return kE2BIG;
    const u32 cgroup = index_of(value);
    if (cgroup == 0) return kEBADF;
    store_shared(slot(index), cgroup);
    return 0;
  }

  int do_erase(const u8* key) override {
    const u32 index = index_of(key);
    if (index >= entries_) return kE2BIG;
    const u32 none = 0;
    return __atomic_exchange_n(reinterpret_cast<u32*>(slot(index)), none, __ATOMIC_RELAXED) != 0
               ? 0
               : kENOENT;
  }

  int do_next_key(const u8* key, u8* next) override { return next_index(key, next, entries_); }

 private:
  u8* slot(u32 index) const { return slots_.get() + index * sizeof(u32); }

  u32 entries_;
  Zeroed slots_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_cgroup_array(const MapSpec& spec, const MapWorld& world) {
  return make_map<CgroupArrayMap>(spec, world);
}

}  // namespace skep
