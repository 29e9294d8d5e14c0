// Insn by insn, block by block. Registers of the program are variables here; a block knows each
// variable's value by a Ref. Where several ways meet, the block has a parameter for each variable
// that is live there; those that turn out to be one value are taken out at the end
// (jit/opt/params.cpp). Without recursion, in time and memory linear in the program.
// Tested by tests/jit/lift_test.cpp.

#include "jit/lift.h"

#include <algorithm>
#include <array>

#include "isa/cfg.h"
#include "isa/memory.h"
#include "jit/flow.h"
#include "jit/opt/passes.h"

namespace skep {
namespace {

using ir::BlockId;
using ir::Inst;
using ir::kNone;
using ir::Ref;

constexpr i64 kTailCallHelper = 12;         // bpf_tail_call, enum bpf_func_id
constexpr u64 kPoison = 0xbad2310;          // libbpf's mark of a failed CO-RE relocation
constexpr i64 kMaxLoops = 8 * 1024 * 1024;  // Linux include/linux/bpf.h, BPF_MAX_LOOPS: may_goto
// What a slot of a program takes at most while it is lifted: insts, blocks, edges, states.
constexpr u64 kBytesPerSlot = 640;

using State = std::array<Ref, kVariables>;

bool on_own_frame(u8 base, const Decoded& insn) {
  return base == kFrameReg && insn.off >= -static_cast<i32>(kStackSize) &&
         insn.off + insn.size <= 0;
}

bool is_access(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Memory: return insn.op != Op::LoadAbs && insn.op != Op::LoadInd;
    case OpKind::Atomic:
    case OpKind::Ordered: return true;
    default: return false;
  }
}

u8 base_of(const Decoded& insn) {
  const bool load = insn.op == Op::Load || insn.op == Op::LoadSigned || insn.op == Op::LoadAcquire;
  return load ? insn.src : insn.dst;
}

// What is the same for all functions of a program.
struct Source {
  const Image& image;
  const World& world;
  const LiftOptions& options;
  const Program& program;
  std::vector<u32> costs;

  AccessMark mark(Pc pc) const {
    return options.marks.empty() ? AccessMark{} : options.marks[pc.value];
  }
  bool checked() const { return options.mode == Mode::Checked; }
  bool fact(Pc pc, u8 which) const {
    return options.facts != nullptr && options.facts->has(pc, which);
  }
};

class FunctionLifter {
 public:
  FunctionLifter(const Source& source, ir::Function& function, u32 number)
      : source_(source),
        program_(source.program),
        subprogram_(source.program.subprograms()[number]),
        function_(function),
        to_(function) {
    function.number = number;
    function.first = subprogram_.first;
  }

  void run() {
    flow_ = find_flow(source_.image, subprogram_, source_.costs, source_.options.facts);
    make_blocks();
    enter();
    if (flow_.anywhere) make_dispatch();
    for (const u32 number : flow_.order) lift_block(number);
    ir::order_blocks(function_);
    ir::opt::simplify_params(function_);
    ir::opt::dce(function_);
    set_frame();
  }

 private:
  // ---- blocks and variables -------------------------------------------------------------------

  void make_blocks() {
    blocks_.assign(flow_.blocks.size(), kNone);
    states_.resize(flow_.blocks.size());
    const BlockId entry = to_.new_block(subprogram_.first);
    for (int i = 0; i < 5; ++i) to_.add_param(entry);
    function_.order.push_back(entry);
    for (const u32 number : flow_.order) {
      const FlowBlock& block = flow_.blocks[number];
      blocks_[number] = to_.new_block(block.first);
      states_[number].fill(kNone);
      if (!joins(number)) continue;
      for (u32 variable = 0; variable < kVariables; ++variable) {
        if (block.live >> variable & 1) states_[number][variable] = to_.add_param(blocks_[number]);
      }
    }
  }

  // The first block is entered from the entry block as well.
  bool joins(u32 number) const { return flow_.blocks[number].predecessors + (number == 0) > 1; }

