// What helpers that take stack traces and the maps that keep them agree on: the flags, and the form
// of an entry. Source: Linux 6.12 include/uapi/linux/bpf.h. Tested by tests/helpers/stack_test.cpp.
#pragma once

#include "isa/types.h"

namespace skep {

// The most addresses of one stack trace: kernel.perf_event_max_stack, unless a system raised it.
inline constexpr u32 kMaxStackDepth = 127;

// Of bpf_get_stackid and bpf_get_stack (BPF_F_*); the lowest byte says how many of the innermost
// frames to skip.
namespace stack_flags {
inline constexpr u64 kSkipMask = 0xff, kUserStack = 1 << 8, kFastCompare = 1 << 9, kReuse = 1 << 10,
                     kUserBuildId = 1 << 11;
}

// One entry of a trace with build ids, struct bpf_stack_build_id. No file is behind an address that
// the host gives, so entries say what the kernel says of such: BPF_STACK_BUILD_ID_IP.
struct BuildIdEntry {
  i32 status = 2;
  u8 build_id[20] = {};
  u64 ip = 0;
};
static_assert(sizeof(BuildIdEntry) == 32);

// Bytes of one entry: an address, or one with its build id.
constexpr u64 stack_entry_size(bool build_ids) {
  return build_ids ? sizeof(BuildIdEntry) : sizeof(u64);
}

}  // namespace skep
