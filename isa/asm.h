// The assembler: text to instructions. Two dialects, recognised line by line: the text form of the
// kernel and of LLVM (`r0 = *(u8 *)(r1 + 4)`), and the mnemonics of the conformance suite
// (`ldxb %r0, [%r1+4]`). docs/assembly.md describes both; disasm.h writes the first.
//
// Only the text is judged here. Instructions that exist but are wrong (r10 = 1, a jump out of the
// program) assemble, so that tests can show who refuses them: Program::make and the verifier.
// Tested by tests/isa/asm_test.cpp, roundtrip_test.cpp and conformance_test.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isa/program.h"

namespace skep {

// Bounds on what is read, far above a program of a million instructions.
inline constexpr u32 kMaxAsmBytes = 64 << 20;
inline constexpr u32 kMaxAsmLines = 4'000'000;  // and as many labels

struct AsmOptions {
  std::string_view file = {};  // named in errors and in the source map
  u32 first_line = 1;          // number of the text's first line, for a text cut out of a file
  // Names that have an index already. `map[NAME]` gives the index of NAME; other names get the
  // next one. The same for externs: `call kfunc NAME` and `ksym[NAME]`.
  std::vector<std::string> maps = {};
  std::vector<std::string> externs = {};
  // The number of the helper NAME, without bpf_ in front. Without it, `call NAME` finds labels and
  // `call NAME#ID` is ID.
  std::function<std::optional<i32>(std::string_view name)> helper = {};
};

struct AsmLabel {
  std::string name;
  Pc pc;  // may be one past the last insn
  u32 line = 0;
};

// A comment (after `;`, `//` or `#`), without its mark and the blanks around it.
struct LineNote {
  u32 line = 0;
  Pc pc;               // of the line's first insn; on a line without one, of the next insn
  bool alone = false;  // no insn on this line
  std::string text;
};

struct Assembly {
  std::vector<Insn> insns;
  // The functions: at 0, at each target of a local call or function address, at each label of a
  // `.func` or `.globl` line. Named by the label. Covers all insns, as Program::make wants it.
  std::vector<Subprogram> subprograms;
  std::vector<std::string> maps;     // by the index that LoadMap and LoadValue carry
  std::vector<std::string> externs;  // by the index that CallKfunc and LoadBtfId carry
  std::vector<AsmLabel> labels;      // in the order of the text
  std::vector<LineNote> notes;       // in the order of the text
  SourceMap source;                  // the text's lines
};

Result<Assembly> assemble(std::string_view text, const AsmOptions& options = {});

// The checked program of an assembly.
Result<Program> make_program(Assembly assembly);

}  // namespace skep