  void enter() {
    to_.use(function_.order.front());
    to_.set_pc(subprogram_.first);
    zero_ = to_.constant(0);
    frame_ = to_.add({.op = ir::Op::FrameAddress});
    state_.fill(zero_);
    for (u32 i = 0; i < 5; ++i) state_[i + 1] = function_.params(to_.block())[i];
    state_[kLoopsVariable] = to_.constant(kMaxLoops);
    to_.jump(edge_to(0));
  }

  // Where every gotox goes: to the block of the insn whose pc it brings, by halves.
  void make_dispatch() {
    dispatch_ = to_.new_block(subprogram_.first);
    for (u32 variable = 0; variable < kVariables; ++variable) {
      state_[variable] = to_.add_param(dispatch_);
    }
    const Ref pc = to_.add_param(dispatch_);
    search(dispatch_, pc, 0, static_cast<u32>(flow_.blocks.size()));
  }

  // In `block`: the way to the one of blocks first to end - 1 that starts at `pc`. Its recursion is
  // as deep as the number of blocks has bits.
  void search(BlockId block, Ref pc, u32 first, u32 end) {
    to_.use(block);
    to_.set_pc(flow_.blocks[first].first);
    if (end - first == 1) return to_.jump(edge_to(first));
    const u32 middle = first + (end - first) / 2;
    const BlockId low = to_.new_block(flow_.blocks[first].first);
    const BlockId high = to_.new_block(flow_.blocks[middle].first);
    to_.branch(Op::Jlt, 64, pc, kNone, flow_.blocks[middle].first.value, to_.edge(low, {}),
               to_.edge(high, {}));
    search(low, pc, first, middle);
    search(high, pc, middle, end);
  }

  // The way to a block, from the state as it is. What has one way in starts in that state.
  ir::Edge edge_to(u32 number) {
    if (!joins(number)) {
      states_[number] = state_;
      return {blocks_[number], 0, 0};
    }
    Ref args[kVariables];
    u32 count = 0;
    for (u32 variable = 0; variable < kVariables; ++variable) {
      if (flow_.blocks[number].live >> variable & 1) args[count++] = state_[variable];
    }
    return to_.edge(blocks_[number], std::span(args, count));
  }

  void lift_block(u32 number) {
    const FlowBlock& block = flow_.blocks[number];
    state_ = states_[number];
    to_.use(blocks_[number]);
    to_.set_pc(block.first);
    if (source_.options.metered) {
      to_.add({.op = ir::Op::Charge, .imm = source_.costs[block.first.value]});
    }
    ended_ = false;
    for (Pc pc = block.first; pc <= block.last && !ended_; pc = pc + program_.at(pc).slots()) {
      pc_ = pc;
      to_.set_pc(pc);
      const Decoded& insn = program_.at(pc);
      if (writes_frame_pointer(insn)) {
        fault(Code::write_to_frame_pointer);
      } else if (source_.fact(pc, Facts::kUnreachable)) {
        fault(Code::bad_code_address);
      } else {
        lift(block, insn);
      }
    }
    if (!ended_) to_.jump(edge_to(block.successors[0]));
  }

  void fault(Code code, i64 address = 0, u32 size = 0) {
    to_.fault(code, kNone, address, size, 0);
    ended_ = true;
  }

  Ref get(u8 reg) const { return reg == kFrameReg ? frame_ : state_[reg]; }
  void set(u8 reg, Ref value) { state_[reg] = value; }
  void clear_arguments() {
    for (u8 reg = 1; reg <= 5; ++reg) state_[reg] = zero_;
  }

  // ---- insns ----------------------------------------------------------------------------------

  void lift(const FlowBlock& block, const Decoded& insn) {
    switch (kind(insn.op)) {
      case OpKind::Alu: return lift_alu(insn);
      case OpKind::Unary: return set(insn.dst, to_.unary(ir::Op::Neg, insn.bits, get(insn.dst)));
      case OpKind::MovSx: return lift_sign_extension(insn);
      case OpKind::Swap: return lift_swap(insn);
      case OpKind::Jump: return lift_jump(block, insn);
      case OpKind::Memory: return lift_memory(insn);
      case OpKind::Atomic:
      case OpKind::Ordered: return lift_atomic(insn);
      case OpKind::Lddw: return set(insn.dst, to_.constant(lddw_value(insn)));
      case OpKind::Other: return lift_other(block, insn);
    }
  }

