// Linear scan. See regalloc.h. Positions: the instruction number i, in the order of the blocks,
// uses its operands at 2i and defines its result at 2i + 1; a block's head has a number of its own,
// where its parameters are defined. Tested by tests/jit/regalloc_test.cpp.

#include "jit/regalloc.h"

#include <algorithm>
#include <bit>

namespace skep::jit {
namespace {

using ir::BlockId;
using ir::Edge;
using ir::Function;
using ir::Inst;
using ir::kNone;
using ir::Ref;

struct Interval {
  u32 start = 0;
  u32 end = 0;
  float weight = 0;  // uses, those in loops counted more
  u32 hint = kNoReg;
  Ref like = kNone;     // wants the place of this value: an edge moves one to the other
  Ref operand = kNone;  // or else of this one: the first operand, where that saves a move
  bool used = false;
};

// Loops as stretches of positions: [head, end], sorted by head. Answers where the latest end is
// among heads in a range.
class LoopRanges {
 public:
  void add(u32 head, u32 end) { loops_.push_back({head, end}); }

  void prepare() {
    std::ranges::sort(loops_);
    levels_.assign(1, {});
    for (const auto& [head, end] : loops_) levels_[0].push_back(end);
    for (u32 step = 1; 2 * step <= loops_.size(); step *= 2) {
      const std::vector<u32>& below = levels_.back();
      std::vector<u32> level;
      for (std::size_t i = 0; i + 2 * step <= loops_.size(); ++i) {
        level.push_back(std::max(below[i], below[i + step]));
      }
      levels_.push_back(std::move(level));
    }
  }

  // The end of a life that begins at `start` and is known to last until `end`: if it lasts into a
  // loop that it did not begin in, it lasts until that loop's end.
  u32 drawn_out(u32 start, u32 end) const {
    for (;;) {
      const auto first = std::ranges::upper_bound(loops_, start, {}, &Loop::head) - loops_.begin();
      const auto last = std::ranges::upper_bound(loops_, end, {}, &Loop::head) - loops_.begin();
      if (first >= last) return end;
      const u32 count = static_cast<u32>(last - first);
      const u32 level = static_cast<u32>(std::bit_width(count)) - 1;
      const std::vector<u32>& ends = levels_[level];
      const u32 latest = std::max(ends[static_cast<std::size_t>(first)],
                                  ends[static_cast<std::size_t>(last) - (std::size_t{1} << level)]);
      if (latest <= end) return end;
      end = latest;
    }
  }

 private:
  struct Loop {
    u32 head;
    u32 end;
    friend auto operator<=>(const Loop&, const Loop&) = default;
  };
  std::vector<Loop> loops_;
  std::vector<std::vector<u32>> levels_;  // maxima of 2^level ends in a row
};

// Positions at which the same registers are destroyed.
struct ClobberGroup {
  u32 registers;
  std::vector<u32> positions;  // rising

  bool any_in(u32 first, u32 last) const {
    const auto it = std::ranges::lower_bound(positions, first);
    return it != positions.end() && *it <= last;
  }
};

class LinearScan {
 public:
  LinearScan(const Function& function, const Target& target)
      : function_(function), target_(target), intervals_(function.insts.size()) {
    allocation_.place.assign(function.insts.size(), Allocation::kNowhere);
    for (const MachineReg reg : target.allocatable) allocatable_ |= bit(reg);
  }

  Allocation run() {
    number();
    find_lives();
    for (const Ref ref : values_) assign(ref);
    give_slots();
    return std::move(allocation_);
  }

 private:
  template <class Visit>
  void for_each_inst(BlockId block, const Visit& visit) const {
    for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
      visit(ref);
    }
  }

