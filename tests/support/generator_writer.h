// What the generator writes with: random choices, one function an insn, jumps that land later.
#pragma once

#include <array>
#include <random>
#include <utility>
#include <vector>

#include "isa/insn.h"

namespace skep::test {

class GeneratorWriter {
 protected:
  explicit GeneratorWriter(u64 seed) : random_(seed) {}

  // ---- random choices ------------------------------------------------------------------------
  u64 any() { return random_(); }
  u32 pick(u32 count) { return static_cast<u32>(random_() % count); }
  bool chance(u32 percent) { return pick(100) < percent; }
  template <class T, std::size_t N>
  const T& one_of(const T (&items)[N]) {
    return items[pick(N)];
  }
  // Numbers that arithmetic goes wrong at.
  i32 number() {
    constexpr i32 kCorners[] = {0,      1,      -1,     2,          7,         8,      31,  32,
                                33,     63,     64,     127,        128,       255,    256, -128,
                                0x7fff, 0x8000, 0xffff, 0x7fffffff, INT32_MIN, -0x8000};
    return chance(50) ? one_of(kCorners) : static_cast<i32>(random_());
  }
  u8 size() { return static_cast<u8>(1u << pick(4)); }

  // ---- insns ---------------------------------------------------------------------------------
  u32 here() const { return static_cast<u32>(insns_.size()); }
  u32 emit(Decoded insn) {
    const u32 at = here();
    const Encoded encoded = encode(insn, Pc{at});
    for (u32 i = 0; i < encoded.count; ++i) insns_.push_back(encoded.slots[i]);
    return at;
  }
  u32 alu(Op op, u8 dst, i64 imm, u8 width = 64) {
    return emit({.op = op, .bits = width, .immediate = true, .dst = dst, .imm = imm});
  }
  u32 alu_reg(Op op, u8 dst, u8 src, u8 width = 64) {
    return emit({.op = op, .bits = width, .dst = dst, .src = src});
  }
  u32 load(u8 size, u8 dst, u8 src, i16 off, bool sign = false) {
    return emit(
        {.op = sign ? Op::LoadSigned : Op::Load, .size = size, .dst = dst, .src = src, .off = off});
  }
  u32 store(u8 size, u8 dst, i16 off, u8 src) {
    return emit({.op = Op::Store, .size = size, .dst = dst, .src = src, .off = off});
  }
  u32 store_imm(u8 size, u8 dst, i16 off, i32 imm) {
    return emit(
        {.op = Op::StoreImm, .size = size, .immediate = true, .dst = dst, .off = off, .imm = imm});
  }
  u32 constant(u8 dst, u64 value) { return wide(Op::LoadImm, dst, static_cast<i64>(value)); }
  // A map by its index, or the address in the first value of one; by fd or by index of fd_array.
  u32 map(u8 dst, u32 index) {
    return wide(chance(70) ? Op::LoadMap : Op::LoadMapIdx, dst, static_cast<i64>(index));
  }
  u32 map_value(u8 dst, u32 index, u32 offset) {
    return wide(chance(70) ? Op::LoadValue : Op::LoadValueIdx, dst,
                static_cast<i64>(u64{offset} << 32 | index));
  }
  u32 function(u8 dst) {
    return emit(
        {.op = Op::LoadFunc, .bits = 64, .immediate = true, .dst = dst, .target = Pc{here() + 1}});
  }
  u32 wide(Op op, u8 dst, i64 imm) {
    return emit({.op = op, .bits = 64, .immediate = true, .dst = dst, .imm = imm});
  }
  u32 helper(i32 id) { return emit({.op = Op::CallHelper, .imm = id}); }
  u32 leave() { return emit({.op = Op::Exit}); }
  void stack_pointer(u8 reg, i16 off) {
    alu_reg(Op::Mov, reg, 10);
    alu(Op::Add, reg, off);
  }

  // ---- jumps -----------------------------------------------------------------------------------
  // A jump whose target is set by land().
  u32 jump_if(Op op, u8 dst, i32 imm) {
    return emit({.op = op,
                 .bits = 64,
                 .immediate = true,
                 .dst = dst,
                 .imm = imm,
                 .target = Pc{here() + 1}});
  }
  u32 jump() {
    const bool far = chance(20);
    return emit({.op = far ? Op::JaLong : Op::Ja, .imm = 0, .target = Pc{here() + 1}});
  }
  void land(u32 jump_at) { jump_to(jump_at, here()); }
  void jump_to(u32 jump_at, u32 target) {
    const i32 distance = static_cast<i32>(target) - static_cast<i32>(jump_at) - 1;
    if (insns_[jump_at].opcode == 0x06) {
      insns_[jump_at].imm = distance;
    } else {
      insns_[jump_at].off = static_cast<i16>(distance);
    }
  }
  // For calls and addresses of functions: `at` refers to the function that starts at `first`.
  void refer_to(u32 at, u32 first) {
    insns_[at].imm = static_cast<i32>(first) - static_cast<i32>(at) - 1;
  }

  std::mt19937_64 random_;
  std::vector<Insn> insns_;
};

}  // namespace skep::test
