// Lines, labels and names. Two passes: the first parses every line and counts slots, so that the
// second knows where each label is and what a name stands for.

#include "isa/asm.h"

#include <algorithm>
#include <unordered_map>

#include "isa/asm_statement.h"
#include "isa/memory.h"

namespace skep {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Whether the '#' at `at` stands between a helper's name and its number, as in `call foo#5`.
bool is_helper_number(std::string_view line, std::size_t at) {
  std::size_t start = at;
  while (start > 0 && is_asm_name_char(line[start - 1])) --start;
  return start < at && is_asm_name_start(line[start]) && at + 1 < line.size() &&
         (is_digit(line[at + 1]) || line[at + 1] == '-');
}

struct Comment {
  std::size_t start = std::string_view::npos;
  std::size_t text = std::string_view::npos;
};

Comment find_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ';' || (line[i] == '#' && !is_helper_number(line, i))) return {i, i + 1};
    if (line[i] == '/' && line.substr(i).starts_with("//")) return {i, i + 2};
  }
  return {};
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\f\v";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Bytes that assembling the text takes at most. Per line: its instruction in all its forms, its
// source line, a comment, a function or a name of a map; lists while they grow. Per colon: a label.
// And the copies of what the text says: source lines, comments, names.
u64 memory_for(std::string_view text) {
  constexpr u64 kPerLine = 1024, kPerLabel = 256, kPerByte = 4, kLeast = 1 << 20;
  const u64 lines = static_cast<u64>(std::ranges::count(text, '\n')) + 1;
  const u64 labels = static_cast<u64>(std::ranges::count(text, ':'));
  return kLeast + lines * kPerLine + labels * kPerLabel + text.size() * kPerByte;
}

// Indices given to names in the order of their first use.
class NameTable {
 public:
  explicit NameTable(std::vector<std::string> names) : names_(std::move(names)) {
    for (u32 i = 0; i < names_.size(); ++i) index_.emplace(names_[i], i);
  }
  bool has(std::string_view name) const { return index_.contains(std::string(name)); }
  u32 get(std::string_view name) {
    const auto [found, added] = index_.emplace(name, static_cast<u32>(names_.size()));
    if (added) names_.emplace_back(name);
    return found->second;
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, u32> index_;
};

// A parsed line with an instruction.
struct Line {
  AsmStatement statement;
  Pc pc;
  u32 number = 0;
};

// A `.func` or `.globl` line.
struct Declaration {
  std::string_view name;
  u32 line = 0;
  u32 column = 0;
  bool global = false;
};

class Assembler {
 public:
  explicit Assembler(const AsmOptions& options)
      : options_(options), maps_(options.maps), externs_(options.externs) {}

  Status read(std::string_view text);
  Status resolve();
  Status find_subprograms();
  Assembly take();

 private:
  Status read_line(std::string_view text, u32 number);
  Status read_labels(AsmCursor& cursor, u32 number);
  Status read_statement(AsmCursor& cursor, std::string_view text, u32 number);
  Status declare(AsmCursor& cursor, u32 number, bool global);
  Status resolve(Line& line);
  Status resolve_call(const Line& line, Decoded& insn);
  std::optional<Pc> find_label(std::string_view name) const;
  Result<Pc> require_label(const Line& line) const;
  std::string place(const Line& line) const;
  std::string place(const Declaration& declared) const {
    return asm_place(options_.file, declared.line, declared.column);
  }
  void emit(const Line& line);