  // Positions of everything, values in the order of their definitions, and what is destroyed where.
  void number() {
    head_.assign(function_.blocks.size(), 0);
    tail_.assign(function_.blocks.size(), 0);
    position_.assign(function_.insts.size(), 0);
    u32 next = 0;
    for (const BlockId block : function_.order) {
      head_[block] = 2 * next++;
      for (const Ref ref : function_.params(block)) {
        intervals_[ref].start = intervals_[ref].end = head_[block];
        values_.push_back(ref);
      }
      for_each_inst(block, [&](Ref ref) {
        const Inst& inst = function_.at(ref);
        position_[ref] = 2 * next++;
        note_clobbers(inst, position_[ref]);
        if (!ir::has_result(inst) || is_remade(inst)) return;
        intervals_[ref].start = intervals_[ref].end = position_[ref] + 1;
        values_.push_back(ref);
      });
      tail_[block] = 2 * next - 1;
    }
    for (const BlockId block : function_.order) {
      for (const Edge& edge : function_.edges(block)) {
        if (head_[edge.to] <= head_[block]) loops_.add(head_[edge.to], tail_[block]);
      }
    }
    loops_.prepare();
  }

  void note_clobbers(const Inst& inst, u32 position) {
    const Clobbers clobbers = target_.clobbers(inst);
    note(across_, clobbers.across, position);
    note(temps_, clobbers.temps, position);
  }

  static void note(std::vector<ClobberGroup>& groups, u32 registers, u32 position) {
    if (registers == 0) return;
    for (ClobberGroup& group : groups) {
      if (group.registers == registers) return group.positions.push_back(position);
    }
    groups.push_back({registers, {position}});
  }

  void use(Ref ref, u32 position, u32 depth) {
    Interval& life = intervals_[ref];
    life.used = true;
    life.end = std::max(life.end, position);
    life.weight += kDepthWeight[std::min(depth, 4u)];
  }

  void find_lives() {
    for (const BlockId block : function_.order) {
      const u32 depth = function_.blocks[block].depth;
      for_each_inst(block, [&](Ref ref) {
        const Inst& inst = function_.at(ref);
        for (const Ref input : function_.inputs(inst)) {
          if (input != kNone) use(input, position_[ref], depth);
        }
        intervals_[ref].weight += kDepthWeight[std::min(depth, 4u)];
        want(ref, inst);
      });
      const u32 end = position_[function_.blocks[block].last];
      for (const Edge& edge : function_.edges(block)) {
        const auto args = function_.args(edge);
        const auto params = function_.params(edge.to);
        for (std::size_t i = 0; i < args.size(); ++i) {
          use(args[i], end, depth);
          intervals_[args[i]].like = params[i];
          Ref& like =
              intervals_[params[i]].like;  // of the first edge: loops are entered from above
          if (like == kNone && !is_remade(function_.at(args[i]))) like = args[i];
        }
      }
    }
    const auto entry = function_.params(function_.order.front());
    for (std::size_t i = 0; i < entry.size(); ++i)
      intervals_[entry[i]].hint = target_.arguments[i + 1];
    for (const Ref ref : values_) {
      Interval& life = intervals_[ref];
      if (life.used) life.end = loops_.drawn_out(life.start, life.end);
    }
  }

  // Registers that the operands and the result would best be in.
  void want(Ref ref, const Inst& inst) {
    using enum ir::Op;
    switch (inst.op) {
      case CallHelper:
      case CallLocal: {
        const auto args = function_.inputs(inst);
        for (std::size_t i = 0; i < args.size(); ++i) want_in(args[i], target_.arguments[i + 1]);
        want_in(ref, target_.result);
        break;
      }
      case CallIndirect:
      case TailCall:
      case LoadContext:
      case LoadKernel:
      case LoadPacket: want_in(ref, target_.result); break;
      case Exit: want_in(inst.in[0], target_.result); break;
      default:
        if (target_.two_address) intervals_[ref].operand = inst.in[0];
    }
  }

  void want_in(Ref ref, MachineReg reg) {
    if (ref != kNone) intervals_[ref].hint = reg;
  }

  // Registers that nothing destroys while the value lives.
  u32 allowed(const Interval& life) const {
    u32 registers = allocatable_;
    for (const ClobberGroup& group : across_) {
      if (life.end > life.start && group.any_in(life.start, life.end - 1)) {
        registers &= ~group.registers;
      }
    }
    for (const ClobberGroup& group : temps_) {
      if (group.any_in(life.start, life.end)) registers &= ~group.registers;
    }
    return registers;
  }

