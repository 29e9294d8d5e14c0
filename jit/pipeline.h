// The passes and their order. Tested by tests/agree/passes.cpp, which runs each pass alone and all
// of them in order against the interpreter, and by tests/filetests/ir.
#pragma once

#include <functional>

#include "jit/lift.h"

namespace skep::ir {

enum class Level : u8 {
  O0,  // as lifted: for programs that run once, and as a second opinion
  O2,
};

struct Pass {
  std::string_view name;
  void (*run)(Module& module, const World& world);
};
std::span<const Pass> passes();  // each once, in the order of the pipeline's first use
const Pass* find_pass(std::string_view name);
std::span<const std::string_view> pipeline(Level level);  // names, in order

// Runs the passes of a level. `after`, if there is one, sees the module after each.
void optimise(Module& module, Level level, const World& world,
              const std::function<void(const Pass& pass, const Module& module)>& after = {});

}  // namespace skep::ir
