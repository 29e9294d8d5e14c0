// Reading the text form. Values and blocks may be used before the line that defines them, so their
// names are kept and resolved at the end of a function. Tested by tests/jit/ir_text_test.cpp.

#include <charconv>
#include <map>

#include "isa/diagnostic.h"
#include "jit/ir_text.h"

namespace skep::ir {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<Module> run() {
    Module module;
    while (skip_space(), !rest_.empty() && ok_) {
      module.functions.emplace_back();
      read_function(module.functions.back());
    }
    if (!ok_) return fail<Code::syntax_error>(fmt::format("line {}", line_), expected_, found_);
    return module;
  }

 private:
  // ---- words ----------------------------------------------------------------------------------

  void skip_space() {
    while (!rest_.empty()) {
      if (rest_[0] == ';') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_[0] == ' ' || rest_[0] == '\n') {
        line_ += rest_[0] == '\n';
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }

  bool wrong(std::string_view expected) {
    if (!ok_) return false;
    ok_ = false;
    expected_ = expected;
    found_ = fmt::format("'{}'", rest_.substr(0, std::min<std::size_t>(rest_.find('\n'), 20)));
    return false;
  }

  bool take(std::string_view text) {
    skip_space();
    if (!ok_ || !rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void expect(std::string_view text) {
    if (!take(text)) wrong(fmt::format("'{}'", text));
  }

  static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }

  std::string_view word() {
    skip_space();
    std::size_t length = 0;
    while (length < rest_.size() && in_word(rest_[length])) ++length;
    const std::string_view found = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return found;
  }

  i64 number() {
    skip_space();
    i64 value = 0;
    const auto end = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (end.ec != std::errc{}) wrong("a number");
    rest_.remove_prefix(static_cast<std::size_t>(end.ptr - rest_.data()));
    return value;
  }

  // ---- names ----------------------------------------------------------------------------------

  static constexpr u32 kFirstName = 1u << 30;  // operands are names until the function ends

  Ref value() {
    if (take("_")) return kNone;
    expect("v");
    return kFirstName + static_cast<u32>(number());
  }

  void value_or_imm(Ref& ref, i64& imm) {
    skip_space();
    if (rest_.starts_with('v')) {
      ref = value();
    } else {
      imm = number();
    }
  }

  BlockId block_name() {
    expect("b");
    const auto [it, fresh] = blocks_.try_emplace(static_cast<u32>(number()), kNone);
    if (fresh) it->second = to_->new_block({});
    return it->second;
  }

  std::vector<Ref> list() {
    std::vector<Ref> refs;
    if (!take("(")) return refs;
    do refs.push_back(value());
    while (take(","));
    expect(")");
    return refs;
  }

  Edge edge() {
    const BlockId block = block_name();
    return to_->edge(block, list());
  }

  void resolve(Ref& ref) {
    if (ref == kNone || ref < kFirstName) return;
    const auto found = values_.find(ref - kFirstName);
    if (found == values_.end()) {
      wrong(fmt::format("a definition of v{}", ref - kFirstName));
    } else {
      ref = found->second;
    }
  }

  // ---- functions and blocks -------------------------------------------------------------------

  void read_function(Function& function) {
    Builder to(function);
    to_ = &to;
    values_.clear();
    blocks_.clear();
    expect("function");
    function.number = static_cast<u32>(number());
    expect("@");
    function.first = {static_cast<u32>(number())};
    if (take("cleared=")) function.cleared = static_cast<u32>(number());
    function.leaks_frame = take("leaks");
    expect("{");
    while (ok_ && !take("}")) read_line(function);
    for (const BlockId block : function.order) {
      for (Ref ref = function.blocks[block].first; ref != kNone; ref = function.at(ref).next) {
        for (Ref& use : function.inputs(ref)) resolve(use);
      }
      for (const Edge& to_block : function.edges(block)) {
        for (Ref& use : function.args(to_block)) resolve(use);
      }
    }
  }

  void read_line(Function& function) {
    skip_space();
    if (rest_.starts_with('b') && rest_.size() > 1 && rest_[1] >= '0' && rest_[1] <= '9') {
      return read_block(function);
    }
    if (function.order.empty()) {
      wrong("a block");
      return;
    }
    u32 name = kNone;
    if (rest_.starts_with('v')) {
      name = value() - kFirstName;
      expect("=");
    }
    Inst inst;
    const std::string_view op = word();
    if (!find_op(op, inst)) {
      wrong("an operation");
      return;
    }
    read_operands(function, inst);
    read_flags(inst);
    if (take("@")) to_->set_pc(pc_ = {static_cast<u32>(number())});
    const Ref ref = to_->add(inst);
    if (name != kNone) values_[name] = ref;
  }

  void read_block(Function& function) {
    const BlockId block = block_name();
    function.order.push_back(block);
    for (const Ref name : list()) values_[name - kFirstName] = to_->add_param(block);
    to_->use(block);
    expect("@");
    pc_ = {static_cast<u32>(number())};
    function.blocks[block].cold = take("cold");
    function.blocks[block].pc = pc_;
    for (const Ref param : function.params(block)) function.at(param).pc = pc_;
    to_->set_pc(pc_);
    expect(":");
  }

  // "add32" is Add on 32 bits; words without bits are whole.
  static bool find_op(std::string_view text, Inst& inst) {
    for (const u8 bits : {u8{0}, u8{32}, u8{64}}) {
      std::string_view base = text;
      if (bits != 0) {
        if (!base.ends_with(bits == 32 ? "32" : "64")) continue;
        base.remove_suffix(2);
      }
      for (int i = 0; i < kOps; ++i) {
        if (row(static_cast<Op>(i)).text != base) continue;
        inst.op = static_cast<Op>(i);
        if (bits != 0) inst.bits = bits;
        return true;
      }
    }
    return false;
  }

  // ---- operands -------------------------------------------------------------------------------

  void address(Inst& inst) {
    expect("[");
    inst.in[0] = value();
    while (ok_ && !take("]")) {
      const bool minus = take("-");
      if (!minus) expect("+");
      skip_space();
      if (rest_.starts_with('v')) {
        inst.in[1] = value();
        if (take("*")) inst.scale = static_cast<u8>(std::countr_zero(static_cast<u32>(number())));
      } else {
        const i64 disp = number();
        inst.disp = static_cast<i32>(minus ? -disp : disp);
      }
    }
  }

  void condition(Inst& inst) {
    inst.in[0] = value();
    skip_space();
    const std::string_view symbol = rest_.substr(0, std::min(rest_.find(' '), rest_.size()));
    bool found = false;
    for (int i = 0; i < skep::kOps; ++i) {
      const skep::OpRow& jump = skep::row(static_cast<skep::Op>(i));
      if (jump.kind != OpKind::Jump || jump.text != symbol) continue;
      inst.row = jump.op;
      found = true;
    }
    if (!found) wrong("a condition");
    rest_.remove_prefix(symbol.size());
    value_or_imm(inst.in[1], inst.imm);
  }

  void size_at(Inst& inst) {
    inst.size = static_cast<u8>(number());
    expect("at");
    inst.disp = static_cast<i32>(number());
  }

  void read_operands(Function& function, Inst& inst) {
    switch (inst.shape()) {
      case Shape::Constant:
      case Shape::Immediate: inst.imm = number(); return;
      case Shape::Param: wrong("an operation"); return;
      case Shape::Frame: inst.disp = static_cast<i32>(number()); return;
      case Shape::Field:
      case Shape::ContextLoad: return size_at(inst);
      case Shape::Unary:
      case Shape::One:
      case Shape::Exit: inst.in[0] = value(); return;
      case Shape::Extend:
        inst.size = static_cast<u8>(number());
        inst.in[0] = value();
        return;
      case Shape::Binary:
        inst.in[0] = value();
        expect(",");
        return value_or_imm(inst.in[1], inst.imm);
      case Shape::Two:
        inst.in[0] = value();
        expect(",");
        inst.in[1] = value();
        return;
      case Shape::Compare: return condition(inst);
      case Shape::Select:
        condition(inst);
        expect(",");
        inst.in[2] = value();
        expect(",");
        inst.in[3] = value();
        return;
      case Shape::Address: return address(inst);
      case Shape::Load:
      case Shape::Store:
      case Shape::Atomic: return read_access(inst);
      case Shape::ContextStore:
        size_at(inst);
        expect(",");
        return value_or_imm(inst.in[2], inst.imm);
      case Shape::Packet:
        inst.size = static_cast<u8>(number());
        inst.in[0] = value();
        expect(",");
        inst.imm = number();
        return;
      case Shape::Guard: return read_guard(function, inst);
      case Shape::Call:
      case Shape::Indirect: return read_call(function, inst);
      case Shape::Jump:
      case Shape::Branch: return read_edges(function, inst);
      case Shape::Fault: return read_fault(inst);
    }
  }

  void read_access(Inst& inst) {
    inst.size = static_cast<u8>(number());
    if (inst.op == Op::Atomic) {
      const std::string_view name = word();
      for (int i = 0; i < skep::kOps; ++i) {
        const skep::OpRow& atomic = skep::row(static_cast<skep::Op>(i));
        if (atomic.kind == OpKind::Atomic && atomic.name == name) inst.row = atomic.op;
      }
    }
    address(inst);
    if (inst.shape() == Shape::Load) return;
    expect(",");
    value_or_imm(inst.in[2], inst.imm);
    if (inst.op != Op::Atomic) return;
    expect(",");
    inst.in[3] = value();
  }

  void read_guard(Function& function, Inst& inst) {
    address(inst);
    expect("r");
    inst.hint = static_cast<u8>(number());
    inst.pool = static_cast<u32>(function.guard_parts.size());
    i64 end = INT64_MIN;
    while (take(",")) {
      GuardPart part;
      const std::string_view access = word();
      part.access = access == "update" ? kRead | kWrite : access == "write" ? kWrite : kRead;
      part.size = static_cast<u8>(number());
      expect("at");
      part.disp = static_cast<i32>(number());
      expect("@");
      part.pc = {static_cast<u32>(number())};
      function.guard_parts.push_back(part);
      inst.access |= part.access;
      end = std::max<i64>(end, part.disp + part.size);
      ++inst.parts;
    }
    inst.imm = end - inst.disp;
  }

  void read_call(Function& function, Inst& inst) {
    if (inst.shape() == Shape::Call) inst.imm = number();
    const std::vector<Ref> args = list();
    inst.pool = static_cast<u32>(function.refs.size());
    inst.count = static_cast<u8>(args.size());
    function.refs.insert(function.refs.end(), args.begin(), args.end());
  }

  void read_edges(Function& function, Inst& inst) {
    if (inst.op == Op::Branch) {
      condition(inst);
      expect(",");
    }
    Edge edges[2] = {edge()};
    if (inst.op == Op::Branch) {
      expect(",");
      edges[1] = edge();
    }
    Block& block = function.blocks[to_->block()];
    block.edge_count = inst.op == Op::Branch ? 2 : 1;
    block.edges[0] = edges[0];
    block.edges[1] = edges[1];
  }

  void read_fault(Inst& inst) {
    const DiagnosticRow* diagnostic = find_diagnostic(word());
    if (diagnostic == nullptr) {
      wrong("a code");
      return;
    }
    inst.code = diagnostic->code;
    value_or_imm(inst.in[0], inst.imm);
    expect(",");
    inst.disp = static_cast<i32>(number());
    expect(",");
    inst.access = static_cast<u8>(number());
  }

  void read_flags(Inst& inst) {
    for (;;) {
      if (take("signed")) {
        inst.flags |= kSigned;
      } else if (take("checked r")) {
        inst.flags |= kChecked;
        inst.hint = static_cast<u8>(number());
      } else if (take("context")) {
        inst.flags |= kMayBeContext;
      } else if (take("nonzero")) {
        inst.flags |= kNonZero;
      } else if (take("upper0")) {
        inst.flags |= kUpperZero;
      } else if (take("bounded")) {
        inst.flags |= kProvedBound;
      } else {
        return;
      }
    }
  }

  std::string_view rest_;
  u32 line_ = 1;
  bool ok_ = true;
  std::string expected_, found_;
  Builder* to_ = nullptr;
  std::map<u32, Ref> values_;
  std::map<u32, BlockId> blocks_;
  Pc pc_;
};

}  // namespace

Result<Module> parse(std::string_view text) {
  return Parser(text).run();
}

}  // namespace skep::ir
