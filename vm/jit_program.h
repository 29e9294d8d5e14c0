// A program loaded into the JIT, and its side of a run. Users include vm/jit_backend.h.
#pragma once

#include "jit/code_cache.h"
#include "jit/jit.h"
#include "vm/engine.h"

namespace skep {

class JitProgram;

// What a tail call enters, with the way back to the program.
struct JitCallable : Callable {
  const JitProgram* program = nullptr;
};

class JitProgram final : public Loaded {
 public:
  static Result<std::unique_ptr<Loaded>> make(std::shared_ptr<const Image> image,
                                              std::span<Map* const> maps, Mode mode,
                                              jit::CompileOptions options, jit::CodeCache& cache);
  RunResult run(Frame& frame, const RunOptions& options) override;
  const Callable* callable() const override { return &callable_; }

  const Image& image() const { return program_.image(); }
  Mode mode() const { return program_.mode(); }
  const jit::Compiled& compiled() const { return compiled_; }
  // Makes this the program that the run runs.
  void become_current(jit::State& state) const;
  // Runs a function from outside of emitted code; gives r0. Afterwards look at Run::fault.
  u64 enter(jit::State& state, u32 function, const u64* args) const;
  u64 address_of(u32 function) const { return code_.address() + compiled_.functions[function]; }
  // The subprogram that a made-up address is the start of; kNoFunction for anything else.
  static constexpr u32 kNoFunction = ~0u;
  u32 function_at(u64 address) const;

 private:
  JitProgram() = default;

  EngineProgram program_;
  jit::Compiled compiled_;  // its code is in code_
  jit::Code code_;
  JitCallable callable_;
};

// Readies the State of a run.
void begin_state(jit::State& state);
// Clears all hints: some region has died or moved.
void forget_hints(jit::State& state);
// After a call: if a tail call in it left another program current, `program` is made it again.
void resume(jit::State& state, const JitProgram& program);
// Callable::enter of compiled programs.
u64 enter_jit(Run& run, const Callable& self);

extern const jit::Runtime kJitRuntime;

}  // namespace skep
