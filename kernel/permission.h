// What bpf(2) asks of a process, and what this one lacks: capabilities by program and map type, and
// the words for it when the kernel says EPERM. Everything here is of the calling thread.
// Tested by tests/kernel/permission_test.cpp.
#pragma once

#include <string>

#include "helpers/spec/map_spec.h"
#include "helpers/spec/program_type.h"

namespace skep {

// Sets of capabilities, a bit each (Linux include/uapi/linux/capability.h).
using Capabilities = u64;
inline constexpr Capabilities kCapNetAdmin = u64{1} << 12, kCapSysAdmin = u64{1} << 21,
                              kCapPerfmon = u64{1} << 38, kCapBpf = u64{1} << 39;

// What BPF_PROG_LOAD and BPF_MAP_CREATE ask for, on a kernel that lets nobody use bpf(2) without
// (kernel.unprivileged_bpf_disabled, which is the default of distributions).
Capabilities needed_for(ProgramType type);
Capabilities needed_for(MapType type);

// Those of `needed` that are not in effect. CAP_SYS_ADMIN stands for any other of them.
Capabilities missing_of(Capabilities needed);

// "CAP_BPF", "CAP_BPF and CAP_NET_ADMIN".
std::string names_of(Capabilities set);

// An errno as errno_text() has it; for EPERM and EACCES also why, as far as can be told: the
// capabilities of `needed` that are missing, a user namespace in which they do not count, a filter
// of system calls.
std::string refusal_text(int error, Capabilities needed);

}  // namespace skep
