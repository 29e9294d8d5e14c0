// Stack traces: Env's, as of the moment that the program observes. Semantics: Linux 6.12
// kernel/bpf/stackmap.c. Tested by tests/helpers/stack_test.cpp.

#include <algorithm>

#include "helpers/bodies/bodies.h"
#include "helpers/maps/stack_format.h"

namespace skep::body {
namespace {

using namespace stack_flags;

std::span<const u64> stack_of(const Run& run, u64 flags) {
  return (flags & kUserStack) != 0 ? run.env->user_stack : run.env->kernel_stack;
}

// The first `depth` addresses, as deep as the kernel goes.
std::span<const u64> cut(std::span<const u64> trace, u64 depth) {
  return trace.first(std::min<u64>({trace.size(), depth, kMaxStackDepth}));
}

i64 clear(OutBytes to, i64 error) {
  clear_shared(to.data, to.size);
  return error;
}

void put_entry(u8* to, u64 address, bool build_id) {
  const BuildIdEntry entry{.ip = address};
  const void* from = build_id ? static_cast<const void*>(&entry) : &address;
  copy_shared(to, static_cast<const u8*>(from), stack_entry_size(build_id));
}

i64 copy_stack(std::span<const u64> stack, OutBytes to, u64 flags) {
  const bool user = (flags & kUserStack) != 0, build_ids = (flags & kUserBuildId) != 0;
  const u64 entry = stack_entry_size(build_ids);
  const u64 skip = flags & kSkipMask;
  if ((flags & ~(kSkipMask | kUserStack | kUserBuildId)) != 0) return clear(to, kEINVAL);
  if ((build_ids && !user) || to.size % entry != 0) return clear(to, kEINVAL);
  const std::span<const u64> trace = cut(stack, to.size / entry + skip);
  if (trace.size() < skip) return clear(to, kEFAULT);
  u64 written = 0;
  for (u64 address : trace.subspan(skip)) {
    put_entry(to.data + written, address, build_ids);
    written += entry;
  }
  clear_shared(to.data + written, to.size - written);
  return static_cast<i64>(written);
}

}  // namespace

i64 get_stackid(Run& run, Frame*, Map* map, u64 flags) {
  if ((flags & ~(kSkipMask | kUserStack | kFastCompare | kReuse)) != 0) return kEINVAL;
  const bool build_ids = (map->spec().flags & map_flags::kStackBuildId) != 0;
  const u64 entry = stack_entry_size(build_ids);
  const u64 skip = flags & kSkipMask;
  const std::span<const u64> trace =
      cut(stack_of(run, flags), map->spec().value_size / entry + skip);
  if (trace.size() <= skip) return kEFAULT;
  return map->add_stack(trace.subspan(skip), flags);
}

i64 get_stack(Run& run, Frame*, OutBytes to, u64 flags) {
  return copy_stack(stack_of(run, flags), to, flags);
}

// Of other tasks than the current one nothing is known, and user stacks of such nowhere.
i64 get_task_stack(Run& run, KernelObject task, OutBytes to, u64 flags) {
  constexpr u64 kKnown = kSkipMask | kUserStack | kUserBuildId;
  const bool current = task.address == run.env->task.address;
  if (!current && (flags & kUserStack) != 0 && (flags & ~kKnown) == 0)
    return clear(to, kEOPNOTSUPP);
  return copy_stack(current ? stack_of(run, flags) : std::span<const u64>(), to, flags);
}

}  // namespace skep::body
