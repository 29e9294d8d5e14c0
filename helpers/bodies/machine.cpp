// What a program asks about the machine and the task it runs in: all of it is Env's.
// Semantics: Linux 6.12 kernel/bpf/helpers.c. Tested by tests/helpers/machine_test.cpp.

#include <algorithm>
#include <cstring>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kNanoseconds = 1'000'000'000;

// Jiffies begin five minutes before their lower half wraps: Linux include/linux/jiffies.h,
// INITIAL_JIFFIES.
u64 initial_jiffies(u32 hz) {
  return static_cast<u32>(-300 * static_cast<i64>(hz));
}

}  // namespace

u64 ktime_get_ns(Run& run) {
  return run.env->clock(*run.env, Clock::Monotonic);
}
u64 ktime_get_boot_ns(Run& run) {
  return run.env->clock(*run.env, Clock::Boot);
}
u64 ktime_get_coarse_ns(Run& run) {
  return run.env->clock(*run.env, Clock::Coarse);
}
u64 ktime_get_tai_ns(Run& run) {
  return run.env->clock(*run.env, Clock::Tai);
}

u64 jiffies64(Run& run) {
  const u64 now = run.env->clock(*run.env, Clock::Monotonic);
  const u64 hz = run.env->hz;
  return initial_jiffies(run.env->hz) + now / kNanoseconds * hz +
         now % kNanoseconds * hz / kNanoseconds;
}

u64 get_prandom_u32(Run& run) {
  return run.env->random(*run.env);
}
u64 get_smp_processor_id(Run& run) {
  return run.cpu;
}
u64 get_numa_node_id(Run& run) {
  return run.env->numa_node;
}

u64 get_current_pid_tgid(Run& run) {
  return static_cast<u64>(run.env->task.tgid) << 32 | run.env->task.pid;
}

u64 get_current_uid_gid(Run& run) {
  return static_cast<u64>(run.env->task.gid) << 32 | run.env->task.uid;
}

i64 get_current_comm(Run& run, OutBytes name) {
  if (name.size == 0) return 0;
  const char(&comm)[16] = run.env->task.comm;
  const u64 length = std::min<u64>(strnlen(comm, sizeof comm), name.size - 1);
  copy_shared(name.data, reinterpret_cast<const u8*>(comm), length);
  clear_shared(name.data + length, name.size - length);
  return 0;
}

u64 get_current_task(Run& run) {
  return run.env->task.address;
}

}  // namespace skep::body
