// Every form of every arithmetic, jump and plain memory row, in the interpreter, with every pair of
// registers: against eval() and taken() of isa/arith.h, and nothing else changed. That holds the
// tables of handlers together (vm/handlers.h), and that handlers do not pile up on the stack.
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstring>

#include "tests/support/forms.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::computes;
using test::expected_jump;
using test::expected_value;
using test::insn_of;
using test::kImms;
using test::kValues;
using Regs = std::array<u64, kFrameReg>;  // r0 to r9

constexpr i16 kSaved = -8 * (kFrameReg + 1);  // where r1 of the entry is kept on the stack
void add_lddw(std::vector<Insn>& code, u8 dst, u64 value) {
  code.push_back(make_insn(kLddwOpcode, dst, 0, 0, static_cast<i32>(value)));
  code.push_back(make_insn(0, 0, 0, 0, static_cast<i32>(value >> 32)));
}

Insn load(u8 dst, u8 src, i16 off) {
  return make_insn(0x79, dst, src, off);
}
Insn store(u8 dst, i16 off, u8 src) {
  return make_insn(0x7b, dst, src, off);
}
Insn move(u8 dst, u8 src) {
  return make_insn(0xbf, dst, src);
}
const Insn kExit = make_insn(0x95);

// Sets all registers, does `body`, and writes all registers to the memory of the run.
std::vector<Insn> around(const Regs& before, std::span<const Insn> body) {
  std::vector<Insn> code{store(kFrameReg, kSaved, 1)};
  for (u8 i = 0; i < before.size(); ++i) add_lddw(code, i, before[i]);
  code.insert(code.end(), body.begin(), body.end());
  for (u8 i = 0; i < before.size(); ++i)
    code.push_back(store(kFrameReg, static_cast<i16>(-8 * (i + 1)), i));
  code.push_back(load(1, kFrameReg, kSaved));
  for (u8 i = 0; i < before.size(); ++i) {
    code.push_back(load(2, kFrameReg, static_cast<i16>(-8 * (i + 1))));
    code.push_back(store(1, static_cast<i16>(8 * i), 2));
  }
  code.push_back(kExit);
  return code;
}

std::unique_ptr<Loaded> load_program(std::vector<Insn> code, Mode mode) {
  auto image = std::make_shared<Image>();
  image->type = ProgramType::raw;
  auto program = Program::make(std::move(code));
  EXPECT_TRUE(program) << program.error().text;
  if (!program) return nullptr;
  image->program = std::move(*program);
  auto loaded = make_interpreter({.mode = mode})->load(std::move(image), {});
  EXPECT_TRUE(loaded) << loaded.error().text;
  return loaded ? std::move(*loaded) : nullptr;
}

RunResult run(Loaded& program, std::span<u8> memory) {
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory.data();
  frame.size = memory.size();
  Env env = Env::deterministic(1);
  return program.run(frame, {.env = &env});
}

Regs regs_after(const Regs& before, std::span<const Insn> body) {
  Regs after{};
  const auto program = load_program(around(before, body), Mode::Checked);
  if (program == nullptr) return after;
  const RunResult result = run(*program, {reinterpret_cast<u8*>(after.data()), sizeof after});
  EXPECT_TRUE(result.ok()) << result.message;
  return after;
}

Regs some_regs() {
  Regs regs;
  for (u64 i = 0; i < regs.size(); ++i) regs[i] = 0xa1b2c3d4e5f60718 * (i + 1);
  return regs;
}

std::string name_of(const Form& form, u8 dst, u8 src) {
  return fmt::format("{} ({:#x}) r{}, r{}", row(form.op).name, form.opcode, dst, src);
}

// One insn with these operands: all registers afterwards.
void check_form(const Form& form, u8 dst, u8 src, u64 x, u64 y, i32 imm) {
  const bool from_reg = (form.uses & Form::kSrc) != 0;
  Regs before = some_regs();
  before[dst] = x;
  if (from_reg) before[src] = y;
  const u64 operand = from_reg ? before[src] : static_cast<u64>(static_cast<i64>(imm));
  Regs expected = before;
  const Insn insn =
      insn_of(form, dst, from_reg ? src : 0, 0, from_reg || !(form.uses & Form::kImm) ? 0 : imm);
  std::vector<Insn> body{insn};
  if (kind(form.op) == OpKind::Jump) {
    // Taken: skips the change of r9 (r8 if r9 is an operand).
    const u8 mark = dst == 9 || src == 9 ? (dst == 8 || src == 8 ? 7 : 8) : 9;
    body[0].off = 1;
    body.push_back(make_insn(0xb7, mark, 0, 0, 77));
    if (!expected_jump(form, before[dst], operand)) expected[mark] = 77;
  } else {
    expected[dst] = expected_value(form, before[dst], operand);
  }
  EXPECT_EQ(regs_after(before, body), expected)
      << name_of(form, dst, src) << fmt::format(" with {:#x}, {:#x}", before[dst], operand);
}

