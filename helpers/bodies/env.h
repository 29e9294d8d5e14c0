// Env: the world that a program asks helpers about. Clocks, random numbers, the task it runs in,
// its stack, where bpf_printk goes, and the memory beyond its own that it may read. Plain data and
// function pointers, so that a host replaces any part, and a test all of it.
//
// An Env may serve many runs and threads at once; the built-in clocks and the random source keep
// their state in the Env itself and step it atomically. Tested by tests/helpers/env_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "helpers/bodies/cpu_slots.h"
#include "isa/types.h"

namespace skep {

// What the ktime helpers read, in nanoseconds.
enum class Clock : u8 {
  Monotonic,  // since boot, without time asleep
  Boot,       // since boot
  Coarse,     // Monotonic as of the last timer tick
  Tai,        // since 1970, international atomic time
};

// Memory outside of the program that it may read: `bytes` are what it sees at `address`, through
// the probe_read helpers and, of kernel memory, through pointers that the kernel gave it. All other
// addresses are -EFAULT, or read as 0 where the kernel's would; skep never reads the host's own
// memory.
struct MappedMemory {
  u64 address = 0;
  u8* bytes = nullptr;
  u64 size = 0;
  bool user = false;      // user memory, else kernel memory
  bool writable = false;  // user memory that bpf_probe_write_user may change
};

// A symbol of the kernel, as bpf_kallsyms_lookup_name finds it.
struct KernelSymbol {
  std::string_view name = {};
  u64 address = 0;
};

// struct bpf_perf_event_value: what a counter says.
struct CounterValue {
  u64 counter = 0;
  u64 enabled = 0;  // nanoseconds that it was enabled
  u64 running = 0;  // and that it counted
};

// What a program asked the kernel to do to others. It is told, not done.
struct Effect {
  enum class Kind : u8 {
    Signal,          // `value` to the process
    ThreadSignal,    // `value` to the thread
    OverrideReturn,  // the probed function returns `value` at once
  };
  Kind kind{};
  u64 value = 0;
};

// The task that the program runs in.
struct Task {
  u32 pid = 1;   // of the thread
  u32 tgid = 1;  // of the process
  u32 uid = 0;
  u32 gid = 0;
  char comm[16] = "skep";
  u64 address = 0;    // what bpf_get_current_task returns: a struct task_struct in mapped memory
  u64 registers = 0;  // what bpf_task_pt_regs returns for it
  // Its cgroups from the root to the one that it is in, by id; none: it is in the root, number 1.
  std::span<const u64> cgroups = {};
  // The PID namespace that it is in, and its numbers there, for bpf_get_ns_current_pid_tgid.
  u64 namespace_device = 0;
  u64 namespace_inode = 0;
  u32 namespace_pid = 1;
  u32 namespace_tgid = 1;
};

struct Env {
  void* user = nullptr;  // the host's own
  // The CPUs that runs take (Vm::cpu_slots()); null: who starts runs sees to it that no two are on
  // one CPU at once. Outlives the runs.
  CpuSlots* slots = nullptr;

  u64 (*clock)(Env& env, Clock clock) = virtual_clock;
  u32 (*random)(Env& env) = random_bits;
  // One line of bpf_printk, without a newline that the program did not write.
  void (*print)(void* user, std::string_view line) = discard;

  // What the program did to others.
  void (*effect)(void* user, const Effect& effect) = ignore;
  // Bytes that an iterator writes to the file of its reader; false: no room is left.
  bool (*seq_write)(void* user, std::span<const u8> bytes) = swallow;
  // The counter at `index` of the map of that name; 0, or what the helper then returns.
  i64 (*read_counter)(void* user, std::string_view map, u64 index,
                      CounterValue& value) = no_counter;
  // The path of the struct path at `address`; empty if there is none.
  std::string_view (*path)(void* user, u64 address) = no_path;

  Task task;
  // Return addresses of the moment that the program observes, the innermost first.
  std::span<const u64> kernel_stack = {};
  std::span<const u64> user_stack = {};
  std::span<const KernelSymbol> symbols = {};
  u64 per_cpu_offset = 0;  // between a CPU's copy of a per-CPU variable and the next one's
  u32 cpus = 1;
  u32 numa_node = 0;
  u32 hz = 250;  // jiffies a second
  std::span<const MappedMemory> memory = {};

  u64 now = 1'000'000'000;  // virtual_clock: what it says next
  u64 tick = 1000;          // virtual_clock: how far each reading moves it
  u64 random_state = 0;     // random_bits

  // The machine's clocks, a random seed and this process's identity.
  static Env host();
  // The same answers in each run: a clock that moves `tick` with each reading, fixed randomness.
  static Env deterministic(u64 seed);

  static u64 host_clock(Env& env, Clock clock);
  static u64 virtual_clock(Env& env, Clock clock);
  static u32 random_bits(Env& env);
  static void discard(void* user, std::string_view line);
  static void ignore(void* user, const Effect& effect);
  static bool swallow(void* user, std::span<const u8> bytes);
  static i64 no_counter(void* user, std::string_view map, u64 index, CounterValue& value);
  static std::string_view no_path(void* user, u64 address);
};

// The mapped bytes from `address` to the end of their mapping; empty if there are none.
std::span<const u8> mapped_at(const Env& env, u64 address, bool user);
// Reads out.size() bytes at `address` of user or kernel memory, or says that they are not all
// mapped.
bool read_mapped(const Env& env, u64 address, bool user, std::span<u8> out);
// Writes to user memory that is mapped writable. False at the first byte that is not; those before
// it are written.
bool write_user(const Env& env, u64 address, std::span<const u8> bytes);

}  // namespace skep
