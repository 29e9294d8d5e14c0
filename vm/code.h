// StepCode: a program as the interpreter runs it. Each instruction is a Step of 32 bytes that holds
// its handler, its operands and the cost of the block that starts there.
//
// A handler is a function that does one step and goes on to the next one's handler by a tail call
// (vm/handlers.h). Steps are the instructions in order, with few of the interpreter's own between.
// Tested by tests/vm/rows_test.cpp.
#pragma once

#include <memory>
#include <span>

#include "helpers/spec/image.h"
#include "isa/run.h"

namespace skep {

struct Exec;
struct Step;

// Gives the step to go on with, whose handler is then called with run->budget; null at the end of
// the run.
using Handler = const Step* (*)(const Step* step, Exec* exec, i64 budget);

struct Step {
  Handler handler = nullptr;
  i32 off = 0;   // of the access; jumps and local calls: distance to the target in bytes
  u32 cost = 0;  // insns of the block that starts here, 0 if none does
  i64 imm = 0;   // operand; CallHelper: the entry
  u8 dst = 0;
  u8 src = 0;
  u8 size = 0;   // context, packet and kernel accesses: bytes, sign in the top bit; other accesses:
                 // 1 if the address may turn out to be of a context that is read through fields
  u8 frame = 0;  // first step of a function: 8-byte slots to clear, from r10 down
  u32 pc = 0;    // of the instruction, for faults
};
static_assert(sizeof(Step) == 32);

struct StepCode {
  std::unique_ptr<Step[]> steps;
  u32 count = 0;
  std::unique_ptr<u32[]> step_of;  // by pc; kNoStep for second slots
  static constexpr u32 kNoStep = ~0u;

  const Step* at(Pc pc) const { return &steps[step_of[pc.value]]; }
};

struct LowerOptions {
  bool checked = true;  // accesses look their address up
  bool trace = false;   // steps that call Exec::trace stand before the instructions
};

// Fails for what this engine can't run.
Result<StepCode> lower(const Image& image, std::span<Map* const> maps, LowerOptions options);

}  // namespace skep