  u32 free_registers(u32 position) {
    for (u32 left = active_mask_; left != 0; left &= left - 1) {
      const u32 reg = static_cast<u32>(std::countr_zero(left));
      if (intervals_[active_[reg]].end < position) active_mask_ &= ~(1u << reg);
    }
    return allocatable_ & ~active_mask_;
  }

  u32 place_of(Ref ref) const {
    return ref == kNone ? Allocation::kNowhere : allocation_.place[ref];
  }

  u32 choose(const Interval& life, u32 candidates) const {
    const u32 like = place_of(life.like);
    if (Allocation::is_reg(like) && (candidates >> like & 1) != 0) return like;
    if (life.like != kNone) {
      const u32 wanted = intervals_[life.like].hint;
      if (life.hint == kNoReg && wanted != kNoReg && (candidates >> wanted & 1) != 0) return wanted;
    }
    if (life.hint != kNoReg && (candidates >> life.hint & 1) != 0) return life.hint;
    const u32 operand = place_of(life.operand);
    if (Allocation::is_reg(operand) && (candidates >> operand & 1) != 0) return operand;
    for (const MachineReg reg : target_.allocatable) {
      if ((candidates >> reg & 1) != 0) return reg;
    }
    return Allocation::kNowhere;
  }

  float density(const Interval& life) const {
    return life.weight / static_cast<float>(life.end - life.start + 1);
  }

  void assign(Ref ref) {
    const Interval& life = intervals_[ref];
    if (!life.used) return;
    const u32 permitted = allowed(life);
    const u32 candidates = free_registers(life.start) & permitted;
    if (candidates != 0) return take(ref, choose(life, candidates));
    // The least wanted one of those that have a register which would do.
    u32 victim = Allocation::kNowhere;
    float least = density(life);
    for (u32 left = active_mask_ & permitted; left != 0; left &= left - 1) {
      const u32 reg = static_cast<u32>(std::countr_zero(left));
      if (const float other = density(intervals_[active_[reg]]); other < least) {
        least = other;
        victim = reg;
      }
    }
    if (victim == Allocation::kNowhere) return spill(ref);
    spill(active_[victim]);
    take(ref, victim);
  }

  void take(Ref ref, u32 reg) {
    allocation_.place[ref] = reg;
    allocation_.registers |= 1u << reg;
    active_[reg] = ref;
    active_mask_ |= 1u << reg;
  }

  void spill(Ref ref) { allocation_.place[ref] = Allocation::kFirstSlot; }  // which one comes later

  // Slots are shared by values whose lives do not meet; values come in the order of their starts.
  void give_slots() {
    std::vector<std::pair<u32, u32>> busy;  // a heap: end, slot; the first end on top
    std::vector<u32> free;
    const auto later = std::greater<>();
    for (const Ref ref : values_) {
      u32& place = allocation_.place[ref];
      if (place != Allocation::kFirstSlot) continue;
      const Interval& life = intervals_[ref];
      while (!busy.empty() && busy.front().first < life.start) {
        std::ranges::pop_heap(busy, later);
        free.push_back(busy.back().second);
        busy.pop_back();
      }
      if (free.empty()) free.push_back(allocation_.slots++);
      place = Allocation::kFirstSlot + free.back();
      busy.push_back({life.end, free.back()});
      std::ranges::push_heap(busy, later);
      free.pop_back();
    }
  }

  static constexpr float kDepthWeight[5] = {1, 8, 64, 512, 4096};

  const Function& function_;
  const Target& target_;
  Allocation allocation_;
  u32 allocatable_ = 0;
  std::vector<Interval> intervals_;  // by Ref
  std::vector<Ref> values_;
  std::vector<u32> head_, tail_;  // by BlockId
  std::vector<u32> position_;     // by Ref
  LoopRanges loops_;
  std::vector<ClobberGroup> across_, temps_;
  Ref active_[32] = {};
  u32 active_mask_ = 0;
};

}  // namespace

Allocation allocate(const Function& function, const Target& target) {
  return LinearScan(function, target).run();
}

}  // namespace skep::jit
