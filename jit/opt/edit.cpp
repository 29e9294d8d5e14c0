// See jit/opt/edit.h. Tested by tests/jit/lift_test.cpp.

#include "jit/opt/edit.h"

namespace skep::ir::opt {

Predecessors find_predecessors(const Function& function) {
  Predecessors result;
  result.first.assign(function.blocks.size() + 1, 0);
  for (const BlockId block : function.order) {
    for (const Edge& edge : function.edges(block)) ++result.first[edge.to + 1];
  }
  for (std::size_t i = 1; i < result.first.size(); ++i) result.first[i] += result.first[i - 1];
  result.all.resize(result.first.back());
  std::vector<u32> at(result.first.begin(), result.first.end() - 1);
  for (const BlockId block : function.order) {
    for (u32 i = 0; i < function.blocks[block].edge_count; ++i) {
      result.all[at[function.blocks[block].edges[i].to]++] = {block, i};
    }
  }
  return result;
}

Ref Replacements::of(Ref value) {
  while (is_replaced(value)) {
    if (is_replaced(by_[value])) by_[value] = by_[by_[value]];
    value = by_[value];
  }
  return value;
}

void Replacements::apply(Function& function) {
  for (const BlockId block : function.order) {
    for (Ref ref = function.blocks[block].first; ref != kNone; ref = function.at(ref).next) {
      for (Ref& use : function.inputs(ref)) {
        if (use != kNone) use = of(use);
      }
    }
    for (const Edge& edge : function.edges(block)) {
      for (Ref& use : function.args(edge)) use = of(use);
    }
  }
}

void drop_params(Function& function, const std::vector<bool>& goes) {
  for (const BlockId block : function.order) {
    for (Edge& edge : function.edges(block)) {
      const auto params = function.params(edge.to);
      const auto args = function.args(edge);
      u32 kept = 0;
      for (u32 i = 0; i < edge.count; ++i) {
        if (!goes[params[i]]) args[kept++] = args[i];
      }
      edge.count = kept;
    }
  }
  for (const BlockId block : function.order) {
    const auto params = function.params(block);
    u32 kept = 0;
    for (const Ref param : params) {
      if (goes[param]) {
        function.at(param).block = kNone;
      } else {
        params[kept++] = param;
      }
    }
    function.blocks[block].param_count = kept;
  }
}

}  // namespace skep::ir::opt
