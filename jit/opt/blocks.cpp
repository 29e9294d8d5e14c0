// Blocks that need not be: one that is entered by a jump alone, from a block that goes nowhere
// else, becomes the rest of that block. Tested by tests/agree/passes.cpp and
// tests/filetests/ir/blocks.test.

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

// Puts the insts of `next` at the end of `block`, in place of the jump there.
void join(Function& function, BlockId id, BlockId next_id) {
  Block& block = function.blocks[id];
  Block& next = function.blocks[next_id];
  remove(function, block.last);
  for (Ref ref = next.first; ref != kNone; ref = function.at(ref).next) function.at(ref).block = id;
  if (block.last == kNone) {
    block.first = next.first;
  } else {
    function.at(block.last).next = next.first;
    function.at(next.first).prev = block.last;
  }
  block.last = next.last;
  block.edges[0] = next.edges[0];
  block.edges[1] = next.edges[1];
  block.edge_count = next.edge_count;
  next.first = next.last = kNone;
  next.edge_count = 0;
}

}  // namespace

void blocks(Function& function) {
  std::vector<u32> ways(function.blocks.size(), 0);
  for (const BlockId block : function.order) {
    for (const Edge& edge : function.edges(block)) ++ways[edge.to];
  }
  Replacements replacements(function);
  std::vector<bool> gone(function.blocks.size(), false);
  for (const BlockId block : function.order) {
    if (gone[block]) continue;
    while (function.blocks[block].edge_count == 1) {
      const Edge edge = function.blocks[block].edges[0];
      if (ways[edge.to] != 1 || edge.to == block) break;
      for (u32 i = 0; i < edge.count; ++i) {
        replacements.replace(function.params(edge.to)[i], function.args(edge)[i]);
      }
      join(function, block, edge.to);
      gone[edge.to] = true;
    }
  }
  std::erase_if(function.order, [&](BlockId block) { return gone[block]; });
  replacements.apply(function);
}

}  // namespace skep::ir::opt