  static ir::Op alu_op(Op op) {
    switch (op) {
      case Op::Add: return ir::Op::Add;
      case Op::Sub: return ir::Op::Sub;
      case Op::Mul: return ir::Op::Mul;
      case Op::Div: return ir::Op::Div;
      case Op::SDiv: return ir::Op::SDiv;
      case Op::Mod: return ir::Op::Mod;
      case Op::SMod: return ir::Op::SMod;
      case Op::Or: return ir::Op::Or;
      case Op::And: return ir::Op::And;
      case Op::Xor: return ir::Op::Xor;
      case Op::Lsh: return ir::Op::Lsh;
      case Op::Rsh: return ir::Op::Rsh;
      default: return ir::Op::Arsh;
    }
  }

  void lift_alu(const Decoded& insn) {
    if (insn.op == Op::Mov) {
      if (insn.immediate) {
        const u64 mask = insn.bits == 32 ? 0xffffffff : ~u64{0};
        set(insn.dst, to_.constant(static_cast<i64>(static_cast<u64>(insn.imm) & mask)));
      } else if (insn.bits == 32) {
        set(insn.dst, to_.extend(ir::Op::ZeroExtend, 64, 4, get(insn.src)));
      } else {
        set(insn.dst, get(insn.src));
      }
      return;
    }
    const ir::Op op = alu_op(insn.op);
    const Ref value = insn.immediate ? to_.binary_imm(op, insn.bits, get(insn.dst), insn.imm)
                                     : to_.binary(op, insn.bits, get(insn.dst), get(insn.src));
    if (source_.fact(pc_, Facts::kDivisorNonZero)) function_.at(value).flags |= ir::kNonZero;
    set(insn.dst, value);
  }

  void lift_sign_extension(const Decoded& insn) {
    const u32 size = insn.op == Op::MovSx8 ? 1 : insn.op == Op::MovSx16 ? 2 : 4;
    set(insn.dst, to_.extend(ir::Op::SignExtend, insn.bits, size, get(insn.src)));
  }

  void lift_swap(const Decoded& insn) {
    const Ref x = get(insn.dst);
    switch (insn.op) {
      case Op::Le16: return set(insn.dst, to_.extend(ir::Op::ZeroExtend, 64, 2, x));
      case Op::Le32: return set(insn.dst, to_.extend(ir::Op::ZeroExtend, 64, 4, x));
      case Op::Le64: return;
      case Op::Be16:
      case Op::Bswap16: return set(insn.dst, to_.extend(ir::Op::ByteSwap, 64, 2, x));
      case Op::Be32:
      case Op::Bswap32: return set(insn.dst, to_.extend(ir::Op::ByteSwap, 64, 4, x));
      default: return set(insn.dst, to_.extend(ir::Op::ByteSwap, 64, 8, x));
    }
  }

  void lift_jump(const FlowBlock& block, const Decoded& insn) {
    if (block.successor_count != 2) return;  // what facts leave is one way
    const Ref y = insn.immediate ? kNone : get(insn.src);
    const ir::Edge taken = edge_to(block.successors[0]);
    const ir::Edge other = edge_to(block.successors[1]);
    to_.branch(insn.op, insn.bits, get(insn.dst), y, insn.imm, taken, other);
    ended_ = true;
  }

  i64 lddw_value(const Decoded& insn) {
    switch (insn.op) {
      case Op::LoadMap:
      case Op::LoadMapIdx: return static_cast<i64>(kMapBase + insn.map_index());
      case Op::LoadValue:
      case Op::LoadValueIdx: {
        const u8* base = source_.world.maps[insn.map_index()].layout.base;
        return static_cast<i64>(reinterpret_cast<u64>(base) + insn.value_offset());
      }
      case Op::LoadBtfId:
        return static_cast<i64>(kKernelBase + (u64{static_cast<u32>(insn.imm)} << 16));
      case Op::LoadFunc: return static_cast<i64>(kFunctionBase + insn.target.value);
      default: return insn.imm;
    }
  }

