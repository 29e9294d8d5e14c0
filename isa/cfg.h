// Basic blocks: where they start and how many insns each has. Budgets are charged by them, so
// every engine must cut programs in the same way. Tested by tests/isa/cfg_test.cpp.
//
// A block starts at a function's first insn, at each target of a jump and after each insn that
// may jump or ends a function. Calls do not end blocks. A function with a gotox may be entered
// anywhere, so there each insn is a block.
#pragma once

#include "isa/program.h"

namespace skep {

// Insns of the block that starts at each pc (an lddw counts one); 0 where none starts.
std::vector<u32> block_costs(const Program& program);

}  // namespace skep
