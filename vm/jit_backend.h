// The JIT as a Backend, for those who link it (skep_jit). Programs behave as in the interpreter:
// the same results, the same faults at the same insns, the same budget spent. Tested by
// tests/vm/jit_test.cpp.
#pragma once

#include "jit/jit.h"
#include "vm/backend.h"

namespace skep {

struct JitOptions {
  Mode mode = Mode::Checked;
  jit::Level level = jit::Level::O2;
  bool check =
      false;  // check what the compiler does, at a price in time; on in debug builds anyway
};

// Null if there is no memory. Loading fails with no_executable_memory where the host forbids that.
std::unique_ptr<Backend> make_jit(JitOptions options = {});

// Compiles as the backend does, for any target, to be looked at: nothing is run. `maps` as for
// Backend::load.
Result<jit::Compiled> compile_image(const Image& image, std::span<Map* const> maps, Mode mode,
                                    jit::CompileOptions options);

}  // namespace skep