  // ---- memory ---------------------------------------------------------------------------------

  // An access through the insn's base register, with what is known of it.
  Inst access(ir::Op op, const Decoded& insn) {
    const u8 base = base_of(insn);
    Inst inst{.op = op, .size = insn.size, .hint = base};
    inst.in[0] = get(base);
    inst.disp = insn.off;
    if (insn.op == Op::LoadSigned) inst.flags |= ir::kSigned;
    if (!source_.checked() || on_own_frame(base, insn)) return inst;
    const AccessMark mark = source_.mark(pc_);
    const bool maybe_context = mark.kind == AccessMark::Kind::MaybeContext;
    if (source_.fact(pc_, Facts::kAccessProved) && !maybe_context) return inst;
    inst.flags |= ir::kChecked;
    if (maybe_context && kind(insn.op) == OpKind::Memory) inst.flags |= ir::kMayBeContext;
    return inst;
  }

  void lift_memory(const Decoded& insn) {
    const AccessMark mark = source_.mark(pc_);
    if (insn.op == Op::LoadAbs || insn.op == Op::LoadInd) return lift_packet(insn);
    if (mark.kind == AccessMark::Kind::Context) return lift_context(insn, mark.offset);
    if (insn.op == Op::Load || insn.op == Op::LoadSigned) {
      Inst inst = access(mark.kernel ? ir::Op::LoadKernel : ir::Op::Load, insn);
      if (mark.kernel) inst.flags &= ir::kSigned;
      return set(insn.dst, to_.add(inst));
    }
    Inst inst = access(ir::Op::Store, insn);
    if (insn.op == Op::StoreImm) {
      inst.imm = insn.imm;
    } else {
      inst.in[2] = get(insn.src);
    }
    to_.add(inst);
  }

  void lift_context(const Decoded& insn, i32 offset) {
    Inst inst{.size = insn.size};
    inst.disp = offset;
    if (insn.op == Op::Load || insn.op == Op::LoadSigned) {
      inst.op = ir::Op::LoadContext;
      if (insn.op == Op::LoadSigned) inst.flags = ir::kSigned;
      return set(insn.dst, to_.add(inst));
    }
    inst.op = ir::Op::StoreContext;
    if (insn.op == Op::StoreImm) {
      inst.imm = insn.imm;
    } else {
      inst.in[2] = get(insn.src);
    }
    to_.add(inst);
  }

  // Bytes beyond the packet end the function with r0 = 0.
  void lift_packet(const Decoded& insn) {
    Inst inst{.op = ir::Op::LoadPacket, .size = insn.size};
    if (insn.op == Op::LoadInd) inst.in[0] = get(insn.src);
    inst.imm = insn.imm;
    const Ref value = to_.add(inst);
    const BlockId missed = to_.new_block(pc_);
    const BlockId found = to_.new_block(pc_);
    to_.branch(Op::Jeq, 64, value, kNone, -1, to_.edge(missed, {}), to_.edge(found, {}));
    function_.blocks[missed].cold = true;
    to_.use(missed);
    to_.exit(zero_);
    to_.use(found);
    clear_arguments();
    set(0, value);
  }

  void lift_atomic(const Decoded& insn) {
    if (insn.op == Op::LoadAcquire) {
      return set(insn.dst, to_.add(access(ir::Op::LoadAcquire, insn)));
    }
    const bool release = insn.op == Op::StoreRelease;
    Inst inst = access(release ? ir::Op::StoreRelease : ir::Op::Atomic, insn);
    inst.in[2] = get(insn.src);
    if (!release) inst.row = insn.op;
    if (insn.op == Op::CmpXchg) inst.in[3] = get(0);
    const Ref old = to_.add(inst);
    if (insn.op == Op::CmpXchg) return set(0, old);
    if (ir::fetches(insn.op)) set(insn.src, old);
  }

  // ---- control --------------------------------------------------------------------------------

