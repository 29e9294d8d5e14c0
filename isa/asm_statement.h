// What one statement of assembly says, before names are looked up: between the parsers of the two
// dialects and the assembler. Internal to the assembler. Tested by tests/isa/asm_test.cpp.
#pragma once

#include "isa/asm_cursor.h"
#include "isa/insn.h"

namespace skep {

// What the name in a statement stands for.
enum class AsmRef : u8 {
  None,
  Distance,  // no name: `distance` slots after the next instruction
  Target,    // a label: jumps
  Local,     // a label: CallLocal, LoadFunc
  Callee,    // a function of the text, or a helper
  Map,       // LoadMap, LoadValue
  Extern,    // CallKfunc, LoadBtfId
  Address,   // `r1 = NAME ll`: a function of the text, or a map
};

struct AsmStatement {
  Decoded insn;
  AsmRef ref = AsmRef::None;
  bool raw = false;  // .quad: `insn.imm` is the slot
  i64 distance = 0;
  std::string_view name;  // inside of the text
  u32 name_column = 0;
};

// One statement, up to the end of the line. A word that the kernel's form does not know is taken
// for a mnemonic.
Result<AsmStatement> parse_kernel_form(AsmCursor& cursor, i32 kernel_opcode);
Result<AsmStatement> parse_mnemonic(AsmCursor& cursor);
Result<AsmStatement> parse_atomic_mnemonic(AsmCursor& cursor);  // after `lock`

// Shared by both.
struct AsmAddress {
  u8 reg = 0;
  i16 off = 0;
};
Result<AsmAddress> require_address(AsmCursor& cursor);        // r1 + 4
Status require_target(AsmCursor& cursor, AsmStatement& out);  // +3, pc+3, label
Result<AsmStatement> parse_call(AsmCursor& cursor);           // after `call`
// An immediate field of 32 bits; `any` also takes 0x80000000 to 0xffffffff.
Result<i32> require_immediate(AsmCursor& cursor, bool any, std::string_view what = "a number");
const OpRow* find_row(OpKind kind, std::string_view text);  // by its symbol or mnemonic

}  // namespace skep
