// Effective capabilities of this thread, by capget(2) and capset(2).

#include "tests/support/permission.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace skep::test {
namespace {

// Linux include/uapi/linux/capability.h.
constexpr unsigned kVersion3 = 0x20080522;
constexpr unsigned kSysAdmin = 21, kPerfmon = 38;
struct Header {
  unsigned version = kVersion3;
  int pid = 0;
};
struct Sets {
  unsigned effective, permitted, inheritable;
};

bool get(Sets (&sets)[2]) {
  Header header;
  return syscall(SYS_capget, &header, sets) == 0;
}
bool set(const Sets (&sets)[2]) {
  Header header;
  return syscall(SYS_capset, &header, sets) == 0;
}

}  // namespace

WithoutCapabilities::WithoutCapabilities(unsigned long long capabilities) {
  Sets sets[2];
  if (capabilities == 0 || !get(sets)) return;
  for (int i = 0; i < 2; ++i) {
    before_[i] = sets[i].effective;
    sets[i].effective &= ~static_cast<unsigned>(capabilities >> 32 * i);
  }
  changed_ = set(sets);
}

WithoutCapabilities::~WithoutCapabilities() {
  Sets sets[2];
  if (!changed_ || !get(sets)) return;
  for (int i = 0; i < 2; ++i) sets[i].effective = before_[i];
  set(sets);
}

WithoutPermissionToLeak::WithoutPermissionToLeak(bool wanted)
    : WithoutCapabilities(wanted ? 1ull << kSysAdmin | 1ull << kPerfmon : 0) {}

}  // namespace skep::test