  void lift_other(const FlowBlock& block, const Decoded& insn) {
    switch (insn.op) {
      case Op::Ja:
      case Op::JaLong: return;  // the block's one way
      case Op::Gotox: return lift_gotox(insn);
      case Op::MayGoto: return lift_may_goto(block);
      case Op::Exit:
        to_.exit(get(0));
        ended_ = true;
        return;
      case Op::CallHelper: return lift_helper(insn);
      case Op::CallLocal: return call(ir::Op::CallLocal, function_number(insn.target));
      case Op::CallKfunc: return bad_helper(insn);
      case Op::Callx: return call(ir::Op::CallIndirect, 0, get(insn.dst));
      default: return fault(Code::bad_code_address);  // refused before
    }
  }

  void lift_may_goto(const FlowBlock& block) {
    if (block.successor_count != 2) return;
    const Ref loops = state_[kLoopsVariable];
    const BlockId on = to_.new_block(pc_);
    const ir::Edge out = edge_to(block.successors[0]);
    to_.branch(Op::Jeq, 64, loops, kNone, 0, out, to_.edge(on, {}));
    to_.use(on);
    state_[kLoopsVariable] = to_.binary_imm(ir::Op::Sub, 64, loops, 1);
    to_.jump(edge_to(block.successors[1]));
    ended_ = true;
  }

  void lift_gotox(const Decoded& insn) {
    const Ref address = get(insn.dst);
    to_.add({.op = ir::Op::CheckCode, .in = {address, kNone, kNone, kNone}});
    Ref args[kVariables + 1];
    std::ranges::copy(state_, args);
    args[kVariables] =
        to_.binary(ir::Op::Sub, 64, address, to_.constant(static_cast<i64>(kFunctionBase)));
    to_.jump(to_.edge(dispatch_, args));
    ended_ = true;
  }

  i64 function_number(Pc first) const {
    return &program_.subprogram_of(first) - program_.subprograms().data();
  }

  // `target` for calls of an address: the first of six operands.
  void call(ir::Op op, i64 imm, Ref target = kNone, u16 reads = 0x3e) {
    Ref args[6] = {target};
    for (u32 reg = 1; reg <= 5; ++reg) args[reg] = reads >> reg & 1 ? state_[reg] : kNone;
    set(0, to_.call(op, imm, std::span(args).subspan(target == kNone)));
    clear_arguments();
  }

  void bad_helper(const Decoded& insn) {
    const u64 number = static_cast<u64>(insn.imm);
    const Code code = number == kPoison ? Code::core_poisoned : Code::unknown_helper;
    fault(code, insn.imm, insn.op == Op::CallKfunc);
  }

  void lift_helper(const Decoded& insn) {
    const u32 id = static_cast<u32>(insn.imm);
    const HelperTarget target = source_.world.resolve(source_.world.user, id);
    if (target.forbidden) return fault(Code::helper_not_allowed, id);
    if (insn.imm == kTailCallHelper) return lift_tail_call();
    if (target.host == nullptr && target.entry == nullptr) return bad_helper(insn);
    call(ir::Op::CallHelper, id, kNone,
         target.host != nullptr ? 0x3e : variables_read(source_.image, insn));
    if (source_.fact(pc_, Facts::kIndexBelow)) function_.at(state_[0]).flags |= ir::kProvedBound;
  }

  void lift_tail_call() {
    set(0, to_.add({.op = ir::Op::TailCall, .in = {get(2), get(3), kNone, kNone}}));
    clear_arguments();
  }

  // ---- the frame ------------------------------------------------------------------------------

  // The slots that its accesses name, and whether pointers to its frame go anywhere else.
  void set_frame() {
    u32 named = 0;
    bool leaks = false;
    for (Pc pc = subprogram_.first; pc < subprogram_.end; pc = pc + program_.at(pc).slots()) {
      const Decoded& insn = program_.at(pc);
      if (insn.dst != kFrameReg && insn.src != kFrameReg) continue;
      const bool stores_it = insn.dst == kFrameReg && insn.src == kFrameReg;
      if (is_access(insn) && !stores_it && on_own_frame(base_of(insn), insn)) {
        named = std::max(named, static_cast<u32>(7 - insn.off) / 8);
      } else {
        leaks = true;
      }
    }
    function_.cleared = named;
    function_.leaks_frame = leaks;
  }

