// Handlers: what does the steps of the interpreter. One function a form of each row of insn.def,
// and for the frequent ones one a pair of registers too, all instances of few templates.
//
// A handler ends in go_on(), which calls the next step's handler as its last act. Compilers make
// that a jump, so a program runs as a chain of jumps from handler to handler; g++ 12 and clang 19
// do, given that no local variable's address is known to anyone. Where that is not certain
// (sanitizers, builds without optimisation), go_on() returns the step and execute() calls it: the
// same handlers, slower. Rare paths, and those that need addresses of locals, always return.
//
// Why so many: a handler for fixed registers finds them at fixed addresses, so processors that
// forward stores to loads learn who reads what; measured 1.5 times as fast as one handler for all
// registers (g++ 12, Zen 5).
#pragma once

#include <array>
#include <utility>

#include "vm/interpreter.h"

// Set by CMakeLists.txt for the files that are compiled so that it holds.
#ifndef SKEP_TAIL_CALLS
#define SKEP_TAIL_CALLS 0
#endif

namespace skep {

// Handlers for instructions by family. `checked`: the access looks its address up.
Handler arithmetic_handler(const Decoded& insn);  // ALU, UNARY, MOVSX, SWAP; LDDW: dst = imm
Handler jump_handler(const Decoded& insn);        // JUMP
Handler memory_handler(const Decoded& insn, bool checked);  // loads, stores; ATOMIC, ORDERED

// The steps that are not one of many forms.
enum class Control : u8 {
  Jump,
  Gotox,
  MayGoto,
  CallHelper,
  CallLocal,
  Callx,
  TailCall,
  Exit,
  CallHost,         // a helper of the host
  BadHelper,        // a call of something that has no body
  ForbiddenHelper,  // a call of a helper that the host's program type may not call
  ReadOnly,         // a write to r10
  Charge,           // before a block that is entered without a jump: charges it
  Trace,            // calls Exec::trace
  LoadContext,
  StoreContext,
  StoreContextImm,  // through a field, at `off`
  LoadKernel,       // through a pointer that the kernel may have given
  LoadAbs,
  LoadInd,
};
Handler control_handler(Control control);

// The rest is for the files that define handlers.
namespace {

// Register numbers as template arguments: 0 to 10, or
constexpr int kAny = -1;  // the step says which
constexpr int kImm = -2;  // none: the operand is the step's imm

template <int R>
inline u64& reg(Exec* exec, u8 number) {
  if constexpr (R == kAny) {
    return exec->regs[number];
  } else {
    return exec->regs[R];
  }
}

// Leaves the chain of handlers: execute() goes on with `step`.
inline const Step* leave(const Step* step, Exec* exec, i64 budget) {
  exec->run->budget = budget;
  return step;
}

inline const Step* stop(Exec* exec, i64 budget) {
  return leave(nullptr, exec, budget);
}

[[gnu::always_inline]] inline const Step* go_on(const Step* step, Exec* exec, i64 budget) {
#if SKEP_TAIL_CALLS
  return step->handler(step, exec, budget);
#else
  return leave(step, exec, budget);
#endif
}

// `budget` does not pay for the block at `step`.
[[gnu::noinline, gnu::cold]] inline const Step* out_of_budget(const Step* step, Exec* exec,
                                                              i64 budget) {
  exec->run->pc = {step->pc};
  exec->run->set_fault(Code::budget_spent);
  return stop(exec, budget + step->cost);
}

// Goes on with another block, which is charged, or the run stops before it.
[[gnu::always_inline]] inline const Step* enter_block(const Step* step, Exec* exec, i64 budget) {
  budget -= step->cost;
  if (budget < 0) [[unlikely]]
    return out_of_budget(step, exec, budget);
  return go_on(step, exec, budget);
}

constexpr u32 kMaxLoops = 8 * 1024 * 1024;  // Linux include/linux/bpf.h, BPF_MAX_LOOPS: may_goto

// Opens a frame for the function that starts at `first`, and points r10 at its end. False, with a
// fault, if there are too many.
inline bool open_frame(Exec& exec, const Step* first) {
  Run& run = *exec.run;
  if (run.depth >= kMaxFrames) [[unlikely]] {
    run.set_fault(Code::too_many_frames);
    return false;
  }
  u8* end = run.stack + (run.depth + 1) * kStackSize;
  u16& unclear = run.unclear[run.depth++];
  unclear = 0;
  if (run.mode != Mode::Proved) {
    const u32 named = first->frame * 8u;
    if (named != 0) std::memset(end - named, 0, named);
    unclear = static_cast<u16>(kStackSize - named);
  }
  exec.regs[kFrameReg] = reinterpret_cast<u64>(end);
  exec.loops = kMaxLoops;
  return true;
}

// Closes the last one.
inline void close_frame(Exec& exec) {
  Run& run = *exec.run;
  --run.depth;
  if (exec.stack_hints == 0) return;
  forget_frame(exec, reinterpret_cast<u64>(run.stack + run.depth * kStackSize));
}

inline const Step* target_of(const Step* step) {
  return reinterpret_cast<const Step*>(reinterpret_cast<const char*>(step) + step->off);
}

// A Family is a struct template's instance with `template <int D, int S> static const Step*
// run(...)`. With SKEP_FEW_HANDLERS only handlers for any register are made: for sanitizers, whose
// builds would take too long.
template <class Family, int S>
constexpr Handler for_any_dst() {
  return &Family::template run<kAny, S>;
}

template <class Family, int S>
inline Handler for_dst([[maybe_unused]] u8 dst) {
#ifdef SKEP_FEW_HANDLERS
  return for_any_dst<Family, S>();
#else
  static constexpr auto kTable = []<int... D>(std::integer_sequence<int, D...>) {
    return std::array<Handler, sizeof...(D)>{&Family::template run<D, S>...};
  }(std::make_integer_sequence<int, kRegs>{});
  return kTable[dst];
#endif
}

template <class Family>
inline Handler for_regs([[maybe_unused]] u8 dst, [[maybe_unused]] u8 src) {
#ifdef SKEP_FEW_HANDLERS
  return for_any_dst<Family, kAny>();
#else
  static constexpr auto kTable = []<int... I>(std::integer_sequence<int, I...>) {
    return std::array<Handler, sizeof...(I)>{&Family::template run<I / kRegs, I % kRegs>...};
  }(std::make_integer_sequence<int, kRegs * kRegs>{});
  return kTable[static_cast<std::size_t>(dst) * kRegs + src];
#endif
}

}  // namespace
}  // namespace skep
