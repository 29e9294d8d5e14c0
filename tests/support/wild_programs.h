// Random programs that decode and no more: for checked mode, where most of them end in a fault.
//
// Registers hold anything, jumps go anywhere in their function, accesses go through whatever is
// there, though often enough through r10, or r6, which main sets to the context, to come far.
// Equal seeds give equal programs. They use generator_maps().
#pragma once

#include <vector>

#include "isa/insn.h"

namespace skep::test {

std::vector<Insn> wild_program(u64 seed, u32 insns = 40);

}  // namespace skep::test
