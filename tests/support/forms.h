// Forms of rows with their operands, and what isa/arith.h says of them: for tests that run every
// one.
#pragma once

#include "isa/arith.h"
#include "isa/insn.h"

namespace skep::test {

inline constexpr u64 kValues[] = {0,
                                  1,
                                  2,
                                  7,
                                  31,
                                  63,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  ~u64{0},
                                  u64{1} << 63,
                                  ~(u64{1} << 63),
                                  0x123456789abcdef0};
inline constexpr i32 kImms[] = {0, 1, 7, 31, -1, INT32_MIN, INT32_MAX, 0x1234};

inline Insn insn_of(const Form& form, u8 dst, u8 src, i16 off, i32 imm) {
  Insn insn = make_insn(form.opcode, dst, src, off, imm);
  switch (form.select) {
    case Form::kNone: break;
    case Form::kDst: insn.regs = static_cast<u8>((insn.regs & 0xf0) | form.value); break;
    case Form::kSrc: insn.regs = static_cast<u8>((insn.regs & 15) | form.value << 4); break;
    case Form::kOff: insn.off = static_cast<i16>(form.value); break;
    case Form::kImm: insn.imm = form.value; break;
  }
  return insn;
}

inline u64 expected_value(const Form& form, u64 x, u64 y) {
  if (kind(form.op) == OpKind::Unary || kind(form.op) == OpKind::Swap) y = 0;
  return form.bits == 32 ? eval<u32>(form.op, static_cast<u32>(x), static_cast<u32>(y))
                         : eval<u64>(form.op, x, y);
}

inline bool expected_jump(const Form& form, u64 x, u64 y) {
  return form.bits == 32 ? taken<u32>(form.op, static_cast<u32>(x), static_cast<u32>(y))
                         : taken<u64>(form.op, x, y);
}

// Whether the form computes from its operands alone: arithmetic and conditional jumps.
inline bool computes(const Form& form) {
  switch (kind(form.op)) {
    case OpKind::Alu:
    case OpKind::Unary:
    case OpKind::MovSx:
    case OpKind::Swap:
    case OpKind::Jump: return true;
    default: return false;
  }
}

}  // namespace skep::test
