// Our engines beside the checked interpreter: those that must do all that it does. The judges
// (tests/agree) compare each of them with it, and it with the kernel.
#pragma once

#include <string_view>
#include <vector>

#include "vm/backend.h"
#ifdef SKEP_JIT
#include "vm/jit_backend.h"
#endif

namespace skep::test {

struct OurEngine {
  std::string_view name;
  std::unique_ptr<Backend> backend;
};

inline std::vector<OurEngine> other_engines() {
  std::vector<OurEngine> engines;
  engines.push_back({"trusted", make_interpreter({.mode = Mode::Trusted})});
#ifdef SKEP_JIT
  using ir::Level;
  engines.push_back({"jit O0", make_jit({.level = Level::O0})});
  engines.push_back({"jit O2", make_jit({.level = Level::O2})});
  engines.push_back({"jit O0 trusted", make_jit({.mode = Mode::Trusted, .level = Level::O0})});
  engines.push_back({"jit O2 trusted", make_jit({.mode = Mode::Trusted, .level = Level::O2})});
#endif
  return engines;
}

}  // namespace skep::test
