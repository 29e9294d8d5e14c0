// Which memory accesses are to the context, and which may be to the kernel's structures: an
// abstract interpretation that follows entry r1 and what the kernel gives.
//
// Each function is interpreted once per way into it, with the frames of its callers below it, so a
// context that is kept in a caller's structure is still known in a callback. States are joined
// where control flow joins; what an instruction's base may be is joined over all visits. A store or
// a helper that may change a slot which holds the context makes that slot uncertain, never wrong. A
// context stored outside of the stack may come back with any 8-byte load. A pointer to a structure
// of the kernel comes back from the stack only: from other memory it is a number to the kernel's
// verifier, too.
//
// The work is bounded; programs beyond the bound, and those with indirect jumps, are Maybe
// everywhere. Tested by tests/helpers/mark_context_test.cpp.

#include <algorithm>
#include <memory>
#include <new>

#include "helpers/contexts/access.h"
#include "helpers/contexts/origin.h"
#include "helpers/spec/host_rows.h"

namespace skep {
namespace {

constexpr u64 kVisitsPerInsn = 64;
constexpr u64 kLeastVisits = 1 << 20;
constexpr u32 kNoLeader = ~0u;
constexpr u8 kPointer = Origin::kContext | Origin::kStack;

// Whether the helper's result points to the kernel's own structures.
bool gives_kernel_memory(const HelperProto& helper) {
  switch (helper.returns.kind) {
    case RetKind::SocketOrNull:
    case RetKind::SockCommonOrNull:
    case RetKind::TcpSockOrNull:
    case RetKind::PerCpu:
    case RetKind::PerCpuOrNull:
    case RetKind::KptrOrNull:
    case RetKind::Btf:
    case RetKind::BtfOrNull: return true;
    default: return false;
  }
}

// The register that an instruction accesses memory through, or -1.
int base_reg(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Memory:
      if (insn.op == Op::LoadAbs || insn.op == Op::LoadInd) return -1;
      return insn.op == Op::Load || insn.op == Op::LoadSigned ? insn.src : insn.dst;
    case OpKind::Atomic: return insn.dst;
    case OpKind::Ordered: return insn.op == Op::LoadAcquire ? insn.src : insn.dst;
    default: return -1;
  }
}

// Which argument of a callback is the context that its helper was given: its register, or 0.
u32 callback_context_reg(std::string_view helper) {
  if (helper == "loop" || helper == "user_ringbuf_drain") return 2;
  if (helper == "find_vma") return 3;
  return helper == "for_each_map_elem" ? 4 : 0;
}

class Marker {
 public:
  explicit Marker(const Image& image)
      : image_(image),
        program_(image.program),
        insns_(program_.decoded()),
        kind_(context_kind(image.host.get(), image.type)) {}

  Result<std::unique_ptr<ContextUse[]>> run();

 private:
  // A function as it was last interpreted: calls in the same state have the same outcome.
  struct Memo {
    bool valid = false;
    bool exits = false;
    u32 level = 0;
    OriginState in, out;
  };

  bool prepare_leaders();
  void mark_leader(Pc pc) { leader_of_[pc.value] = 0; }
  void mark_memory(Pc pc, const Decoded& insn, const OriginState& state);
  void give_up() { gave_up_ = true; }
  void all_maybe();

  bool interpret(Pc entry, u32 level, OriginState& state);
  bool interpret_body(const Subprogram& function, u32 level, OriginState& state);
  struct Body;
  void walk(Body& body, u32 leader);
  void reach(Body& body, Pc pc, const OriginState& state);

  void step(const Decoded& insn, u32 level, OriginState& state);
  void step_alu(const Decoded& insn, OriginState& state);
  void load(const Decoded& insn, const Origin& base, OriginState& state);
  void store(const Decoded& insn, const Origin& base, const Origin& value, OriginState& state);
  void atomic(const Decoded& insn, const Origin& base, OriginState& state);
  Origin loaded(const Origin& base, i32 off, u32 size, const OriginState& state) const;

