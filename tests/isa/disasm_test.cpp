// What the disassembler prints, family by family. That it assembles again is roundtrip_test.cpp's.
#include "isa/disasm.h"

#include <gtest/gtest.h>

#include "isa/wire.h"

namespace skep {
namespace {

struct Case {
  const char* name;
  const char* bytes;  // at pc 4
  const char* text;
};
const Case kCases[] = {
    {"add", "0f21000000000000", "r1 += r2"},
    {"add_imm", "07010000fbffffff", "r1 += -5"},
    {"mov32", "b401000005000000", "w1 = 5"},
    {"smod32", "9c21010000000000", "w1 s%= w2"},
    {"neg", "8701000000000000", "r1 = -r1"},
    {"neg32", "8401000000000000", "w1 = -w1"},
    {"movsx", "bf21200000000000", "r1 = (s32)r2"},
    {"movsx32", "bc21080000000000", "w1 = (s8)w2"},
    {"be16", "dc01000010000000", "r1 = be16 r1"},
    {"bswap64", "d701000040000000", "r1 = bswap64 r1"},
    {"jump", "6501030004000000", "if r1 s> 4 goto +3 <8>"},
    {"jump32_back", "1e21fbff00000000", "if w1 == w2 goto -5 <0>"},
    {"goto", "0500000000000000", "goto +0 <5>"},
    {"goto_out", "0500f0ff00000000", "goto -16 <-11>"},
    {"gotol", "0600000000000100", "gotol +65536 <65541>"},
    {"may_goto", "e500020000000000", "may_goto +2 <7>"},
    {"gotox", "0d01000000000000", "gotox r1"},
    {"load", "7110040000000000", "r0 = *(u8 *)(r1 + 4)"},
    {"load_signed", "81a0fcff00000000", "r0 = *(s32 *)(r10 - 4)"},
    {"store", "7b1af8ff00000000", "*(u64 *)(r10 - 8) = r1"},
    {"store_imm", "6a0a000005000000", "*(u16 *)(r10 + 0) = 5"},
    {"packet", "300000000c000000", "r0 = *(u8 *)skb[12]"},
    {"packet_ind", "48100000fcffffff", "r0 = *(u16 *)skb[r1 - 4]"},
    {"atomic_or", "c321080040000000", "lock *(u32 *)(r1 + 8) |= r2"},
    {"fetch_add", "db21000001000000", "r2 = atomic64_fetch_add((u64 *)(r1 + 0), r2)"},
    {"fetch_xor32", "c3210000a1000000", "r2 = atomic_fetch_xor((u32 *)(r1 + 0), r2)"},
    {"xchg", "db210000e1000000", "r2 = atomic64_xchg((u64 *)(r1 + 0), r2)"},
    {"cmpxchg32", "c3210000f1000000", "r0 = atomic_cmpxchg((u32 *)(r1 + 0), r0, r2)"},
    {"load_acquire", "cb12000000010000", "r2 = load_acquire((u16 *)(r1 + 0))"},
    {"store_release", "d321000010010000", "store_release((u8 *)(r1 + 0), r2)"},
    {"lddw", "18010000ffffffff0000000000000080", "r1 = 0x80000000ffffffff ll"},
    {"map", "18110000020000000000000000000000", "r1 = map[2]"},
    {"map_value", "18210000020000000000000008000000", "r1 = map[2][0] + 8"},
    {"ksym", "18310000020000000000000000000000", "r1 = ksym[2]"},
    {"ksym_module", "18310000020000000000000003000000", "r1 = ksym[2, 3]"},
    {"function", "18410000020000000000000000000000", "r1 = func[+2 <7>]"},
    {"map_index", "18510000020000000000000000000000", "r1 = map[idx:2]"},
    {"map_value_index", "18610000020000000000000008000000", "r1 = map[idx:2][0] + 8"},
    {"helper", "8500000001000000", "call 1"},
    {"local", "8510000001000000", "call pc+1 <6>"},
    {"kfunc", "8520000007000000", "call kfunc 7"},
    {"kfunc_module", "8520ffff07000000", "call kfunc 7:-1"},
    {"callx", "8d01000000000000", "callx r1"},
    {"exit", "9500000000000000", "exit"},
    {"cast", "bf21010001000000", "r1 = addr_space_cast(r2, 0, 1)"},
};

std::vector<Insn> from_text(std::string_view hex) {
  return *from_bytes(*from_hex(hex));
}

class Prints : public testing::TestWithParam<Case> {};

TEST_P(Prints, Text) {
  std::vector<Insn> insns = from_text(GetParam().bytes);
  insns.insert(insns.begin(), 4, make_insn(0x95));
  const auto decoded = decode(insns, Pc{4});
  ASSERT_TRUE(decoded) << decoded.error().text;
  EXPECT_EQ(disassemble(*decoded, Pc{4}), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Isa, Prints, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Disasm, Prefixes) {
  const auto insns = from_text(
      "b701000005000000"
      "18010000010000000000000002000000"
      "9500000000000000");
  EXPECT_EQ(disassemble(insns, {.prefix = DisasmPrefix::None}),
            "    r1 = 5\n"
            "    r1 = 0x200000001 ll\n"
            "    exit\n");
  EXPECT_EQ(disassemble(insns),
            "   0: r1 = 5\n"
            "   1: r1 = 0x200000001 ll\n"
            "   3: exit\n");
  EXPECT_EQ(disassemble(insns, {.prefix = DisasmPrefix::Opcode}),
            "   0: (b7) r1 = 5\n"
            "   1: (18) r1 = 0x200000001 ll\n"
            "   3: (95) exit\n");
  EXPECT_EQ(disassemble(insns, {.prefix = DisasmPrefix::Bytes}),
            "   0: b7 01 00 00 05 00 00 00 r1 = 5\n"
            "   1: 18 01 00 00 01 00 00 00 00 00 00 00 02 00 00 00 r1 = 0x200000001 ll\n"
            "   3: 95 00 00 00 00 00 00 00 exit\n");
}

TEST(Disasm, WithoutTargets) {
  EXPECT_EQ(disassemble(from_text("0500ffff00000000"), {.targets = false}), "   0: goto -1\n");
}

TEST(Disasm, WhatDoesNotDecode) {
  EXPECT_EQ(disassemble(from_text("ff00000000000000"
                                  "1801000000000000")),
            "   0: .quad 0x00000000000000ff  ; insn 0: opcode 0xff is not an instruction\n"
            "   1: .quad 0x0000000000000118  ; insn 1: lddw takes two slots, but the program ends "
            "after the first\n");
}

TEST(Disasm, FunctionsNamesAndSource) {
  const auto insns = from_text(
      "8500000001000000"
      "8510000003000000"
      "8500000002000000"
      "8520000000000000"
      "9500000000000000"
      "9500000000000000"
      "9500000000000000");
  SourceMap source;
  source.files = {"a.c"};
  source.lines = {{{0}, 0, 3, 1, "int main(void)"}, {{0}, 0, 4, 1, "{"}, {{5}, 0, 9, 1, "}"}};
  const std::vector<Subprogram> functions = {
      {{0}, {5}, "main"}, {{5}, {6}, "twice"}, {{6}, {7}, "twice", true}};
  const auto program = Program::make(insns, functions, source);
  ASSERT_TRUE(program) << program.error().text;
  DisasmOptions options;
  options.helper = [](i32 id) { return id == 1 ? "map_lookup_elem" : ""; };
  options.external = [](u32) { return "bpf_cast"; };
  EXPECT_EQ(disassemble(*program, options),
            "main:\n"
            "; int main(void) @ a.c:3\n"
            "; { @ a.c:4\n"
            "   0: call bpf_map_lookup_elem#1\n"
            "   1: call func_5\n"
            "   2: call 2\n"
            "   3: call kfunc bpf_cast#0\n"
            "   4: exit\n"
            "\n"
            "func_5:\n"
            "; } @ a.c:9\n"
            "   5: exit\n"
            "\n"
            ".globl func_6\n"
            "func_6:\n"
            "   6: exit\n");
  options.source = false;
  options.function = [](Pc first) { return first.value == 5 ? "helped" : ""; };
  const std::string text = disassemble(*program, options);
  EXPECT_EQ(text.find(';'), text.npos) << text;
  EXPECT_NE(text.find("   1: call helped\n"), text.npos) << text;
  EXPECT_NE(text.find("\nfunc_6:\n"), text.npos) << text;
}

}  // namespace
}  // namespace skep
