// Limits the memory of a child process, by RLIMIT_AS or by a counting operator new and calloc.
// Tested by limiter_test.cpp.
#include "tests/limits/limiter.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <vector>

// The linker gives our calls of calloc and free to __wrap_..., by --wrap (tests/CMakeLists.txt).
extern "C" {
void* __real_calloc(std::size_t count, std::size_t size);
void __real_free(void* memory);
}

namespace {

constexpr std::size_t kUnlimited = ~std::size_t{0};
constexpr std::size_t kSmall = 64 << 10;  // allocations up to this size never fail
constexpr int kThrewExit = 86;            // an allocation that can only throw found no memory

int child_output = -1;  // in the child: where its last words go
std::atomic<std::size_t> live = 0;
std::atomic<std::size_t> limit = kUnlimited;

// Writes without allocating, for a process without memory.
void complain(const char* what, std::size_t size) {
  char text[96];
  const int length = std::snprintf(text, sizeof text, "%s of %zu bytes", what, size);
  if (write(child_output, text, static_cast<std::size_t>(length)) < 0) _exit(kThrewExit + 1);
}

// Whether so many bytes more are over the limit.
bool refused(std::size_t size) {
  return size > kSmall && limit != kUnlimited && (size > limit || live > limit - size);
}

void* count(void* memory) {
  if (memory != nullptr) live += malloc_usable_size(memory);
  return memory;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (refused(size)) return nullptr;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  return count(alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, rounded)
                                                     : std::malloc(size == 0 ? 1 : size));
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  if (void* memory = allocate(size, alignment)) return memory;
  if (limit == kUnlimited) throw std::bad_alloc();
  complain("no memory for a throwing new", size);
  _exit(kThrewExit);
}

void release(void* memory) {
  if (memory != nullptr) live -= malloc_usable_size(memory);
  __real_free(memory);
}

constexpr std::size_t kPlain = alignof(std::max_align_t);

// From the start, so that what one test frees goes back to the system and is no room to spare for
// the children of the next one.
[[maybe_unused]] const int large_blocks = mallopt(M_MMAP_THRESHOLD, 128 << 10);

}  // namespace

extern "C" void* __wrap_calloc(std::size_t number, std::size_t size) {
  const bool overflows = size != 0 && number > kUnlimited / size;
  return overflows || refused(number * size) ? nullptr : count(__real_calloc(number, size));
}
extern "C" void __wrap_free(void* memory) {
  release(memory);
}

void* operator new(std::size_t size) {
  return allocate_or_throw(size, kPlain);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size, kPlain);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kPlain);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, kPlain);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}

namespace skep::test {
namespace {

// Bytes of address space in use: the first number of /proc/self/statm counts pages.
std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Gets some megabytes from the system that malloc will hand out in small pieces afterwards.
void fill_pool() {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  std::vector<void*> pieces;
  for (int i = 0; i < 128; ++i) pieces.push_back(std::malloc(kSmall));
  void* top = std::malloc(64);  // keeps the pieces below from being given back
  for (void* piece : pieces) __real_free(piece);
  static_cast<void>(top);
}

void limit_address_space(std::size_t extra) {
  fill_pool();
  const std::size_t bytes = address_space() + extra;
  const rlimit bound{bytes, bytes};
  if (setrlimit(RLIMIT_AS, &bound) != 0) _exit(kThrewExit + 2);
}

// With `limit` set, so that nothing but the operation is limited.
Outcome run_counted(std::size_t extra, const Operation& operation, std::string& text) {
  text.reserve(4096);
  limit = live + extra;
  const Outcome outcome = operation(text);
  limit = kUnlimited;
  return outcome;
}

// An exception that leaves the operation ends the child here, not in the test's own handlers.
[[noreturn]] void be_the_child(Limiter limiter, std::size_t extra, const Operation& operation,
                               int output) noexcept {
  child_output = output;
  std::string text;
  Outcome outcome;
  if (limiter == Limiter::AddressSpace) {
    text.reserve(4096);
    limit_address_space(extra);
    outcome = operation(text);
  } else {
    outcome = run_counted(extra, operation, text);
  }
  if (write(child_output, text.data(), std::min<std::size_t>(text.size(), 4096)) < 0) _exit(1);
  _exit(static_cast<int>(outcome));
}

std::string read_all(int from) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

Trial run_limited(Limiter limiter, std::size_t extra, const Operation& operation) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  int ends[2];
  if (pipe(ends) != 0) return {Outcome::Died, "no pipe"};
  const pid_t child = fork();
  if (child == 0) be_the_child(limiter, extra, operation, ends[1]);
  close(ends[1]);
  Trial trial{Outcome::Died, read_all(ends[0])};
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return {Outcome::Died, "no child"};
  if (WIFSIGNALED(status)) {
    trial.text += std::string(" killed by ") + strsignal(WTERMSIG(status));
  } else if (WEXITSTATUS(status) <= static_cast<int>(Outcome::Wrong)) {
    trial.outcome = static_cast<Outcome>(WEXITSTATUS(status));
  }
  return trial;
}

bool address_space_can_be_limited() {
  const auto allocate = [](std::string&) {
    auto* memory = static_cast<volatile char*>(std::malloc(256 << 20));
    if (memory == nullptr) return Outcome::NoMemory;
    *memory = 0;  // an allocation that nobody uses may be left out
    return Outcome::Done;
  };
  return run_limited(Limiter::AddressSpace, 1 << 20, allocate).outcome == Outcome::NoMemory;
}

}  // namespace skep::test
