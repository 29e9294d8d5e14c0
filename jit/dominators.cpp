// Lengauer and Tarjan, "A fast algorithm for finding dominators in a flowgraph" (1979), the simple
// version; names are the paper's. Tested by tests/jit/ir_test.cpp.

#include "jit/dominators.h"

#include <algorithm>

namespace skep::ir {
namespace {

// Vertices are numbered from 0 in the order of a depth-first search.
class Finder {
 public:
  explicit Finder(const Function& function) : function_(function) {}

  Dominators run() {
    const u32 blocks = static_cast<u32>(function_.blocks.size());
    number_.assign(blocks, kNone);
    search();
    gather_predecessors();
    find_semi();
    Dominators result;
    result.parent.assign(blocks, kNone);
    for (u32 v = 1; v < vertex_.size(); ++v) result.parent[vertex_[v]] = vertex_[dom_[v]];
    number_tree(result);
    return result;
  }

 private:
  void search() {
    std::vector<std::pair<BlockId, u32>> stack{{function_.order.front(), 0}};  // and its parent
    while (!stack.empty()) {
      const auto [block, parent] = stack.back();
      stack.pop_back();
      if (number_[block] != kNone) continue;
      const u32 v = number_[block] = static_cast<u32>(vertex_.size());
      vertex_.push_back(block);
      parent_.push_back(parent);
      for (const Edge& edge : function_.edges(block)) {
        if (number_[edge.to] == kNone) stack.push_back({edge.to, v});
      }
    }
  }

  void gather_predecessors() {
    const u32 count = static_cast<u32>(vertex_.size());
    first_.assign(count + 1, 0);
    for (const BlockId block : vertex_) {
      for (const Edge& edge : function_.edges(block)) ++first_[number_[edge.to] + 1];
    }
    for (u32 v = 0; v < count; ++v) first_[v + 1] += first_[v];
    predecessors_.resize(first_[count]);
    std::vector<u32> at(first_.begin(), first_.end() - 1);
    for (u32 v = 0; v < count; ++v) {
      for (const Edge& edge : function_.edges(vertex_[v])) {
        predecessors_[at[number_[edge.to]]++] = v;
      }
    }
  }

  void find_semi() {
    const u32 count = static_cast<u32>(vertex_.size());
    ancestor_.assign(count, kNone);
    dom_.assign(count, 0);
    for (u32 v = 0; v < count; ++v) semi_.push_back(v), label_.push_back(v);
    std::vector<u32> bucket(count, kNone), next(count, kNone);
    for (u32 w = count; w-- > 1;) {
      for (u32 i = first_[w]; i < first_[w + 1]; ++i) {
        semi_[w] = std::min(semi_[w], semi_[eval(predecessors_[i])]);
      }
      next[w] = bucket[semi_[w]];
      bucket[semi_[w]] = w;
      const u32 parent = parent_[w];
      ancestor_[w] = parent;
      for (u32 v = bucket[parent]; v != kNone; v = next[v]) {
        const u32 u = eval(v);
        dom_[v] = semi_[u] < semi_[v] ? u : parent;
      }
      bucket[parent] = kNone;
    }
    for (u32 w = 1; w < count; ++w) {
      if (dom_[w] != semi_[w]) dom_[w] = dom_[dom_[w]];
    }
  }

  u32 eval(u32 v) {
    if (ancestor_[v] == kNone) return v;
    path_.clear();
    for (u32 u = v; ancestor_[ancestor_[u]] != kNone; u = ancestor_[u]) path_.push_back(u);
    for (; !path_.empty(); path_.pop_back()) {
      const u32 u = path_.back();
      const u32 above = ancestor_[u];
      if (semi_[label_[above]] < semi_[label_[u]]) label_[u] = label_[above];
      ancestor_[u] = ancestor_[above];
    }
    return label_[v];
  }

