// Lifting: instructions to the intermediate representation, function by function, in every mode.
//
// Each register is a variable, r0 to r9 and what may_goto still may repeat. Where ways meet, each
// variable that is live there is a parameter; those that are one value on all ways go at the end
// (jit/opt/params.cpp). What the instruction set leaves open is settled here as the interpreter
// settles it: registers that carry no argument start as 0, r1 to r5 are 0 after a call.
// Tested by tests/jit/lift_test.cpp, and against the interpreter by tests/agree/passes.cpp.
#pragma once

#include "helpers/spec/image.h"
#include "isa/facts.h"
#include "jit/ir.h"

namespace skep {

struct HostHelper;

// What a call of a helper's number leads to; all null: nothing.
struct HelperTarget {
  HelperEntry entry = nullptr;
  const HostHelper* host = nullptr;
  bool forbidden = false;
};

// What a program is compiled for: what lies outside of `jit`, as its user knows it.
struct World {
  const void* user = nullptr;
  HelperTarget (*resolve)(const void* user, u32 id) = nullptr;
  // Per map of the image: where its values lie, and what it is.
  struct MapBinding {
    const MapSpec* spec = nullptr;
    MapLayout layout;
  };
  std::span<const MapBinding> maps;
};

// How an access stands to the context and the kernel's structures, by pc: mark_context()'s answer.
struct AccessMark {
  enum class Kind : u8 { Plain, Context, MaybeContext };
  Kind kind = Kind::Plain;
  bool kernel = false;  // may go through a pointer that the kernel gave
  i32 offset = 0;       // Context: of the access, in the context
};

struct LiftOptions {
  Mode mode = Mode::Checked;
  bool metered = true;
  std::span<const AccessMark> marks = {};  // by pc; empty: all Plain
  const Facts* facts = nullptr;
};

// Fails for what engines do not run: the same programs, places and texts as the interpreter.
Result<ir::Module> lift(const Image& image, const World& world, const LiftOptions& options);

}  // namespace skep
