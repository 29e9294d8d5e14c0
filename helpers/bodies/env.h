// Env: the world that a program asks helpers about. Clocks, random numbers, the task it runs in,
// where bpf_printk goes, and the memory beyond its own that it may read. Plain data and function
// pointers, so that a host replaces any part, and a test all of it.
//
// An Env may serve many runs and threads at once; the built-in clocks and the random source keep
// their state in the Env itself and step it atomically. Tested by tests/helpers/env_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "isa/types.h"

namespace skep {

// What the ktime helpers read, in nanoseconds.
enum class Clock : u8 {
  Monotonic,  // since boot, without time asleep
  Boot,       // since boot
  Coarse,     // Monotonic as of the last timer tick
  Tai,        // since 1970, international atomic time
};

// Memory outside of the program that it may read through the probe_read helpers: `bytes` are what
// it sees at `address`. All other addresses are -EFAULT; skep never reads the host's own memory.
struct MappedMemory {
  u64 address = 0;
  u8* bytes = nullptr;
  u64 size = 0;
  bool user = false;  // user memory, else kernel memory
};

// The task that the program runs in.
struct Task {
  u32 pid = 1;   // of the thread
  u32 tgid = 1;  // of the process
  u32 uid = 0;
  u32 gid = 0;
  char comm[16] = "skep";
  u64 address = 0;  // what bpf_get_current_task returns: a struct task_struct in mapped memory
};

struct Env {
  void* user = nullptr;  // the host's own

  u64 (*clock)(Env& env, Clock clock) = virtual_clock;
  u32 (*random)(Env& env) = random_bits;
  // One line of bpf_printk, without a newline that the program did not write.
  void (*print)(void* user, std::string_view line) = discard;

  Task task;
  u32 cpus = 1;
  u32 numa_node = 0;
  u32 hz = 250;  // jiffies a second
  std::span<const MappedMemory> memory;

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
};

// The mapped bytes from `address` to the end of their mapping; empty if there are none.
std::span<const u8> mapped_at(const Env& env, u64 address, bool user);
// Reads out.size() bytes at `address` of user or kernel memory, or says that they are not all
// mapped.
bool read_mapped(const Env& env, u64 address, bool user, std::span<u8> out);

}  // namespace skep