TEST(Rows, EveryFormOnCornerValues) {
  for (const Form& form : forms()) {
    if (!computes(form)) continue;
    for (u64 x : kValues) {
      if (form.uses & Form::kSrc) {
        for (u64 y : kValues) check_form(form, 2, 3, x, y, 0);
      } else if (form.uses & Form::kImm) {
        for (i32 imm : kImms) check_form(form, 2, 2, x, 0, imm);
      } else {
        check_form(form, 2, 2, x, 0, 0);
      }
    }
  }
}

TEST(Rows, EveryFormOnEveryPairOfRegisters) {
  for (const Form& form : forms()) {
    if (!computes(form)) continue;
    const bool from_reg = (form.uses & Form::kSrc) != 0;
    for (u8 dst = 0; dst < kFrameReg; ++dst) {
      for (u8 src = 0; src < (from_reg ? kFrameReg : 1); ++src) {
        check_form(form, dst, src, 0x8000000012345678 + dst, 0xfedcba9800000003 + src, -5);
      }
    }
  }
}

// ---- memory ---------------------------------------------------------------------------------

u64 extended(const Form& form, u64 raw) {
  const int shift = 64 - form.size * 8;
  if (form.op == Op::LoadSigned) return static_cast<u64>(static_cast<i64>(raw << shift) >> shift);
  return raw << shift >> shift;
}

// A load or store at offset 8 of the run's memory, whose address `base` holds.
void check_access(const Form& form, u8 base, u8 other, Mode mode) {
  u64 memory[3] = {0x1111111111111111, 0xf2e3d4c5b6a79889, 0x3333333333333333};
  const u64 value = 0x8877665544332211;
  const bool is_load = form.op == Op::Load || form.op == Op::LoadSigned;
  std::vector<Insn> code;
  if (form.op == Op::Store && other != base) add_lddw(code, other, value);
  if (base != 1) code.push_back(move(base, 1));
  const u8 dst = is_load ? other : base;
  const u8 src = is_load ? base : form.op == Op::Store ? other : u8{0};
  code.push_back(insn_of(form, dst, src, 8, form.op == Op::StoreImm ? -2 : 0));
  code.push_back(move(0, is_load ? other : base));
  code.push_back(kExit);
  const auto program = load_program(std::move(code), mode);
  ASSERT_NE(program, nullptr);
  const u64 address = reinterpret_cast<u64>(memory);
  const u64 before = memory[1];
  const RunResult result = run(*program, {reinterpret_cast<u8*>(memory), sizeof memory});
  ASSERT_TRUE(result.ok()) << name_of(form, dst, src) << ": " << result.message;
  u64 stored = before;
  if (!is_load) {
    const u64 source = form.op == Op::StoreImm ? ~u64{1} : other == base ? address : value;
    std::memcpy(&stored, &source, form.size);
  }
  EXPECT_EQ(memory[1], stored) << name_of(form, dst, src);
  EXPECT_EQ(memory[0], 0x1111111111111111u);
  EXPECT_EQ(memory[2], 0x3333333333333333u);
  EXPECT_EQ(result.r0, is_load ? extended(form, before) : address) << name_of(form, dst, src);
}

class AccessRows : public testing::TestWithParam<Mode> {};

