// Reference pages of isa/: instructions.md and diagnostics.md.
// Tested by the ctest case docs/reference.
#include <map>

#include "isa/insn.h"
#include "tools/gendoc/page.h"

namespace skep::gendoc {
namespace {

// What a row says about its meaning, as it stands in insn.def. Texts lose their quotation marks.
struct Meaning {
  Op op;
  std::string_view text;
};

constexpr Meaning kMeanings[] = {
#define ALU(name, code, off, since, symbol, meaning) {Op::name, "dst = " #meaning},
#define UNARY(name, code, since, text, meaning) {Op::name, "dst = " #meaning},
#define MOVSX(name, from, since, meaning) {Op::name, "dst = " #meaning},
#define SWAP(name, opcode, width, since, text, meaning) {Op::name, "dst = " #meaning},
#define JUMP(name, code, since, symbol, taken) {Op::name, "jump if " #taken},
#define MEMORY(name, cls, mode, sizes, since, meaning) {Op::name, meaning},
#define ATOMIC(name, imm, sizes, since, symbol, fetch, meaning) {Op::name, "m = " #meaning},
#define ORDERED(name, imm, sizes, since, text) {Op::name, text},
#define LDDW(name, src, since, meaning) {Op::name, meaning},
#define OTHER(name, opcode, src, off, since, text, meaning) {Op::name, meaning},
#include "isa/insn.def"
};

// All the ways to write an operation: "0x07, 0x0f, 0x04, 0x0c", with what selects it beside them.
std::string forms_of(Op op) {
  std::vector<std::string> opcodes;
  std::string selector;
  for (const Form& form : forms()) {
    if (form.op != op) continue;
    const std::string opcode = fmt::format("0x{:02x}", form.opcode);
    if (opcodes.empty() || opcodes.back() != opcode) opcodes.push_back(opcode);
    if (form.select == Form::kSrc) selector = fmt::format(", src {}", form.value);
    if (form.select == Form::kOff) selector = fmt::format(", off {}", form.value);
    if (form.select == Form::kImm) selector = fmt::format(", imm {:#x}", form.value);
  }
  return join(opcodes, " ") + selector;
}

std::string_view title(OpKind kind) {
  switch (kind) {
    case OpKind::Alu: return "Arithmetic";
    case OpKind::Unary: return "Negation";
    case OpKind::MovSx: return "Sign-extending moves";
    case OpKind::Swap: return "Byte order";
    case OpKind::Jump: return "Conditional jumps";
    case OpKind::Memory: return "Memory";
    case OpKind::Atomic: return "Atomics";
    case OpKind::Ordered: return "Ordered accesses";
    case OpKind::Lddw: return "64-bit immediates";
    case OpKind::Other: return "Control flow and others";
  }
  __builtin_unreachable();
}

std::string_view title(Kind kind) {
  switch (kind) {
    case Kind::Rejected: return "Rejected: the program breaks a rule";
    case Kind::Fault: return "Faults: a run was ended";
    case Kind::Usage: return "Usage: the request makes no sense";
    case Kind::Unreadable: return "Unreadable: the input can't be read";
    case Kind::Unsupported: return "Unsupported: well formed, but not something that skep does";
    case Kind::Internal: return "Internal: out of memory, or a bug of skep";
  }
  __builtin_unreachable();
}

}  // namespace

Page instructions_page() {
  Page page("Instructions", "`isa/insn.def`");
  page.paragraph(
      "x is dst before the instruction, y the operand (a register, or the sign-extended "
      "immediate), "
      "sx and sy the same as signed numbers, U and S the unsigned and signed type of the "
      "operation's "
      "bits. 32-bit operations clear the upper half of dst. For atomics, m is the memory, s is src "
      "and c is r0. \"Since\" is the first Linux that has the instruction.");
  std::string_view last;
  for (const Meaning& meaning : kMeanings) {
    const OpRow& row = skep::row(meaning.op);
    if (title(row.kind) != last) {
      last = title(row.kind);
      page.heading(last).table({"name", "symbol", "meaning", "opcodes", "since"});
    }
    page.row({std::string(row.name), code(row.text), code(meaning.text), forms_of(row.op),
              text(row.since)});
  }
  return page;
}

Page diagnostics_page() {
  Page page("Diagnostics", "`isa/diagnostics.def`");
  page.paragraph(
      "Everything that can go wrong, by code. Codes are stable; `skep explain CODE` prints the "
      "same. "
      "In a message, {} stands for what the case fills in.");
  std::map<Kind, std::vector<const DiagnosticRow*>> by_kind;
  for (const DiagnosticRow& row : kDiagnostics) by_kind[row.kind].push_back(&row);
  for (const auto& [kind, rows] : by_kind) {
    page.heading(title(kind)).table({"code", "what", "message", "Linux says", "explanation"});
    for (const DiagnosticRow* row : rows) {
      page.row({code(row->name), std::string(row->title), code(row->message), code(row->kernel),
                std::string(row->explanation)});
    }
  }
  return page;
}

}  // namespace skep::gendoc
