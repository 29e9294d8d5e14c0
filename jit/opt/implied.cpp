// Where a branch has told which way a select went, its users there have the one value. A lookup is
// such a select, and the test for null is such a branch.
// Tested by tests/agree/passes.cpp and tests/filetests/ir/calls.test.

#include <algorithm>
#include <tuple>

#include "jit/dominators.h"
#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

auto condition(const Inst& inst) {
  return std::tuple(inst.in[0], inst.in[1], inst.imm, inst.row, inst.bits);
}

class Resolver {
 public:
  explicit Resolver(Function& function)
      : function_(function),
        dominators_(find_dominators(function)),
        predecessors_(find_predecessors(function)) {}

  void run() {
    gather();
    if (selects_.empty()) return;
    for (const BlockId block : function_.order) note_branch(block);
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        for (Ref& use : function_.inputs(ref)) use = resolve(use, block);
      }
      for (u32 i = 0; i < function_.blocks[block].edge_count; ++i) {
        for (Ref& use : function_.args(function_.blocks[block].edges[i])) {
          use = resolve(resolve_on_edge(use, block, i), block);
        }
      }
    }
  }

 private:
  // The blocks where the answer is known; kNone: there is none.
  struct Answer {
    BlockId yes = kNone, no = kNone;
  };

  void gather() {
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        if (function_.at(ref).op == Op::Select) selects_.push_back(ref);
      }
    }
    std::ranges::sort(selects_, {}, [&](Ref ref) { return condition(function_.at(ref)); });
    answers_.resize(selects_.size());
    number_.assign(selects_.empty() ? 0 : function_.insts.size(), kNone);
    for (u32 i = 0; i < selects_.size(); ++i) number_[selects_[i]] = i;
  }

  void note_branch(BlockId block) {
    const Inst& branch = function_.at(function_.blocks[block].last);
    if (branch.op != Op::Branch) return;
    const auto edges = function_.edges(block);
    if (edges[0].to == edges[1].to) return;
    const auto same = std::ranges::equal_range(
        selects_, condition(branch), {}, [&](Ref ref) { return condition(function_.at(ref)); });
    for (const Ref& select : same) {
      Answer& answer = answers_[number_[select]];
      if (answer.yes != kNone || answer.no != kNone) continue;
      if (predecessors_.of(edges[0].to).size() == 1) answer.yes = edges[0].to;
      if (predecessors_.of(edges[1].to).size() == 1) answer.no = edges[1].to;
    }
  }

  // What the block's own branch tells on its ways out.
  Ref resolve_on_edge(Ref use, BlockId block, u32 edge) const {
    const Inst& branch = function_.at(function_.blocks[block].last);
    if (branch.op != Op::Branch || number_[use] == kNone) return use;
    const Inst& select = function_.at(use);
    return condition(select) == condition(branch) ? select.in[edge == 0 ? 2 : 3] : use;
  }

  // A select's value may be a select.
  Ref resolve(Ref use, BlockId block) const {
    while (use != kNone && number_[use] != kNone) {
      const Answer& answer = answers_[number_[use]];
      const bool yes = answer.yes != kNone && dominators_.dominates(answer.yes, block);
      const bool no = answer.no != kNone && dominators_.dominates(answer.no, block);
      if (!yes && !no) break;
      use = function_.at(use).in[yes ? 2 : 3];
    }
    return use;
  }

  Function& function_;
  const Dominators dominators_;
  const Predecessors predecessors_;
  std::vector<Ref> selects_;  // by condition
  std::vector<Answer> answers_;
  std::vector<u32> number_;  // by Ref: place in selects_
};

}  // namespace

void implied(Function& function) {
  Resolver(function).run();
}

}  // namespace skep::ir::opt
