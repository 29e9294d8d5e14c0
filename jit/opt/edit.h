// What several passes need: who comes to a block, and replacing values. Tested by the passes'
// tests.
#pragma once

#include "jit/ir.h"

namespace skep::ir::opt {

// For each block the edges that lead to it, as stretches of one array.
struct Predecessors {
  struct From {
    BlockId block;
    u32 edge;  // 0 or 1
  };
  std::vector<u32> first;  // by BlockId, one more than there are
  std::vector<From> all;

  std::span<const From> of(BlockId block) const {
    return std::span(all).subspan(first[block], first[block + 1] - first[block]);
  }
};
Predecessors find_predecessors(const Function& function);

// Values to be used in place of others. Chains are followed, so an entry may name a replaced value.
class Replacements {
 public:
  explicit Replacements(const Function& function) : by_(function.insts.size(), kNone) {}
  void replace(Ref value, Ref by) { by_[value] = by; }
  bool is_replaced(Ref value) const { return value < by_.size() && by_[value] != kNone; }
  Ref of(Ref value);
  // Changes all operands and arguments of the function.
  void apply(Function& function);

 private:
  std::vector<Ref> by_;
};

// Takes the parameters with goes[Ref] out of their blocks, and what edges bring for them.
void drop_params(Function& function, const std::vector<bool>& goes);

}  // namespace skep::ir::opt
