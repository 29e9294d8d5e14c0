// The current task: where it is, and signals to it. Semantics: Linux 6.12 kernel/bpf/helpers.c,
// kernel/trace/bpf_trace.c. Tested by tests/helpers/tracing_test.cpp.

#include <algorithm>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kRootCgroup = 1;
constexpr u64 kRoot[] = {kRootCgroup};
constexpr u32 kSignals = 64;  // _NSIG: the last one

std::span<const u64> cgroups(const Run& run) {
  const std::span<const u64> given = run.env->task.cgroups;
  return given.empty() ? kRoot : given;
}

i64 signal(Run& run, Effect::Kind kind, u32 number) {
  if (run.env->task.tgid == 1) return kEPERM;  // the kernel would die with it
  if (number > kSignals) return kEINVAL;
  if (number != 0) run.env->effect(run.env->user, {kind, number});
  return 0;
}

struct NamespaceIds {  // struct bpf_pidns_info
  u32 pid, tgid;
};

}  // namespace

u64 get_current_task_btf(Run& run) {
  return run.env->task.address;
}
u64 task_pt_regs(Run& run, KernelObject task) {
  return task.address == run.env->task.address ? run.env->task.registers : 0;
}

u64 get_current_cgroup_id(Run& run) {
  return cgroups(run).back();
}

u64 get_current_ancestor_cgroup_id(Run& run, i32 level) {
  const std::span<const u64> all = cgroups(run);
  return level >= 0 && static_cast<u32>(level) < all.size() ? all[static_cast<u32>(level)] : 0;
}

i64 current_task_under_cgroup(Run& run, Map* map, u32 index) {
  if (index >= map->spec().max_entries) return kE2BIG;
  const u8* slot = map->lookup(reinterpret_cast<const u8*>(&index), run.cpu);
  const u64 cgroup = slot == nullptr ? 0 : load_bytes(slot, sizeof(u32));
  if (cgroup == 0) return kEAGAIN;
  return std::ranges::count(cgroups(run), cgroup) != 0;
}

i64 get_ns_current_pid_tgid(Run& run, u64 device, u64 inode, OutBytes to) {
  const Task& task = run.env->task;
  const bool here = device == task.namespace_device && inode == task.namespace_inode;
  if (to.size != sizeof(NamespaceIds) || device != static_cast<u32>(device) || !here) {
    clear_shared(to.data, to.size);
    return kEINVAL;
  }
  const NamespaceIds ids{task.namespace_pid, task.namespace_tgid};
  copy_shared(to.data, reinterpret_cast<const u8*>(&ids), sizeof ids);
  return 0;
}

i64 send_signal(Run& run, u32 number) {
  return signal(run, Effect::Kind::Signal, number);
}
i64 send_signal_thread(Run& run, u32 number) {
  return signal(run, Effect::Kind::ThreadSignal, number);
}

}  // namespace skep::body
