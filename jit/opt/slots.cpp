// Stack slots that are values: bytes of the frame that only plain loads and stores touch, and none
// but loads in parts, become SSA values like registers.
//
// What a leaked address may reach decides. An address in one frame reaches the others by
// arithmetic, and a checked program may do that legally: so where a checked program leaks any, all
// its frames stay memory. Elsewhere who vouches for a program vouches for it that pointers into a
// frame stay in it, and a function that leaks none has its slots to itself.
//
// As in the lifter, joins get a parameter for each slot that is live there. The blocks are walked
// down the dominator tree with one array of current values, and a log to go back by. At most 64
// slots of a function, and as many parameters as it has insts. Tested by tests/agree/passes.cpp
// and tests/filetests/ir/slots.test.

#include <algorithm>
#include <array>

#include "jit/dominators.h"
#include "jit/opt/edit.h"
#include "jit/opt/frame_use.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr u32 kMostSlots = 64;

struct Slot {
  i32 offset = 0;
  u32 size = 0;
};

// The slots of a function, and which of them each access is to.
struct Slots {
  std::vector<Slot> all;
  std::vector<u8> of;  // by Ref: number + 1, or 0
};

// Overlapping accesses belong together. A group is a slot if nothing else touches its bytes and
// each store is of all of them.
Slots choose(const Function& function, const FrameUse& use) {
  std::vector<FrameAccess> sorted = use.accesses;
  std::ranges::sort(sorted, {}, &FrameAccess::offset);
  Slots slots;
  slots.of.assign(function.insts.size(), 0);
  for (std::size_t first = 0, end; first < sorted.size(); first = end) {
    i32 top = sorted[first].offset;
    bool fits = true;
    for (end = first; end < sorted.size() && (end == first || sorted[end].offset < top); ++end) {
      top = std::max(top, sorted[end].offset + function.at(sorted[end].ref).size);
    }
    const Slot slot{sorted[first].offset, static_cast<u32>(top - sorted[first].offset)};
    for (std::size_t i = first; i < end; ++i) {
      const Inst& inst = function.at(sorted[i].ref);
      fits &= inst.op == Op::Load || (sorted[i].offset == slot.offset && inst.size == slot.size);
    }
    FrameBytes bytes;
    mark(bytes, slot.offset, slot.size);
    if (!fits || slot.size > 8 || (bytes & use.memory).any() || slots.all.size() == kMostSlots)
      continue;
    slots.all.push_back(slot);
    for (std::size_t i = first; i < end; ++i) {
      slots.of[sorted[i].ref] = static_cast<u8>(slots.all.size());
    }
  }
  return slots;
}

class Promotion {
 public:
  Promotion(Function& function, const Slots& slots)
      : function_(function),
        slots_(slots),
        to_(function),
        predecessors_(find_predecessors(function)),
        dominators_(find_dominators(function)),
        replacements_(function) {}

  void run() {
    find_live();
    if (!few_enough()) return;
    add_params();
    walk();
    bring_all();
    replacements_.apply(function_);
  }

 private:
  u32 slot_of(Ref ref) const {
    return ref < slots_.of.size() && slots_.of[ref] != 0 ? slots_.of[ref] - 1u : kNone;
  }

  bool joins(BlockId block) const { return predecessors_.of(block).size() > 1; }

