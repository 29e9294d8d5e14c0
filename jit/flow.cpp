// Blocks, their order, and which variables live. Every step is linear: liveness is a set of eleven
// bits a block, so each block changes at most eleven times. Tested by tests/jit/lift_test.cpp.

#include "jit/flow.h"

#include <algorithm>

#include "helpers/spec/host_rows.h"
#include "jit/ir.h"

namespace skep {
namespace {

constexpr u16 kArguments = 0x3e;  // r1 to r5
constexpr u32 kTracePrintk = 6;   // enum bpf_func_id: its row ends with the format
constexpr u16 kVariableBits = (1 << kVariables) - 1;
constexpr u16 kRegisterBits = kVariableBits & ~(1 << kLoopsVariable);

u16 bit(u8 reg) {
  return static_cast<u16>(1u << reg & kRegisterBits);  // r10 is none
}

u16 arguments(u32 count) {
  return static_cast<u16>((1u << (count + 1)) - 2);
}

u16 helper_reads(const Image& image, u32 id) {
  const HelperProto* helper = find_helper(image.host.get(), id, image.type);
  const HelperProto* row = find_helper(id);  // what bodies are bound to
  if (helper == nullptr || row == nullptr || id == kTracePrintk) return kArguments;
  return arguments(std::max(helper->arg_count(), row->arg_count()));
}

class FlowFinder {
 public:
  FlowFinder(const Image& image, const Subprogram& function, std::span<const u32> costs,
             const Facts* facts)
      : image_(image), program_(image.program), function_(function), costs_(costs), facts_(facts) {}

  Flow run() {
    cut();
    link();
    order();
    find_live();
    return std::move(flow_);
  }

 private:
  bool fact(Pc pc, u8 which) const { return facts_ != nullptr && facts_->has(pc, which); }

  void cut() {
    block_of_.assign(function_.end.value - function_.first.value, 0);
    for (Pc pc = function_.first; pc < function_.end; pc = pc + program_.at(pc).slots()) {
      const Decoded& insn = program_.at(pc);
      if (costs_[pc.value] != 0) {
        block_of_[pc.value - function_.first.value] = static_cast<u32>(flow_.blocks.size());
        flow_.blocks.push_back({.first = pc, .last = pc});
      }
      FlowBlock& block = flow_.blocks.back();
      block.last = pc;
      flow_.anywhere |= insn.op == Op::Gotox;
      block.reads |= variables_read(image_, insn) & ~block.writes;
      block.writes |= variables_written(insn);
    }
  }

  void add_successor(FlowBlock& block, Pc pc) {
    block.successors[block.successor_count++] = block_of_[pc.value - function_.first.value];
  }

  void link() {
    for (FlowBlock& block : flow_.blocks) {
      const Decoded& insn = program_.at(block.last);
      if (fact(block.last, Facts::kUnreachable)) continue;
      if (insn.is_jump() && !fact(block.last, Facts::kNeverTaken))
        add_successor(block, insn.target);
      if (insn.falls_through() && !fact(block.last, Facts::kAlwaysTaken)) {
        add_successor(block, block.last + insn.slots());
      }
    }
  }

  void order() {
    enum State : u8 { New, Open, Done };
    std::vector<u8> state(flow_.blocks.size(), New);
    std::vector<u32> stack;
    for (u32 i = 1; flow_.anywhere && i < flow_.blocks.size(); ++i) stack.push_back(i);
    stack.push_back(0);
    while (!stack.empty()) {
      const u32 block = stack.back();
      if (state[block] != New) {
        stack.pop_back();
        if (state[block] == Open) flow_.order.push_back(block);
        state[block] = Done;
        continue;
      }
      state[block] = Open;
      const FlowBlock& from = flow_.blocks[block];
      for (u32 i = 0; i < from.successor_count; ++i) {
        if (state[from.successors[i]] == New) stack.push_back(from.successors[i]);
      }
    }
    std::ranges::reverse(flow_.order);
    for (const u32 block : flow_.order) {
      const FlowBlock& from = flow_.blocks[block];
      for (u32 i = 0; i < from.successor_count; ++i)
        ++flow_.blocks[from.successors[i]].predecessors;
    }
  }

