// One statement a draw: what it is by its share, what it works on by chance.

#include "tests/support/wild_programs.h"

#include "isa/run.h"
#include "tests/support/generator.h"
#include "tests/support/generator_writer.h"

namespace skep::test {
namespace {

class WildWriter : GeneratorWriter {
 public:
  explicit WildWriter(u64 seed) : GeneratorWriter(seed) {}

  std::vector<Insn> run(u32 insns) {
    const u32 functions = 1 + pick(3);
    for (u32 i = 0; i < functions; ++i) write_function(i, i == 0 ? insns : 4 + pick(insns / 2));
    for (const u32 call : calls_) {
      insns_[call].imm = static_cast<i32>(firsts_[pick(functions)]) - static_cast<i32>(call) - 1;
    }
    return std::move(insns_);
  }

 private:
  void write_function(u32 which, u32 insns) {
    firsts_.push_back(here());
    starts_.clear();
    jumps_.clear();
    if (which == 0) alu_reg(Op::Mov, 6, 1);
    if (chance(60)) {
      for (i16 slot = 1; slot <= 4; ++slot)
        store_imm(8, kFrameReg, static_cast<i16>(-8 * slot), number());
    }
    for (u32 i = 0; i < insns; ++i) {
      starts_.push_back(here());
      write_insn();
    }
    starts_.push_back(here());
    emit({.op = Op::Exit});
    for (const u32 jump : jumps_) {
      u32 target = starts_[pick(static_cast<u32>(starts_.size()))];
      if (target <= jump && chance(80)) target = starts_.back();
      insns_[jump].off = static_cast<i16>(static_cast<i32>(target) - static_cast<i32>(jump) - 1);
    }
  }

  u8 reg() { return static_cast<u8>(pick(10)); }
  u8 operand() { return chance(8) ? kFrameReg : reg(); }
  u8 width() { return chance(50) ? 64 : 32; }
  u8 base() { return chance(45) ? kFrameReg : chance(50) ? 6 : operand(); }
  i16 offset(u8 base, u8 size) {
    if (chance(5)) return static_cast<i16>(any());
    if (base == kFrameReg) {
      const u32 slot = 1 + pick(chance(85) ? 5 : 64);
      return static_cast<i16>(-8 * static_cast<i32>(slot) + (chance(70) ? 0 : pick(8)));
    }
    return static_cast<i16>(chance(75) ? pick(6) * size : pick(48));
  }

  void write_insn() {
    const u32 what = pick(100);
    if (what < 30) {
      arithmetic();
    } else if (what < 40) {
      alu_reg(Op::Mov, reg(), operand(), width());
    } else if (what < 52) {
      const u8 from = base(), bytes = size();
      load(bytes, reg(), from, offset(from, bytes), bytes < 8 && chance(30));
    } else if (what < 64) {
      const u8 to = base(), bytes = size();
      if (chance(50)) {
        store(bytes, to, offset(to, bytes), operand());
      } else {
        store_imm(bytes, to, offset(to, bytes), number());
      }
    } else if (what < 74) {
      jump();
    } else if (what < 78) {
      atomic();
    } else if (what < 84) {
      other_arithmetic();
    } else if (what < 88) {
      look_up();
    } else {
      rare();
    }
  }

  void arithmetic() {
    constexpr Op kRows[] = {Op::Add, Op::Sub, Op::Mul, Op::Div,  Op::SDiv, Op::Or,   Op::And,
                            Op::Lsh, Op::Rsh, Op::Mod, Op::SMod, Op::Xor,  Op::Arsh, Op::Mov};
    const Op op = one_of(kRows);
    if (chance(50)) {
      alu(op, reg(), number(), width());
    } else {
      alu_reg(op, reg(), operand(), width());
    }
  }

  void other_arithmetic() {
    constexpr Op kSwaps[] = {Op::Le16, Op::Le32,    Op::Le64,    Op::Be16,   Op::Be32,
                             Op::Be64, Op::Bswap16, Op::Bswap32, Op::Bswap64};
    constexpr Op kMoves[] = {Op::MovSx8, Op::MovSx16, Op::MovSx32};
    if (chance(30)) {
      emit({.op = Op::Neg, .bits = width(), .immediate = true, .dst = reg()});
    } else if (chance(50)) {
      const Op op = one_of(kMoves);
      emit(
          {.op = op, .bits = op == Op::MovSx32 ? u8{64} : width(), .dst = reg(), .src = operand()});
    } else {
      emit({.op = one_of(kSwaps), .bits = 64, .immediate = true, .dst = reg()});
    }
  }

