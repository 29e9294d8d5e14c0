// A bit for each CPU, set while it is taken. See cpu_slots.h.
#include "helpers/bodies/cpu_slots.h"

#include <algorithm>

namespace skep {

CpuSlots::CpuSlots(u32 cpus) : count_(std::clamp(cpus, 1u, kMaxCpus)) {}

std::optional<u32> CpuSlots::take(u32 wanted) {
  if (wanted != kAnyCpu && wanted >= count_) return std::nullopt;
  const u32 first = wanted == kAnyCpu ? 0 : wanted;
  const u32 end = wanted == kAnyCpu ? count_ : wanted + 1;
  for (u32 cpu = first; cpu < end; ++cpu) {
    const u64 bit = u64{1} << (cpu % 64);
    std::atomic<u64>& word = taken_[cpu / 64];
    if ((word.load(std::memory_order_relaxed) & bit) != 0) continue;
    if ((word.fetch_or(bit, std::memory_order_acquire) & bit) == 0) return cpu;
  }
  return std::nullopt;
}

void CpuSlots::give(u32 cpu) {
  taken_[cpu / 64].fetch_and(~(u64{1} << (cpu % 64)), std::memory_order_release);
}

}  // namespace skep
