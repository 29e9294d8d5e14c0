// The JIT's intermediate representation: functions in SSA form with block parameters.
//
// Everything is a number in a flat array: an Inst is its place in Function::insts (a Ref), a block
// its place in Function::blocks, and lists that vary in length are stretches of Function::refs.
// Nothing points, so passes may grow the arrays as they go; a reference to an Inst does not
// outlive the next append. Insts of a block are a doubly linked list, so that they can be put in
// and taken out anywhere; its parameters are not in it.
//
// All values are 64 bits wide. What works on 32 bits looks at the low halves of its operands and
// gives a zero-extended result, as the instruction set does; that an upper half is zero is a fact
// about a value (upper_zero()), never a type. Values are not split.
//
// Operations are rows of jit/ir.def. Every Inst keeps the pc that it comes from: of several insns,
// the one whose faults it may raise. Tested by tests/jit/ir_test.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isa/insn.h"
#include "isa/run.h"

namespace skep::ir {

using Ref = u32;      // an Inst: its index in Function::insts
using BlockId = u32;  // a Block: its index in Function::blocks
inline constexpr u32 kNone = ~0u;

enum class Op : u8 {
#define IR(name, ...) name,
#include "jit/ir.def"
};
inline constexpr int kOps = static_cast<int>(Op::Fault) + 1;

// Which fields an operation uses. in[i]? may be kNone. Results: all but Store, ContextStore, Guard,
// One, Immediate and the ends of blocks; an Atomic that fetches nothing has one that nobody uses.
enum class Shape : u8 {
  Constant,      // imm
  Param,         //
  Frame,         // disp: of the byte, from r10
  Field,         // disp, size 1 2 4 8
  Unary,         // bits, in[0]
  Binary,        // bits, in[0], in[1] or else imm, which fits an i32
  Extend,        // bits, size, in[0]
  Compare,       // cond, bits, in[0], in[1] or imm
  Select,        // cond, bits, in[0], in[1] or imm, in[2], in[3]
  Address,       // in[0], in[1]?, scale, disp
  Load,          // size, in[0], in[1]?, scale, disp; is_signed; checked, hint
  Store,         // size, in[0], in[1]?, scale, disp, in[2] or imm; checked, hint
  Atomic,        // row, size 4 8, in[0], in[1]?, scale, disp, in[2], in[3]?; checked, hint
  ContextLoad,   // size, disp; is_signed
  ContextStore,  // size, disp, in[2] or imm
  Packet,        // size 1 2 4, in[0]?, imm
  Guard,         // in[0], in[1]?, scale, disp, imm bytes, access, hint; parts
  One,           // in[0]
  Two,           // in[0], in[1]
  Immediate,     // imm
  Call,          // imm, five in the pool
  Indirect,      // six in the pool: the target, then the arguments
  Jump,          // one edge
  Branch,        // cond, bits, in[0], in[1] or imm; two edges
  Exit,          // in[0]
  Fault,         // code, in[0] or imm, disp, access
};

// What an operation does beside giving a value.
enum Effect : u16 {
  kCommutes = 1 << 0,
  kReadsMemory = 1 << 1,   // that programs see
  kWritesMemory = 1 << 2,  //
  kReadsRun = 1 << 3,      // the state of the run, which calls alone change
  kFaults = 1 << 4,        // may end the run
  kChecks = 1 << 5,        // ... and does nothing else
  kCharges = 1 << 6,       // changes the budget
  kOrders = 1 << 7,        // accesses do not move over it; faults if misaligned
  // May do all of these, and anything to regions.
  kCalls = kReadsMemory | kWritesMemory | kReadsRun | kFaults | 1 << 8,
};

struct OpRow {
  Op op;
  Shape shape;
  u16 effects;
  std::string_view name;
  std::string_view text;
};
const OpRow& row(Op op);

// Flags of an Inst.
enum InstFlag : u16 {
  // Load, Store, LoadAcquire, StoreRelease, Atomic: the access is judged before it is made, by the
  // regions of the run. A miss ends the run with bad_access at its pc and changes nothing.
  kChecked = 1 << 0,
  // ... and may turn out to be to a context that is read through fields; loads and stores only.
  kMayBeContext = 1 << 1,
  kSigned = 1 << 2,       // Load, LoadContext, LoadKernel: sign-extended
  kNonZero = 1 << 3,      // Div, SDiv, Mod, SMod: the divisor is known not to be 0
  kUpperZero = 1 << 4,    // of a result: its upper 32 bits are known to be 0
  kProvedBound = 1 << 5,  // CallHelper: what verified its array index said it is below max_entries
};

struct Inst {
  Op op = Op::Const;
  u8 bits = 64;    // 32 or 64
  u8 size = 0;     // bytes
  skep::Op row{};  // cond: a JUMP row; Atomic: an ATOMIC row
  u8 scale = 0;    // the index is shifted left by it: 0 to 3
  u8 hint = 0;     // accesses and guards: the BPF register of the address, 0 to 10
  u8 access = 0;   // Guard, Fault: Access bits
  u8 count = 0;    // operands in the pool
  u16 flags = 0;   // InstFlag
  Code code{};     // Fault
  Pc pc{};
  Ref in[4] = {kNone, kNone, kNone, kNone};
  i32 disp = 0;
  u32 pool =
      0;  // calls: first of `count` operands in Function::refs; Guard: first of `parts` parts
  i64 imm = 0;
  u32 parts = 0;          // Guard: in Function::guard_parts
  BlockId block = kNone;  // that it is in; kNone: taken out
  Ref prev = kNone, next = kNone;

