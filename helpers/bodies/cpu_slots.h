// CpuSlots: the CPUs of an emulated machine, and which have a run on them. A run takes one from its
// entry to its exit, with all its callbacks and tail calls, so that no two runs are ever on one and
// per-CPU values have one writer. No run waits for another. Safe for many threads at once.
// Tested by tests/vm/cpu_slots_test.cpp.
#pragma once

#include <atomic>
#include <optional>

#include "isa/types.h"

namespace skep {

inline constexpr u32 kAnyCpu = ~0u;  // of RunOptions::cpu: one that is free

class CpuSlots {
 public:
  static constexpr u32 kMaxCpus = 1024;

  // At least 1, at most kMaxCpus.
  explicit CpuSlots(u32 cpus);
  CpuSlots(const CpuSlots&) = delete;
  CpuSlots& operator=(const CpuSlots&) = delete;

  u32 count() const { return count_; }
  // The CPU that was asked for, or with kAnyCpu the first free one; nothing if that is not free or
  // does not exist.
  std::optional<u32> take(u32 wanted);
  void give(u32 cpu);

 private:
  u32 count_;
  std::atomic<u64> taken_[kMaxCpus / 64] = {};
};

// The CPU of one run, for as long as this lives.
class CpuClaim {
 public:
  // Without slots, the CPU that was asked for, which the caller answers for; the first for kAnyCpu.
  CpuClaim(CpuSlots* slots, u32 wanted)
      : slots_(slots),
        cpu_(slots != nullptr ? slots->take(wanted)
                              : std::optional<u32>(wanted == kAnyCpu ? 0 : wanted)) {}
  ~CpuClaim() {
    if (slots_ != nullptr && cpu_) slots_->give(*cpu_);
  }
  CpuClaim(const CpuClaim&) = delete;
  CpuClaim& operator=(const CpuClaim&) = delete;

  const std::optional<u32>& cpu() const { return cpu_; }

 private:
  CpuSlots* slots_;
  std::optional<u32> cpu_;
};

}  // namespace skep
