// The JIT's front: a program to machine code of any target, on any host.
// Tested by tests/jit/emit_test.cpp and tests/vm/jit_test.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "jit/pipeline.h"
#include "jit/runtime.h"
#include "jit/target.h"

namespace skep::jit {

using ir::Level;

struct CompileOptions {
  LiftOptions lift;
  Level level = Level::O2;
  const Target* target = nullptr;  // null: the host's
  u64 identity = 0;                // what State::program is while the program runs
  bool check = false;  // validate the IR and check the allocation; on in debug builds anyway
  bool text = false;   // give the code as text
  // Sees the representation: as lifted, by the name "lifted", and after each pass.
  std::function<void(std::string_view pass, const ir::Module& module)> after = {};
};

// Where the code of an insn begins; it holds until the next entry.
struct CodeLine {
  u32 offset = 0;
  Pc pc;
};

struct CompileStats {
  u32 insts = 0;  // of the IR, after all passes
  u32 values_in_slots = 0;
  u32 frame_bytes = 0;  // of native stack, the most that one function takes
};

// Machine code that may lie anywhere, with what it needs beside it.
struct Compiled {
  std::vector<u8> code;
  u32 enter = 0;                // offset of an EnterCode
  std::vector<u32> functions;   // offsets, by subprogram
  std::vector<CodeLine> lines;  // by offset
  std::vector<Site> sites;      // what State::address is accessed as
  std::vector<GuardSite> guards;
  std::vector<SitePart> parts;
  std::string text;
  CompileStats stats;
};

inline constexpr u32 kMaxFrameBytes = 1024;  // of native stack, one function

// Fails for what can't be compiled, with the insn and the reason: not_runnable.
Result<Compiled> compile(const Image& image, const World& world, const CompileOptions& options);

}  // namespace skep::jit