  bool has(u16 flag) const { return (flags & flag) != 0; }
  u16 effects() const { return ir::row(op).effects; }
  Shape shape() const { return ir::row(op).shape; }
};

// One access of those that a Guard stands for, in their order. The Guard's own bytes are the least
// stretch that holds all parts. If that stretch is not in one region, the parts are judged one by
// one, and the first that is in none ends the run, at its pc.
struct GuardPart {
  Pc pc;
  i32 disp = 0;  // beside in[0] + (in[1] << scale), as the Guard's
  u8 size = 0;
  u8 access = 0;
};

struct Edge {
  BlockId to = kNone;
  u32 args = 0;  // the first of `count` in Function::refs, one a parameter of `to`
  u32 count = 0;
};

struct Block {
  Ref first = kNone, last = kNone;  // of its list; last is the end of the block
  u32 params = 0;                   // the first of param_count in Function::refs
  u32 param_count = 0;
  Edge edges[2] = {};
  u32 edge_count = 0;
  Pc pc{};            // of its first insn
  u32 depth = 0;      // of loops around it, as far as that was computed
  bool cold = false;  // rarely run: faults, failed calls
};

struct Function {
  u32 number = 0;  // of the subprogram
  Pc first;        // its first insn
  std::vector<Inst> insts;
  std::vector<Block> blocks;
  std::vector<Ref> refs;
  std::vector<BlockId> order;  // of the blocks, as they will lie in memory; order[0] is the entry
  std::vector<GuardPart> guard_parts;
  u32 cleared = 0;           // slots of 8 bytes that entry clears, from r10 down
  bool leaks_frame = true;   // addresses in its frame may get into other registers or memory
  bool uses_frame = true;    // there is a FrameAddress
  bool from_outside = true;  // may be entered by the runtime too, not by CallLocal alone

