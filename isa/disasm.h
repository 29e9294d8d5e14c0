// The disassembler: instructions as the kernel's log and bpftool print them, with names and source
// lines where they are known. What it writes assembles to the same bytes (isa/asm.h), given the
// same names of maps and externs; docs/assembly.md describes the language.
// Tested by tests/isa/roundtrip_test.cpp and disasm_test.cpp.
#pragma once

#include <functional>
#include <string>

#include "isa/program.h"

namespace skep {

// What stands before each instruction.
enum class DisasmPrefix : u8 {
  None,    // four blanks
  Pc,      // "   5: ", as bpftool
  Opcode,  // "   5: (b7) ", as the kernel's log
  Bytes,   // "   5: b7 00 00 00 01 00 00 00 ", as objdump
};

struct DisasmOptions {
  DisasmPrefix prefix = DisasmPrefix::Pc;
  bool targets = true;  // where distances lead: `goto +3 <9>`
  bool source = true;   // `; text @ file.c:12` before the first insn of each source line

  // Names, each optional; "" means that there is none. Names that are not words of letters,
  // digits and _ . $ @ are left out, so that they can't be mistaken for something else.
  std::function<std::string(i32 id)> helper = {};
  std::function<std::string(u32 index)> map = {};       // of LoadMap and LoadValue
  std::function<std::string(u32 index)> external = {};  // of CallKfunc and LoadBtfId
  std::function<std::string(Pc first)> function = {};   // default: the Program's own names
};

// One instruction, without prefix. Names of functions come from the options only.
std::string disassemble(const Decoded& insn, Pc pc, const DisasmOptions& options = {});

// A whole program: functions under their names, a line an instruction.
std::string disassemble(const Program& program, const DisasmOptions& options = {});

// Any slots. What does not decode becomes `.quad 0x...` with the reason in a comment.
std::string disassemble(std::span<const Insn> insns, const DisasmOptions& options = {});

}  // namespace skep
