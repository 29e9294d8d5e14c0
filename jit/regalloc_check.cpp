// Checks allocations: walks the function with the value that each place holds, joining paths by
// forgetting what they do not agree on, until nothing changes; then each operand must be found
// where the allocation says it is. Tested by tests/jit/regalloc_test.cpp, which plants faults.

#include <fmt/format.h>

#include "jit/regalloc.h"

namespace skep::jit {
namespace {

using ir::BlockId;
using ir::Edge;
using ir::Function;
using ir::Inst;
using ir::kNone;
using ir::Ref;

constexpr Ref kUnknown = kNone;

class Checker {
 public:
  Checker(const Function& function, const Target& target, const Allocation& allocation)
      : function_(function), target_(target), allocation_(allocation) {}

  std::string run() {
    if (std::string wrong = check_places(); !wrong.empty()) return wrong;
    const u32 places = Allocation::kFirstSlot + allocation_.slots;
    before_.resize(function_.blocks.size());
    waiting_.push_back(function_.order.front());
    before_[function_.order.front()].assign(places, kUnknown);
    while (!waiting_.empty()) {
      const BlockId block = waiting_.back();
      waiting_.pop_back();
      walk(block, false);
    }
    for (const BlockId block : function_.order) {
      if (!before_[block].empty()) walk(block, true);
    }
    return wrong_;
  }

 private:
  std::string check_places() const {
    u32 allocatable = 0;
    for (const MachineReg reg : target_.allocatable) allocatable |= bit(reg);
    for (Ref ref = 0; ref < function_.insts.size(); ++ref) {
      const u32 place = allocation_.place[ref];
      if (place == Allocation::kNowhere) continue;
      if (Allocation::is_reg(place) && (allocatable >> place & 1) == 0) {
        return fmt::format("%{} is in register {}, which is not to be allocated", ref, place);
      }
      if (Allocation::is_reg(place) && (allocation_.registers >> place & 1) == 0) {
        return fmt::format("register {} of %{} is not among those that are used", place, ref);
      }
      if (Allocation::is_slot(place) && place - Allocation::kFirstSlot >= allocation_.slots) {
        return fmt::format("%{} is in slot {} of {}", ref, place - Allocation::kFirstSlot,
                           allocation_.slots);
      }
    }
    return "";
  }

  void walk(BlockId block, bool report) {
    held_ = before_[block];
    for (const Ref param : function_.params(block)) define(param);
    for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
      step(ref, report);
    }
    const Ref last = function_.blocks[block].last;
    for (const Edge& edge : function_.edges(block)) {
      for (const Ref arg : function_.args(edge)) look(arg, last, report);
      if (!report) join(edge);
    }
  }

  void step(Ref ref, bool report) {
    const Inst& inst = function_.at(ref);
    const Clobbers clobbers = target_.clobbers(inst);
    destroy(clobbers.temps);
    for (const Ref input : function_.inputs(inst)) {
      if (input != kNone) look(input, ref, report);
    }
    destroy(clobbers.across);
    if (ir::has_result(inst)) define(ref);
  }

  void destroy(u32 registers) {
    for (u32 reg = 0; reg < Allocation::kFirstSlot; ++reg) {
      if ((registers >> reg & 1) != 0) held_[reg] = kUnknown;
    }
  }

  void define(Ref ref) {
    if (const u32 place = allocation_.place[ref]; place != Allocation::kNowhere) held_[place] = ref;
  }

  void look(Ref input, Ref user, bool report) {
    if (!report || !wrong_.empty() || is_remade(function_.at(input))) return;
    const u32 place = allocation_.place[input];
    if (place == Allocation::kNowhere) {
      wrong_ = fmt::format("%{} uses %{}, which is nowhere", user, input);
    } else if (held_[place] != input) {
      wrong_ = fmt::format("%{} looks for %{} in {} {}, which does not hold it", user, input,
                           Allocation::is_reg(place) ? "register" : "slot",
                           Allocation::is_reg(place) ? place : place - Allocation::kFirstSlot);
    }
  }

  // Parameters take their places on the edge; what was there is gone.
  void join(const Edge& edge) {
    std::vector<Ref> there = held_;
    for (const Ref param : function_.params(edge.to)) {
      if (const u32 place = allocation_.place[param]; place != Allocation::kNowhere) {
        there[place] = param;
      }
    }
    std::vector<Ref>& before = before_[edge.to];
    if (before.empty()) {
      before = std::move(there);
      waiting_.push_back(edge.to);
      return;
    }
    bool changed = false;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == kUnknown || before[i] == there[i]) continue;
      before[i] = kUnknown;
      changed = true;
    }
    if (changed) waiting_.push_back(edge.to);
  }

  const Function& function_;
  const Target& target_;
  const Allocation& allocation_;
  std::vector<std::vector<Ref>> before_;  // by BlockId; empty: not reached
  std::vector<BlockId> waiting_;
  std::vector<Ref> held_;  // by place
  std::string wrong_;
};

}  // namespace

std::string check_allocation(const Function& function, const Target& target,
                             const Allocation& allocation) {
  return Checker(function, target, allocation).run();
}

}  // namespace skep::jit
