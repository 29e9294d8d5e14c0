// Instructions as bytes, hexadecimal text and C source.
#include "isa/wire.h"

#include <gtest/gtest.h>

namespace skep {
namespace {

const std::vector<Insn> kInsns = {make_insn(0x15, 1, 10, -2, 0x12345678), make_insn(0x95)};
const std::vector<u8> kBytes = {0x15, 0xa1, 0xfe, 0xff, 0x78, 0x56, 0x34, 0x12,
                                0x95, 0,    0,    0,    0,    0,    0,    0};

TEST(Wire, Bytes) {
  EXPECT_EQ(to_bytes(kInsns), kBytes);
  const auto back = from_bytes(kBytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, kInsns);
  EXPECT_TRUE(from_bytes({})->empty());
}

TEST(Wire, BytesThatAreNotInstructions) {
  const auto cut = from_bytes(std::span(kBytes).first(15));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().text, "byte 15: the code ends inside of an instruction");
  const auto large = from_bytes(std::vector<u8>((kMaxSlots + 1) * 8));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::program_too_large);
}

TEST(Wire, Hex) {
  const std::string text = "15a1feff785634129500000000000000";
  EXPECT_EQ(to_hex(kBytes), text);
  for (const char* spelling :
       {"15a1feff785634129500000000000000", "15A1FEFF78563412 9500000000000000\n",
        "15  a1  fe  ff  78  56  34  12\n95  00  00  00  00  00  00  00  \r\n"}) {
    const auto back = from_hex(spelling);
    ASSERT_TRUE(back) << spelling;
    EXPECT_EQ(*back, kBytes);
  }
  EXPECT_TRUE(from_hex(" \n")->empty());
}

TEST(Wire, TextThatIsNotHex) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {{"15 a", "byte 1: expected two hexadecimal digits"},
                        {"15 ax", "byte 1: expected two hexadecimal digits"},
                        {"0x15", "byte 0: expected two hexadecimal digits"},
                        {"1 5", "byte 0: expected two hexadecimal digits"}};
  for (const Case& test : cases) {
    const auto bytes = from_hex(test.text);
    ASSERT_FALSE(bytes) << test.text;
    EXPECT_EQ(bytes.error().text, test.message);
  }
  const auto large = from_hex(std::string(std::size_t{kMaxSlots} * 16 + 2, '0'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::program_too_large);
}

TEST(Wire, CArray) {
  std::vector<Insn> insns = {make_insn(0x18, 1, 0, 0, -1), {}, make_insn(0xff)};
  insns.insert(insns.end(), kInsns.begin(), kInsns.end());
  EXPECT_EQ(to_c_array(insns, "program"),
            "static const struct bpf_insn program[] = {\n"
            "    {.code = 0x18, .dst_reg = 1, .src_reg = 0, .off = 0, .imm = -1},"
            "  // r1 = 0xffffffff ll\n"
            "    {.code = 0x00, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},\n"
            "    {.code = 0xff, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},"
            "  // not an instruction\n"
            "    {.code = 0x15, .dst_reg = 1, .src_reg = 10, .off = -2, .imm = 305419896},"
            "  // not an instruction\n"
            "    {.code = 0x95, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},  // exit\n"
            "};\n");
}

}  // namespace
}  // namespace skep
