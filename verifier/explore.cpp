// The walk, its memory of states, and its budget. See explore.h.

#include "verifier/explore.h"

#include <algorithm>

#include "verifier/state_view.h"

namespace skep::abstract {
namespace {

constexpr u32 kMaxPending = 1 << 16;
// Rounds of callbacks are seldom told apart; loops of may_goto are, when they have a bound too.
constexpr u32 kCallbacksBeforeWidening = 6, kRoundsBeforeWidening = 1200;
constexpr u32 kMissesBeforeLeaving = 64;
constexpr u64 kVisitsBetweenLooks = 4096;

}  // namespace

Explorer::Explorer(Judge& judge, const VerifyOptions& options, MemoryMeter& meter,
                   VerifyStats& stats)
    : judge_(judge),
      store_(judge.store()),
      values_(judge.values()),
      program_(judge.image().program),
      options_(options),
      meter_(meter),
      stats_(stats),
      nodes_(meter) {
  deadline_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(options.budget.milliseconds);
}

bool Explorer::init(Demand demand, u64 visits) {
  max_visits_ = visits;
  meets_ = find_meets(program_);
  lists_.reset(new (std::nothrow) u32[program_.size()]());
  if (lists_ == nullptr || !nodes_.init() || !liveness_.init(judge_.image(), demand)) return false;
  // What loops count up to: the constants that are compared with.
  for (const Decoded& insn : program_.decoded()) {
    if (kind(insn.op) != OpKind::Jump || !insn.immediate) continue;
    thresholds_.push_back(static_cast<u64>(insn.imm));
    thresholds_.push_back(static_cast<u64>(insn.imm) - 1);
    thresholds_.push_back(static_cast<u64>(insn.imm) + 1);
  }
  std::ranges::sort(thresholds_);
  const auto rest = std::ranges::unique(thresholds_);
  thresholds_.erase(rest.begin(), rest.end());
  if (thresholds_.size() > 256) thresholds_.resize(256);
  return true;
}

template <Code code, class... Args>
void Explorer::stop(Pc pc, fmt::format_string<Args...> format, Args&&... args) {
  error_ = make_error<code>(pc.value, fmt::format(format, std::forward<Args>(args)...));
  error_.pc = pc;
}

bool Explorer::within_budget(Pc pc) {
  if (meter_.exhausted) {
    stop<Code::verify_budget>(pc, "the states of all paths need more than {} MB",
                              options_.budget.memory >> 20);
    return false;
  }
  if (stats_.visits >= max_visits_) {
    stop<Code::verify_budget>(pc, "more than {} insns were judged, all paths together",
                              options_.budget.visits);
    return false;
  }
  if (stats_.visits % kVisitsBetweenLooks == 0 && std::chrono::steady_clock::now() > deadline_) {
    stop<Code::verify_budget>(pc, "judging takes more than {} ms", options_.budget.milliseconds);
    return false;
  }
  return true;
}

Explorer::Result Explorer::run(State& first, Pc start) {
  State state = first;
  Pc pc = start;
  u32 parent = kNoNode;
  bool back = false;
  Result result = Result::Accepted;
  while (true) {
    bool ends = false;
    if (!within_budget(pc)) {
      result = Result::OutOfBudget;
      break;
    }
    const bool meets = back || meets_[pc.value] != Meet::None;
    const Visit visit = meets ? meet(state, pc, parent, back) : Visit::Goes;
    back = false;
    if (visit == Visit::Refused) {
      result = Result::Refused;
      break;
    }
    ends = visit == Visit::Ends;
    if (!ends) {
      ++stats_.visits;
      Step step;
      const u8 depth = state.depth;
      const Next next = judge_.step(state, pc, step);
      if (meter_.exhausted) continue;  // what was judged of made-up items does not count
      if (next == Next::Refused) {
        error_ = judge_.error();
        result = Result::Refused;
        break;
      }
      ends = next == Next::Ends;
      if (next == Next::Parts) {
        if (pending_.size() >= kMaxPending) {
          store_.release(step.other);
          stop<Code::verify_budget>(pc, "more than {} branches are open at once", kMaxPending);
          result = Result::OutOfBudget;
          break;
        }
        pending_.push_back({step.other, step.other_pc, parent, false});
        if (parent != kNoNode) ++nodes_[parent].open;
      }
      // A callback's exit leads to the insn that called its helper.
      back = !ends && state.depth < depth && program_.at(step.pc).op == Op::CallHelper &&
             store_.top(state).calling != 0;
      pc = step.pc;
    }
    if (!ends) continue;
    store_.release(state);
    end_path(parent);
    if (pending_.empty()) break;
    state = pending_.back().state;
    pc = pending_.back().pc;
    parent = pending_.back().parent;
    back = pending_.back().back;
    pending_.pop_back();
  }
  if (result != Result::Accepted) store_.release(state);
  clear();
  return result;
}

// A path that began or went on at `node` is over; so are those through its parents when it was
// their last.
void Explorer::end_path(u32 node) {
  while (node != kNoNode) {
    Node& of = nodes_[node];
    if (--of.open != 0) return;
    const u32 parent = of.parent;
    if (!of.listed && !of.target) free_node(node);
    node = parent;
  }
}

void Explorer::free_node(u32 node) {
  store_.release(nodes_[node].state);
  nodes_.drop(node);
}

void Explorer::clear() {
  for (Pending& pending : pending_) store_.release(pending.state);
  pending_.clear();
  for (u32 pc = 0; pc < program_.size(); ++pc) {
    for (u32 node = lists_[pc]; node != kNoNode;) {
      const u32 next = nodes_[node].next;
      free_node(node);
      node = next;
    }
    lists_[pc] = kNoNode;
  }
}

// Whether the frames at `depth` are callbacks of one helper call.
bool Explorer::is_same_loop(const State& before, const State& state, u32 depth) const {
  if (depth == 0) return false;
  const Frame& old = store_.frame(before, depth);
  const Frame& now = store_.frame(state, depth);
  return old.callback && now.callback &&
         store_.frame(before, depth - 1).calling == store_.frame(state, depth - 1).calling;
}

// Whether a loop through both states makes progress that the run time bounds: rounds of one
// callback loop, or of may_goto in one frame.
bool Explorer::is_progress(const Node& node, const State& state, bool back) const {
  const State& before = node.state;
  if (before.depth != state.depth) return false;
  const Frame& old = store_.top(before);
  const Frame& now = store_.top(state);
  if (back && node.back && old.instance == now.instance && old.calling == now.calling) return true;
  for (u32 depth = 0; depth <= state.depth; ++depth) {
    const Frame& outer = store_.frame(before, depth);
    const Frame& inner = store_.frame(state, depth);
    // Another round of the same helper call: its caller's frame is the same, as was just seen.
    if (is_same_loop(before, state, depth) && inner.instance > outer.instance) return true;
    if (outer.instance != inner.instance) return false;
    if (inner.rounds > outer.rounds) return true;
  }
  return false;
}

// Where a path from this finished node comes back to one that is not finished; kNoNode if none
// does.
u32 Explorer::open_target(u32 node) const {
  u32 target = nodes_[node].wraps_to;
  while (target != kNoNode && nodes_[target].open == 0) target = nodes_[target].wraps_to;
  return target;
}

// Whether the state belongs to the same round, or a later one, of each loop that paths from the
// node wrapped in.
bool Explorer::has_gone_as_far(u32 node, const State& state) const {
  const State& before = nodes_[node].state;
  u32 depths = nodes_[node].wrap_depths;
  for (u32 target = nodes_[node].wraps_to; target != kNoNode; target = nodes_[target].wraps_to) {
    depths = std::max({depths, nodes_[target].state.depth + 1u, nodes_[target].wrap_depths});
  }
  for (u32 depth = 0; depth < depths && depth <= state.depth; ++depth) {
    const Frame& old = store_.frame(before, depth);
    const Frame& now = store_.frame(state, depth);
    const bool later = is_same_loop(before, state, depth) && now.instance >= old.instance;
    if (!later && old.instance != now.instance) return false;
    if (old.calling != now.calling) return false;
    if (now.instance == old.instance && old.rounds > now.rounds) return false;
    if (now.instance != old.instance) return true;  // all that is deeper belongs to this round
  }
  return true;
}

// Notes for all nodes of the path below `target` that it ended there, in a loop of that many
// frames.
void Explorer::wrap(u32 path, u32 target, u32 depths) {
  nodes_[target].target = true;
  const u32 level = nodes_[target].level;
  for (u32 node = path; node != kNoNode && nodes_[node].level > level; node = nodes_[node].parent) {
    Node& of = nodes_[node];
    const bool nearer = of.wraps_to == kNoNode || nodes_[of.wraps_to].level > level;
    if (!nearer && of.wrap_depths >= depths) return;
    if (nearer) of.wraps_to = target;
    of.wrap_depths = std::max(of.wrap_depths, depths);
  }
}

Explorer::Visit Explorer::meet(State& state, Pc pc, u32& parent, bool back) {
  forget(state, pc);
  store_.canonicalise(state);
  u32 rounds = 0;
  u32 latest = kNoNode;
  u32* link = &lists_[pc.value];
  while (*link != kNoNode) {
    const u32 index = *link;
    Node& node = nodes_[index];
    if (node.back == back) {
      const bool progress = node.open != 0 && is_progress(node, state, back);
      if (progress) {
        ++rounds;
        if (latest == kNoNode) latest = index;
      }
      if (store_.covers(node.state, state)) {
        const u32 target = node.open == 0 ? open_target(index) : progress ? index : kNoNode;
        if (target != kNoNode ? progress || has_gone_as_far(index, state) : node.open == 0) {
          if (target != kNoNode) {
            wrap(parent, target, std::max(nodes_[target].state.depth + 1u, node.wrap_depths));
          }
          ++node.hits;
          ++stats_.pruned;
          return Visit::Ends;
        }
        if (node.open != 0 && store_.equal(node.state, state) && !back) {
          stop<Code::infinite_loop>(pc,
                                    "the program comes back to insn {} with nothing changed: "
                                    "this loop never ends",
                                    pc.value);
          return Visit::Refused;
        }
      }
      if (++node.misses > kMissesBeforeLeaving + node.hits * 16 && !progress) {
        *link = node.next;
        node.listed = false;
        if (node.open == 0 && !node.target) free_node(index);
        continue;
      }
    }
    link = &nodes_[index].next;
  }
  if (rounds > (back ? kCallbacksBeforeWidening : kRoundsBeforeWidening)) {
    widen(state, nodes_[latest].state);
    ++stats_.joins;
  }
  remember(state, pc, parent, back);
  return Visit::Goes;
}

void Explorer::remember(const State& state, Pc pc, u32& parent, bool back) {
  const u32 index = nodes_.take();
  if (index == 0) return;
  Node& node = nodes_[index];
  node.state = store_.copy(state);
  node.pc = pc;
  node.parent = parent;
  node.level = parent == kNoNode ? 1 : nodes_[parent].level + 1;
  node.open = 1;
  node.back = back;
  node.listed = true;
  node.next = lists_[pc.value];
  lists_[pc.value] = index;
  parent = index;
  ++stats_.states;
  if (options_.on_state && !back) options_.on_state(StateView(judge_, state, pc));
}

// Makes unknown what nothing after this insn looks at.
void Explorer::forget(State& state, Pc pc) {
  Pc at = pc;
  for (u32 depth = state.depth + 1u; depth-- > 0;) {
    const bool top = depth == state.depth;
    const bool calls_back = !top && store_.frame(state, depth + 1).callback;
    forget_frame(state, depth, top || calls_back ? liveness_.before(at) : liveness_.during(at));
    at = store_.frame(state, depth).call;
  }
}

void Explorer::forget_frame(State& state, u32 depth, const Live& live) {
  for (u32 reg = 0; reg < kFrameReg; ++reg) {
    const Cell& cell = store_.frame(state, depth).regs[reg];
    if (cell.value == Values::kNothing) continue;
    if ((live.regs >> reg & 1) == 0) {
      store_.own_frame(state, depth).regs[reg] = Cell{};
    } else if ((live.demanded >> reg & 1) == 0 && cell.value != Values::kAnyNumber &&
               values_[cell.value].type == Type::Number) {
      store_.own_frame(state, depth).regs[reg] = Cell{.value = Values::kAnyNumber};
    }
  }
  for (u32 chunk = 0; chunk < kSlots / kChunkSlots; ++chunk) {
    if (store_.frame(state, depth).chunks[chunk] == 0) continue;
    const u64 mask = u64{0xff} << chunk * kChunkSlots;
    if ((live.slots & mask) == 0) {
      store_.drop_chunk(state, depth, chunk);
      continue;
    }
    for (u32 i = 0; i < kChunkSlots; ++i) {
      const u32 slot = chunk * kChunkSlots + i;
      const Slot& found = store_.slot(state, depth, slot);
      if ((live.slots >> slot & 1) == 0) {
        if (!found.is_unwritten()) store_.own_slot(state, depth, slot) = Slot{};
        continue;
      }
      if ((live.demanded_slots >> slot & 1) != 0) continue;
      // Bytes of numbers that nobody asks for are any bytes.
      const u32 spilled = found.spilled();
      if (spilled != 0 && values_[found.cell.value].type != Type::Number) continue;
      bool plain = spilled == 0;
      for (const Byte byte : found.bytes) plain = plain && byte != Byte::Zero;
      if (plain) continue;
      Slot& own = store_.own_slot(state, depth, slot);
      own.cell = Cell{};
      for (Byte& byte : own.bytes) {
        if (byte != Byte::Unwritten) byte = Byte::Misc;
      }
    }
  }
}

// Numbers that differ from an earlier round's become all that further rounds may make of them.
void Explorer::widen(State& state, const State& before) {
  for (u32 depth = 0; depth <= state.depth; ++depth) {
    for (u32 reg = 0; reg < kFrameReg; ++reg) {
      const Cell now = store_.frame(state, depth).regs[reg];
      const Cell old = store_.frame(before, depth).regs[reg];
      if (now.value == old.value || values_[now.value].type != Type::Number ||
          values_[old.value].type != Type::Number) {
        continue;
      }
      const Scalar wide =
          skep::widen(values_.number_of(old.value), values_.number_of(now.value), thresholds_);
      store_.own_frame(state, depth).regs[reg] = Cell{.value = values_.put_number(wide)};
    }
    for (u32 slot = 0; slot < kSlots; ++slot) {
      const Slot now = store_.slot(state, depth, slot);
      const Slot old = store_.slot(before, depth, slot);
      if (now == old || now.is_unwritten()) continue;
      const u32 spilled = now.spilled();
      if (spilled != 0 && values_[now.cell.value].type != Type::Number) continue;
      Slot& own = store_.own_slot(state, depth, slot);
      if (spilled != 0 && spilled == old.spilled() &&
          values_[old.cell.value].type == Type::Number) {
        own.cell = Cell{.value = values_.put_number(skep::widen(values_.number_of(old.cell.value),
                                                                values_.number_of(now.cell.value),
                                                                thresholds_))};
        continue;
      }
      // A number that was zero bytes, or the other way round.
      const bool zeros = spilled == 0 && old.spilled() == 8;
      if (zeros || (spilled == 8 && old.spilled() == 0)) {
        own.cell = Cell{};
        for (Byte& byte : own.bytes) {
          if (byte != Byte::Unwritten) byte = Byte::Misc;
        }
      } else if (spilled == 0) {
        for (Byte& byte : own.bytes) {
          if (byte == Byte::Zero) byte = Byte::Misc;
        }
      }
    }
  }
  store_.canonicalise(state);
}

}  // namespace skep::abstract
