// What emitted code and its engine share while a program runs: State, and the functions of the
// engine that emitted code calls for all that it does not do itself.
//
// State begins with the Run, so one pinned register reaches both. Emitted code calls the engine
// through Runtime, so it holds no addresses of ours, and is the same text on every host. A function
// that can fail sets the run's fault; emitted code looks at Run::fault after each call and leaves.
//
// Functions of a program call each other with r1 to r5 in the registers of Target::arguments and
// get r0 in Target::result; State and the end of the frame (r10) are in registers of their own.
// Tested by tests/jit/emit_test.cpp and, through the backend, by tests/vm/jit_test.cpp.
#pragma once

#include "isa/run.h"

namespace skep {

struct HostHelper;

namespace jit {

struct State;

// The region that the accesses through a base register fell into last: an access of 2^k bytes at
// `address` lies in it if address - base < limit[k]. All limits 0: none known.
struct Hint {
  u64 base = 0;
  u64 limit[4] = {};
};

// A checked access, or one that is only to be judged.
struct Site {
  enum class Kind : u8 { Load, Store, Judge };
  Kind kind = Kind::Judge;
  u8 size = 0;
  u8 access = 0;  // Access bits
  u8 hint = 0;    // in State::reads or writes
  bool sign_extend = false;
  bool may_be_context = false;
  Pc pc;
};

// One part of what a guard stands for, beside State::address.
struct SitePart {
  Pc pc;
  i32 disp = 0;
  u8 size = 0;
  u8 access = 0;
};

// A guard: `parts` from `first` on in the program's parts. The whole is `size` bytes.
struct GuardSite {
  u32 first = 0;
  u32 parts = 0;
  u32 size = 0;
  u8 access = 0;
  u8 hint = 0;
};

// What tail_call() decided: kFailed: go on with r0 = -ENOENT; kDone: the target has run elsewhere,
// leave this function with r0; else where to jump to.
struct TailResult {
  static constexpr u64 kFailed = 0;
  static constexpr u64 kDone = 1;
  u64 entry;
  u64 r0;
};

// Arguments that are no addresses: pc is an instruction's, `shape` an access's size, and 0x80 where
// it is sign-extended.
struct Runtime {
  // Judges and makes the access of State::address and value that sites[site] describes.
  void (*access)(State& state, u64 site);
  void (*guard)(State& state, u64 site);
  u64 (*load_context)(State& state, u64 offset, u64 shape, u64 pc);
  void (*store_context)(State& state, u64 offset, u64 size, u64 value, u64 pc);
  u64 (*load_kernel)(State& state, u64 address, u64 shape, u64 pc);
  u64 (*load_packet)(State& state, u64 offset, u64 size);  // all ones if there are none
  void (*check_code)(State& state, u64 address, u64 pc);
  // The arguments of the program's call are in State::arguments.
  u64 (*call_host)(State& state, u64 helper, u64 pc);
  u64 (*call_indirect)(State& state, u64 target, u64 pc);
  TailResult (*tail_call)(State& state, u64 handle, u64 index, u64 pc);
  void (*fault)(State& state, u64 code, u64 address, u64 size_and_access, u64 pc);  // access << 32
  void (*out_of_budget)(State& state, u64 cost, u64 pc);
  void (*too_many_frames)(State& state, u64 pc);  // kKeepPc: at Run::pc, the call's
  void (*forget_frame)(State& state);             // hints that lead to the frame just closed
  void (*resume)(State& state, u64 program);      // after a call out of which another came
};
inline constexpr u64 kKeepPc = ~u64{0};

struct State {
  Run run;
  const Runtime* runtime = nullptr;
  const void* program = nullptr;  // of the engine: the one that runs now
  u64 address = 0;                // of the access that goes to Runtime::access
  u64 value = 0;                  // that it stores or has loaded
  u64 arguments[5] = {};
  u32 hinted = 0;       // hints that are set: bit r for reads[r], bit 16 + r for writes[r]
  u32 stack_hints = 0;  // of these, the ones that are frames
  Hint reads[kRegs];
  Hint writes[kRegs];
};

// How emitted code is entered: gives r0. `function` is the address of one of the program's.
using EnterCode = u64 (*)(State& state, const u64* args, u64 function);

}  // namespace jit
}  // namespace skep
