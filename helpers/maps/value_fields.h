// ValueFields: copies values and leaves out the fields that belong to the system, such as locks and
// timers: an update keeps those that are there, a new element and the host's copy have zeros.
// Semantics: Linux 6.12 include/linux/bpf.h, bpf_obj_memcpy and bpf_obj_memzero; kernel/bpf/
// helpers.c, copy_map_value_locked. Tested by tests/helpers/lock_test.cpp.
#pragma once

#include <vector>

#include "helpers/maps/value_lock.h"
#include "helpers/spec/errno.h"
#include "helpers/spec/map_spec.h"

namespace skep {

class ValueFields {
 public:
  explicit ValueFields(const MapSpec& spec) : spec_(spec) {
    if (const ValueField* field = find_field(spec, FieldKind::SpinLock)) lock_at_ = field->offset;
  }

  bool has_lock() const { return lock_at_ != kNoLock; }

  // Copies `size` bytes of a value but for the fields.
  void copy(u8* to, const u8* from, u64 size) const {
    if (spec_.fields.empty()) return copy_shared(to, from, size);
    u64 done = 0;
    for (const ValueField& field : spec_.fields) {
      copy_shared(to + done, from + done, field.offset - done);
      done = field.offset + field.size;
    }
    copy_shared(to + done, from + done, size - done);
  }

  // One value into its place, by the flags of an update: 0, or kLockBusy.
  int store(u8* to, const u8* from, u64 flags) const { return copy_by(to, from, flags, to); }

  void clear(u8* value) const {
    for (const ValueField& field : spec_.fields) clear_shared(value + field.offset, field.size);
  }

  // A copy of one for the host, by the flags of Map::read(): 0, or kLockBusy.
  int load(u8* to, u8* from, u64 flags) const {
    const int busy = copy_by(to, from, flags, from);
    if (busy == 0) clear(to);
    return busy;
  }

  // Per-CPU maps. The values of all CPUs, which lie `distance` apart in the map and value_stride()
  // apart for the host: from the host, and a copy for it.
  void store_each(u8* to, u64 distance, const u8* from, u32 cpus) const {
    const u64 stride = value_stride(spec_);
    for (u32 cpu = 0; cpu < cpus; ++cpu) copy(to + cpu * distance, from + cpu * stride, stride);
  }
  void load_each(u8* to, const u8* from, u64 distance, u32 cpus) const {
    const u64 stride = value_stride(spec_);
    for (u32 cpu = 0; cpu < cpus; ++cpu) {
      copy(to + cpu * stride, from + cpu * distance, stride);
      clear(to + cpu * stride);
    }
  }

 private:
  int copy_by(u8* to, const u8* from, u64 flags, u8* locked) const {
    const bool locks = (flags & update_flags::kLock) != 0;
    if (locks && !try_lock_value(locked + lock_at_)) return kLockBusy;
    copy(to, from, spec_.value_size);
    if (locks) unlock_value(locked + lock_at_);
    return 0;
  }

  static constexpr u32 kNoLock = 0xffff'ffff;
  const MapSpec& spec_;  // the map's own
  u32 lock_at_ = kNoLock;
};

}  // namespace skep
