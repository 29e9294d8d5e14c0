// Spin locks in map values. A run holds one at a time, and loses it when it ends. Waiting costs the
// budget, so that a program that waits for itself, or for somebody who never lets go, ends.
// Semantics: Linux 6.12 kernel/bpf/helpers.c. Tested by tests/helpers/lock_test.cpp.
#include "helpers/bodies/lock.h"

#include "helpers/bodies/bodies.h"
#include "helpers/maps/value_lock.h"

namespace skep {
namespace {

bool is_lock_of(Map& map, u64 address) {
  const ValueField* field = find_field(map.spec(), FieldKind::SpinLock);
  Region value;
  return field != nullptr && map.region_of(address, value) && address - value.base == field->offset;
}

}  // namespace

bool is_value_lock(const Run& run, u64 address) {
  for (u32 i = 0; i < run.map_count; ++i) {
    if (run.maps[i] != nullptr && is_lock_of(*run.maps[i], address)) return true;
  }
  for (u32 i = run.inner_maps.count; i-- > 0;) {
    if (is_lock_of(*run.inner_maps.maps[i], address)) return true;
  }
  return false;
}

void release_lock(Run& run) {
  if (run.spin_lock == nullptr) return;
  unlock_value(run.spin_lock);
  run.spin_lock = nullptr;
}

namespace body {

void spin_lock(Run& run, ValueLock lock) {
  if (run.spin_lock != nullptr) {
    return run.set_fault(Code::lock_held, reinterpret_cast<u64>(run.spin_lock));
  }
  for (u32 round = 1; !try_lock_value(lock.word); ++round) {
    if (--run.budget < 0) return run.set_fault(Code::budget_spent);
    if (round % 64 == 0) std::this_thread::yield();
  }
  run.spin_lock = lock.word;
}

void spin_unlock(Run& run, ValueLock lock) {
  if (run.spin_lock != lock.word) {
    return run.set_fault(Code::lock_not_held, reinterpret_cast<u64>(lock.word));
  }
  release_lock(run);
}

}  // namespace body
}  // namespace skep
