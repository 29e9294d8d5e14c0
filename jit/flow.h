// Flow: one function of a program as blocks of instructions, with what each register's value is
// worth where they begin. The lifter's view of a function, before there is any representation.
//
// Blocks are those that budgets are charged by (isa/cfg.h). Tested by tests/jit/lift_test.cpp.
#pragma once

#include <span>
#include <vector>

#include "helpers/spec/image.h"
#include "isa/facts.h"

namespace skep {

// What a block keeps from insn to insn: r0 to r9, and how often may_goto may still go on.
inline constexpr u32 kVariables = 11;
inline constexpr u32 kLoopsVariable = 10;

struct FlowBlock {
  Pc first;
  Pc last;                 // its last insn
  u32 successors[2] = {};  // jumped to first
  u32 successor_count = 0;
  u32 predecessors = 0;       // edges from blocks that can be reached
  u16 reads = 0, writes = 0;  // variables: read before they are written, written
  u16 live = 0;               // that are read before they are written, from here on
};

// A function with a gotox may go on at any insn, so there each is a block and all are reached; the
// way is by one place that hands on all variables.
struct Flow {
  bool anywhere = false;
  std::vector<FlowBlock> blocks;  // by pc
  std::vector<u32> order;         // those that can be reached, in reverse post-order
};

// Variables that an insn reads and writes, as bits.
u16 variables_read(const Image& image, const Decoded& insn);
u16 variables_written(const Decoded& insn);

// `costs` is block_costs(image.program).
Flow find_flow(const Image& image, const Subprogram& function, std::span<const u32> costs,
               const Facts* facts);

}  // namespace skep