  bool call(const Decoded& insn, u32 level, OriginState& state);
  bool call_function(Pc entry, u32 level, OriginState& state);
  void call_helper(const HelperProto* helper, u32 level, OriginState& state);
  void call_back(const HelperProto& helper, u32 level, OriginState& state);
  void helper_memory(const HelperProto& helper, OriginState& state);
  void helper_reads(const Origin& pointer, i64 size, const OriginState& state);
  void helper_writes(const Origin& pointer, i64 size, OriginState& state);

  const HelperProto* helper_of(u32 id) const {
    return find_helper(image_.host.get(), id, image_.type);
  }

  const Image& image_;
  const Program& program_;
  std::span<const Decoded> insns_;
  ContextKind kind_;
  std::unique_ptr<ContextUse[]> uses_;
  std::unique_ptr<bool[]> visited_;
  std::unique_ptr<u32[]> leader_of_;  // by pc: index of a leader within its function, or kNoLeader
  std::unique_ptr<Memo[]> memos_;     // by subprogram
  u64 visits_left_ = 0;
  bool escaped_ = false;  // a pointer to the context or stack was stored outside of the stack
  bool gave_up_ = false;
};

// One function being interpreted: the states at its leaders.
struct Marker::Body {
  const Subprogram& function;
  u32 level;
  std::unique_ptr<OriginState[]> states;
  std::unique_ptr<bool[]> reached;
  std::unique_ptr<Pc[]> waiting;  // leaders to walk from, each at most once
  std::unique_ptr<bool[]> waits;
  u32 waiting_count = 0;
  bool exits = false;
  OriginState out;

