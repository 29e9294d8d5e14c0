// Two passes over each function: forwards, which registers are r10 plus a constant; backwards, what
// is read.

#include "verifier/liveness.h"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "helpers/spec/host_rows.h"
#include "verifier/state.h"

namespace skep::abstract {
namespace {

constexpr u16 bit(u32 reg) {
  return static_cast<u16>(1u << reg);
}
constexpr u16 kArguments = 0x3e;    // r1 to r5
constexpr u16 kCallerSaved = 0x3f;  // r0 to r5

// Where a register points, as far as one function tells: an offset from its r10, or one of these:
// elsewhere if at all, certainly nowhere, somewhere in the stack.
constexpr i16 kUnseen = INT16_MIN, kElsewhere = INT16_MIN + 1, kNumber = INT16_MIN + 2,
              kSomewhere = INT16_MIN + 3;
constexpr bool is_offset(i16 place) {
  return place > kSomewhere;
}
constexpr bool may_be_stack(i16 place) {
  return place == kSomewhere || is_offset(place);
}

struct Places {
  std::array<i16, kRegs> regs;
};

i16 join(i16 a, i16 b) {
  if (a == b || b == kUnseen) return a;
  if (a == kUnseen) return b;
  return may_be_stack(a) || may_be_stack(b) ? kSomewhere : kElsewhere;
}

i16 moved(i16 place, i64 by) {
  if (!is_offset(place)) return place;
  const i64 sum = place + by;
  return sum >= -i64{kStackSize} && sum <= 0 ? static_cast<i16>(sum) : kSomewhere;
}

// Slots of the bytes [offset, offset + size) from r10; all of them when that is not inside.
u64 slots_of(i64 offset, u32 size) {
  const i64 first = offset + kStackSize;
  if (first < 0 || first + size > kStackSize) return ~u64{0};
  u64 slots = 0;
  for (i64 slot = first / 8; slot <= (first + size - 1) / 8; ++slot) slots |= u64{1} << slot;
  return slots;
}

}  // namespace

class LivenessPass {
 public:
  LivenessPass(const Image& image, Demand demand, Live* live, Places* places)
      : image_(image), program_(image.program), demand_(demand), live_(live), places_(places) {
    const HostType* host = image.host == nullptr ? nullptr : image.host->find_type(image.type);
    const ReturnRange range =
        host != nullptr ? host->row().returns
                        : return_range(image.type, static_cast<AttachType>(image.attach_type));
    returns_matter_ = !range.any() || image.type == ProgramType::lsm;
    decides_.assign(program_.size(), demand == Demand::AllBranches);
    if (demand == Demand::LoopExits) find_exits();
  }

  void run() {
    for (const Subprogram& function : program_.subprograms()) {
      find_places(function);
      if (escapes_) any_escapes_ = true;
      escaped_.push_back(escapes_);
    }
    // Twice, for what functions read of their arguments: first it is all of them.
    for (u32 round = 0; round < 2; ++round) {
      for (std::size_t i = 0; i < program_.subprograms().size(); ++i) {
        escapes_ = escaped_[i];
        result_matters_ = round == 0 ? i != 0 || returns_matter_ : results_[i];
        read_back(program_.subprograms()[i]);
      }
      summarised_ = true;
      find_results();
    }
  }

 private:
  // A loop is taken to lie from where jumps backwards lead to the last of them.
  void find_exits() {
    std::vector<u32> ends(program_.size(), 0);  // by first insn
    for (u32 at = 0; at < program_.size(); ++at) {
      const Decoded& insn = program_.at({at});
      if (!insn.second_slot && insn.is_jump() && insn.target.value <= at) {
        ends[insn.target.value] = at;
      }
    }
    for (u32 first = 0; first < program_.size(); ++first) {
      for (u32 at = first; ends[first] != 0 && at <= ends[first]; ++at) {
        const Decoded& insn = program_.at({at});
        if (insn.second_slot || kind(insn.op) != OpKind::Jump) continue;
        const bool leaves =
            insn.target.value < first || insn.target.value > ends[first] || at == ends[first];
        if (leaves) decides_[at] = true;
      }
    }
  }

