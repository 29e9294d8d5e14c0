// The machines. x86-64: System V, rbx the State, rbp the frame, r10 and r11 scratch. arm64:
// AAPCS64, x28 the State, x27 the frame, x16 and x17 scratch, x8 the emitter's own. Tested by
// tests/jit/regalloc_test.cpp.

#include "jit/target.h"

namespace skep::jit {
namespace {

using ir::Inst;
using IrOp = ir::Op;

namespace x64 {

constexpr MachineReg rax = 0, rcx = 1, rdx = 2, rbx = 3, rbp = 5, rsi = 6, rdi = 7, r8 = 8, r9 = 9,
                     r10 = 10, r11 = 11, r12 = 12, r13 = 13, r14 = 14, r15 = 15;
constexpr MachineReg kAllocatable[] = {rax, rsi, rdx, rdi, r8, r9, rcx, r12, r13, r14, r15};
constexpr u32 kCallerSaved =
    bit(rax) | bit(rcx) | bit(rdx) | bit(rsi) | bit(rdi) | bit(r8) | bit(r9);

Clobbers clobbers(const Inst& inst) {
  if (is_call(inst)) return {kCallerSaved, 0};
  switch (inst.op) {
    case IrOp::Div:
    case IrOp::SDiv:
    case IrOp::Mod:
    case IrOp::SMod:
    case IrOp::MulHigh:
    case IrOp::SMulHigh: return {bit(rax) | bit(rdx), 0};
    case IrOp::Lsh:
    case IrOp::Rsh:
    case IrOp::Arsh:
    case IrOp::Rotl: return {inst.in[1] != ir::kNone ? bit(rcx) : 0, 0};
    case IrOp::Atomic:
      switch (inst.row) {
        case Op::CmpXchg: return {0, bit(rax)};
        case Op::FetchOr:
        case Op::FetchAnd:
        case Op::FetchXor: return {0, bit(rax) | bit(rcx)};
        default: return {};
      }
    default: return {};
  }
}

}  // namespace x64

namespace a64 {

constexpr MachineReg kAllocatable[] = {0,  1,  2,  3,  4,  5,  6,  7,  9,  10, 11, 12,
                                       13, 14, 15, 19, 20, 21, 22, 23, 24, 25, 26};
constexpr u32 kCallerSaved = 0x7ffff;  // x0 to x18

Clobbers clobbers(const Inst& inst) {
  if (is_call(inst)) return {kCallerSaved, 0};
  if (inst.op == IrOp::Atomic) return {0, bit(9) | bit(10)};
  return {};
}

}  // namespace a64

}  // namespace

const Target kX64 = {
    .name = "x64",
    .allocatable = x64::kAllocatable,
    .caller_saved = x64::kCallerSaved,
    .arguments = {x64::rdi, x64::rsi, x64::rdx, x64::rcx, x64::r8, x64::r9},
    .result = x64::rax,
    .state = x64::rbx,
    .frame = x64::rbp,
    .scratch = {x64::r10, x64::r11},
    .two_address = true,
    .clobbers = x64::clobbers,
};

const Target kA64 = {
    .name = "a64",
    .allocatable = a64::kAllocatable,
    .caller_saved = a64::kCallerSaved,
    .arguments = {0, 1, 2, 3, 4, 5},
    .result = 0,
    .state = 28,
    .frame = 27,
    .scratch = {16, 17},
    .two_address = false,
    .clobbers = a64::clobbers,
};

bool is_call(const Inst& inst) {
  switch (inst.op) {
    case IrOp::CallHelper:
    case IrOp::CallLocal:
    case IrOp::CallIndirect:
    case IrOp::TailCall:
    case IrOp::LoadContext:
    case IrOp::StoreContext:
    case IrOp::LoadKernel:
    case IrOp::LoadPacket:
    case IrOp::CheckCode: return true;
    default: return false;
  }
}

}  // namespace skep::jit