  bool allocate(u32 leaders) {
    states.reset(new (std::nothrow) OriginState[leaders]);
    reached.reset(new (std::nothrow) bool[leaders]());
    waiting.reset(new (std::nothrow) Pc[leaders]);
    waits.reset(new (std::nothrow) bool[leaders]());
    return states != nullptr && reached != nullptr && waiting != nullptr && waits != nullptr;
  }
};

Result<std::unique_ptr<ContextUse[]>> Marker::run() {
  uses_.reset(new (std::nothrow) ContextUse[program_.size()]);
  visited_.reset(new (std::nothrow) bool[program_.size()]());
  visits_left_ = std::max(kLeastVisits, kVisitsPerInsn * program_.size());
  memos_.reset(new (std::nothrow) Memo[program_.subprograms().size()]);
  if (uses_ == nullptr || visited_ == nullptr || memos_ == nullptr || !prepare_leaders()) {
    return fail<Code::no_memory>("marking the context");
  }
  for (bool again = true; again && !gave_up_;) {
    const bool escaped_before = escaped_;
    for (u32 i = 0; i < program_.subprograms().size(); ++i) memos_[i].valid = false;
    OriginState state;
    state.regs[1] = Origin::context();
    interpret(program_.subprograms()[0].first, 0, state);
    again = escaped_ != escaped_before;
  }
  if (gave_up_) all_maybe();
  return std::move(uses_);
}

// What can be said without any analysis: accesses through r10 are to the stack.
void Marker::all_maybe() {
  for (u32 pc = 0; pc < program_.size(); ++pc) {
    const int base = insns_[pc].second_slot ? -1 : base_reg(insns_[pc]);
    const bool maybe = base >= 0 && base != kFrameReg;
    const bool fields = maybe && kind_ == ContextKind::Fields;
    uses_[pc] = {fields ? ContextUse::Kind::Maybe : ContextUse::Kind::No, 0, maybe};
  }
}

bool Marker::prepare_leaders() {
  leader_of_.reset(new (std::nothrow) u32[program_.size()]);
  if (leader_of_ == nullptr) return false;
  std::fill_n(leader_of_.get(), program_.size(), kNoLeader);
  for (const Subprogram& function : program_.subprograms()) {
    mark_leader(function.first);
    for (Pc pc = function.first; pc < function.end; pc = pc + insns_[pc.value].slots()) {
      const Decoded& insn = insns_[pc.value];
      if (insn.op == Op::Gotox) give_up();
      if (!insn.is_jump()) continue;
      mark_leader(insn.target);
      if (insn.falls_through() && pc + 1 < function.end) mark_leader(pc + 1);
    }
    u32 count = 0;
    for (u32 pc = function.first.value; pc < function.end.value; ++pc) {
      if (leader_of_[pc] != kNoLeader) leader_of_[pc] = count++;
    }
  }
  return true;
}

void Marker::mark_memory(Pc pc, const Decoded& insn, const OriginState& state) {
  const int reg = base_reg(insn);
  if (reg < 0) return;
  const Origin& base = state.regs[reg];
  ContextUse use;
  use.kernel = base.may_be(Origin::kKernel);
  if (kind_ != ContextKind::Fields) {
    // The context is memory like any other.
  } else if (base.is_exact(Origin::kContext)) {
    use.kind = ContextUse::Kind::Certain;
    use.offset = base.number + insn.off;
  } else if (base.may_be(Origin::kContext)) {
    use.kind = ContextUse::Kind::Maybe;
  }
  ContextUse& all = uses_[pc.value];
  const bool same = all.kind == use.kind && all.offset == use.offset;
  if (visited_[pc.value] && !same) use = {ContextUse::Kind::Maybe, 0, use.kernel};
  use.kernel |= all.kernel;
  all = use;
  visited_[pc.value] = true;
}

// Interprets the function at `entry` in a frame of `level`. Its outcome in `state`; false if it
// never returns.
bool Marker::interpret(Pc entry, u32 level, OriginState& state) {
  if (level >= kMaxFrames || gave_up_) return false;
  const auto functions = program_.subprograms();
  const Subprogram& function = program_.subprogram_of(entry);
  Memo& memo = memos_[static_cast<std::size_t>(&function - functions.data())];
  if (!memo.valid || memo.level != level || !memo.in.same(state)) {
    const OriginState in = state;
    const bool exits = interpret_body(function, level, state);
    memo = {true, exits, level, in, state};
  }
  state = memo.out;
  return memo.exits;
}

bool Marker::interpret_body(const Subprogram& function, u32 level, OriginState& state) {
  u32 leaders = 0;
  for (u32 pc = function.first.value; pc < function.end.value; ++pc) {
    leaders += leader_of_[pc] != kNoLeader;
  }
  Body body{function, level, {}, {}, {}, {}, 0, false, {}};
  if (!body.allocate(leaders)) {
    give_up();
    return false;
  }
  state.regs[kFrameReg] = Origin::stack(level);
  reach(body, function.first, state);
  while (body.waiting_count != 0 && !gave_up_) {
    const Pc pc = body.waiting[--body.waiting_count];
    body.waits[leader_of_[pc.value]] = false;
    walk(body, pc.value);
  }
  state = body.out;
  state.drop_frames(level);
  return body.exits;
}

void Marker::reach(Body& body, Pc pc, const OriginState& state) {
  const u32 leader = leader_of_[pc.value];
  if (!body.reached[leader]) {
    body.reached[leader] = true;
    body.states[leader] = state;
  } else if (!body.states[leader].join_with(state)) {
    return;
  }
  if (body.waits[leader]) return;
  body.waits[leader] = true;
  body.waiting[body.waiting_count++] = pc;
}

// From a leader to where the straight line ends.
void Marker::walk(Body& body, u32 pc) {
  OriginState state = body.states[leader_of_[pc]];
  for (;;) {
    const Decoded& insn = insns_[pc];
    if (visits_left_ == 0) give_up();
    if (gave_up_) return;
    --visits_left_;
    mark_memory({pc}, insn, state);
    if (insn.op == Op::Exit) {
      if (body.exits) {
        body.out.join_with(state);
      } else {
        body.out = state;
      }
      body.exits = true;
      return;
    }
    if (insn.op == Op::CallLocal || insn.op == Op::Callx || insn.op == Op::CallHelper) {
      if (!call(insn, body.level, state)) return;
    } else {
      step(insn, body.level, state);
    }
    if (insn.is_jump()) reach(body, insn.target, state);
    if (!insn.falls_through()) return;
    pc += insn.slots();
    if (pc >= body.function.end.value) return;
    if (leader_of_[pc] != kNoLeader) return reach(body, {pc}, state);
  }
}

void Marker::step(const Decoded& insn, u32 level, OriginState& state) {
  Origin* regs = state.regs;
  switch (kind(insn.op)) {
    case OpKind::Alu:
    case OpKind::Unary:
    case OpKind::MovSx:
    case OpKind::Swap: return step_alu(insn, state);
    case OpKind::Jump: return;
    case OpKind::Atomic: return atomic(insn, regs[insn.dst], state);
    case OpKind::Lddw:
      regs[insn.dst] = insn.op == Op::LoadImm     ? Origin::constant(insn.imm)
                       : insn.op == Op::LoadFunc  ? Origin::function(insn.target)
                       : insn.op == Op::LoadBtfId ? Origin::kernel()
                                                  : Origin{};
      return;
    case OpKind::Memory:
    case OpKind::Ordered:
      switch (insn.op) {
        case Op::Load:
        case Op::LoadSigned:
        case Op::LoadAcquire: return load(insn, regs[insn.src], state);
        case Op::StoreImm: return store(insn, regs[insn.dst], {}, state);
        case Op::Store:
        case Op::StoreRelease: return store(insn, regs[insn.dst], regs[insn.src], state);
        default: break;  // LoadAbs, LoadInd: a call in all but name
      }
      for (u32 reg = 0; reg <= 5; ++reg) regs[reg] = {};
      return;
    case OpKind::Other:
      if (insn.op == Op::AddrSpaceCast) regs[insn.dst] = regs[insn.src].blurred();
      if (insn.op == Op::CallKfunc) call_helper(nullptr, level, state);
      return;
  }
}

void Marker::step_alu(const Decoded& insn, OriginState& state) {
  Origin& dst = state.regs[insn.dst];
  const Origin operand = insn.immediate ? Origin::constant(insn.imm) : state.regs[insn.src];
  if (kind(insn.op) == OpKind::MovSx) {
    dst = operand.blurred();
  } else if (kind(insn.op) != OpKind::Alu) {
    dst = dst.blurred();
  } else if (insn.op == Op::Mov) {
    dst = insn.bits == 64 || operand.is_constant() ? operand : operand.blurred();
  } else if (insn.bits == 64 && insn.op == Op::Add && operand.is_constant()) {
    dst = dst.plus(operand.number);
  } else if (insn.bits == 64 && insn.op == Op::Add && dst.is_constant()) {
    dst = operand.plus(dst.number);
  } else if (insn.bits == 64 && insn.op == Op::Sub && operand.is_constant()) {
    dst = dst.plus(-static_cast<i64>(operand.number));
  } else {
    dst = join(dst, operand).blurred();
  }
}

// What an access of memory may bring: pointers come back only in 8 bytes.
Origin Marker::loaded(const Origin& base, i32 off, u32 size, const OriginState& state) const {
  Origin value;
  const bool from_kernel =
      base.may_be(Origin::kKernel) || (kind_ == ContextKind::Btf && base.may_be(Origin::kContext));
  if (from_kernel && size == 8) value = Origin::kernel();
  if (state.full && base.may_be(Origin::kStack)) value.set |= kPointer | Origin::kKernel;
  if (base.is_exact(Origin::kStack)) {
    const i64 from = static_cast<i64>(base.number) + off;
    if (!state.full && size == 8 && from % 8 == 0)
      return state.slot(base.level, static_cast<i32>(from));
    for (u32 i = 0; i < state.spill_count; ++i) {
      const Spill& spill = state.spills[i];
      if (spill.level != base.level || spill.slot + 8 <= from || spill.slot >= from + size)
        continue;
      value = join(value, spill.value).blurred();
    }
    return value;
  }
  if (base.may_be(Origin::kStack)) {
    for (u32 i = 0; i < state.spill_count; ++i) {
      value = join(value, state.spills[i].value).blurred();
    }
  }
  if (escaped_ && size == 8 && base.may_be(Origin::kElsewhere)) value.set |= kPointer;
  return value;
}

void Marker::load(const Decoded& insn, const Origin& base, OriginState& state) {
  state.regs[insn.dst] = loaded(base, insn.off, insn.size, state);
}

void Marker::store(const Decoded& insn, const Origin& base, const Origin& value,
                   OriginState& state) {
  if (base.is_exact(Origin::kStack)) {
    const i64 to = static_cast<i64>(base.number) + insn.off;
    if (insn.size == 8 && to % 8 == 0 && to >= -static_cast<i64>(kStackSize) && to < 0) {
      state.set_slot(base.level, static_cast<i32>(to), value);
    } else {
      state.blur_slots(base.level, to, to + insn.size, value);
      state.full |= value.is_pointer();
    }
    return;
  }
  if (base.may_be(Origin::kStack)) {
    if (value.is_pointer()) state.full = true;
    helper_writes(base, 0, state);
  }
  if (base.may_be(Origin::kElsewhere) && value.may_be(kPointer)) escaped_ = true;
}

void Marker::atomic(const Decoded& insn, const Origin& base, OriginState& state) {
  const Origin old = loaded(base, insn.off, insn.size, state).blurred();
  const Origin value = join(old, state.regs[insn.src]).blurred();
  store(insn, base, value, state);
  if (insn.op == Op::CmpXchg) {
    state.regs[0] = old;
  } else if (insn.op == Op::Xchg || insn.op == Op::FetchAdd || insn.op == Op::FetchOr ||
             insn.op == Op::FetchAnd || insn.op == Op::FetchXor) {
    state.regs[insn.src] = old;
  }
}

// ---- calls
// ---------------------------------------------------------------------------------------

// False if the call never returns.
bool Marker::call(const Decoded& insn, u32 level, OriginState& state) {
  const Origin target = insn.op == Op::Callx ? state.regs[insn.dst] : Origin{};
  if (insn.op == Op::CallLocal) return call_function(insn.target, level, state);
  if (insn.op == Op::CallHelper) {
    call_helper(helper_of(static_cast<u32>(insn.imm)), level, state);
  } else if (target.exact == Origin::Exact::Function) {
    return call_function({static_cast<u32>(target.number)}, level, state);
  } else if (target.is_constant()) {
    call_helper(helper_of(static_cast<u32>(target.number)), level, state);
  } else {
    give_up();
  }
  return !gave_up_;
}

bool Marker::call_function(Pc entry, u32 level, OriginState& state) {
  const OriginState caller = state;
  state.regs[0] = {};
  for (u32 reg = 6; reg < kFrameReg; ++reg) state.regs[reg] = {};
  if (!interpret(entry, level + 1, state)) return false;
  for (u32 reg = 1; reg <= 5; ++reg) state.regs[reg] = {};
  for (u32 reg = 6; reg < kRegs; ++reg) state.regs[reg] = caller.regs[reg];
  return true;
}

// Null: one of which nothing is known.
void Marker::call_helper(const HelperProto* helper, u32 level, OriginState& state) {
  if (helper == nullptr) {
    for (u32 reg = 1; reg <= 5; ++reg) {
      helper_reads(state.regs[reg], kStackSize, state);
      helper_writes(state.regs[reg], kStackSize, state);
    }
  } else {
    helper_memory(*helper, state);
    call_back(*helper, level, state);
  }
  for (u32 reg = 0; reg <= 5; ++reg) state.regs[reg] = {};
  if (helper != nullptr && gives_kernel_memory(*helper)) state.regs[0] = Origin::kernel();
}

void Marker::helper_memory(const HelperProto& helper, OriginState& state) {
  for (u32 i = 0; i < helper.arg_count(); ++i) {
    const Arg& arg = helper.args[i];
    const Origin& pointer = state.regs[i + 1];
    const bool sized = i + 1 < helper.arg_count();
    const Origin size =
        sized && state.regs[i + 2].is_constant() ? state.regs[i + 2] : Origin::constant(kStackSize);
    switch (arg.kind) {
      case ArgKind::Mem:
      case ArgKind::MemOrNull: helper_reads(pointer, size.number, state); break;
      case ArgKind::UninitMem: helper_writes(pointer, size.number, state); break;
      case ArgKind::WriteMem:
      case ArgKind::WriteMemOrNull:
        helper_reads(pointer, size.number, state);
        helper_writes(pointer, size.number, state);
        break;
      case ArgKind::WriteFixedMem:
      case ArgKind::UninitFixedMem: helper_writes(pointer, arg.detail, state); break;
      case ArgKind::MapValue:
      case ArgKind::MapValueOrNull: helper_reads(pointer, kStackSize, state); break;
      case ArgKind::UninitMapValue:
      case ArgKind::UninitDynptr: helper_writes(pointer, kStackSize, state); break;
      default: break;
    }
  }
}

// Memory that a helper reads may end up anywhere.
void Marker::helper_reads(const Origin& pointer, i64 size, const OriginState& state) {
  for (u32 i = 0; i < state.spill_count; ++i) {
    const Spill& spill = state.spills[i];
    const bool apart = pointer.is_exact(Origin::kStack) &&
                       (spill.level != pointer.level || spill.slot + 8 <= pointer.number ||
                        spill.slot >= pointer.number + size);
    const bool follows = spill.value.may_be(kPointer);
    if (follows && pointer.may_be(Origin::kStack) && !apart) escaped_ = true;
  }
}

// Slots that may have been written no longer certainly hold what they held.
void Marker::helper_writes(const Origin& pointer, i64 size, OriginState& state) {
  if (pointer.is_exact(Origin::kStack)) {
    state.blur_slots(pointer.level, pointer.number, pointer.number + size, {});
  } else if (pointer.may_be(Origin::kStack)) {
    for (u32 level = 0; level < kMaxFrames; ++level) {
      state.blur_slots(level, -static_cast<i64>(kStackSize), 0, {});
    }
  }
}

// Interprets the function that a helper is given, for any number of rounds.
void Marker::call_back(const HelperProto& helper, u32 level, OriginState& state) {
  if (!helper.has(helper_flags::MayCall)) return;
  Origin function, context;
  for (u32 i = 0; i < helper.arg_count(); ++i) {
    if (helper.args[i].kind == ArgKind::Function) function = state.regs[i + 1];
    if (helper.args[i].kind == ArgKind::StackOrNull) context = state.regs[i + 1];
  }
  const u32 context_reg = callback_context_reg(helper.name);
  const bool hosts = helper.id >= kFirstHostHelper;
  if (function.exact != Origin::Exact::Function || (context_reg == 0 && !hosts)) return give_up();
  // A host's helper may hand any of its arguments on, in any place.
  Origin handed;
  for (u32 reg = 1; hosts && reg <= 5; ++reg) handed = join(handed, state.regs[reg]).blurred();
  for (bool changed = true; changed && !gave_up_;) {
    OriginState round = state;
    for (u32 reg = 0; reg <= 5; ++reg) round.regs[reg] = reg == 0 ? Origin{} : handed;
    if (!hosts) round.regs[context_reg] = context;
    if (!call_function({static_cast<u32>(function.number)}, level, round)) return;
    for (u32 reg = 0; reg <= 5; ++reg) round.regs[reg] = state.regs[reg];
    changed = state.join_with(round);
  }
}

// Whether any instruction could access the context through fields, or the kernel's structures.
bool has_marks(const Image& image) {
  const ContextKind kind = context_kind(image.host.get(), image.type);
  if (kind == ContextKind::Fields || kind == ContextKind::Btf) return true;
  return std::ranges::any_of(image.program.decoded(), [&](const Decoded& insn) {
    if (insn.second_slot) return false;
    if (insn.op == Op::LoadBtfId || insn.op == Op::Callx) return true;
    if (insn.op != Op::CallHelper) return false;
    const u32 id = static_cast<u32>(insn.imm);
    const HelperProto* helper = find_helper(image.host.get(), id, image.type);
    return helper != nullptr && gives_kernel_memory(*helper);
  });
}

}  // namespace

Result<std::unique_ptr<ContextUse[]>> mark_context(const Image& image) {
  if (has_marks(image)) return Marker(image).run();
  std::unique_ptr<ContextUse[]> none(new (std::nothrow) ContextUse[image.program.size()]);
  if (none == nullptr) return fail<Code::no_memory>("marking the context");
  return none;
}

}  // namespace skep