  void jump() {
    constexpr Op kRows[] = {Op::Jeq,  Op::Jgt, Op::Jge, Op::Jset, Op::Jne, Op::Jsgt,
                            Op::Jsge, Op::Jlt, Op::Jle, Op::Jslt, Op::Jsle};
    const bool immediate = chance(60);
    jumps_.push_back(here());
    if (chance(8)) {
      emit({.op = Op::Ja, .target = {here() + 1}});
    } else if (chance(15)) {
      emit({.op = Op::MayGoto, .target = {here() + 1}});
    } else if (immediate) {
      emit({.op = one_of(kRows),
            .bits = width(),
            .immediate = true,
            .dst = operand(),
            .imm = number(),
            .target = {here() + 1}});
    } else {
      emit({.op = one_of(kRows),
            .bits = width(),
            .dst = operand(),
            .src = operand(),
            .target = {here() + 1}});
    }
  }

  void atomic() {
    constexpr Op kRows[] = {Op::AtomicAdd, Op::AtomicOr, Op::AtomicAnd, Op::AtomicXor, Op::FetchAdd,
                            Op::FetchOr,   Op::FetchAnd, Op::FetchXor,  Op::Xchg,      Op::CmpXchg};
    const u8 to = base();
    if (chance(30)) {
      const u8 bytes = size();
      const bool acquire = chance(50);
      emit({.op = acquire ? Op::LoadAcquire : Op::StoreRelease,
            .size = bytes,
            .dst = acquire ? reg() : to,
            .src = acquire ? to : reg(),
            .off = offset(to, bytes)});
    } else {
      const u8 bytes = chance(50) ? 4 : 8;
      emit({.op = one_of(kRows), .size = bytes, .dst = to, .src = reg(), .off = offset(to, bytes)});
    }
  }

  // A value of a map, which is used if it is there.
  void look_up() {
    const i16 slot = static_cast<i16>(-8 * (1 + static_cast<i32>(pick(4))));
    store_imm(4, kFrameReg, slot, static_cast<i32>(pick(5)));
    constexpr u32 kMaps[] = {kArray, kHash, kPerCpuArray, kPerCpuHash, kGlobal};
    wide(Op::LoadMap, 1, one_of(kMaps));
    alu_reg(Op::Mov, 2, kFrameReg);
    alu(Op::Add, 2, slot);
    emit({.op = Op::CallHelper, .imm = 1});
    if (chance(80)) {
      emit({.op = Op::Jeq,
            .bits = 64,
            .immediate = true,
            .dst = 0,
            .imm = 0,
            .target = {here() + 3}});
      load(size(), 3, 0, static_cast<i16>(pick(36)));
      store(size(), 0, static_cast<i16>(pick(36)), reg());
    }
    if (chance(50)) alu_reg(Op::Mov, 7, 0);
  }

  void rare() {
    switch (pick(8)) {
      case 0: constant(reg(), chance(30) ? kFunctionBase + pick(64) : any()); return;
      case 1: wide(Op::LoadMap, reg(), pick(9)); return;
      case 2:
      case 3:
        calls_.push_back(here());
        emit({.op = Op::CallLocal, .target = {here() + 1}});
        return;
      case 4: {
        constexpr i32 kHelpers[] = {1, 2, 3, 5, 7, 8, 12, 14, 131, 132, 181, 9999};
        emit({.op = Op::CallHelper, .imm = one_of(kHelpers)});
        return;
      }
      case 5: emit({.op = Op::Callx, .dst = reg()}); return;
      case 6: {
        constexpr u8 kSizes[] = {1, 2, 4};
        if (chance(50)) {
          emit({.op = Op::LoadAbs,
                .size = one_of(kSizes),
                .immediate = true,
                .imm = static_cast<i32>(pick(80))});
        } else {
          emit({.op = Op::LoadInd,
                .size = one_of(kSizes),
                .src = reg(),
                .imm = static_cast<i32>(pick(80))});
        }
        return;
      }
      default: emit({.op = Op::Exit}); return;
    }
  }

  std::vector<u32> firsts_;  // of functions
  std::vector<u32> starts_;  // of insns of this function
  std::vector<u32> jumps_, calls_;
};

}  // namespace

std::vector<Insn> wild_program(u64 seed, u32 insns) {
  return WildWriter(seed).run(insns);
}

}  // namespace skep::test