  // Whose results matter: those that somebody who calls them compares or computes with.
  void find_results() {
    const auto all = program_.subprograms();
    results_.assign(all.size(), false);
    results_[0] = returns_matter_;
    for (Pc pc; pc.value < program_.size(); pc = pc + program_.at(pc).slots()) {
      const Decoded& insn = program_.at(pc);
      if (insn.op != Op::CallLocal && insn.op != Op::LoadFunc) continue;
      const auto found = std::ranges::lower_bound(all, insn.target, {}, &Subprogram::first);
      const bool used = insn.op == Op::LoadFunc || pc + 1 >= Pc{program_.size()} ||
                        (live_[pc.value + 1].demanded & bit(0)) != 0;
      if (used) results_[static_cast<std::size_t>(found - all.begin())] = true;
    }
  }

  // ---- forwards
  void find_places(const Subprogram& function) {
    escapes_ = false;
    for (Pc pc = function.first; pc < function.end; pc = pc + 1) {
      places_[pc.value].regs.fill(kUnseen);
    }
    Places entry;
    entry.regs.fill(kElsewhere);
    entry.regs[kFrameReg] = 0;
    places_[function.first.value] = entry;
    bool changed = true;
    while (changed) {
      changed = false;
      for (Pc pc = function.first; pc < function.end; pc = pc + program_.at(pc).slots()) {
        const Decoded& insn = program_.at(pc);
        if (places_[pc.value].regs[kFrameReg] == kUnseen) continue;
        const Places after = step(insn, places_[pc.value]);
        if (insn.falls_through()) changed |= flow(after, pc + insn.slots(), function);
        if (insn.is_jump()) changed |= flow(after, insn.target, function);
      }
    }
  }

  bool flow(const Places& from, Pc to, const Subprogram& function) {
    if (to >= function.end) return false;
    bool changed = false;
    for (u32 reg = 0; reg < kRegs; ++reg) {
      i16& place = places_[to.value].regs[reg];
      const i16 joined = join(place, from.regs[reg]);
      changed |= joined != place;
      place = joined;
    }
    return changed;
  }

  Places step(const Decoded& insn, Places at) {
    const auto give_away = [&](u32 reg) {
      if (may_be_stack(at.regs[reg])) escapes_ = true;
    };
    i16& dst = at.regs[insn.dst];
    switch (kind(insn.op)) {
      case OpKind::Alu:
        if (insn.op == Op::Mov) {
          dst = insn.immediate || insn.bits == 32 ? kNumber : at.regs[insn.src];
        } else if (insn.op == Op::Add && insn.immediate && insn.bits == 64) {
          dst = moved(dst, insn.imm);
        } else if (may_be_stack(dst) || (!insn.immediate && may_be_stack(at.regs[insn.src]))) {
          dst = kSomewhere;
        } else if (!may_add_pointer(insn, at)) {
          dst = kNumber;
        } else {
          dst = kElsewhere;
        }
        break;
      case OpKind::Unary:
      case OpKind::MovSx:
      case OpKind::Swap: dst = kNumber; break;
      case OpKind::Lddw: dst = insn.op == Op::LoadImm ? kNumber : kElsewhere; break;
      case OpKind::Jump: break;
      case OpKind::Memory:
        if (insn.op == Op::Store) give_away(insn.src);
        if (insn.op == Op::Load || insn.op == Op::LoadSigned) {
          dst = insn.size < 8 ? kNumber : kElsewhere;
        }
        if (insn.op == Op::LoadAbs || insn.op == Op::LoadInd) forget_scratch(at);
        break;
      case OpKind::Atomic:
        give_away(insn.src);
        if (insn.op == Op::CmpXchg) at.regs[0] = kElsewhere;
        at.regs[insn.src] = kElsewhere;
        break;
      case OpKind::Ordered:
        if (insn.op == Op::StoreRelease) give_away(insn.src);
        if (insn.op == Op::LoadAcquire) dst = kElsewhere;
        break;
      case OpKind::Other:
        if (insn.op == Op::CallLocal || insn.op == Op::CallKfunc || insn.op == Op::Callx ||
            calls_back(insn)) {
          for (u32 reg = 1; reg <= 5; ++reg) give_away(reg);
        }
        if (insn.op != Op::Ja && insn.op != Op::JaLong && insn.op != Op::MayGoto) {
          forget_scratch(at);
        }
        if (const auto* proto = helper(insn); proto != nullptr) {
          at.regs[0] = proto->returns.kind == RetKind::Integer ? kNumber : kElsewhere;
        }
        break;
    }
    for (u32 reg = 0; reg < kRegs; ++reg) {
      if (at.regs[reg] == kSomewhere) escapes_ = true;
    }
    at.regs[kFrameReg] = 0;
    return at;
  }

