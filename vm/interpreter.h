// The interpreter's parts that its files share. Users include vm/vm.h.
#pragma once

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "vm/backend.h"
#include "vm/code.h"
#include "vm/engine.h"
#include "vm/map_table.h"
#include "vm/memory.h"

namespace skep {

class InterpretedProgram;

// What a tail call enters, with the way back to the program.
struct InterpretedCallable : Callable {
  const InterpretedProgram* program = nullptr;
};

// The region that a base register's last access fell into: an access of 2^k bytes at `address`
// lies in it if address - base < limit[k]. All limits 0: none known.
struct Hint {
  u64 base = 0;
  u64 limit[4] = {};
};

// A caller that waits for a local call.
struct Waiting {
  const Step* back;
  const InterpretedProgram* program;  // a tail call may have put another in its place
  u64 saved[4];                       // r6 to r9
  u64 frame_end;                      // r10
  u32 loops;
};

// The interpreter's side of a run: all that its steps work on.
struct Exec {
  u64 regs[kRegs] = {};  // first, so that handlers reach them with short offsets
  u32 loops = 0;         // what may_goto may still repeat in this frame
  u32 waiters = 0;
  u32 first_waiter = 0;  // of the function that was entered last from outside: its exit leaves
  u32 hinted = 0;        // hints that are set: bit r for reads[r], bit 16 + r for writes[r]
  u32 stack_hints = 0;   // of these, the ones that are frames
  Run* run = nullptr;
  const InterpretedProgram* program = nullptr;  // that runs now
  Hint reads[kRegs];
  Hint writes[kRegs];
  Waiting waiting[kMaxFrames];
  void (*trace)(void* user, Pc pc, const Image& image, const u64 (&regs)[kRegs]) = nullptr;
  void* trace_user = nullptr;
};

// Runs from `start`, a function's first step, in a new frame until its exit, on r1 to r5 = args;
// gives r0. Looks and leaves: run->budget, run->fault.
u64 execute(Exec& exec, const InterpretedProgram& program, const Step* start, const u64 (&args)[5]);

// Clears all hints: some region has died or moved.
void forget_hints(Exec& exec);
// Run::forget: the same.
void forget_regions(Run& run);
// Clears those that lead to the frame at `base`.
void forget_frame(Exec& exec, u64 base);

// Run::invoke: runs the function at `function` of the program that runs now.
u64 invoke_callback(Run& run, u64 function, const u64 (&args)[5]);

// Callable::enter of interpreted programs.
u64 enter_interpreted(Run& run, const Callable& self);

class InterpretedProgram final : public Loaded {
 public:
  static Result<std::unique_ptr<Loaded>> make(std::shared_ptr<const Image> image,
                                              std::span<Map* const> maps,
                                              InterpreterOptions options);
  RunResult run(Frame& frame, const RunOptions& options) override;
  const Callable* callable() const override { return &callable_; }

  const Image& image() const { return program_.image(); }
  const StepCode& code() const { return code_; }
  Mode mode() const { return program_.mode(); }
  void become_current(Run& run) const { program_.become_current(run); }

 private:
  InterpretedProgram() = default;

  EngineProgram program_;
  StepCode code_;
  InterpretedCallable callable_;
};

}  // namespace skep
