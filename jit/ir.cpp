// Rows of the operations, and making and changing functions. Tested by tests/jit/ir_test.cpp.

#include "jit/ir.h"

#include <algorithm>
#include <utility>

namespace skep::ir {
namespace {

constexpr OpRow kRows[] = {
#define IR(name, shape, effects, text, meaning) {Op::name, Shape::shape, effects, #name, text},
#include "jit/ir.def"
};

bool fits_i32(i64 value) {
  return value == static_cast<i32>(value);
}

}  // namespace

const OpRow& row(Op op) {
  return kRows[static_cast<int>(op)];
}

bool has_result(const Inst& inst) {
  switch (inst.shape()) {
    case Shape::Store:
    case Shape::ContextStore:
    case Shape::Guard:
    case Shape::One:
    case Shape::Immediate:
    case Shape::Jump:
    case Shape::Branch:
    case Shape::Exit:
    case Shape::Fault: return false;
    default: return true;
  }
}

bool ends_block(Op op) {
  return op == Op::Jump || op == Op::Branch || op == Op::Exit || op == Op::Fault;
}

bool may_fault(const Inst& inst) {
  return (inst.effects() & (kFaults | kOrders)) != 0 || inst.has(kChecked);
}

bool is_removable(const Inst& inst) {
  constexpr u16 kNeeded = kWritesMemory | kFaults | kOrders | kCharges;
  return has_result(inst) && (inst.effects() & kNeeded) == 0 && !inst.has(kChecked);
}

bool upper_zero(const Inst& inst) {
  if (inst.has(kUpperZero)) return true;
  switch (inst.shape()) {
    case Shape::Constant: return static_cast<u64>(inst.imm) >> 32 == 0;
    case Shape::Unary:
    case Shape::Binary: return inst.bits == 32;
    case Shape::Extend: return inst.op == Op::SignExtend ? inst.bits == 32 : inst.size <= 4;
    case Shape::Compare: return true;
    case Shape::Load:
    case Shape::ContextLoad: return inst.size <= 4 && !inst.has(kSigned);
    case Shape::Field:
    case Shape::Atomic: return inst.size <= 4;
    default: return false;
  }
}

bool fetches(skep::Op op) {
  switch (op) {
    case skep::Op::FetchAdd:
    case skep::Op::FetchOr:
    case skep::Op::FetchAnd:
    case skep::Op::FetchXor:
    case skep::Op::Xchg:
    case skep::Op::CmpXchg: return true;
    default: return false;
  }
}

bool negate(skep::Op& cond) {
  using enum skep::Op;
  switch (cond) {
    case Jeq: cond = Jne; return true;
    case Jne: cond = Jeq; return true;
    case Jgt: cond = Jle; return true;
    case Jle: cond = Jgt; return true;
    case Jge: cond = Jlt; return true;
    case Jlt: cond = Jge; return true;
    case Jsgt: cond = Jsle; return true;
    case Jsle: cond = Jsgt; return true;
    case Jsge: cond = Jslt; return true;
    case Jslt: cond = Jsge; return true;
    default: return false;
  }
}

skep::Op swap_operands(skep::Op cond) {
  using enum skep::Op;
  switch (cond) {
    case Jgt: return Jlt;
    case Jlt: return Jgt;
    case Jge: return Jle;
    case Jle: return Jge;
    case Jsgt: return Jslt;
    case Jslt: return Jsgt;
    case Jsge: return Jsle;
    case Jsle: return Jsge;
    default: return cond;
  }
}

// ---- Builder --------------------------------------------------------------------------------

BlockId Builder::new_block(Pc pc) {
  Block block;
  block.pc = pc;
  function_.blocks.push_back(block);
  return static_cast<BlockId>(function_.blocks.size() - 1);
}

Ref Builder::add_param(BlockId block) {
  Block& home = function_.blocks[block];
  const Ref ref = static_cast<Ref>(function_.insts.size());
  function_.insts.push_back({.op = Op::Param, .pc = home.pc, .block = block});
  if (home.param_count == 0) home.params = static_cast<u32>(function_.refs.size());
  function_.refs.push_back(ref);
  ++home.param_count;
  return ref;
}

void Builder::use_before(Ref inst) {
  block_ = function_.insts[inst].block;
  before_ = inst;
}

Ref Builder::add(Inst inst) {
  const Ref ref = static_cast<Ref>(function_.insts.size());
  Block& block = function_.blocks[block_];
  inst.pc = pc_;
  inst.block = block_;
  inst.next = before_;
  inst.prev = before_ == kNone ? block.last : function_.insts[before_].prev;
  (inst.prev == kNone ? block.first : function_.insts[inst.prev].next) = ref;
  (inst.next == kNone ? block.last : function_.insts[inst.next].prev) = ref;
  function_.insts.push_back(inst);
  return ref;
}

Ref Builder::constant(i64 value) {
  return add({.op = Op::Const, .imm = value});
}

Ref Builder::binary(Op op, u32 bits, Ref x, Ref y) {
  return add({.op = op, .bits = static_cast<u8>(bits), .in = {x, y, kNone, kNone}});
}

Ref Builder::binary_imm(Op op, u32 bits, Ref x, i64 imm) {
  if (!fits_i32(imm)) return binary(op, bits, x, constant(imm));
  return add({.op = op, .bits = static_cast<u8>(bits), .in = {x, kNone, kNone, kNone}, .imm = imm});
}

Ref Builder::unary(Op op, u32 bits, Ref x) {
  return add({.op = op, .bits = static_cast<u8>(bits), .in = {x, kNone, kNone, kNone}});
}

Ref Builder::extend(Op op, u32 bits, u32 size, Ref x) {
  return add({.op = op,
              .bits = static_cast<u8>(bits),
              .size = static_cast<u8>(size),
              .in = {x, kNone, kNone, kNone}});
}

Ref Builder::call(Op op, i64 imm, std::span<const Ref> args) {
  const u32 pool = static_cast<u32>(function_.refs.size());
  function_.refs.insert(function_.refs.end(), args.begin(), args.end());
  return add({.op = op, .count = static_cast<u8>(args.size()), .pool = pool, .imm = imm});
}

Edge Builder::edge(BlockId to, std::span<const Ref> args) {
  const Edge edge{to, static_cast<u32>(function_.refs.size()), static_cast<u32>(args.size())};
  function_.refs.insert(function_.refs.end(), args.begin(), args.end());
  return edge;
}

void Builder::jump(const Edge& to) {
  add({.op = Op::Jump});
  Block& block = function_.blocks[block_];
  block.edges[0] = to;
  block.edge_count = 1;
}

void Builder::branch(skep::Op cond, u32 bits, Ref x, Ref y, i64 imm, const Edge& taken,
                     const Edge& other) {
  if (y == kNone && !fits_i32(imm)) y = constant(imm), imm = 0;
  add({.op = Op::Branch,
       .bits = static_cast<u8>(bits),
       .row = cond,
       .in = {x, y, kNone, kNone},
       .imm = imm});
  Block& block = function_.blocks[block_];
  block.edges[0] = taken;
  block.edges[1] = other;
  block.edge_count = 2;
}

void Builder::exit(Ref value) {
  add({.op = Op::Exit, .in = {value, kNone, kNone, kNone}});
}

void Builder::fault(Code code, Ref address, i64 imm, u32 size, u8 access) {
  add({.op = Op::Fault,
       .access = access,
       .code = code,
       .in = {address, kNone, kNone, kNone},
       .disp = static_cast<i32>(size),
       .imm = imm});
}

// ---- changes --------------------------------------------------------------------------------

void remove(Function& function, Ref ref) {
  Inst& inst = function.insts[ref];
  Block& block = function.blocks[inst.block];
  (inst.prev == kNone ? block.first : function.insts[inst.prev].next) = inst.next;
  (inst.next == kNone ? block.last : function.insts[inst.next].prev) = inst.prev;
  inst.block = inst.prev = inst.next = kNone;
}

void order_blocks(Function& function) {
  enum State : u8 { New, Open, Done };
  std::vector<u8> state(function.blocks.size(), New);
  std::vector<BlockId> stack;
  std::vector<BlockId> post;
  const BlockId entry = function.order.front();
  stack.push_back(entry);
  while (!stack.empty()) {
    const BlockId block = stack.back();
    if (state[block] != New) {
      stack.pop_back();
      if (state[block] == Open) post.push_back(block);
      state[block] = Done;
      continue;
    }
    state[block] = Open;
    // The last pushed is done first and so lies last: the way that is not jumped lies next.
    for (const Edge& edge : function.edges(block)) {
      if (state[edge.to] == New) stack.push_back(edge.to);
    }
  }
  std::ranges::reverse(post);
  function.order = std::move(post);
}

}  // namespace skep::ir
