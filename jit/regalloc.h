// Register allocation: one linear scan for all machines, over the values of a function in SSA form.
//
// A value has one place for all of its life: a register, or a slot of 8 bytes on the native stack.
// Its life is one stretch of positions, from its definition to its last use in the order of the
// blocks, drawn out over every loop that it may be live around. Constants and addresses in the
// frame have no place: they are made anew where they are used.
//
// Where two values want one register, the one that is used less often for its length goes to a
// slot. Values get the register that they will be wanted in where that is free: arguments of calls
// and of edges, results. The time is linear in insns but for a logarithm. Tested by
// tests/jit/regalloc_test.cpp; what comes out is checked by jit/regalloc_check.cpp in debug builds.
#pragma once

#include "jit/target.h"

namespace skep::jit {

// Where values are, by Ref.
struct Allocation {
  static constexpr u32 kNowhere = ~0u;  // no result, nobody uses it, or made anew at each use
  static constexpr u32 kFirstSlot = 32;
  std::vector<u32> place;  // a register's number, or kFirstSlot + slot
  u32 slots = 0;
  u32 registers = 0;  // bits of those that are used

  static bool is_reg(u32 place) { return place < kFirstSlot; }
  static bool is_slot(u32 place) { return place >= kFirstSlot && place != kNowhere; }
};

// Values that are made anew at each use.
inline bool is_remade(const ir::Inst& inst) {
  return inst.op == ir::Op::Const || inst.op == ir::Op::FrameAddress;
}

Allocation allocate(const ir::Function& function, const Target& target);

// What is wrong with an allocation, or "" if nothing: walks the function with what each place
// holds, on every path, and looks at each use. Knows nothing of how it was made.
std::string check_allocation(const ir::Function& function, const Target& target,
                             const Allocation& allocation);

}  // namespace skep::jit