  // Whether a number may be added to a pointer, or taken from it.
  static bool may_add_pointer(const Decoded& insn, const Places& at) {
    if ((insn.op != Op::Add && insn.op != Op::Sub) || insn.bits == 32) return false;
    return at.regs[insn.dst] != kNumber || (!insn.immediate && at.regs[insn.src] != kNumber);
  }

  static void forget_scratch(Places& at) {
    for (u32 reg = 0; reg <= 5; ++reg) at.regs[reg] = kElsewhere;
  }
  const HelperProto* helper(const Decoded& insn) const {
    if (insn.op != Op::CallHelper) return nullptr;
    return find_helper(image_.host.get(), static_cast<u32>(insn.imm), image_.type);
  }
  bool calls_back(const Decoded& insn) const {
    const HelperProto* proto = helper(insn);
    return proto != nullptr && proto->has(helper_flags::MayCall | helper_flags::CallsLater);
  }

  // ---- backwards
  void read_back(const Subprogram& function) {
    for (Pc pc = function.first; pc < function.end; pc = pc + 1) live_[pc.value] = {};
    bool changed = true;
    while (changed) {
      changed = false;
      for (u32 at = function.end.value; at-- > function.first.value;) {
        const Decoded& insn = program_.at({at});
        if (insn.second_slot) continue;
        Live after;
        if (insn.falls_through()) add(after, Pc{at} + insn.slots(), function);
        if (insn.is_jump()) add(after, insn.target, function);
        const Live before = back({at}, places_[at], after);
        changed |= !(before == live_[at]);
        live_[at] = before;
      }
    }
  }

  void add(Live& to, Pc pc, const Subprogram& function) const {
    if (pc >= function.end) return;
    const Live& from = live_[pc.value];
    to.regs |= from.regs;
    to.demanded |= from.demanded;
    to.slots |= from.slots;
    to.demanded_slots |= from.demanded_slots;
  }

  static void kill(Live& live, u16 regs) {
    live.regs &= static_cast<u16>(~regs);
    live.demanded &= static_cast<u16>(~regs);
  }
  static void use(Live& live, u16 regs, bool demanded) {
    live.regs |= regs;
    if (demanded) live.demanded |= regs;
  }

  Live back(Pc pc, const Places& places, Live live) const {
    const Decoded& insn = program_.at(pc);
    const bool dst_matters = (live.demanded & bit(insn.dst)) != 0;
    const u16 src = insn.immediate ? 0 : bit(insn.src);
    switch (kind(insn.op)) {
      case OpKind::Alu:
        if (insn.op == Op::Mov) {
          kill(live, bit(insn.dst));
          use(live, src, dst_matters);
        } else {
          // What is added to a pointer has to have bounds even if nobody uses the sum.
          use(live, bit(insn.dst) | src,
              dst_matters || (!insn.immediate && may_add_pointer(insn, places)));
        }
        break;
      case OpKind::MovSx:
        kill(live, bit(insn.dst));
        use(live, bit(insn.src), dst_matters);
        break;
      case OpKind::Unary:
      case OpKind::Swap: use(live, bit(insn.dst), dst_matters); break;
      case OpKind::Lddw: kill(live, bit(insn.dst)); break;
      case OpKind::Jump: use(live, bit(insn.dst) | src, decides_[pc.value]); break;
      case OpKind::Memory:
      case OpKind::Ordered: access(insn, places, live, dst_matters); break;
      case OpKind::Atomic: atomic(insn, places, live); break;
      case OpKind::Other: other(insn, places, live); break;
    }
    live.regs |= bit(kFrameReg);
    if (escapes_) live.slots = ~u64{0};
    if (escapes_ && demand_ == Demand::AllBranches) live.demanded_slots = ~u64{0};
    return live;
  }

