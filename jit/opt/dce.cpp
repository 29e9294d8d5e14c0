// What nobody needs. Whatever acts is needed, and so are its operands, and theirs. A parameter
// needs what each way in brings for it, so parameters that only feed each other go together. Tested
// by tests/jit/lift_test.cpp.

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

class Sweep {
 public:
  explicit Sweep(Function& function) : function_(function), needed_(function.insts.size(), false) {}

  void run() {
    const Predecessors predecessors = find_predecessors(function_);
    place_.assign(function_.insts.size(), 0);
    for (const BlockId block : function_.order) {
      u32 place = 0;
      for (const Ref param : function_.params(block)) place_[param] = place++;
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        if (!is_removable(function_.at(ref))) need(ref);
      }
    }
    for (const Ref param : function_.params(function_.order.front())) needed_[param] = true;
    while (!waiting_.empty()) {
      const Ref ref = waiting_.back();
      waiting_.pop_back();
      const Inst& inst = function_.at(ref);
      if (inst.op == Op::Param) {
        for (const auto& from : predecessors.of(inst.block)) {
          need(function_.args(function_.blocks[from.block].edges[from.edge])[place_[ref]]);
        }
      }
      for (const Ref use : function_.inputs(inst)) {
        if (use != kNone) need(use);
      }
    }
    sweep();
  }

 private:
  void need(Ref ref) {
    if (needed_[ref]) return;
    needed_[ref] = true;
    waiting_.push_back(ref);
  }

  void sweep() {
    std::vector<bool> goes(needed_.size());
    for (std::size_t i = 0; i < goes.size(); ++i) goes[i] = !needed_[i];
    drop_params(function_, goes);
    function_.uses_frame = false;
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first, next; ref != kNone; ref = next) {
        next = function_.at(ref).next;
        if (goes[ref]) {
          remove(function_, ref);
        } else if (function_.at(ref).op == Op::FrameAddress) {
          function_.uses_frame = true;
        }
      }
    }
  }

  Function& function_;
  std::vector<bool> needed_;
  std::vector<u32> place_;  // of parameters, in their blocks
  std::vector<Ref> waiting_;
};

}  // namespace

void dce(Function& function) {
  Sweep(function).run();
}

}  // namespace skep::ir::opt
