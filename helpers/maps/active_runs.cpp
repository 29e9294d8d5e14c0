// Tested by tests/helpers/map_prog_array_test.cpp.
#include "helpers/maps/active_runs.h"

#include <utility>

namespace skep {

bool ActiveRuns::anybody_in(u32 phase) const {
  for (const Stripe& stripe : stripes_) {
    if (stripe.runs[phase % 2].load() != 0) return true;
  }
  return false;
}

// With the lock held: moves on as far as runs allow, which is at most two phases, and takes out
// what nobody can hold. Objects die outside of the lock, as they may do anything then.
void ActiveRuns::collect(Freed& freed) {
  u32 out = 0;
  for (int step = 0; step < 2; ++step) {
    const u32 phase = phase_.load();
    if (anybody_in(phase - 1)) return;
    u32 kept = 0;
    for (u32 i = 0; i < count_; ++i) {
      if (retired_[i].phase != phase) {
        freed[out++] = std::move(retired_[i].object);
      } else {
        std::swap(retired_[kept++], retired_[i]);
      }
    }
    count_ = kept;
    phase_.store(phase + 1);
  }
}

bool ActiveRuns::make_room() {
  Freed freed;
  const Locked lock(lock_);
  if (count_ + reserved_ == kMaxRetired) collect(freed);
  if (count_ + reserved_ == kMaxRetired) return false;
  ++reserved_;
  return true;
}

void ActiveRuns::retire(std::shared_ptr<const void> object) {
  Freed freed;
  const Locked lock(lock_);
  --reserved_;
  if (object != nullptr) retired_[count_++] = {std::move(object), phase_.load()};
  if (count_ != 0) collect(freed);
}

}  // namespace skep