  void access(const Decoded& insn, const Places& places, Live& live, bool dst_matters) const {
    if (insn.op == Op::LoadAbs || insn.op == Op::LoadInd) {
      kill(live, kCallerSaved);
      use(live, bit(6), false);
      if (insn.op == Op::LoadInd) use(live, bit(insn.src), false);
      return;
    }
    const bool load =
        insn.op == Op::Load || insn.op == Op::LoadSigned || insn.op == Op::LoadAcquire;
    const u32 base = load ? insn.src : insn.dst;
    const i16 place = places.regs[base];
    const u64 slots = is_offset(place) ? slots_of(place + insn.off, insn.size) : 0;
    if (load) {
      kill(live, bit(insn.dst));
      use(live, bit(base), true);
      live.slots |= slots;
      if (dst_matters) live.demanded_slots |= slots;
      return;
    }
    // What is stored where functions may look for it matters; in maps and packets it does not.
    const bool matters = (live.demanded_slots & slots) != 0 ||
                         (!is_offset(place) && any_escapes_ && demand_ == Demand::AllBranches);
    if (insn.size == 8 && is_offset(place) && (place + insn.off) % 8 == 0) {
      live.slots &= ~slots;
      live.demanded_slots &= ~slots;
    }
    use(live, bit(base), true);
    if (insn.op != Op::StoreImm) use(live, bit(insn.src), matters);
  }

  void atomic(const Decoded& insn, const Places& places, Live& live) const {
    const i16 place = places.regs[insn.dst];
    const u64 slots = is_offset(place) ? slots_of(place + insn.off, insn.size) : 0;
    live.slots |= slots;
    // What was there comes back in a register.
    const u32 result = bit(insn.op == Op::CmpXchg ? 0 : insn.src);
    if ((live.demanded & result) != 0) live.demanded_slots |= slots;
    use(live, bit(insn.src), false);
    use(live, bit(insn.dst), true);
    if (insn.op == Op::CmpXchg) use(live, bit(0), false);
  }

  void other(const Decoded& insn, const Places& places, Live& live) const {
    switch (insn.op) {
      case Op::Exit: use(live, bit(0), result_matters_); break;
      case Op::CallHelper: call(insn, places, live); break;
      case Op::CallLocal: {
        kill(live, kCallerSaved);
        const Live& entry = live_[insn.target.value];
        use(live, summarised_ ? entry.regs & kArguments : kArguments, false);
        live.demanded |= summarised_ ? entry.demanded & kArguments : kArguments;
        break;
      }
      case Op::CallKfunc:
      case Op::Callx:
        kill(live, kCallerSaved);
        use(live, kArguments, true);
        break;
      case Op::AddrSpaceCast:
        kill(live, bit(insn.dst));
        use(live, bit(insn.src), true);
        break;
      case Op::Gotox:
        use(live, (1 << kRegs) - 1, true);
        live.slots = live.demanded_slots = ~u64{0};
        break;
      default: break;
    }
  }

  // How many rounds bpf_loop makes: few are told apart.
  static bool counts_rounds(const HelperProto& proto, u32 argument) {
    return argument == 0 && proto.name == "loop";
  }

  void call(const Decoded& insn, const Places& places, Live& live) const {
    const HelperProto* proto = helper(insn);
    kill(live, kCallerSaved);
    const u32 count = proto == nullptr ? 5 : proto->arg_count();
    for (u32 i = 0; i < count; ++i) {
      const u32 reg = i + 1;
      use(live, bit(reg),
          proto == nullptr || counts_rounds(*proto, i) || proto->args[i].kind != ArgKind::Anything);
      if (is_offset(places.regs[reg])) {
        live.slots |= slots_of(places.regs[reg], static_cast<u32>(-places.regs[reg]));
      }
    }
  }

  const Image& image_;
  const Program& program_;
  Demand demand_;
  Live* live_;
  Places* places_;
  bool escapes_ = false;  // of the function at hand
  bool any_escapes_ = false;
  bool summarised_ = false;
  bool result_matters_ = true;
  std::vector<bool> escaped_;
  std::vector<bool> results_;  // by function
  bool returns_matter_;        // the program's own
  std::vector<bool> decides_;  // by pc: comparisons that make numbers matter
};

bool Liveness::init(const Image& image, Demand demand) {
  program_ = &image.program;
  live_.reset(new (std::nothrow) Live[image.program.size()]);
  const std::unique_ptr<Places[]> places(new (std::nothrow) Places[image.program.size()]);
  if (live_ == nullptr || places == nullptr) return false;
  LivenessPass(image, demand, live_.get(), places.get()).run();
  return true;
}

Live Liveness::during(Pc call) const {
  Live live = before(call + 1);
  live.regs &= static_cast<u16>(~kCallerSaved);
  return live;
}

}  // namespace skep::abstract