  void find_live() {
    live_.assign(function_.blocks.size(), 0);
    std::vector<u64> stored(function_.blocks.size(), 0), loaded(function_.blocks.size(), 0);
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        if (slot_of(ref) == kNone) continue;
        const u64 bit = u64{1} << slot_of(ref);
        if (function_.at(ref).op == Op::Store) {
          stored[block] |= bit;
        } else {
          loaded[block] |= bit & ~stored[block];
        }
      }
    }
    std::vector<BlockId> waiting = function_.order;
    std::vector<bool> waits(function_.blocks.size(), true);
    while (!waiting.empty()) {
      const BlockId block = waiting.back();
      waiting.pop_back();
      waits[block] = false;
      u64 live = 0;
      for (const Edge& edge : function_.edges(block)) live |= live_[edge.to];
      live = (live & ~stored[block]) | loaded[block];
      if (live == live_[block]) continue;
      live_[block] = live;
      for (const auto& from : predecessors_.of(block)) {
        if (!waits[from.block]) waiting.push_back(from.block);
        waits[from.block] = true;
      }
    }
  }

  bool few_enough() const {
    u64 added = 0;
    for (const BlockId block : function_.order) {
      if (!joins(block)) continue;
      const u64 params = static_cast<u64>(std::popcount(live_[block]));
      added += params * (1 + predecessors_.of(block).size());
    }
    return added <= function_.insts.size() + 1000;
  }

  template <class Visit>
  static void for_each(u64 set, Visit visit) {
    for (; set != 0; set &= set - 1) visit(static_cast<u32>(std::countr_zero(set)));
  }

  // Lists that grow move to the end of the pool.
  void add_params() {
    first_param_.assign(function_.blocks.size(), 0);
    for (const BlockId id : function_.order) {
      if (!joins(id) || live_[id] == 0) continue;
      const u32 count = function_.blocks[id].param_count;
      first_param_[id] = count;
      const u32 moved = static_cast<u32>(function_.refs.size());
      for (u32 i = 0; i < count; ++i) {
        const Ref param = function_.refs[function_.blocks[id].params + i];
        function_.refs.push_back(param);
      }
      if (count != 0) function_.blocks[id].params = moved;
      for_each(live_[id], [&](u32) { to_.add_param(id); });
    }
  }

  void set(u32 slot, Ref value) {
    log_.push_back({slot, values_[slot]});
    values_[slot] = value;
  }

  void walk() {
    values_.fill(kNone);
    std::vector<std::pair<BlockId, std::size_t>> around;  // and the log's length before each
    const BlockId entry = function_.order.front();
    to_.use_before(function_.blocks[entry].first);
    to_.set_pc(function_.blocks[entry].pc);
    const Ref zero = to_.constant(0);  // a frame reads as 0
    values_.fill(zero);
    for (const BlockId block : dominators_.preorder) {
      while (!around.empty() && !dominators_.dominates(around.back().first, block)) {
        go_back(around.back().second);
        around.pop_back();
      }
      around.push_back({block, log_.size()});
      walk_block(block);
    }
  }

  void go_back(std::size_t length) {
    for (; log_.size() > length; log_.pop_back()) values_[log_.back().slot] = log_.back().value;
  }

  void walk_block(BlockId block) {
    if (joins(block)) {
      u32 place = first_param_[block];
      for_each(live_[block], [&](u32 slot) { set(slot, function_.params(block)[place++]); });
    }
    for (Ref ref = function_.blocks[block].first, next; ref != kNone; ref = next) {
      next = function_.at(ref).next;
      const u32 slot = slot_of(ref);
      if (slot == kNone) continue;
      if (function_.at(ref).op == Op::Store) {
        set(slot, stored_value(ref));
      } else {
        replacements_.replace(ref, loaded_value(ref, slots_.all[slot], values_[slot]));
      }
      remove(function_, ref);
    }
    for (u32 i = 0; i < function_.blocks[block].edge_count; ++i) note_values(block, i);
  }

  Ref stored_value(Ref ref) {
    if (function_.at(ref).in[2] != kNone) return function_.at(ref).in[2];
    to_.use_before(ref);
    to_.set_pc(function_.at(ref).pc);
    return to_.constant(function_.at(ref).imm);
  }

  // What the load reads of the slot's value, whose bytes above the slot's size are anything.
  Ref loaded_value(Ref ref, const Slot& slot, Ref value) {
    const Inst inst = function_.at(ref);
    const i32 start = function_.at(inst.in[0]).disp + inst.disp;
    to_.use_before(ref);
    to_.set_pc(inst.pc);
    if (start != slot.offset) value = to_.binary_imm(Op::Rsh, 64, value, 8 * (start - slot.offset));
    if (inst.size == 8) return value;
    return to_.extend(inst.has(kSigned) ? Op::SignExtend : Op::ZeroExtend, 64, inst.size, value);
  }

  // What an edge to a join must bring; it is put there when all is known, as lists move then.
  void note_values(BlockId block, u32 edge) {
    const BlockId to = function_.blocks[block].edges[edge].to;
    if (!joins(to) || live_[to] == 0) return;
    brought_.push_back({block, edge, static_cast<u32>(brought_values_.size())});
    for_each(live_[to], [&](u32 slot) { brought_values_.push_back(values_[slot]); });
  }

  void bring_all() {
    for (const Brought& brought : brought_) {
      Edge& edge = function_.blocks[brought.block].edges[brought.edge];
      const u32 moved = static_cast<u32>(function_.refs.size());
      const u32 added = static_cast<u32>(std::popcount(live_[edge.to]));
      for (u32 i = 0; i < edge.count; ++i) {
        const Ref arg = function_.refs[edge.args + i];
        function_.refs.push_back(arg);
      }
      for (u32 i = 0; i < added; ++i) {
        function_.refs.push_back(brought_values_[brought.values + i]);
      }
      edge.args = moved;
      edge.count += added;
    }
  }

  struct Change {
    u32 slot;
    Ref value;  // before
  };
  struct Brought {
    BlockId block;
    u32 edge;
    u32 values;  // first in brought_values_
  };

  Function& function_;
  const Slots& slots_;
  Builder to_;
  const Predecessors predecessors_;
  const Dominators dominators_;
  Replacements replacements_;
  std::vector<u64> live_;  // by BlockId: slots whose value may be read from there on
  std::vector<u32> first_param_;
  std::array<Ref, kMostSlots> values_{};
  std::vector<Change> log_;
  std::vector<Brought> brought_;
  std::vector<Ref> brought_values_;
};

// What entry must clear of what is left. Where addresses in any frame leak, an access that is not
// looked up may read any byte of any.
void set_cleared(Module& module, const World& world) {
  std::vector<FrameUse> uses;
  bool leaks = false;
  for (Function& function : module.functions) {
    uses.push_back(find_frame_use(function, world));
    leaks |= function.leaks_frame = uses.back().leaks;
  }
  for (std::size_t i = 0; i < uses.size(); ++i) {
    FrameBytes bytes = uses[i].memory;
    for (const FrameAccess& access : uses[i].accesses) {
      mark(bytes, access.offset, module.functions[i].at(access.ref).size);
    }
    if (module.mode == Mode::Trusted && leaks) bytes.set();
    module.functions[i].cleared = module.mode == Mode::Proved ? 0 : slots_of(bytes);
  }
}

}  // namespace

void slots(Module& module, const World& world) {
  std::vector<FrameUse> uses;
  bool leaks = false;
  for (Function& function : module.functions) {
    uses.push_back(find_frame_use(function, world));
    leaks |= uses.back().leaks;
  }
  for (std::size_t i = 0; i < uses.size(); ++i) {
    Function& function = module.functions[i];
    const bool reached = module.mode == Mode::Checked ? leaks : uses[i].leaks;
    const Slots chosen = reached ? Slots{} : choose(function, uses[i]);
    if (!chosen.all.empty()) {
      Promotion(function, chosen).run();
      simplify_params(function);
      dce(function);
    }
  }
  set_cleared(module, world);
}

}  // namespace skep::ir::opt
