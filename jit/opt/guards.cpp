// Checks that were made before: an access whose bytes an earlier check covered, on the same base
// and with the same permission, needs none. What is known holds until a call, which alone can end
// or move a region, and is handed down the dominator tree to blocks with one way in.
//
// Only the last few checks are looked at, so the work is linear. Accesses that may be to a context
// have no region, and are left alone.
// Tested by tests/agree/passes.cpp and tests/filetests/ir/guards.test.

#include "jit/dominators.h"
#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr std::size_t kMostLookedAt = 16;

struct Checked {
  Ref base, index;
  u8 scale;
  i64 low, high;  // bytes from base + (index << scale)
  u8 access;
};

class Guards {
 public:
  explicit Guards(Function& function)
      : function_(function),
        dominators_(find_dominators(function)),
        predecessors_(find_predecessors(function)) {}

  void run() {
    for (const BlockId block : dominators_.preorder) {
      while (!around_.empty() && !dominators_.dominates(around_.back().block, block)) {
        around_.pop_back();
      }
      // Back to what was known at the end of the block above, or to nothing.
      known_.resize(around_.empty() ? 0 : around_.back().known);
      valid_from_ = around_.empty() ? 0 : around_.back().valid_from;
      if (predecessors_.of(block).size() > 1) valid_from_ = known_.size();
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        look_at(function_.at(ref));
      }
      around_.push_back({block, known_.size(), valid_from_});
    }
  }

 private:
  static u8 access_of(const Inst& inst) {
    switch (inst.op) {
      case Op::Store:
      case Op::StoreRelease: return kWrite;
      case Op::Atomic: return kRead | kWrite;
      default: return kRead;
    }
  }

  void look_at(Inst& inst) {
    if ((inst.effects() & kCalls) == kCalls) valid_from_ = known_.size();
    if (!inst.has(kChecked) || inst.has(kMayBeContext)) return;
    const Checked check{
        inst.in[0], inst.in[1], inst.scale, inst.disp, i64{inst.disp} + inst.size, access_of(inst)};
    if (is_known(check)) {
      inst.flags &= static_cast<u16>(~kChecked);
    } else {
      known_.push_back(check);
    }
  }

  bool is_known(const Checked& check) const {
    const std::size_t end = known_.size();
    for (std::size_t i = end; i-- > valid_from_ && end - i <= kMostLookedAt;) {
      const Checked& one = known_[i];
      if (one.base == check.base && one.index == check.index && one.scale == check.scale &&
          one.low <= check.low && check.high <= one.high &&
          (one.access & check.access) == check.access) {
        return true;
      }
    }
    return false;
  }

  struct Around {
    BlockId block;
    std::size_t known, valid_from;  // at its end
  };

  Function& function_;
  const Dominators dominators_;
  const Predecessors predecessors_;
  std::vector<Checked> known_;
  std::size_t valid_from_ = 0;  // of known_; what lies before may be gone
  std::vector<Around> around_;
};

}  // namespace

void guards(Function& function) {
  Guards(function).run();
}

}  // namespace skep::ir::opt
