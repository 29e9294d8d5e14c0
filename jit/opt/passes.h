// The passes: each takes a function that validate() accepts and leaves one, and changes nothing
// that a run can tell: result, memory, faults and their place, budget. One file each.
#pragma once

#include "jit/lift.h"

namespace skep::ir::opt {

// Takes out parameters that are the same value on every way in, and copies of copies of it.
void simplify_params(Function& function);

// Takes out what nobody needs: values, parameters, blocks.
void dce(Function& function);

// Computes what is constant, and says things the plainer way.
void fold(Function& function);

// Computes what is computed twice once.
void gvn(Function& function);

// Joins blocks that always follow each other.
void blocks(Function& function);

// Makes values of stack slots.
void slots(Module& module, const World& world);

// Leaves out what does not matter by what is known of numbers.
void narrow(Function& function);

// Does without calls what helpers do in a few insts.
void calls(Module& module, const World& world);

// Takes what a branch has told for known behind it.
void implied(Function& function);

// Says rotations and divisions by constants with one operation, or a few.
void idioms(Function& function);

// Loads bytes that are joined at once.
void wide_loads(Function& function);

// Drops checks of what was checked before.
void guards(Function& function);

// Puts sums into the accesses that go by them.
void address(Function& function);

}  // namespace skep::ir::opt