  Inst& at(Ref ref) { return insts[ref]; }
  const Inst& at(Ref ref) const { return insts[ref]; }
  // Operands, kNone among them; for calls those in the pool.
  std::span<Ref> inputs(Ref ref) { return inputs(insts[ref]); }
  std::span<Ref> inputs(Inst& inst) {
    return inst.count != 0 ? std::span(refs).subspan(inst.pool, inst.count) : std::span(inst.in);
  }
  std::span<const Ref> inputs(const Inst& inst) const {
    return inst.count != 0 ? std::span(refs).subspan(inst.pool, inst.count)
                           : std::span<const Ref>(inst.in);
  }
  std::span<Ref> params(BlockId block) {
    return std::span(refs).subspan(blocks[block].params, blocks[block].param_count);
  }
  std::span<const Ref> params(BlockId block) const {
    return std::span(refs).subspan(blocks[block].params, blocks[block].param_count);
  }
  std::span<Ref> args(const Edge& edge) { return std::span(refs).subspan(edge.args, edge.count); }
  std::span<const Ref> args(const Edge& edge) const {
    return std::span(refs).subspan(edge.args, edge.count);
  }
  std::span<Edge> edges(BlockId block) { return {blocks[block].edges, blocks[block].edge_count}; }
  std::span<const Edge> edges(BlockId block) const {
    return {blocks[block].edges, blocks[block].edge_count};
  }
};

// A program: functions[i] is subprogram i.
struct Module {
  std::vector<Function> functions;
  Mode mode = Mode::Checked;
  bool metered = true;
};

bool has_result(const Inst& inst);
bool ends_block(Op op);
// Whether it may end the run (misaligned and checked accesses among others).
bool may_fault(const Inst& inst);
// Whether it can be taken out if nobody uses its result.
bool is_removable(const Inst& inst);
// Whether the upper 32 bits of its result are zero by what it is, or by kUpperZero.
bool upper_zero(const Inst& inst);
// Atomics whose row gives the old value.
bool fetches(skep::Op row);
// A JUMP row with its answer turned: Jlt for Jge; Jset has none, gives false.
bool negate(skep::Op& cond);
// A JUMP row for operands changed over: Jgt for Jlt.
skep::Op swap_operands(skep::Op cond);

// ---- making and changing --------------------------------------------------------------------

// A list of blocks being filled. New insts go to the end of the current block, or before an inst.
class Builder {
 public:
  explicit Builder(Function& function) : function_(function) {}

  Function& function() { return function_; }
  BlockId new_block(Pc pc);      // not in the order yet
  Ref add_param(BlockId block);  // only to the block made last to have any: they are a stretch
  void use(BlockId block) { block_ = block, before_ = kNone; }
  void use_before(Ref inst);  // new insts go before `inst`
  BlockId block() const { return block_; }
  void set_pc(Pc pc) { pc_ = pc; }

  Ref add(Inst inst);  // with the pc that was set
  Ref constant(i64 value);
  Ref binary(Op op, u32 bits, Ref x, Ref y);
  Ref binary_imm(Op op, u32 bits, Ref x, i64 imm);  // makes a Const if imm fits no i32
  Ref unary(Op op, u32 bits, Ref x);
  Ref extend(Op op, u32 bits, u32 size, Ref x);
  Ref call(Op op, i64 imm, std::span<const Ref> args);
  Edge edge(BlockId to, std::span<const Ref> args);
  void jump(const Edge& to);
  void branch(skep::Op cond, u32 bits, Ref x, Ref y, i64 imm, const Edge& taken, const Edge& other);
  void exit(Ref value);
  void fault(Code code, Ref address, i64 imm, u32 size, u8 access);

 private:
  Function& function_;
  BlockId block_ = kNone;
  Ref before_ = kNone;
  Pc pc_;
};

// Takes an inst out of its block; its place in `insts` stays, unused.
void remove(Function& function, Ref inst);
// Drops blocks that can't be reached from the order, and puts the order into reverse post-order.
void order_blocks(Function& function);

// What is wrong with the function, or "" if nothing: shapes, links, edges and their arguments, and
// that each use is dominated by its definition. `functions`: how many the module has.
std::string validate(const Function& function, u32 functions);
std::string validate(const Module& module);

}  // namespace skep::ir