  void find_live() {
    if (flow_.anywhere) {
      for (FlowBlock& block : flow_.blocks) ++block.predecessors, block.live = kVariableBits;
      return;
    }
    std::vector<u32> first(flow_.blocks.size() + 1, 0);  // predecessors, as stretches of `all`
    for (u32 i = 0; i < flow_.blocks.size(); ++i) {
      first[i + 1] = first[i] + flow_.blocks[i].predecessors;
    }
    std::vector<u32> all(first.back()), at(first.begin(), first.end() - 1);
    for (const u32 block : flow_.order) {
      const FlowBlock& from = flow_.blocks[block];
      for (u32 i = 0; i < from.successor_count; ++i) all[at[from.successors[i]]++] = block;
    }
    std::vector<u32> waiting = flow_.order;
    std::vector<bool> waits(flow_.blocks.size(), true);
    while (!waiting.empty()) {
      const u32 number = waiting.back();
      waiting.pop_back();
      waits[number] = false;
      FlowBlock& block = flow_.blocks[number];
      u16 live = 0;
      for (u32 i = 0; i < block.successor_count; ++i)
        live |= flow_.blocks[block.successors[i]].live;
      live = static_cast<u16>((live & ~block.writes) | block.reads);
      if (live == block.live) continue;
      block.live = live;
      for (u32 i = first[number]; i < first[number + 1]; ++i) {
        if (!waits[all[i]]) waiting.push_back(all[i]);
        waits[all[i]] = true;
      }
    }
  }

  const Image& image_;
  const Program& program_;
  const Subprogram& function_;
  std::span<const u32> costs_;
  const Facts* facts_;
  std::vector<u32> block_of_;  // by pc from the function's first, for pcs that start a block
  Flow flow_;
};

}  // namespace

u16 variables_read(const Image& image, const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Alu: {
      const u16 operand = insn.immediate ? 0 : bit(insn.src);
      return insn.op == Op::Mov ? operand : bit(insn.dst) | operand;
    }
    case OpKind::Unary:
    case OpKind::Swap: return bit(insn.dst);
    case OpKind::MovSx: return bit(insn.src);
    case OpKind::Jump: return bit(insn.dst) | (insn.immediate ? 0 : bit(insn.src));
    case OpKind::Memory:
      switch (insn.op) {
        case Op::LoadAbs: return 0;
        case Op::LoadInd:
        case Op::Load:
        case Op::LoadSigned: return bit(insn.src);
        case Op::StoreImm: return bit(insn.dst);
        default: return bit(insn.dst) | bit(insn.src);
      }
    case OpKind::Atomic:
      return bit(insn.dst) | bit(insn.src) | (insn.op == Op::CmpXchg ? bit(0) : 0);
    case OpKind::Ordered:
      return insn.op == Op::LoadAcquire ? bit(insn.src) : bit(insn.dst) | bit(insn.src);
    case OpKind::Lddw: return 0;
    case OpKind::Other: break;
  }
  switch (insn.op) {
    case Op::CallHelper: return helper_reads(image, static_cast<u32>(insn.imm));
    case Op::CallLocal: return kArguments;
    case Op::Callx: return kArguments | bit(insn.dst);
    case Op::Gotox: return bit(insn.dst);
    case Op::Exit: return bit(0);
    case Op::MayGoto: return 1 << kLoopsVariable;
    default: return 0;
  }
}

u16 variables_written(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Alu:
    case OpKind::Unary:
    case OpKind::MovSx:
    case OpKind::Swap:
    case OpKind::Lddw: return bit(insn.dst);
    case OpKind::Jump: return 0;
    case OpKind::Memory:
      if (insn.op == Op::Load || insn.op == Op::LoadSigned) return bit(insn.dst);
      return insn.op == Op::LoadAbs || insn.op == Op::LoadInd ? kArguments | bit(0) : 0;
    case OpKind::Atomic:
      if (insn.op == Op::CmpXchg) return bit(0);
      return ir::fetches(insn.op) ? bit(insn.src) : 0;
    case OpKind::Ordered: return insn.op == Op::LoadAcquire ? bit(insn.dst) : 0;
    case OpKind::Other: break;
  }
  switch (insn.op) {
    case Op::CallHelper:
    case Op::CallLocal:
    case Op::Callx: return kArguments | bit(0);
    case Op::MayGoto: return 1 << kLoopsVariable;
    default: return 0;
  }
}

Flow find_flow(const Image& image, const Subprogram& function, std::span<const u32> costs,
               const Facts* facts) {
  return FlowFinder(image, function, costs, facts).run();
}

}  // namespace skep
