// Arrays and per-CPU arrays: one block of values, zeroed, of which all exist from the start. A
// per-CPU array is as many such blocks as there are CPUs, one after another.
//
// Semantics: Linux 6.12 kernel/bpf/arraymap.c, compared with a running 6.18.
// Tested by tests/helpers/map_script_test.cpp and map_threads_test.cpp.
#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"
#include "helpers/maps/value_fields.h"

namespace skep {
namespace {

class ArrayMap final : public Map {
 public:
  explicit ArrayMap(const MapSpec& spec)
      : Map(spec),
        stride_(value_stride(spec)),
        entries_(spec.max_entries),
        per_cpu_(spec.type == MapType::percpu_array) {}

  bool init(const MapSpec& given, const MapWorld& world) {
    cpus_ = per_cpu_ ? world.cpus : 1;
    cpu_stride_ = stride_ * entries_;
    if (cpus_ == 0 || cpu_stride_ > kMaxMapBytes / cpus_) return false;
    values_ = allocate_zeroed(world.memory, cpus_, cpu_stride_);
    if (values_ == nullptr) return false;
    if (!given.initial.empty()) {
      std::memcpy(values_.get(), given.initial.data(), given.initial.size());
    }
    return true;
  }

  u8* lookup(const u8* key, u32 cpu) override {
    const u32 index = index_of(key);
    if (!per_cpu_) cpu = 0;
    return index < entries_ && cpu < cpus_ ? value(index, cpu) : nullptr;
  }

  bool region_of(u64 address, Region& found) override {
    const u64 base = reinterpret_cast<u64>(values_.get());
    const u64 offset = address - base;
    if (offset >= cpu_stride_ * cpus_ || offset % stride_ >= spec().value_size) return false;
    found = value_region(address - offset % stride_);
    return true;
  }

  MapLayout layout() const override {
    return {values_.get(), stride_, entries_, per_cpu_ ? cpu_stride_ : 0};
  }

  u32 host_value_size() const override {
    return per_cpu_ ? static_cast<u32>(stride_ * cpus_) : spec().value_size;
  }

 protected:
  int do_update(const u8* key, const u8* value, u64 flags, u32 cpu) override {
    u8* to = nullptr;
    if (const int error = find_for_update(key, flags, to); error != 0) return error;
    if (per_cpu_ && cpu >= cpus_) return kEINVAL;
    if (per_cpu_) to += cpu * cpu_stride_;
    return try_until_unlocked([&] { return fields_.store(to, value, flags); });
  }

  int do_remove(const u8* /*key*/) override { return kEINVAL; }

  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0 && !fields_.has_lock()) return kEINVAL;
    const u32 index = index_of(key);
    if (index >= entries_) return kENOENT;
    if (!per_cpu_) {
      return try_until_unlocked([&] { return fields_.load(value, this->value(index, 0), flags); });
    }
    fields_.load_each(value, this->value(index, 0), cpu_stride_, cpus_);
    return 0;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    // Before all else, as bpf(2).
    if ((flags & update_flags::kLock) != 0 && !fields_.has_lock()) return kEINVAL;
    u8* to = nullptr;
    if (const int error = find_for_update(key, flags, to); error != 0) return error;
    if (!per_cpu_) return try_until_unlocked([&] { return fields_.store(to, value, flags); });
    fields_.store_each(to, cpu_stride_, value, cpus_);
    return 0;
  }

  // Not of arrays, which is found out after what is wrong with the flags.
  int do_read_and_erase(const u8* /*key*/, u8* /*value*/, u64 flags) override {
    return flags != 0 && !fields_.has_lock() ? kEINVAL : kENOTSUPP;
  }

  int do_next_key(const u8* key, u8* next) override { return next_index(key, next, entries_); }

 private:
  u8* value(u32 index, u32 cpu) const {
    return values_.get() + cpu * cpu_stride_ + index * stride_;
  }
  // The order of the checks is the kernel's.
  int find_for_update(const u8* key, u64 flags, u8*& to) const {
    using namespace update_flags;
    if ((flags & ~kLock) > kExist) return kEINVAL;
    const u32 index = index_of(key);
    if (index >= entries_) return kE2BIG;
    if ((flags & kNoExist) != 0) return kEEXIST;
    if ((flags & kLock) != 0 && !fields_.has_lock()) return kEINVAL;
    to = value(index, 0);
    return 0;
  }

  u64 stride_;
  u64 cpu_stride_ = 0;
  u32 entries_;
  u32 cpus_ = 1;
  bool per_cpu_;
  ValueFields fields_{spec()};
  Zeroed values_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_array(const MapSpec& spec, const MapWorld& world) {
  return make_map<ArrayMap>(spec, world);
}

}  // namespace skep