  // Children by parent, then a walk.
  void number_tree(Dominators& result) {
    const u32 blocks = static_cast<u32>(function_.blocks.size());
    std::vector<BlockId> child(blocks, kNone), sibling(blocks, kNone);
    for (u32 v = static_cast<u32>(vertex_.size()); v-- > 1;) {
      const BlockId block = vertex_[v];
      sibling[block] = child[result.parent[block]];
      child[result.parent[block]] = block;
    }
    result.enter.assign(blocks, 0);
    result.leave.assign(blocks, 0);
    u32 clock = 1;
    BlockId block = function_.order.front();
    for (;;) {
      result.enter[block] = clock++;
      result.preorder.push_back(block);
      if (child[block] != kNone) {
        block = child[block];
        continue;
      }
      while (block != kNone && sibling[block] == kNone) {
        result.leave[block] = clock++;
        block = result.parent[block];
      }
      if (block == kNone) return;
      result.leave[block] = clock++;
      block = sibling[block];
    }
  }

  const Function& function_;
  std::vector<u32> number_;      // by BlockId
  std::vector<BlockId> vertex_;  // the rest by number
  std::vector<u32> parent_, semi_, dom_, ancestor_, label_;
  std::vector<u32> first_, predecessors_;
  std::vector<u32> path_;
};

// Finds loops from the innermost out: each that was found is one vertex from then on, so that every
// block is walked once, however deep the loops are.
class LoopFinder {
 public:
  LoopFinder(Function& function, const Dominators& dominators)
      : function_(function), dominators_(dominators) {}

  void run() {
    const u32 blocks = static_cast<u32>(function_.blocks.size());
    loop_.assign(blocks, kNone);
    for (BlockId block = 0; block < blocks; ++block) outermost_.push_back(block);
    gather_predecessors();
    const auto& order = dominators_.preorder;
    for (std::size_t i = order.size(); i-- > 0;) collect(order[i]);
    for (const BlockId block : order) {
      const BlockId header = loop_[block];
      function_.blocks[block].depth =
          (header == kNone ? 0 : function_.blocks[header].depth) + is_header_[block];
    }
  }

 private:
  void gather_predecessors() {
    first_.assign(function_.blocks.size() + 1, 0);
    for (const BlockId block : dominators_.preorder) {
      for (const Edge& edge : function_.edges(block)) ++first_[edge.to + 1];
    }
    for (std::size_t i = 1; i < first_.size(); ++i) first_[i] += first_[i - 1];
    predecessors_.resize(first_.back());
    std::vector<u32> at(first_.begin(), first_.end() - 1);
    for (const BlockId block : dominators_.preorder) {
      for (const Edge& edge : function_.edges(block)) predecessors_[at[edge.to]++] = block;
    }
    is_header_.assign(function_.blocks.size(), false);
  }

  // The header of the outermost loop found so far that `block` is in, or itself.
  BlockId find(BlockId block) {
    while (outermost_[block] != block) {
      outermost_[block] = outermost_[outermost_[block]];
      block = outermost_[block];
    }
    return block;
  }

  void collect(BlockId header) {
    for (u32 i = first_[header]; i < first_[header + 1]; ++i) {
      const BlockId latch = predecessors_[i];
      if (!dominators_.dominates(header, latch)) continue;
      is_header_[header] = true;
      add(header, latch);
    }
    while (!waiting_.empty()) {
      const BlockId block = waiting_.back();
      waiting_.pop_back();
      for (u32 i = first_[block]; i < first_[block + 1]; ++i) add(header, predecessors_[i]);
    }
  }

  // An irreducible loop's other entries are outside of what the header dominates.
  void add(BlockId header, BlockId block) {
    block = find(block);
    if (block == header || !dominators_.dominates(header, block)) return;
    loop_[block] = header;
    outermost_[block] = header;
    waiting_.push_back(block);
  }

  Function& function_;
  const Dominators& dominators_;
  std::vector<BlockId> loop_, outermost_, waiting_;
  std::vector<bool> is_header_;
  std::vector<u32> first_;
  std::vector<BlockId> predecessors_;
};

}  // namespace

void find_loops(Function& function, const Dominators& dominators) {
  LoopFinder(function, dominators).run();
}

Dominators find_dominators(const Function& function) {
  return Finder(function).run();
}

}  // namespace skep::ir
