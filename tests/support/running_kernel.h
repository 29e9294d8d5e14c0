// Which Linux this is, for tests of what came with a version.
#pragma once

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>
#include <string>

#include "isa/types.h"

namespace skep::test {

inline Version running_kernel() {
  utsname name{};
  uname(&name);
  unsigned major = 0, minor = 0;
  std::sscanf(name.release, "%u.%u", &major, &minor);
  return {static_cast<u16>(major), static_cast<u16>(minor)};
}

// The reason to skip where that version is needed.
inline std::string needs_linux(Version version) {
  return fmt::format("needs kernel feature: Linux {}.{}", version.major, version.minor);
}

}  // namespace skep::test