  const AsmOptions& options_;
  Assembly out_;
  std::vector<Line> lines_;
  Pc pc_;
  std::optional<Pc> first_exit_;
  std::unordered_map<std::string_view, u32> labels_;  // to the index in out_.labels
  std::vector<Declaration> declarations_;
  NameTable maps_;
  NameTable externs_;
};

Status Assembler::read(std::string_view text) {
  if (text.size() > kMaxAsmBytes) return fail<Code::text_too_large>(kMaxAsmBytes, "bytes");
  if (static_cast<u64>(std::ranges::count(text, '\n')) > kMaxAsmLines) {
    return fail<Code::text_too_large>(kMaxAsmLines, "lines");
  }
  TRY(check_memory(memory_for(text), "the assembly"));
  out_.source.files.emplace_back(options_.file.empty() ? "<text>" : options_.file);
  for (u32 number = options_.first_line; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    TRY(read_line(text.substr(0, end), number));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return {};
}

Status Assembler::read_line(std::string_view text, u32 number) {
  const Comment comment = find_comment(text);
  const std::string_view code = text.substr(0, comment.start);
  const Pc before = pc_;
  AsmCursor cursor(code, options_.file, number);
  TRY(read_labels(cursor, number));
  if (!cursor.at_end()) TRY(read_statement(cursor, code, number));
  if (comment.start != text.npos) {
    out_.notes.push_back(
        {number, before, before == pc_, std::string(trim(text.substr(comment.text)))});
  }
  return {};
}

Status Assembler::read_labels(AsmCursor& cursor, u32 number) {
  for (;;) {
    AsmCursor probe = cursor;
    const std::string_view name = probe.accept_word();
    if (name.empty() || !probe.accept(":")) return {};
    if (AsmCursor(cursor).accept_reg()) return cursor.expected("a label that is not a register");
    const auto [found, added] = labels_.emplace(name, static_cast<u32>(out_.labels.size()));
    if (!added) {
      return fail<Code::duplicate_label>(cursor.place(cursor.column()), name,
                                         out_.labels[found->second].line);
    }
    if (out_.labels.size() == kMaxAsmLines) {
      return fail<Code::text_too_large>(kMaxAsmLines, "labels");
    }
    out_.labels.push_back({std::string(name), pc_, number});
    cursor = probe;
  }
}

Status Assembler::declare(AsmCursor& cursor, u32 number, bool global) {
  const u32 column = cursor.column();
  const std::string_view name = TRY(cursor.require_word("the name of a function"));
  declarations_.push_back({name, number, column, global});
  return {};
}

// What the kernel's log, bpftool and objdump print before an instruction: "5: (b7) " or
// "5: b7 00 00 00 01 00 00 00 ".
struct DumpPrefix {
  std::optional<u8> opcode;
  bool calls_local = false;  // objdump prints helpers and functions alike, `call 5`
};
DumpPrefix accept_dump_prefix(AsmCursor& cursor) {
  AsmCursor probe = cursor;
  if (!probe.accept_unsigned() || !probe.accept(":")) return {};
  cursor = probe;
  if (probe.accept("(")) {
    const auto opcode = probe.accept_hex_bytes(1);
    if (!opcode || !probe.accept(")")) return {};
    cursor = probe;
    return {static_cast<u8>(*opcode)};
  }
  auto bytes = cursor.accept_hex_bytes(16);
  if (!bytes) bytes = cursor.accept_hex_bytes(8);
  if (!bytes) return {};
  return {static_cast<u8>(*bytes), *bytes == 0x1085};
}

Result<AsmStatement> read_instruction(AsmCursor& cursor) {
  const AsmCursor start = cursor;
  const auto [opcode, calls_local] = accept_dump_prefix(cursor);
  if (cursor.accept(".quad")) {
    AsmStatement slot;
    slot.raw = true;
    slot.insn.imm = static_cast<i64>(TRY(cursor.require_number("the 64 bits of a slot")).bits());
    return slot;
  }
  AsmStatement out = TRY(parse_kernel_form(cursor, opcode ? *opcode : -1));
  if (calls_local && out.insn.op == Op::CallHelper && out.ref == AsmRef::None) {
    out.insn.op = Op::CallLocal;
    out.ref = AsmRef::Distance;
    out.distance = out.insn.imm;
  }
  const u8 found = encode(out.insn, {}).slots[0].opcode;
  if (found == 0) return start.expected("an instruction that exists");
  if (opcode && *opcode != found) {
    return start.expected(fmt::format("an instruction with opcode {:#04x}", *opcode));
  }
  return out;
}

Status Assembler::read_statement(AsmCursor& cursor, std::string_view text, u32 number) {
  const u32 column = cursor.column();
  const bool global = cursor.accept(".globl");
  if (global || cursor.accept(".func")) {
    TRY(declare(cursor, number, global));
    return cursor.require_end();
  }
  Line line {
    TRY(read_instruction(cursor))
    , pc_, number
  };
  TRY(cursor.require_end());
  const bool raw = line.statement.raw;
  if (line.statement.insn.op == Op::Exit && !raw && !first_exit_) first_exit_ = pc_;
  pc_ = pc_ + (raw ? 1 : line.statement.insn.slots());
  if (pc_.value > kMaxSlots) return fail<Code::program_too_large>(pc_.value, kMaxSlots);
  out_.source.lines.push_back({line.pc, 0, number, column, std::string(trim(text))});
  lines_.push_back(std::move(line));
  return {};
}

std::optional<Pc> Assembler::find_label(std::string_view name) const {
  const auto found = labels_.find(name);
  if (found != labels_.end()) return out_.labels[found->second].pc;
  // The conformance suite jumps to `exit` without defining it.
  return name == "exit" ? first_exit_ : std::nullopt;
}

std::string Assembler::place(const Line& line) const {
  return asm_place(options_.file, line.number, line.statement.name_column);
}

Result<Pc> Assembler::require_label(const Line& line) const {
  if (const auto pc = find_label(line.statement.name)) return *pc;
  return fail<Code::unknown_label>(place(line), line.statement.name);
}

Status Assembler::resolve_call(const Line& line, Decoded& insn) {
  std::string_view name = line.statement.name;
  if (labels_.contains(name)) {
    insn.op = Op::CallLocal;
    insn.target = *find_label(name);
    return {};
  }
  if (externs_.has(name)) {
    insn.op = Op::CallKfunc;
    insn.imm = externs_.get(name);
    return {};
  }
  if (name.starts_with("bpf_")) name.remove_prefix(4);
  if (const auto id = options_.helper ? options_.helper(name) : std::nullopt) {
    insn.imm = *id;
    return {};
  }
  return fail<Code::unknown_name>(place(line), "function or helper", line.statement.name);
}

Status Assembler::resolve(Line& line) {
  const AsmStatement& statement = line.statement;
  Decoded& insn = line.statement.insn;
  switch (statement.ref) {
    case AsmRef::None: break;
    case AsmRef::Distance:
      insn.target = {line.pc.value + 1 + static_cast<u32>(statement.distance)};
      break;
    case AsmRef::Target:
    case AsmRef::Local: insn.target = TRY(require_label(line)); break;
    case AsmRef::Callee: return resolve_call(line, insn);
    case AsmRef::Map: insn.imm |= maps_.get(statement.name); break;
    case AsmRef::Extern: insn.imm = externs_.get(statement.name); break;
    case AsmRef::Address:
      if (const auto label = find_label(statement.name)) {
        insn.op = Op::LoadFunc;
        insn.target = *label;
      } else {
        insn.imm = maps_.get(statement.name);
      }
      break;
  }
  if (statement.ref == AsmRef::Target && insn.op != Op::JaLong) {
    const i64 distance = i64{insn.target.value} - line.pc.value - 1;
    if (distance != static_cast<i16>(distance)) {
      return fail<Code::operand_too_large>(place(line), distance,
                                           "the 16 bits of a jump (gotol has 32)");
    }
  }
  return {};
}

void Assembler::emit(const Line& line) {
  if (line.statement.raw) {
    const u64 bits = static_cast<u64>(line.statement.insn.imm);
    out_.insns.push_back({static_cast<u8>(bits), static_cast<u8>(bits >> 8),
                          static_cast<i16>(bits >> 16), static_cast<i32>(bits >> 32)});
    return;
  }
  const Encoded encoded = encode(line.statement.insn, line.pc);
  out_.insns.insert(out_.insns.end(), encoded.slots, encoded.slots + encoded.count);
}

Status Assembler::resolve() {
  out_.insns.reserve(pc_.value);
  for (Line& line : lines_) {
    TRY(resolve(line));
    emit(line);
  }
  return {};
}

Status Assembler::find_subprograms() {
  struct Start {
    bool is_start = false;
    bool global = false;
    const AsmLabel* label = nullptr;
  };
  const u32 size = pc_.value;
  std::vector<Start> starts(size);
  for (const AsmLabel& label : out_.labels) {
    if (label.pc.value < size && starts[label.pc.value].label == nullptr) {
      starts[label.pc.value].label = &label;
    }
  }
  for (const Declaration& declared : declarations_) {
    const auto pc = find_label(declared.name);
    if (!pc) return fail<Code::unknown_label>(place(declared), declared.name);
    if (pc->value >= size) {
      return fail<Code::syntax_error>(place(declared), "a label with instructions",
                                      fmt::format("'{}'", declared.name));
    }
    starts[pc->value].is_start = true;
    starts[pc->value].global |= declared.global;
  }
  std::vector<bool> inside(size);  // second halves: no function starts there
  for (const Line& line : lines_) {
    if (!line.statement.raw && line.statement.insn.slots() == 2) inside[line.pc.value + 1] = true;
  }
  for (const Line& line : lines_) {
    const Decoded& insn = line.statement.insn;
    const bool refers = insn.op == Op::CallLocal || insn.op == Op::LoadFunc;
    if (refers && insn.target.value < size && !inside[insn.target.value]) {
      starts[insn.target.value].is_start = true;
    }
  }
  for (u32 pc = 0; pc < size; ++pc) {
    const Start& start = starts[pc];
    if (pc != 0 && !start.is_start) continue;
    if (!out_.subprograms.empty()) out_.subprograms.back().end = {pc};
    std::string name = start.label != nullptr ? start.label->name
                       : pc == 0              ? "main"
                                              : fmt::format("func_{}", pc);
    out_.subprograms.push_back({{pc}, {size}, std::move(name), start.global, 0});
  }
  return {};
}

Assembly Assembler::take() {
  out_.maps = maps_.take();
  out_.externs = externs_.take();
  return std::move(out_);
}

}  // namespace

Result<Assembly> assemble(std::string_view text, const AsmOptions& options) {
  Assembler assembler(options);
  TRY(assembler.read(text));
  TRY(assembler.resolve());
  TRY(assembler.find_subprograms());
  return assembler.take();
}

Result<Program> make_program(Assembly assembly) {
  return Program::make(std::move(assembly.insns), std::move(assembly.subprograms),
                       std::move(assembly.source));
}

}  // namespace skep
