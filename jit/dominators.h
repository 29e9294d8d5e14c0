// Dominators of a function's blocks, and the loops that they show.
//
// Lengauer and Tarjan's algorithm with path compression: O(edges * log(blocks)) for any graph, and
// without recursion, for programs come from strangers. Tested by tests/jit/ir_test.cpp.
#pragma once

#include "jit/ir.h"

namespace skep::ir {

struct Dominators {
  // By BlockId; kNone for the entry and for blocks that can't be reached.
  std::vector<BlockId> parent;  // the block that immediately dominates it
  // Numbers of a walk through the tree, by BlockId: a dominates b if a's stretch holds b's.
  std::vector<u32> enter, leave;
  std::vector<BlockId> preorder;  // of the tree: parents before children

  bool dominates(BlockId a, BlockId b) const {
    return enter[a] <= enter[b] && leave[b] <= leave[a];
  }
};

Dominators find_dominators(const Function& function);

// Sets Block::depth: how many natural loops are around each block.
void find_loops(Function& function, const Dominators& dominators);

}  // namespace skep::ir