  const Source& source_;
  const Program& program_;
  const Subprogram& subprogram_;
  ir::Function& function_;
  ir::Builder to_;
  Flow flow_;
  std::vector<BlockId> blocks_;  // by number in flow_
  std::vector<State> states_;    // by number: at the start of the block
  State state_;                  // here
  Ref zero_ = kNone, frame_ = kNone;
  BlockId dispatch_ = kNone;
  Pc pc_;
  bool ended_ = false;  // the block has its end
};

// ---- what engines do not run ------------------------------------------------------------------

Status no_map(const Source& source, Pc pc, const Decoded& insn) {
  return fail_at<Code::not_runnable>(
      pc, fmt::format("map number {} of {}", insn.map_index(), source.world.maps.size()));
}

Status check_lddw(const Source& source, Pc pc, const Decoded& insn) {
  const auto maps = source.world.maps;
  const bool value = insn.op == Op::LoadValue || insn.op == Op::LoadValueIdx;
  if (!value && insn.op != Op::LoadMap && insn.op != Op::LoadMapIdx) return {};
  if (insn.map_index() >= maps.size()) return no_map(source, pc, insn);
  const World::MapBinding& map = maps[insn.map_index()];
  if (!value || (map.layout.base != nullptr && map.layout.cpu_stride == 0 &&
                 insn.value_offset() < map.layout.stride)) {
    return {};
  }
  return fail_at<Code::not_runnable>(
      pc, fmt::format("the address of offset {} in the first value of map '{}'",
                      insn.value_offset(), map.spec->name));
}

Status check_access(const Source& source, Pc pc, const Decoded& insn) {
  const AccessMark mark = source.mark(pc);
  const bool plain = kind(insn.op) == OpKind::Memory;
  const bool load = insn.op == Op::Load || insn.op == Op::LoadSigned;
  if (source.checked() || (plain && mark.kind == AccessMark::Kind::Context)) return {};
  if (load && mark.kernel) return {};
  if (mark.kind != AccessMark::Kind::Plain) {
    return fail_at<Code::may_be_context>(pc, base_of(insn));
  }
  if (mark.kernel) return fail_at<Code::not_runnable>(pc, "a change of the kernel's structures");
  return {};
}

Status check_insn(const Source& source, Pc pc, const Decoded& insn) {
  if (writes_frame_pointer(insn)) return {};
  if (is_access(insn)) return check_access(source, pc, insn);
  if (kind(insn.op) == OpKind::Lddw) return check_lddw(source, pc, insn);
  if (insn.op == Op::AddrSpaceCast) {
    return fail_at<Code::not_runnable>(pc, "an address space cast without an arena");
  }
  return {};
}

// What entry clears: of checked programs what is named, since other accesses are looked up and
// clear the rest then; of others all, unless no pointer to any frame exists.
void set_cleared(ir::Module& module) {
  const bool leaks = std::ranges::any_of(module.functions, &ir::Function::leaks_frame);
  for (ir::Function& function : module.functions) {
    if (module.mode == Mode::Trusted && leaks) function.cleared = kStackSize / 8;
    if (module.mode == Mode::Proved) function.cleared = 0;
  }
}

}  // namespace

Result<ir::Module> lift(const Image& image, const World& world, const LiftOptions& options) {
  const Program& program = image.program;
  if (auto ok = check_memory(program.size() * kBytesPerSlot, "the program's representation"); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  const Source source{image, world, options, program, block_costs(program)};
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    if (auto ok = check_insn(source, pc, program.at(pc)); !ok) {
      return std::unexpected(std::move(ok).error());
    }
  }
  ir::Module module;
  module.mode = options.mode;
  module.metered = options.metered;
  const u32 functions = static_cast<u32>(program.subprograms().size());
  module.functions.resize(functions);
  for (u32 i = 0; i < functions; ++i) FunctionLifter(source, module.functions[i], i).run();
  set_cleared(module);
  return module;
}

}  // namespace skep
