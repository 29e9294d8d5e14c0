// The assembler: the spellings of both dialects, labels and names, and what its errors say.
// roundtrip_test.cpp has every form, suite_test.cpp every program of the conformance suite.
#include "isa/asm.h"

#include <gtest/gtest.h>

#include "isa/wire.h"

namespace skep {
namespace {

std::string hex(const Assembly& assembly) {
  return to_hex(to_bytes(assembly.insns));
}

AsmOptions test_options() {
  AsmOptions options;
  options.file = "t.s";
  options.maps = {"counters"};
  options.helper = [](std::string_view name) -> std::optional<i32> {
    if (name == "map_lookup_elem") return 1;
    return {};
  };
  return options;
}

// Texts that mean the same, and the bytes of them all. The bytes of the text form are LLVM 19's,
// where llvm-mc knows the instruction.
struct Spelling {
  const char* name;
  const char* bytes;
  std::vector<const char*> texts;
};
const Spelling kSpellings[] = {
    {"mov",
     "b7010000ffffffff",
     {"r1 = -1", "r1=-1", "%r1 = -0x1", "mov %r1, -1", "mov r1 0xffffffff"}},
    {"mov32", "b4010000ffffffff", {"w1 = -1", "w1 = 0xffffffff", "mov32 %r1, 4294967295"}},
    {"neg", "8701000000000000", {"r1 = -r1", "r1 = - r1", "neg %r1"}},
    {"neg32", "8401000000000000", {"w1 = -w1", "neg32 %r1"}},
    {"arsh", "c70200000f000000", {"r2 s>>= 15", "r2 s>>= 0xf", "arsh %r2, 15"}},
    {"sdiv32", "3c21010000000000", {"w1 s/= w2", "sdiv32 %r1, %r2"}},
    {"movsx", "bf21080000000000", {"r1 = (s8)r2", "r1 = ( s8 ) r2", "movsx864 %r1, %r2"}},
    {"movsx1632", "bc21100000000000", {"w1 = (s16)w2", "movsx1632 %r1, %r2"}},
    {"movsx3264", "bf21200000000000", {"r1 = (s32)r2", "movsx3264 %r1, %r2"}},
    {"be16", "dc01000010000000", {"r1 = be16 r1", "be16 %r1"}},
    {"bswap64", "d701000040000000", {"r1 = bswap64 r1", "bswap64 %r1", "swap64 %r1"}},
    {"lddw",
     "18010000887766550000000044332211",
     {"r1 = 0x1122334455667788 ll", "lddw %r1, 0x1122334455667788",
      "7: (18) r1 = 0x1122334455667788"}},
    {"lddw_all_ones",
     "18010000ffffffff00000000ffffffff",
     {"r1 = -1 ll", "r1 = 0xffffffffffffffff ll", "lddw %r1 18446744073709551615"}},
    {"load",
     "7110040000000000",
     {"r0 = *(u8 *)(r1 + 4)", "w0 = *(u8 *)(r1 + 4)", "r0 = *(u8*)(r1 +4)", "r0=*(u8 *)(r1+0x4)",
      "ldxb %r0, [%r1+4]"}},
    {"load_without_offset",
     "7910000000000000",
     {"r0 = *(u64 *)(r1 + 0)", "r0 = *(u64 *)(r1)", "ldxdw %r0, [%r1]"}},
    {"load_signed",
     "89a0feff00000000",
     {"r0 = *(s16 *)(r10 - 2)", "r0 = *(s16 *)(r10 -2)", "ldxsh %r0, [%r10-2]"}},
    {"store",
     "631afcff00000000",
     {"*(u32 *)(r10 - 4) = r1", "*(u32 *)(r10 -4) = w1", "stxw [%r10-4], %r1"}},
    {"store_imm", "720a0000ff000000", {"*(u8 *)(r10 + 0) = 255", "stb [%r10], 0xff"}},
    {"packet", "30000000fcffffff", {"r0 = *(u8 *)skb[-4]", "r0 = *(u8 *) skb[ -4 ]"}},
    {"packet_ind", "4810000000000000", {"r0 = *(u16 *)skb[r1]", "r0 = *(u16 *)skb[r1 + 0]"}},
    {"packet_ind_imm",
     "4010000004000000",
     {"r0 = *(u32 *)skb[r1 + 4]", "r0 = *(u32 *)skb[r1 + 0x4]"}},
    {"atomic_add", "db21080000000000", {"lock *(u64 *)(r1 + 8) += r2", "lock add [%r1+8], %r2"}},
    {"atomic_xor32",
     "c3210000a0000000",
     {"lock *(u32 *)(r1 + 0) ^= w2", "lock *(u32 *)(r1 + 0) ^= r2", "lock xor32 [%r1], %r2"}},
    {"fetch_add",
     "db21000001000000",
     {"r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)", "r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)",
      "lock fetch add [%r1], %r2"}},
    {"fetch_and32",
     "c321000051000000",
     {"w2 = atomic_fetch_and((u32 *)(r1 + 0), w2)", "r2 = atomic_fetch_and((u32 *)(r1 +0), r2)",
      "lock fetch and32 [%r1], %r2"}},
    {"xchg",
     "db210000e1000000",
     {"r2 = xchg_64(r1 + 0, r2)", "r2 = atomic64_xchg((u64 *)(r1 +0), r2)",
      "r2 = xchg((u64 *)(r1 + 0), r2)", "r2 = xchg_64((u64 *)(r1 + 0), r2)",
      "lock xchg [%r1], %r2"}},
    {"xchg32",
     "c321fcffe1000000",
     {"w2 = xchg32_32(r1 - 4, w2)", "r2 = atomic_xchg((u32 *)(r1 -4), r2)",
      "lock xchg32 [%r1-4], %r2"}},
    {"cmpxchg",
     "db210000f1000000",
     {"r0 = cmpxchg_64(r1 + 0, r0, r2)", "r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)",
      "r0 = cmpxchg((u64 *)(r1 + 0), r0, r2)", "lock cmpxchg [%r1], %r2"}},
    {"cmpxchg32",
     "c3210000f1000000",
     {"w0 = cmpxchg32_32(r1 + 0, w0, w2)", "r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)",
      "lock cmpxchg32 [%r1], %r2"}},
    {"load_acquire",
     "d310000000010000",
     {"w0 = load_acquire((u8 *)(r1 + 0))", "r0 = load_acquire((u8 *)(r1 +0))"}},
    {"store_release",
     "cb21feff10010000",
     {"store_release((u16 *)(r1 - 2), w2)", "store_release((u16 *)(r1 -2), r2)"}},
    {"addr_space_cast",
     "bf21010001000000",
     {"r1 = addr_space_cast(r2, 0, 1)", "r1 = addr_space_cast(r2, 0x0, 0x1)"}},
    {"goto",
     "05000300000000009500000000000000",
     {"goto +3\nexit", "goto pc+3\nexit", "goto +0x3 <foo+0x20>\nexit", "ja +3\nexit"}},
    {"gotol", "06000000ffffffff", {"gotol -1", "gotol pc-1", "a: gotol a", "ja32 -1"}},
    {"may_goto", "e500020000000000", {"may_goto +2", "may_goto pc+2"}},
    {"if_imm",
     "6501030004000000",
     {"if r1 s> 4 goto +3", "if r1 s> 0x4 goto pc+3", "jsgt %r1, 4, +3"}},
    {"if_reg",
     "4e21ffff00000000",
     {"if w1 & w2 goto -1", "x: if w1 & w2 goto x", "jset32 %r1, %r2, -1"}},
    {"if_unsigned",
     "160100008000ffff",
     {"if w1 == 0xffff0080 goto +0", "jeq32 %r1, 0xffff0080, +0"}},
    {"if_log",
     "15010000ffffffff",
     {"if r1 == -1 goto +0", "3: (15) if r1 == 0xffffffff goto pc+0"}},
    {"gotox", "0d01000000000000", {"gotox r1"}},
    {"callx", "8d01000000000000", {"callx r1", "call %r1"}},
    {"helper",
     "8500000001000000",
     {"call 1", "call map_lookup_elem", "call bpf_map_lookup_elem", "call bpf_map_lookup_elem#1",
      "call no_such_name#1", "call helper 1", "call helper map_lookup_elem"}},
    {"helper_negative", "85000000ffffffff", {"call -1", "call 0xffffffff"}},
    {"local",
     "85100000000000009500000000000000",
     {"call pc+0\nexit", "call f\nf: exit", "call local f\nf: exit", "call local +0\nexit",
      "call pc+0 <1>\nexit", "0: 85 10 00 00 00 00 00 00 call 0x0\nexit"}},
    {"kfunc", "852000000c000000", {"call kfunc 12", "call kfunc bpf_x#12", "call runtime 12"}},
    {"kfunc_of_log",
     "85200000421601009500000000000000",
     {"0: (85) call bpf_rcu_read_lock#71234  ;\n1: (95) exit"}},
    {"kfunc_module", "852003000c000000", {"call kfunc 12:3", "call kfunc bpf_x#12:3"}},
    {"map",
     "18110000000000000000000000000000",
     {"r1 = map[counters]", "r1 = map[0]", "r1 = map[fd:0]", "r1 = map[id:0]", "r1 = counters ll",
      "r1 = map[ counters ]"}},
    {"map_value",
     "18210000000000000000000008000000",
     {"r1 = map[counters][0] + 8", "r1 = map[0][0]+8", "r1 = map[counters]+8"}},
    {"map_index", "18510000030000000000000000000000", {"r1 = map[idx:3]"}},
    {"map_index_value",
     "18610000030000000000000000000000",
     {"r1 = map[idx:3][0]", "r1 = map[idx:3]+0"}},
    {"function",
     "184100000100000000000000000000009500000000000000",
     {"r1 = func[+1]\nexit", "r1 = subprog[+1]\nexit", "r1 = func[f]\nf: exit", "r1 = &f\nf: exit",
      "r1 = f ll\nf: exit"}},
    {"ksym", "18310000070000000000000002000000", {"r1 = ksym[7, 2]"}},
    {"exit",
     "9500000000000000",
     {"exit", "12: (95) exit", "12: exit", "a: b: exit", "exit ; c", "exit # c", "exit// c",
      "\texit\r"}},
    {"exit_label", "05000000000000009500000000000000", {"goto exit\nexit", "ja exit\nexit"}},
    {"quad", "0102030405060708", {".quad 0x0807060504030201"}},
};

class Spellings : public testing::TestWithParam<Spelling> {};

TEST_P(Spellings, GiveTheSameBytes) {
  for (const char* text : GetParam().texts) {
    const auto out = assemble(text, test_options());
    ASSERT_TRUE(out) << text << ": " << out.error().text;
    EXPECT_EQ(hex(*out), GetParam().bytes) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Spellings, testing::ValuesIn(kSpellings),
                         [](const auto& tested) { return std::string(tested.param.name); });

struct Mistake {
  const char* text;
  const char* message;
};
const Mistake kMistakes[] = {
    {"bogus", "t.s:1:1: expected an instruction, not 'bogus'"},
    {"exit\n  r1 + 2", "t.s:2:6: expected '=' or an operator such as '+=', not '+'"},
    {"r1 = 5x", "t.s:1:6: expected a register or a number, not '5x'"},
    {"r1 =", "t.s:1:5: expected a register or a number, not the end of the line"},
    {"r1 = ; 5", "t.s:1:6: expected a register or a number, not the end of the line"},
    {"r1 = foo", "t.s:1:6: expected a register, a number or a value, not 'foo'"},
    {"r1 = 5 6", "t.s:1:8: expected the end of the line, not '6'"},
    {"r16 = 5", "t.s:1:1: expected an instruction, not 'r16'"},
    {"w1 = r2", "t.s:1:6: expected a 32-bit register (w0 to w10), not 'r2'"},
    {"r1 += w2", "t.s:1:7: expected a 64-bit register (r0 to r10), not 'w2'"},
    {"w1 = (s32)w2", "t.s:1:7: expected s8 or s16, not 's32'"},
    {"r1 = (u8)r2", "t.s:1:7: expected s8, s16 or s32, not 'u8'"},
    {"r1 = -r2", "t.s:1:7: expected the register assigned to, not 'r2'"},
    {"r1 = be16 r2", "t.s:1:11: expected r1 (the register assigned to), not 'r2'"},
    {"w1 = be16 w1", "t.s:1:1: expected a 64-bit register (r0 to r10), not 'w1'"},
    {"w1 = 5 ll", "t.s:1:8: expected the end of the line, not 'll'"},
    {"r1 = 0xffffffff", "t.s:1:6: 0xffffffff does not fit a sign-extended immediate of 32 bits"},
    {"w1 = 0x100000000", "t.s:1:6: 0x100000000 does not fit 32 bits"},
    {"w1 = -2147483649", "t.s:1:6: -2147483649 does not fit 32 bits"},
    {"r1 = 0x10000000000000000 ll", "t.s:1:6: 0x10000000000000000 does not fit 64 bits"},
    {"r1 = -9223372036854775809 ll", "t.s:1:6: -9223372036854775809 does not fit 64 bits"},
    {"r1 = *(u8 *)(r1 + 32768)", "t.s:1:17: + 32768 does not fit an offset of 16 bits"},
    {"r1 = *(u8 *)(r1 - 32769)", "t.s:1:17: - 32769 does not fit an offset of 16 bits"},
    {"r1 = *(u24 *)(r1 + 0)", "t.s:1:8: expected u8, u16, u32, u64, s8, s16 or s32, not 'u24'"},
    {"r1 = *(u8 *)(w1 + 0)", "t.s:1:14: expected a 64-bit register (r0 to r10), not 'w1'"},
    {"w1 = *(u64 *)(r1 + 0)", "t.s:1:1: expected a 64-bit register (r0 to r10), not 'w1'"},
    {"w1 = *(s8 *)(r1 + 0)", "t.s:1:1: expected a 64-bit register (r0 to r10), not 'w1'"},
    {"r1 = *(u8 *)skb[0]", "t.s:1:1: expected r0 (which receives packet data), not 'r1'"},
    {"r0 = *(u64 *)skb[0]", "t.s:1:7: expected (u8 *), (u16 *) or (u32 *), not '('"},
    {"*(s8 *)(r1 + 0) = 1", "t.s:1:2: expected an unsigned type, not '('"},
    {"*(u64 *)(r1 + 0) = w2", "t.s:1:20: expected a 64-bit register (r0 to r10), not 'w2'"},
    {"*(u64 *)(r1 + 0) = 0xffffffff",
     "t.s:1:20: 0xffffffff does not fit a sign-extended immediate of 32 bits"},
    {"lock *(u8 *)(r1 + 0) += r2", "t.s:1:1: expected an instruction that exists, not 'lock'"},
    {"lock *(u64 *)(r1 + 0) -= r2", "t.s:1:23: expected '+=', '|=', '&=' or '^=', not '-'"},
    {"lock sub [%r1], %r2", "t.s:1:6: expected add, and, or, xor, xchg or cmpxchg, not 'sub'"},
    {"r1 = atomic_fetch_add((u64 *)(r2 + 0), r3)",
     "t.s:1:40: expected r1 (which also receives the old value), not 'r3'"},
    {"r1 = xchg_64((u32 *)(r2 + 0), r1)",
     "t.s:1:14: expected the size that the name says, not '('"},
    {"r1 = xchg(r2 + 0, r1)", "t.s:1:11: expected '(', not 'r2'"},
    {"r1 = cmpxchg_64(r2 + 0, r0, r3)",
     "t.s:1:1: expected r0 (which receives the old value), not 'r1'"},
    {"r0 = cmpxchg_64(r2 + 0, r1, r3)", "t.s:1:25: expected r0 (the value compared), not 'r1'"},
    {"if r1 <> 4 goto +1", "t.s:1:8: expected a register or a number, not '>'"},
    {"if r1 4 goto +1", "t.s:1:7: expected a comparison such as '==' or 's<', not '4'"},
    {"if r1 == w2 goto +1", "t.s:1:10: expected a 64-bit register (r0 to r10), not 'w2'"},
    {"if r1 == 4 jump +1", "t.s:1:12: expected 'goto', not 'jump'"},
    {"goto 5", "t.s:1:6: expected a label, or a distance such as +3, not '5'"},
    {"goto +32768", "t.s:1:6: +32768 does not fit the 16 bits of a jump (gotol has 32)"},
    {"goto nowhere", "t.s:1:6: there is no label 'nowhere'"},
    {"goto exit", "t.s:1:6: there is no label 'exit'"},
    {"call nowhere", "t.s:1:6: no function or helper is named 'nowhere'"},
    {"call bpf_nowhere", "t.s:1:6: no function or helper is named 'bpf_nowhere'"},
    {"call local nowhere", "t.s:1:12: there is no label 'nowhere'"},
    {"call +5",
     "t.s:1:6: expected a function: a name, a helper's number, pc+N or a register, not '+'"},
    {"call kfunc 1:40000", "t.s:1:14: 40000 does not fit 16 bits"},
    {"r1 = map[]", "t.s:1:10: expected the name or index of a map, not ']'"},
    {"r1 = map[x", "t.s:1:10: expected the name or index of a map, not 'x'"},
    {"r1 = map[x][8]", "t.s:1:13: expected '0', not '8'"},
    {"w1 = map[x]", "t.s:1:1: expected a 64-bit register (r0 to r10), not 'w1'"},
    {"x: exit\nx: exit", "t.s:2:1: label 'x' is already defined in line 1"},
    {"r1: exit", "t.s:1:1: expected a label that is not a register, not 'r1'"},
    {".func x\nexit", "t.s:1:7: there is no label 'x'"},
    {"exit\n.globl x\nx:", "t.s:2:8: expected a label with instructions, not 'x'"},
    {"5: (b7) r1 += 5", "t.s:1:1: expected an instruction with opcode 0xb7, not '5'"},
    {"add %r1 5 6", "t.s:1:11: expected the end of the line, not '6'"},
    {"add %w1, 5", "t.s:1:5: expected a register (%r0 to %r10), not '%w1'"},
    {"ldxq %r1, [%r2]", "t.s:1:1: expected an instruction, not 'ldxq'"},
    {"ldxb %r1, %r2", "t.s:1:11: expected '[', not '%r2'"},
    {"movsx3232 %r1, %r2", "t.s:1:1: expected an instruction that exists, not 'movsx3232'"},
    {"jeq %r1, 5", "t.s:1:11: expected a label, or a distance such as +3, not the end of the line"},
};

TEST(Asm, MistakesNamePlaceAndExpectation) {
  for (const Mistake& mistake : kMistakes) {
    const auto out = assemble(mistake.text, test_options());
    ASSERT_FALSE(out) << mistake.text << ": " << hex(*out);
    EXPECT_EQ(out.error().text, mistake.message) << mistake.text;
  }
  const auto unnamed = assemble("bogus");
  ASSERT_FALSE(unnamed);
  EXPECT_EQ(unnamed.error().text, "line 1, column 1: expected an instruction, not 'bogus'");
}

TEST(Asm, JumpsToFarLabels) {
  std::string text = "if r0 == 0 goto far\n";
  for (int i = 0; i < 32768; ++i) text += "exit\n";
  const auto out = assemble(text + "far: exit\n", test_options());
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().text, "t.s:1:17: 32768 does not fit the 16 bits of a jump (gotol has 32)");
  EXPECT_TRUE(assemble("gotol far\n" + text + "far: exit\n" + "x: goto x").has_value() == false);
  EXPECT_TRUE(assemble("gotol far\n" + text.substr(text.find('\n') + 1) + "far: exit\n"));
}

TEST(Asm, NamesLabelsAndNotes) {
  const auto out = assemble(
      "main:\n"
      "  r1 = map[flows]       ; second map\n"
      "; alone\n"
      "  call bpf_map_lookup_elem\n"
      "  call helped // third\n"
      "  call kfunc bpf_x\n"
      "  r2 = ksym[jiffies]\n"
      "  call bpf_x\n"
      "  exit\n"
      "helped: exit # last",
      test_options());
  ASSERT_TRUE(out) << out.error().text;
  EXPECT_EQ(out->maps, (std::vector<std::string>{"counters", "flows"}));
  EXPECT_EQ(out->externs, (std::vector<std::string>{"bpf_x", "jiffies"}));
  EXPECT_EQ(hex(*out),
            "18110000010000000000000000000000"
            "8500000001000000"
            "8510000005000000"
            "8520000000000000"
            "18320000010000000000000000000000"
            "8520000000000000"
            "9500000000000000"
            "9500000000000000");
  ASSERT_EQ(out->subprograms.size(), 2u);
  EXPECT_EQ(out->subprograms[0].name, "main");
  EXPECT_EQ(out->subprograms[1].name, "helped");
  EXPECT_EQ(out->subprograms[1].first, Pc{9});
  EXPECT_EQ(out->subprograms[1].end, Pc{10});
  ASSERT_EQ(out->labels.size(), 2u);
  EXPECT_EQ(out->labels[1].name, "helped");
  EXPECT_EQ(out->labels[1].line, 10u);

  ASSERT_EQ(out->notes.size(), 4u);
  EXPECT_EQ(out->notes[0].text, "second map");
  EXPECT_EQ(out->notes[0].pc, Pc{0});
  EXPECT_FALSE(out->notes[0].alone);
  EXPECT_TRUE(out->notes[1].alone);
  EXPECT_EQ(out->notes[1].pc, Pc{2});
  EXPECT_EQ(out->notes[2].line, 5u);
  EXPECT_EQ(out->notes[3].pc, Pc{9});

  EXPECT_EQ(out->source.place(Pc{2}), "t.s:4");
  const SourceLine* line = out->source.find(Pc{3});
  ASSERT_NE(line, nullptr);
  EXPECT_EQ(line->text, "call helped");
  EXPECT_EQ(line->column, 3u);
}

TEST(Asm, DeclaredFunctions) {
  const auto out = assemble(
      ".globl shared\n"
      ".func unused\n"
      "call pc+1\nexit\nexit\nshared: exit\nunused: goto -1\n");
  ASSERT_TRUE(out) << out.error().text;
  ASSERT_EQ(out->subprograms.size(), 4u);
  EXPECT_EQ(out->subprograms[0].name, "main");
  EXPECT_EQ(out->subprograms[1].name, "func_2");
  EXPECT_FALSE(out->subprograms[1].global);
  EXPECT_EQ(out->subprograms[2].name, "shared");
  EXPECT_TRUE(out->subprograms[2].global);
  EXPECT_EQ(out->subprograms[3].name, "unused");
}

TEST(Asm, FirstLineOfACutText) {
  const auto out = assemble("exit\nbogus", {.file = "whole.test", .first_line = 41});
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().text, "whole.test:42:1: expected an instruction, not 'bogus'");
}

TEST(Asm, Limits) {
  EXPECT_TRUE(assemble(""));
  const auto lines = assemble(std::string(kMaxAsmLines + 1, '\n'));
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().code, Code::text_too_large);
  std::string text;
  for (u32 i = 0; i <= kMaxSlots; ++i) text += "exit\n";
  const auto insns = assemble(text);
  ASSERT_FALSE(insns);
  EXPECT_EQ(insns.error().code, Code::program_too_large);
}

// No byte of a text may confuse the reader: each line of the spellings, cut and with bytes changed.
TEST(Asm, AnyTextGivesAResult) {
  u32 seed = 1;
  const auto random = [&seed](std::size_t bound) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
  };
  for (const Spelling& spelling : kSpellings) {
    for (const char* text : spelling.texts) {
      for (int round = 0; round < 60; ++round) {
        std::string broken = text;
        for (std::size_t n = 1 + random(3); n > 0; --n) {
          broken[random(broken.size())] = static_cast<char>(random(256));
        }
        broken.resize(1 + random(broken.size()));
        const auto out = assemble(broken, test_options());
        EXPECT_TRUE(out || !out.error().text.empty());
      }
    }
  }
}

}  // namespace
}  // namespace skep
