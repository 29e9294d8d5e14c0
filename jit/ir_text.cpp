// Printing. Reading is jit/ir_parse.cpp. Tested by tests/jit/ir_text_test.cpp.

#include "jit/ir_text.h"

#include <fmt/format.h>

namespace skep::ir {
namespace {

class Printer {
 public:
  explicit Printer(const Function& function)
      : function_(function),
        values_(function.insts.size(), kNone),
        blocks_(function.blocks.size(), kNone) {}

  std::string run() {
    u32 values = 0, blocks = 0;
    for (const BlockId block : function_.order) {
      blocks_[block] = blocks++;
      for (const Ref param : function_.params(block)) values_[param] = values++;
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        if (has_result(function_.at(ref))) values_[ref] = values++;
      }
    }
    put("function {} @{}", function_.number, function_.first.value);
    if (function_.cleared != 0) put(" cleared={}", function_.cleared);
    if (function_.leaks_frame) put(" leaks");
    put(" {{\n");
    for (const BlockId block : function_.order) print_block(block);
    put("}}\n");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  void value(Ref ref) {
    if (ref == kNone) {
      put("_");
    } else {
      put("v{}", values_[ref]);
    }
  }

  void list(std::span<const Ref> refs) {
    put("(");
    for (std::size_t i = 0; i < refs.size(); ++i) {
      if (i != 0) put(", ");
      value(refs[i]);
    }
    put(")");
  }

  void print_block(BlockId id) {
    const Block& block = function_.blocks[id];
    put("b{}", blocks_[id]);
    if (block.param_count != 0) list(function_.params(id));
    pc_ = block.pc;
    put(" @{}{}:\n", pc_.value, block.cold ? " cold" : "");
    for (Ref ref = block.first; ref != kNone; ref = function_.at(ref).next) {
      const Inst& inst = function_.at(ref);
      put("  ");
      if (has_result(inst)) put("v{} = ", values_[ref]);
      print_inst(id, inst);
      print_flags(inst);
      if (inst.pc != pc_) put(" @{}", inst.pc.value);
      pc_ = inst.pc;
      put("\n");
    }
  }

  void print_edge(const Edge& edge) {
    put("b{}", blocks_[edge.to]);
    if (edge.count != 0) list(function_.args(edge));
  }

  void address(const Inst& inst) {
    put("[");
    value(inst.in[0]);
    if (inst.in[1] != kNone) {
      put(" + ");
      value(inst.in[1]);
      if (inst.scale != 0) put(" * {}", 1 << inst.scale);
    }
    offset(inst.disp);
    put("]");
  }

  void offset(i64 disp) {
    if (disp > 0) put(" + {}", disp);
    if (disp < 0) put(" - {}", -disp);
  }

  void value_or_imm(Ref ref, i64 imm) {
    if (ref == kNone) {
      put("{}", imm);
    } else {
      value(ref);
    }
  }

  void condition(const Inst& inst) {
    value(inst.in[0]);
    put(" {} ", skep::row(inst.row).text);
    value_or_imm(inst.in[1], inst.imm);
  }

  void access_word(u8 access) {
    put("{}", access == (kRead | kWrite) ? "update" : access == kWrite ? "write" : "read");
  }

  void print_inst(BlockId id, const Inst& inst) {
    put("{}", row(inst.op).text);
    switch (inst.shape()) {
      case Shape::Constant: return put(" {}", inst.imm);
      case Shape::Param: return;
      case Shape::Frame: return put(" {}", inst.disp);
      case Shape::Field: return put(" {} at {}", inst.size, inst.disp);
      case Shape::Unary: put("{} ", inst.bits); return value(inst.in[0]);
      case Shape::Extend: put("{} {} ", inst.bits, inst.size); return value(inst.in[0]);
      case Shape::Binary:
        put("{} ", inst.bits);
        value(inst.in[0]);
        put(", ");
        return value_or_imm(inst.in[1], inst.imm);
      case Shape::Compare: put("{} ", inst.bits); return condition(inst);
      case Shape::Select:
        put("{} ", inst.bits);
        condition(inst);
        put(", ");
        value(inst.in[2]);
        put(", ");
        return value(inst.in[3]);
      case Shape::Address: put(" "); return address(inst);
      case Shape::Load: put(" {} ", inst.size); return address(inst);
      case Shape::Store:
        put(" {} ", inst.size);
        address(inst);
        put(", ");
        return value_or_imm(inst.in[2], inst.imm);
      case Shape::Atomic:
        put(" {} {} ", inst.size, skep::row(inst.row).name);
        address(inst);
        put(", ");
        value(inst.in[2]);
        put(", ");
        return value(inst.in[3]);
      case Shape::ContextLoad: return put(" {} at {}", inst.size, inst.disp);
      case Shape::ContextStore:
        put(" {} at {}, ", inst.size, inst.disp);
        return value_or_imm(inst.in[2], inst.imm);
      case Shape::Packet:
        put(" {} ", inst.size);
        value(inst.in[0]);
        return put(", {}", inst.imm);
      case Shape::Guard: return print_guard(inst);
      case Shape::One: put(" "); return value(inst.in[0]);
      case Shape::Two:
        put(" ");
        value(inst.in[0]);
        put(", ");
        return value(inst.in[1]);
      case Shape::Immediate: return put(" {}", inst.imm);
      case Shape::Call: put(" {} ", inst.imm); return list(function_.inputs(inst));
      case Shape::Indirect: put(" "); return list(function_.inputs(inst));
      case Shape::Jump: put(" "); return print_edge(function_.blocks[id].edges[0]);
      case Shape::Branch:
        put("{} ", inst.bits);
        condition(inst);
        put(", ");
        print_edge(function_.blocks[id].edges[0]);
        put(", ");
        return print_edge(function_.blocks[id].edges[1]);
      case Shape::Exit: put(" "); return value(inst.in[0]);
      case Shape::Fault:
        put(" {} ", name(inst.code));
        value_or_imm(inst.in[0], inst.imm);
        return put(", {}, {}", inst.disp, inst.access);
    }
  }

  void print_guard(const Inst& inst) {
    put(" ");
    address(inst);
    put(" r{}", inst.hint);
    for (u32 i = 0; i < inst.parts; ++i) {
      const GuardPart& part = function_.guard_parts[inst.pool + i];
      put(", ");
      access_word(part.access);
      put(" {} at {} @{}", part.size, part.disp, part.pc.value);
    }
  }

  void print_flags(const Inst& inst) {
    if (inst.has(kSigned)) put(" signed");
    if (inst.has(kChecked)) put(" checked r{}", inst.hint);
    if (inst.has(kMayBeContext)) put(" context");
    if (inst.has(kNonZero)) put(" nonzero");
    if (inst.has(kUpperZero)) put(" upper0");
    if (inst.has(kProvedBound)) put(" bounded");
  }

  const Function& function_;
  std::vector<u32> values_;  // by Ref
  std::vector<u32> blocks_;  // by BlockId
  std::string text_;
  Pc pc_;
};

}  // namespace

std::string print(const Function& function) {
  return Printer(function).run();
}

std::string print(const Module& module) {
  std::string text;
  for (const Function& function : module.functions) text += print(function);
  return text;
}

}  // namespace skep::ir
