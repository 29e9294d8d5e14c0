// Finds the first insns of basic blocks, function by function. Tested by tests/isa/cfg_test.cpp.

#include "isa/cfg.h"

#include <algorithm>

namespace skep {
namespace {

bool ends_block(const Decoded& insn) {
  return insn.is_jump() || !insn.falls_through();
}

// Sets starts[pc] for each first insn of a block in the function.
void mark_starts(const Program& program, const Subprogram& function, std::vector<bool>& starts) {
  const auto all =
      program.decoded().subspan(function.first.value, function.end.value - function.first.value);
  const bool anywhere = std::ranges::find(all, Op::Gotox, &Decoded::op) != all.end();
  starts[function.first.value] = true;
  for (Pc pc = function.first; pc < function.end; pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    if (anywhere) starts[pc.value] = true;
    if (insn.is_jump()) starts[insn.target.value] = true;
    if (ends_block(insn) && pc + 1 < function.end) starts[pc.value + 1] = true;
  }
}

}  // namespace

std::vector<u32> block_costs(const Program& program) {
  std::vector<bool> starts(program.size(), false);
  for (const Subprogram& function : program.subprograms()) mark_starts(program, function, starts);
  std::vector<u32> costs(program.size(), 0);
  u32 block = 0;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    if (starts[pc.value]) block = pc.value;
    ++costs[block];
  }
  return costs;
}

}  // namespace skep
