// The validator: whether a function keeps the rules of jit/ir.h. It runs after each pass in tests
// and debug builds. Tested by tests/jit/ir_test.cpp, which plants a fault of each kind.

#include <fmt/format.h>

#include "jit/dominators.h"
#include "jit/ir.h"

namespace skep::ir {
namespace {

class Validator {
 public:
  Validator(const Function& function, u32 functions) : function_(function), functions_(functions) {}

  std::string run() {
    if (function_.order.empty()) return "no blocks";
    for (const BlockId block : function_.order) {
      if (block >= function_.blocks.size()) return "an unknown block in the order";
    }
    place_.assign(function_.insts.size(), kNone);
    in_order_.assign(function_.blocks.size(), false);
    for (const BlockId block : function_.order) {
      if (in_order_[block]) return fmt::format("b{} is in the order twice", block);
      in_order_[block] = true;
    }
    for (const BlockId block : function_.order) {
      if (auto wrong = check_list(block); !wrong.empty()) return wrong;
    }
    if (auto wrong = check_entry(); !wrong.empty()) return wrong;
    dominators_ = find_dominators(function_);
    for (const BlockId block : function_.order) {
      if (dominators_.enter[block] == 0) return fmt::format("b{} can't be reached", block);
      if (auto wrong = check_uses(block); !wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  static std::string at(Ref ref, std::string_view what) {
    return fmt::format("v{}: {}", ref, what);
  }

  std::string check_entry() const {
    const BlockId entry = function_.order.front();
    if (function_.blocks[entry].param_count != 5) return "the entry block has not five parameters";
    for (const BlockId block : function_.order) {
      for (const Edge& edge : function_.edges(block)) {
        if (edge.to == entry) return fmt::format("b{} goes back to the entry block", block);
      }
    }
    return "";
  }

  std::string check_list(BlockId id) {
    const Block& block = function_.blocks[id];
    if (u64{block.params} + block.param_count > function_.refs.size())
      return fmt::format("b{}: parameters out of range", id);
    u32 place = 0;
    for (const Ref ref : function_.params(id)) {
      if (ref >= function_.insts.size()) return fmt::format("b{}: an unknown parameter", id);
      if (function_.at(ref).op != Op::Param || function_.at(ref).block != id)
        return at(ref, "not a parameter of its block");
      if (place_[ref] != kNone) return at(ref, "a parameter twice");
      place_[ref] = place++;
    }
    Ref before = kNone;
    for (Ref ref = block.first; ref != kNone; ref = function_.at(ref).next) {
      if (ref >= function_.insts.size()) return fmt::format("b{}: an unknown inst", id);
      const Inst& inst = function_.at(ref);
      if (place_[ref] != kNone) return at(ref, "in two places");
      if (inst.prev != before || inst.block != id) return at(ref, "badly linked");
      if (inst.op == Op::Param) return at(ref, "a parameter among insts");
      place_[ref] = place++;
      before = ref;
      if (ends_block(inst.op) != (inst.next == kNone)) return at(ref, "a block ends elsewhere");
      if (auto wrong = check_shape(inst); !wrong.empty()) return at(ref, wrong);
    }
    if (block.last != before || before == kNone) return fmt::format("b{}: no end", id);
    return check_edges(id);
  }

  std::string check_edges(BlockId id) const {
    const Block& block = function_.blocks[id];
    const Op op = function_.at(block.last).op;
    const u32 wanted = op == Op::Jump ? 1 : op == Op::Branch ? 2 : 0;
    if (block.edge_count != wanted) {
      return fmt::format("b{}: {} edges, not {}", id, block.edge_count, wanted);
    }
    for (const Edge& edge : function_.edges(id)) {
      if (edge.to >= function_.blocks.size() || !in_order_[edge.to])
        return fmt::format("b{}: an edge to no block", id);
      if (u64{edge.args} + edge.count > function_.refs.size())
        return fmt::format("b{}: arguments out of range", id);
      if (edge.count != function_.blocks[edge.to].param_count)
        return fmt::format("b{}: {} arguments for b{}", id, edge.count, edge.to);
    }
    return "";
  }

  static bool is_size(u32 size) { return size == 1 || size == 2 || size == 4 || size == 8; }
  static bool fits(i64 value) { return value == static_cast<i32>(value); }
  static bool only(const Inst& inst, u32 needed, u32 optional = 0) {
    for (u32 i = 0; i < 4; ++i) {
      const bool there = inst.in[i] != kNone;
      if (there && ((needed | optional) >> i & 1) == 0) return false;
      if (!there && (needed >> i & 1) != 0) return false;
    }
    return true;
  }
  static std::string_view bad(bool operands, bool fields) {
    return !operands ? "wrong operands" : !fields ? "a field out of range" : "";
  }
  static bool is_condition(skep::Op op) { return skep::kind(op) == OpKind::Jump; }

  std::string check_shape(const Inst& inst) const {
    if (inst.shape() != Shape::Call && inst.shape() != Shape::Indirect && inst.count != 0)
      return "operands in the pool";
    if (u64{inst.pool} + inst.count > function_.refs.size()) return "operands out of range";
    if (inst.bits != 32 && inst.bits != 64) return "neither 32 nor 64 bits";
    if (inst.scale > 3 || inst.hint >= kRegs) return "a field out of range";
    return std::string(check_by_shape(inst));
  }

  // Operands as bits: 1 for in[0], 2 for in[1], ...
  std::string_view check_by_shape(const Inst& inst) const {
    const bool second_or_imm = inst.in[1] != kNone || fits(inst.imm);
    switch (inst.shape()) {
      case Shape::Constant: return bad(only(inst, 0), true);
      case Shape::Param: return "";
      case Shape::Frame:
        return bad(only(inst, 0), inst.disp <= 0 && inst.disp >= -static_cast<i32>(kStackSize));
      case Shape::Field:
        return bad(only(inst, 0), is_size(inst.size) && inst.disp >= 0 &&
                                      inst.disp + inst.size <= static_cast<i32>(sizeof(Run)));
      case Shape::Unary: return bad(only(inst, 1), true);
      case Shape::Binary: return bad(only(inst, 1, 2), second_or_imm);
      case Shape::Extend: return bad(only(inst, 1), is_size(inst.size));
      case Shape::Compare: return bad(only(inst, 1, 2), second_or_imm && is_condition(inst.row));
      case Shape::Select: return bad(only(inst, 13, 2), second_or_imm && is_condition(inst.row));
      case Shape::Address: return bad(only(inst, 1, 2), true);
      case Shape::Load: return bad(only(inst, 1, 2), is_size(inst.size));
      case Shape::Store:
        return bad(only(inst, 1, 6), is_size(inst.size) && (inst.in[2] != kNone || fits(inst.imm)));
      case Shape::Atomic:
        return bad(only(inst, inst.row == skep::Op::CmpXchg ? 13 : 5, 2),
                   skep::kind(inst.row) == OpKind::Atomic && (inst.size == 4 || inst.size == 8));
      case Shape::ContextLoad: return bad(only(inst, 0), is_size(inst.size));
      case Shape::ContextStore:
        return bad(only(inst, 0, 4), is_size(inst.size) && (inst.in[2] != kNone || fits(inst.imm)));
      case Shape::Packet: return bad(only(inst, 0, 1), is_size(inst.size) && inst.size != 8);
      case Shape::Guard: return bad(only(inst, 1, 2), guard_fits(inst));
      case Shape::One: return bad(only(inst, 1), true);
      case Shape::Two: return bad(only(inst, 3), true);
      case Shape::Immediate: return bad(only(inst, 0), inst.imm >= 0);
      case Shape::Call:
        return bad(only(inst, 0) && inst.count == 5,
                   inst.op != Op::CallLocal || (inst.imm >= 0 && inst.imm < functions_));
      case Shape::Indirect: return bad(only(inst, 0) && inst.count == 6, true);
      case Shape::Jump: return bad(only(inst, 0), true);
      case Shape::Branch: return bad(only(inst, 1, 2), second_or_imm && is_condition(inst.row));
      case Shape::Exit: return bad(only(inst, 1), true);
      case Shape::Fault: return bad(only(inst, 0, 1), true);
    }
    return "an unknown shape";
  }

  // Its parts lie in its stretch and fill it from end to end.
  bool guard_fits(const Inst& inst) const {
    if (inst.parts == 0 || u64{inst.pool} + inst.parts > function_.guard_parts.size()) return false;
    i64 low = INT64_MAX, high = INT64_MIN;
    u8 access = 0;
    for (u32 i = 0; i < inst.parts; ++i) {
      const GuardPart& part = function_.guard_parts[inst.pool + i];
      low = std::min<i64>(low, part.disp);
      high = std::max<i64>(high, i64{part.disp} + part.size);
      access |= part.access;
    }
    return low == inst.disp && high - low == inst.imm && access == inst.access;
  }

  std::string check_uses(BlockId id) const {
    for (Ref ref = function_.blocks[id].first; ref != kNone; ref = function_.at(ref).next) {
      const Inst& inst = function_.at(ref);
      for (const Ref use : function_.inputs(inst)) {
        if (use == kNone) continue;
        if (!is_available(use, id, place_[ref])) {
          return at(ref, fmt::format("v{} is not defined on every way here", use));
        }
      }
      if (inst.op == Op::CallIndirect && function_.inputs(inst)[0] == kNone)
        return at(ref, "no target");
    }
    for (const Edge& edge : function_.edges(id)) {
      for (const Ref use : function_.args(edge)) {
        if (use == kNone || !is_available(use, id, kNone)) {
          return fmt::format("b{}: v{} for b{} is not defined on every way here", id, use, edge.to);
        }
      }
    }
    return "";
  }

  bool is_available(Ref use, BlockId block, u32 place) const {
    if (use >= function_.insts.size() || place_[use] == kNone) return false;
    const Inst& def = function_.at(use);
    if (!has_result(def)) return false;
    if (def.block == block) return place_[use] < place;
    return dominators_.dominates(def.block, block);
  }

  const Function& function_;
  u32 functions_;
  std::vector<u32> place_;  // by Ref: its place in its block; kNone: in none
  std::vector<bool> in_order_;
  Dominators dominators_;
};

}  // namespace

std::string validate(const Function& function, u32 functions) {
  std::string wrong = Validator(function, functions).run();
  if (!wrong.empty()) wrong = fmt::format("function {}: {}", function.number, wrong);
  return wrong;
}

std::string validate(const Module& module) {
  for (const Function& function : module.functions) {
    std::string wrong = validate(function, static_cast<u32>(module.functions.size()));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace skep::ir
