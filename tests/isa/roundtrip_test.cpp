// Bytes to text and back, for every form of every row with operands at the ends of their ranges.
#include <gtest/gtest.h>

#include <algorithm>

#include "isa/asm.h"
#include "isa/disasm.h"

namespace skep {
namespace {

constexpr u8 kRegisters[] = {0, 1, 9, 10};
constexpr i16 kOffsets[] = {0, 1, -1, 4, -8, 32767, -32768};
constexpr i32 kImmediates[] = {0, 1, -1, 64, 0x7fff'ffff, -0x7fff'ffff - 1, 0x1234'5678};

template <class T, std::size_t n>
std::span<const T> operands(const T (&values)[n], bool used) {
  return std::span(values).first(used ? n : 1);
}

// Calls `use` with the slots of `form` for every combination of operands; the first of each list
// is 0, which stands for "not used".
template <class Use>
void for_each_operand(const Form& form, Use use) {
  const bool wide = kind(form.op) == OpKind::Lddw;
  const bool upper = form.op == Op::LoadImm || form.op == Op::LoadValue ||
                     form.op == Op::LoadValueIdx || form.op == Op::LoadBtfId;
  for (u8 dst : operands(kRegisters, form.uses & Form::kDst)) {
    for (u8 src : operands(kRegisters, form.uses & Form::kSrc)) {
      for (i16 off : operands(kOffsets, form.uses & Form::kOff)) {
        for (i32 imm : operands(kImmediates, form.uses & Form::kImm)) {
          for (i32 next : operands(kImmediates, upper)) {
            Insn first = make_insn(form.opcode, dst, src, off, imm);
            if (form.select == Form::kSrc) first.regs = static_cast<u8>(dst | form.value << 4);
            if (form.select == Form::kOff) first.off = static_cast<i16>(form.value);
            if (form.select == Form::kImm) first.imm = form.value;
            const Insn slots[] = {first, make_insn(0, 0, 0, 0, next)};
            use(std::span(slots).first(wide ? 2 : 1));
          }
        }
      }
    }
  }
}

std::string name_of(const Form& form) {
  return fmt::format("{}_{:02x}_{}", row(form.op).name, form.opcode,
                     form.value < 0 ? 0 : form.value);
}

class EveryForm : public testing::TestWithParam<Form> {};

TEST_P(EveryForm, AssemblesToTheSameBytes) {
  int tried = 0;
  for_each_operand(GetParam(), [&](std::span<const Insn> slots) {
    const auto decoded = decode(slots, Pc{0});
    ASSERT_TRUE(decoded) << decoded.error().text;
    ++tried;
    for (DisasmPrefix prefix :
         {DisasmPrefix::None, DisasmPrefix::Pc, DisasmPrefix::Opcode, DisasmPrefix::Bytes}) {
      const std::string text = disassemble(slots, {.prefix = prefix});
      const auto back = assemble(text);
      ASSERT_TRUE(back) << text << back.error().text;
      ASSERT_TRUE(std::ranges::equal(back->insns, slots)) << text;
      ASSERT_EQ(disassemble(back->insns, {.prefix = prefix}), text);
    }
  });
  EXPECT_GT(tried, 0);
}

INSTANTIATE_TEST_SUITE_P(Isa, EveryForm, testing::ValuesIn(forms().begin(), forms().end()),
                         [](const auto& tested) { return name_of(tested.param); });

TEST(RoundTrip, EveryRowHasAForm) {
  for (int op = 0; op < kOps; ++op) {
    EXPECT_TRUE(std::ranges::count(forms(), static_cast<Op>(op), &Form::op) > 0)
        << row(static_cast<Op>(op)).name;
  }
}

// What does not decode survives as .quad.
TEST(RoundTrip, AnySlots) {
  std::vector<Insn> insns;
  for (int opcode = 0; opcode < 256; ++opcode) {
    insns.push_back(make_insn(static_cast<u8>(opcode), 11, 13, -2, 0x1000'0003));
  }
  for (DisasmPrefix prefix :
       {DisasmPrefix::None, DisasmPrefix::Pc, DisasmPrefix::Opcode, DisasmPrefix::Bytes}) {
    const auto back = assemble(disassemble(insns, {.prefix = prefix}));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->insns, insns);
  }
}

// Functions, names and source lines of a Program.
TEST(RoundTrip, Program) {
  constexpr std::string_view text =
      ".globl helped\n"
      ".func unused\n"
      "entry:\n"
      "    r1 = map[flows]\n"
      "    r2 = map[counters][0] + 16\n"
      "    r3 = func[callback]\n"
      "    r4 = ksym[jiffies]\n"
      "    call bpf_map_lookup_elem\n"
      "    call kfunc bpf_cast\n"
      "    if r0 == 0 goto out\n"
      "    call helped\n"
      "out:\n"
      "    exit\n"
      "helped: r0 = 1\n"
      "    exit\n"
      "callback: exit\n"
      "unused: goto -1\n";
  AsmOptions asm_options;
  asm_options.file = "prog.s";
  asm_options.maps = {"counters", "flows"};
  asm_options.helper = [](std::string_view name) {
    return name == "map_lookup_elem" ? std::optional<i32>(1) : std::nullopt;
  };
  auto first = assemble(text, asm_options);
  ASSERT_TRUE(first) << first.error().text;
  const Assembly copy = *first;
  const auto program = make_program(std::move(*first));
  ASSERT_TRUE(program) << program.error().text;

  DisasmOptions options;
  options.helper = [](i32 id) { return id == 1 ? "map_lookup_elem" : ""; };
  options.map = [&](u32 index) { return copy.maps[index]; };
  options.external = [&](u32 index) { return copy.externs[index]; };
  const std::string printed = disassemble(*program, options);
  EXPECT_NE(printed.find(".globl helped\nhelped:\n"), printed.npos) << printed;
  EXPECT_NE(printed.find(".func unused\nunused:\n"), printed.npos) << printed;
  EXPECT_NE(printed.find("; r1 = map[flows] @ prog.s:4\n   0: r1 = map[flows]\n"), printed.npos);
  EXPECT_NE(printed.find("call bpf_map_lookup_elem#1\n"), printed.npos) << printed;
  EXPECT_NE(printed.find("call kfunc bpf_cast#1\n"), printed.npos) << printed;
  EXPECT_NE(printed.find("if r0 == 0 goto +1 <12>\n"), printed.npos) << printed;

  asm_options.externs = copy.externs;
  const auto second = assemble(printed, asm_options);
  ASSERT_TRUE(second) << second.error().text << printed;
  EXPECT_EQ(second->insns, copy.insns);
  EXPECT_EQ(second->maps, copy.maps);
  ASSERT_EQ(second->subprograms.size(), copy.subprograms.size());
  for (std::size_t i = 0; i < copy.subprograms.size(); ++i) {
    EXPECT_EQ(second->subprograms[i].name, copy.subprograms[i].name);
    EXPECT_EQ(second->subprograms[i].first, copy.subprograms[i].first);
    EXPECT_EQ(second->subprograms[i].end, copy.subprograms[i].end);
    EXPECT_EQ(second->subprograms[i].global, copy.subprograms[i].global);
  }
}

// Names and source text come from files that nobody vouches for.
TEST(RoundTrip, HostileNames) {
  std::vector<Insn> insns = {
      make_insn(0x18, 1, 1), {}, make_insn(0x85, 0, 1, 0, 1), make_insn(0x95), make_insn(0x95)};
  SourceMap source;
  source.files = {"a\nexit"};
  source.lines = {{{0}, 0, 1, 1, "x\nr9 = 9\r\nexit"}};
  for (std::string name : {"", "a b", "r1", "x;", "x\nexit", "5", "]", "main"}) {
    std::vector<Subprogram> functions = {{{0}, {4}, "main"}, {{4}, {5}, name}};
    const auto program = Program::make(insns, functions, source);
    ASSERT_TRUE(program) << program.error().text;
    const std::string text = disassemble(*program, {.map = [&](u32) { return name; }});
    const auto back = assemble(text, {.maps = {name}});
    ASSERT_TRUE(back) << back.error().text << text;
    EXPECT_EQ(back->insns, insns) << text;
  }
}

}  // namespace
}  // namespace skep
