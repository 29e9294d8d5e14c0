// Target: what the allocator and the driver of the emitters need to know of a machine, as data.
// Registers are numbers, the machine's own. Tested by tests/jit/regalloc_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "jit/ir.h"

namespace skep::jit {

using MachineReg = u8;
inline constexpr MachineReg kNoReg = 0xff;

constexpr u32 bit(MachineReg reg) {
  return 1u << reg;
}

// Registers that an instruction destroys.
struct Clobbers {
  u32 across = 0;  // no value may be in one that lives beyond the instruction
  u32 temps = 0;   // nor may an operand be: they are written before operands are read
};

struct Target {
  std::string_view name;
  std::span<const MachineReg> allocatable;  // in order of preference
  u32 caller_saved = 0;                     // that a call may change
  MachineReg arguments[6];                  // of the C convention: the State, then r1 to r5
  MachineReg result;
  MachineReg state;       // pinned: the State
  MachineReg frame;       // pinned: r10
  MachineReg scratch[2];  // never allocated: operands that are in slots pass through them
  bool two_address;       // a result best lies where its first operand lay
  Clobbers (*clobbers)(const ir::Inst& inst);
};

extern const Target kX64;
extern const Target kA64;
#if defined(__aarch64__)
inline const Target& host_target() {
  return kA64;
}
#else
inline const Target& host_target() {
  return kX64;
}
#endif

// Calls, as the allocator sees them: all that leaves emitted code with its results in a register.
bool is_call(const ir::Inst& inst);

}  // namespace skep::jit
