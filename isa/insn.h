// Instructions as they are on the wire (Insn) and as everything but the decoder sees them
// (Decoded), both from isa/insn.def.
//
// Decoding is strict: a field that its row does not use must be zero (RFC 9669 section 3.1).
// Tested by tests/isa/decode_test.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "isa/diagnostic.h"

namespace skep {

// Slots of a program at most: Linux include/linux/bpf.h, BPF_COMPLEXITY_LIMIT_INSNS.
inline constexpr u32 kMaxSlots = 1'000'000;

inline constexpr Version kNever{0xffff, 0};  // `since` of rows that no Linux has

// Eight bytes, little-endian, as in an object file and in bpf(2).
struct Insn {
  u8 opcode = 0;
  u8 regs = 0;  // dst in the low four bits, src in the high four
  i16 off = 0;
  i32 imm = 0;

  constexpr u8 dst() const { return regs & 15; }
  constexpr u8 src() const { return regs >> 4; }
  friend constexpr bool operator==(const Insn&, const Insn&) = default;
};
static_assert(sizeof(Insn) == 8);

constexpr Insn make_insn(u8 opcode, u8 dst = 0, u8 src = 0, i16 off = 0, i32 imm = 0) {
  return {opcode, static_cast<u8>(dst | src << 4), off, imm};
}

// Instruction classes, the low three bits of an opcode.
namespace cls {
inline constexpr u8 kLd = 0, kLdx = 1, kSt = 2, kStx = 3, kAlu = 4, kJmp = 5, kJmp32 = 6,
                    kAlu64 = 7;
}
inline constexpr u8 kSourceReg = 0x08;   // BPF_X: the operand is a register
inline constexpr u8 kAtomicMode = 0xc0;  // BPF_ATOMIC
inline constexpr u8 kLddwOpcode = 0x18;

// One enumerator a row of insn.def.
enum class Op : u8 {
#define ALU(name, ...) name,
#define UNARY(name, ...) name,
#define MOVSX(name, ...) name,
#define SWAP(name, ...) name,
#define JUMP(name, ...) name,
#define MEMORY(name, ...) name,
#define ATOMIC(name, ...) name,
#define ORDERED(name, ...) name,
#define LDDW(name, ...) name,
#define OTHER(name, ...) name,
#include "isa/insn.def"
};

inline constexpr int kOps = static_cast<int>(Op::AddrSpaceCast) + 1;

// The family of a row: which macro of insn.def it stands under.
enum class OpKind : u8 { Alu, Unary, MovSx, Swap, Jump, Memory, Atomic, Ordered, Lddw, Other };

struct OpRow {
  Op op;
  OpKind kind;
  std::string_view name;  // the row's name
  std::string_view text;  // its symbol or mnemonic in the kernel's syntax
  Version since;
};
const OpRow& row(Op op);
constexpr OpKind kind(Op op) {
  switch (op) {
#define ALU(name, ...) \
  case Op::name: return OpKind::Alu;
#define UNARY(name, ...) \
  case Op::name: return OpKind::Unary;
#define MOVSX(name, ...) \
  case Op::name: return OpKind::MovSx;
#define SWAP(name, ...) \
  case Op::name: return OpKind::Swap;
#define JUMP(name, ...) \
  case Op::name: return OpKind::Jump;
#define MEMORY(name, ...) \
  case Op::name: return OpKind::Memory;
#define ATOMIC(name, ...) \
  case Op::name: return OpKind::Atomic;
#define ORDERED(name, ...) \
  case Op::name: return OpKind::Ordered;
#define LDDW(name, ...) \
  case Op::name: return OpKind::Lddw;
#define OTHER(name, ...) \
  case Op::name: return OpKind::Other;
#include "isa/insn.def"
  }
  __builtin_unreachable();
}

// An instruction with its meaning found and its operands joined. Fields that the row does not
// use are zero.
struct Decoded {
  Op op = Op::Exit;
  u8 bits = 0;               // 64 or 32: arithmetic, jumps
  u8 size = 0;               // bytes of the memory access: 1, 2, 4 or 8
  bool immediate = false;    // the operand is imm, else src (arithmetic, jumps)
  bool second_slot = false;  // this is the upper half of the lddw before it, not an instruction
  u8 dst = 0;
  u8 src = 0;
  i16 off = 0;
  i64 imm = 0;     // sign-extended; LoadImm: the whole constant; LoadValue: map in the low 32 bits,
                   // offset above
  Pc target = {};  // jumps, CallLocal, LoadFunc: where to, in the same numbering as pc

  constexpr bool is_jump() const {
    return kind(op) == OpKind::Jump || op == Op::Ja || op == Op::JaLong || op == Op::MayGoto;
  }
  constexpr bool falls_through() const {
    return op != Op::Exit && op != Op::Ja && op != Op::JaLong && op != Op::Gotox;
  }
  constexpr u32 slots() const { return kind(op) == OpKind::Lddw ? 2 : 1; }
  constexpr u32 map_index() const { return static_cast<u32>(imm); }
  constexpr u32 value_offset() const { return static_cast<u32>(static_cast<u64>(imm) >> 32); }
  friend constexpr bool operator==(const Decoded&, const Decoded&) = default;
};

// One way to write a row on the wire. All forms of all rows are one table: the decoder looks a
// byte up in it, the encoder an Op, and tests walk it.
struct Form {
  enum Field : u8 { kNone = 0, kDst = 1, kSrc = 2, kOff = 4, kImm = 8 };
  u8 opcode = 0;
  Op op = Op::Exit;
  u8 bits = 0;  // as in Decoded
  u8 size = 0;
  bool immediate = false;
  u8 uses = 0;           // Fields that hold operands; the others must be zero,
  Field select = kNone;  // but for this one, which must be `value`
  i32 value = 0;
};
std::span<const Form> forms();  // sorted by opcode

// Decodes the instruction at `pc`; an lddw also reads the slot after it. Targets are computed but
// not checked against the program: Program::make does that.
Result<Decoded> decode(std::span<const Insn> insns, Pc pc);

// Whether r10 would be written, which no engine does: a run that gets there ends in a fault. The
// instruction decodes all the same, because Linux minds it only where it can be reached.
bool writes_frame_pointer(const Decoded& insn);

// Decodes all slots into `all`, which is as long and so is indexed by Pc; the second slot of an
// lddw has `second_slot` set.
Status decode_all(std::span<const Insn> insns, std::span<Decoded> all);

// The wire form: one or two slots (`count`). The inverse of decode() for everything it accepts.
struct Encoded {
  Insn slots[2];
  u32 count = 1;
};
Encoded encode(const Decoded& insn, Pc pc);

// The first kernel that takes this very form: the row's, or 5.1 for jumps on 32 bits.
Version since(const Decoded& insn);

}  // namespace skep
