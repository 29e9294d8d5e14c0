// The built-in clocks, randomness and identity, and reads of mapped memory.
//
// Both the virtual clock and the random numbers are one word that each call steps by a constant,
// atomically, so threads that share an Env never hand out the same step twice.

#include "helpers/bodies/env.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "helpers/maps/shared.h"
#include "helpers/spec/errno.h"

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/random.h>
#endif

namespace skep {
namespace {

constexpr u64 kNanoseconds = 1'000'000'000;

clockid_t clock_id(Clock clock) {
  switch (clock) {
#ifdef __linux__
    case Clock::Boot: return CLOCK_BOOTTIME;
    case Clock::Coarse: return CLOCK_MONOTONIC_COARSE;
    case Clock::Tai: return CLOCK_TAI;
#else
    case Clock::Boot:
    case Clock::Coarse: return CLOCK_MONOTONIC;
    case Clock::Tai: return CLOCK_REALTIME;
#endif
    case Clock::Monotonic: break;
  }
  return CLOCK_MONOTONIC;
}

u64 seed_of_host() {
  u64 seed = 0;
#ifdef __linux__
  if (getrandom(&seed, sizeof seed, 0) == sizeof seed) return seed;
#endif
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<u64>(now.tv_nsec) * 0x9e3779b97f4a7c15 ^ static_cast<u64>(getpid());
}

Task task_of_host() {
  Task task;
  task.tgid = static_cast<u32>(getpid());
  task.pid = task.tgid;
  task.uid = static_cast<u32>(getuid());
  task.gid = static_cast<u32>(getgid());
#ifdef __linux__
  task.pid = static_cast<u32>(syscall(SYS_gettid));
  char comm[16] = {};
  if (prctl(PR_GET_NAME, comm) == 0) std::memcpy(task.comm, comm, sizeof task.comm);
  task.comm[sizeof task.comm - 1] = 0;
#endif
  return task;
}

// The mapping that holds the byte at `address`.
const MappedMemory* mapping_of(const Env& env, u64 address, bool user) {
  for (const MappedMemory& memory : env.memory) {
    if (memory.user == user && address - memory.address < memory.size) return &memory;
  }
  return nullptr;
}

}  // namespace

u64 Env::host_clock(Env&, Clock clock) {
  timespec now{};
  clock_gettime(clock_id(clock), &now);
  return static_cast<u64>(now.tv_sec) * kNanoseconds + static_cast<u64>(now.tv_nsec);
}

u64 Env::virtual_clock(Env& env, Clock) {
  return std::atomic_ref(env.now).fetch_add(env.tick, std::memory_order_relaxed);
}

// splitmix64, of S. Vigna (public domain): a counter whose every step is scrambled.
u32 Env::random_bits(Env& env) {
  u64 z =
      std::atomic_ref(env.random_state).fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<u32>((z ^ (z >> 31)) >> 32);
}

void Env::discard(void*, std::string_view) {}
void Env::ignore(void*, const Effect&) {}
bool Env::swallow(void*, std::span<const u8>) {
  return true;
}
i64 Env::no_counter(void*, std::string_view, u64, CounterValue&) {
  return kENOENT;
}
std::string_view Env::no_path(void*, u64) {
  return {};
}

Env Env::host() {
  Env env;
  env.clock = host_clock;
  env.random_state = seed_of_host();
  env.task = task_of_host();
  const long cpus = sysconf(_SC_NPROCESSORS_CONF);
  if (cpus > 0) env.cpus = static_cast<u32>(cpus);
  return env;
}

Env Env::deterministic(u64 seed) {
  Env env;
  env.random_state = seed;
  return env;
}

std::span<const u8> mapped_at(const Env& env, u64 address, bool user) {
  const MappedMemory* memory = mapping_of(env, address, user);
  if (memory == nullptr) return {};
  const u64 offset = address - memory->address;
  return {memory->bytes + offset, memory->size - offset};
}

bool read_mapped(const Env& env, u64 address, bool user, std::span<u8> out) {
  while (!out.empty()) {
    const std::span<const u8> here = mapped_at(env, address, user);
    if (here.empty()) return false;
    const std::size_t count = std::min(here.size(), out.size());
    copy_shared(out.data(), here.data(), count);
    out = out.subspan(count);
    address += count;
  }
  return true;
}

bool write_user(const Env& env, u64 address, std::span<const u8> bytes) {
  while (!bytes.empty()) {
    const MappedMemory* memory = mapping_of(env, address, true);
    if (memory == nullptr || !memory->writable) return false;
    const u64 offset = address - memory->address;
    const u64 count = std::min<u64>(memory->size - offset, bytes.size());
    copy_shared(memory->bytes + offset, bytes.data(), count);
    bytes = bytes.subspan(count);
    address += count;
  }
  return true;
}

}  // namespace skep