TEST_P(AccessRows, EverySizeOnEveryPairOfRegisters) {
  for (const Form& form : forms()) {
    if (kind(form.op) != OpKind::Memory || form.op == Op::LoadAbs || form.op == Op::LoadInd)
      continue;
    for (u8 base = 0; base < kFrameReg; ++base) {
      for (u8 other = 0; other < kFrameReg; ++other) {
        // The address comes in r1, so another register must not overwrite it first.
        if (form.op == Op::Store && other == 1 && base != 1) continue;
        check_access(form, base, other, GetParam());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, AccessRows, testing::Values(Mode::Checked, Mode::Trusted),
                         [](const auto& p) {
                           return p.param == Mode::Checked ? "Checked" : "Trusted";
                         });

// ---- the chain of handlers ------------------------------------------------------------------

// A loop over one insn: if its handler's call of the next were not a jump, the loop would need more
// stack than the thread has.
constexpr i32 kTimes = 20'000;
constexpr std::size_t kThreadStack = 256 * 1024;
constexpr i16 kSlot = -64;

struct Loop {
  std::string name;
  std::vector<Insn> body;
  std::vector<Insn> function = {};  // called by the body as the one at its end
  u64 x = 5;                        // r2
};

std::vector<Insn> code_of(const Loop& loop) {
  std::vector<Insn> code;
  add_lddw(code, 2, loop.x);
  code.insert(code.end(), {make_insn(0xb7, 6, 0, 0, kTimes), make_insn(0xb7, 3, 0, 0, 3),
                           move(7, kFrameReg), store(kFrameReg, kSlot, 3)});
  const std::size_t top = code.size();
  code.insert(code.end(), loop.body.begin(), loop.body.end());
  code.push_back(make_insn(0x07, 6, 0, 0, -1));
  const i16 back = static_cast<i16>(static_cast<i64>(top) - static_cast<i64>(code.size()) - 1);
  code.push_back(make_insn(0x55, 6, 0, back, 0));
  code.push_back(kExit);
  code.insert(code.end(), loop.function.begin(), loop.function.end());
  return code;
}

// Values of r2 for which the jump, with 3 as its operand, is and is not taken.
void add_jumps(std::vector<Loop>& loops, const Form& form, const Insn& insn) {
  for (const bool wanted : {false, true}) {
    for (const u64 x : kValues) {
      if (expected_jump(form, x, 3) != wanted) continue;
      loops.push_back({wanted ? "taken" : "not taken", {insn}, {}, x});
      break;
    }
  }
}

std::vector<Loop> loops_of(const Form& form) {
  const bool from_reg = (form.uses & Form::kSrc) != 0;
  const i32 imm = !from_reg && form.uses & Form::kImm ? 3 : 0;
  std::vector<Loop> loops;
  switch (kind(form.op)) {
    case OpKind::Jump: add_jumps(loops, form, insn_of(form, 2, from_reg ? 3 : 0, 0, imm)); break;
    case OpKind::Alu:
    case OpKind::Unary:
    case OpKind::MovSx:
    case OpKind::Swap: loops.push_back({"", {insn_of(form, 2, from_reg ? 3 : 0, 0, imm)}}); break;
    case OpKind::Memory:
      if (form.op == Op::LoadAbs || form.op == Op::LoadInd) break;
      for (const u8 base : {u8{7}, kFrameReg}) {
        const bool load = form.op == Op::Load || form.op == Op::LoadSigned;
        const u8 src = load ? base : form.op == Op::Store ? u8{3} : u8{0};
        const i32 value = form.op == Op::StoreImm ? 9 : 0;
        loops.push_back({"", {insn_of(form, load ? u8{2} : base, src, kSlot, value)}});
      }
      break;
    case OpKind::Atomic: loops.push_back({"", {insn_of(form, 7, 3, kSlot, 0)}}); break;
    case OpKind::Ordered: {
      const bool load = form.op == Op::LoadAcquire;
      loops.push_back({"", {insn_of(form, load ? 2 : 7, load ? 7 : 3, kSlot, 0)}});
      break;
    }
    default:
      if (form.op == Op::Ja || form.op == Op::JaLong || form.op == Op::MayGoto) {
        loops.push_back({"", {insn_of(form, 0, 0, 0, 0)}});
      }
  }
  for (Loop& loop : loops) {
    loop.name = fmt::format("{} ({:#x}) {}", row(form.op).name, form.opcode, loop.name);
  }
  return loops;
}

std::vector<Loop> all_loops() {
  std::vector<Loop> all;
  for (const Form& form : forms()) {
    for (Loop& loop : loops_of(form)) all.push_back(std::move(loop));
  }
  std::vector<Insn> lddw;
  add_lddw(lddw, 2, 7);
  all.push_back({"lddw", lddw});
  all.push_back({"local call", {make_insn(0x85, 0, 1, 0, 3)}, {make_insn(0xb7), kExit}});
  constexpr i32 kKtime = 5;
  all.push_back({"helper call", {make_insn(0x85, 0, 0, 0, kKtime)}});
  return all;
}

struct ChainRun {
  std::vector<Loop> loops = all_loops();
  std::vector<std::string> problems;
};

void* run_loops(void* argument) {
  ChainRun& chain = *static_cast<ChainRun*>(argument);
  for (const Loop& loop : chain.loops) {
    for (const Mode mode : {Mode::Checked, Mode::Trusted}) {
      const auto program = load_program(code_of(loop), mode);
      if (program == nullptr) continue;
      const RunResult result = run(*program, {});
      if (!result.ok()) chain.problems.push_back(loop.name + ": " + result.message);
      if (result.insns < 3u * kTimes) chain.problems.push_back(loop.name + ": too few insns");
    }
  }
  return nullptr;
}

TEST(Chain, NeedsNoStack) {
  ChainRun chain;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, kThreadStack), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, run_loops, &chain), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(chain.problems, std::vector<std::string>{});
}

}  // namespace
}  // namespace skep
