// What the emitters are given and give, and where emitted code finds the state of its run.
//
// Operands whose place is a slot pass through the scratch registers: the first operand and the
// result through scratch 0, the second one through scratch 1. An address takes scratch 0 at most.
// Tested by tests/jit/emit_test.cpp.
#pragma once

#include <bit>
#include <cstddef>

#include "jit/jit.h"
#include "jit/regalloc.h"

namespace skep::jit {

struct EmitOptions {
  const World* world = nullptr;
  u64 identity = 0;
  bool text = false;
};

Result<Compiled> emit_x64(const ir::Module& module, std::span<const Allocation> allocations,
                          const EmitOptions& options);
Result<Compiled> emit_a64(const ir::Module& module, std::span<const Allocation> allocations,
                          const EmitOptions& options);

// An address: base + (index << scale) + disp.
struct Mem {
  MachineReg base = kNoReg;
  MachineReg index = kNoReg;
  u8 scale = 0;
  i32 disp = 0;
};

// A function's native frame.
struct NativeFrame {
  u32 saved = 0;  // bits of the registers that are saved
  u32 slots = 0;
  u32 cleared = 0;            // slots of the program's frame that are cleared
  bool opens = true;          // the program's frame is counted
  bool tracks_hints = false;  // checked accesses: hints of a frame are forgotten when it is closed
  bool unclear = false;       // what is not cleared is noted in Run::unclear
};

namespace at {  // where things are from the pinned State on
inline constexpr u32 kRun = offsetof(State, run);
inline constexpr u32 kBudget = kRun + offsetof(Run, budget);
inline constexpr u32 kDepth = kRun + offsetof(Run, depth);
inline constexpr u32 kPc = kRun + offsetof(Run, pc);
inline constexpr u32 kFaultSet = kRun + offsetof(Run, fault) + offsetof(Fault, set);
inline constexpr u32 kContext = kRun + offsetof(Run, context);
inline constexpr u32 kArgument2 = kRun + offsetof(Run, argument2);
inline constexpr u32 kStack = kRun + offsetof(Run, stack);
inline constexpr u32 kUnclear = kRun + offsetof(Run, unclear);
inline constexpr u32 kRuntime = offsetof(State, runtime);
inline constexpr u32 kProgram = offsetof(State, program);
inline constexpr u32 kAddress = offsetof(State, address);
inline constexpr u32 kValue = offsetof(State, value);
inline constexpr u32 kArguments = offsetof(State, arguments);
inline constexpr u32 kStackHints = offsetof(State, stack_hints);

constexpr u32 hint(u8 access, u8 number) {
  const u32 table = (access & kWrite) != 0 ? offsetof(State, writes) : offsetof(State, reads);
  return table + number * sizeof(Hint);
}
inline constexpr u32 kBase = offsetof(Hint, base);
constexpr u32 limit(u32 bytes) {
  return offsetof(Hint, limit) + 8 * static_cast<u32>(std::countr_zero(bytes));
}
}  // namespace at

}  // namespace skep::jit
