// What arithmetic and comparison rows mean, as constexpr functions generated from isa/insn.def.
// The interpreter, constant folding, tests and the soundness check of the verifier's domain all
// call these: there is one meaning. Inlined by force: with a constant row each is one operation,
// out of line it is the whole switch. Tested by tests/isa/arith_test.cpp against hand-made values.
#pragma once

#include <type_traits>

#include "isa/insn.h"

namespace skep {

// The lowest `bits` of a value, 1 to 64, as a signed number.
constexpr u64 sign_extended(u64 value, u32 bits) {
  const u32 unused = 64 - bits;
  return static_cast<u64>(static_cast<i64>(value << unused) >> unused);
}

// dst after `op` on x (dst before) and y (the operand), in U = u64 or u32. The caller
// zero-extends a 32-bit result. Rows other than ALU, UNARY, MOVSX and SWAP give 0.
template <class U>
[[gnu::always_inline]] constexpr U eval(Op op, U x, U y) {
  using S = std::make_signed_t<U>;
  [[maybe_unused]] constexpr U bits = sizeof(U) * 8;
  [[maybe_unused]] const S sx = static_cast<S>(x);
  [[maybe_unused]] const S sy = static_cast<S>(y);
  switch (op) {
#define ALU(name, code, off, since, symbol, meaning) \
  case Op::name: return static_cast<U>(meaning);
#define UNARY(name, code, since, text, meaning) \
  case Op::name: return static_cast<U>(meaning);
#define MOVSX(name, from, since, meaning) \
  case Op::name: return static_cast<U>(meaning);
#define SWAP(name, opcode, width, since, text, meaning) \
  case Op::name: return static_cast<U>(meaning);
#include "isa/insn.def"
    default: return 0;
  }
}

// Whether a conditional jump is taken, on 64 (U = u64) or 32 bits.
template <class U>
[[gnu::always_inline]] constexpr bool taken(Op op, U x, U y) {
  using S = std::make_signed_t<U>;
  [[maybe_unused]] const S sx = static_cast<S>(x);
  [[maybe_unused]] const S sy = static_cast<S>(y);
  switch (op) {
#define JUMP(name, code, since, symbol, taken) \
  case Op::name: return taken;
#include "isa/insn.def"
    default: return false;
  }
}

// What memory holds after a read-modify-write atomic: m before, s = src, c = r0.
template <class U>
[[gnu::always_inline]] constexpr U atomic_result(Op op, U m, U s, U c) {
  switch (op) {
#define ATOMIC(name, imm, sizes, since, symbol, fetch, meaning) \
  case Op::name: return static_cast<U>(meaning);
#include "isa/insn.def"
    default: (void)c; return m;
  }
}

}  // namespace skep
