// Parameters that are copies. Optimistic: a parameter stands for nothing until a value comes in,
// then for that value, and for itself once another one does. So each changes twice at most, and
// parameters of loops that only hand themselves on are seen through. Tested by
// tests/jit/lift_test.cpp.

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

class Copies {
 public:
  explicit Copies(Function& function) : function_(function) {}

  void run() {
    stands_for_.resize(function_.insts.size());
    for (Ref ref = 0; ref < stands_for_.size(); ++ref) {
      const bool param = function_.at(ref).op == Op::Param;
      stands_for_[ref] = param ? kNone : ref;
    }
    for (const Ref param : function_.params(function_.order.front())) stands_for_[param] = param;
    gather_uses();
    for (const BlockId block : function_.order) {
      for (const Edge& edge : function_.edges(block)) {
        for (u32 i = 0; i < edge.count; ++i) bring(edge, i);
      }
    }
    while (!waiting_.empty()) {
      const Ref value = waiting_.back();
      waiting_.pop_back();
      for (u32 i = first_use_[value]; i < first_use_[value + 1]; ++i) {
        const Use use = uses_[i];
        bring(function_.blocks[use.block].edges[use.edge], use.argument);
      }
    }
    take_out();
  }

 private:
  // An argument of an edge.
  struct Use {
    BlockId block;
    u32 edge;
    u32 argument;
  };

  void gather_uses() {
    first_use_.assign(function_.insts.size() + 1, 0);
    for_each_use([&](Ref value, Use) { ++first_use_[value + 1]; });
    for (std::size_t i = 1; i < first_use_.size(); ++i) first_use_[i] += first_use_[i - 1];
    uses_.resize(first_use_.back());
    std::vector<u32> at(first_use_.begin(), first_use_.end() - 1);
    for_each_use([&](Ref value, Use use) { uses_[at[value]++] = use; });
  }

  // Of parameters alone: other values do not change.
  template <class Visit>
  void for_each_use(Visit visit) {
    for (const BlockId block : function_.order) {
      for (u32 e = 0; e < function_.blocks[block].edge_count; ++e) {
        const auto args = function_.args(function_.blocks[block].edges[e]);
        for (u32 i = 0; i < args.size(); ++i) {
          if (function_.at(args[i]).op == Op::Param) visit(args[i], Use{block, e, i});
        }
      }
    }
  }

  void bring(const Edge& edge, u32 argument) {
    const Ref value = stands_for_[function_.args(edge)[argument]];
    const Ref param = function_.params(edge.to)[argument];
    Ref& now = stands_for_[param];
    if (value == kNone || value == now || now == param) return;
    now = now == kNone ? value : param;
    waiting_.push_back(param);
  }

  void take_out() {
    Replacements replacements(function_);
    std::vector<bool> goes(function_.insts.size(), false);
    for (const BlockId block : function_.order) {
      for (const Ref param : function_.params(block)) {
        if (stands_for_[param] == param || stands_for_[param] == kNone) continue;
        goes[param] = true;
        replacements.replace(param, stands_for_[param]);
      }
    }
    drop_params(function_, goes);
    replacements.apply(function_);
  }

  Function& function_;
  std::vector<Ref> stands_for_;  // by Ref; kNone: nothing yet
  std::vector<u32> first_use_;
  std::vector<Use> uses_;
  std::vector<Ref> waiting_;
};

}  // namespace

void simplify_params(Function& function) {
  Copies(function).run();
}

}  // namespace skep::ir::opt
