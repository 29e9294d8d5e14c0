// The reader of conformance files: sections, comments, and what it says of broken ones.
#include "tools/conformance_data.h"

#include <gtest/gtest.h>

namespace skep {
namespace {

TEST(ConformanceData, Sections) {
  const auto test = parse_conformance(
      "# a comment\n"
      "-- mem\r\n"
      "01 ff # two bytes\n"
      "0\n"
      "-- asm\n"
      "mov %r0, 5 # five\n"
      "exit\n"
      "-- c\n"
      "int x -\n"
      "-- no register offset\n"
      "nothing\n"
      "-- result\n"
      "1\n"
      "0xffffffffffffffff\n"
      "\n",
      "t.data");
  ASSERT_TRUE(test) << test.error().text;
  EXPECT_EQ(test->memory, (std::vector<u8>{1, 0xff, 0}));
  EXPECT_EQ(test->result, ~u64{0});
  EXPECT_EQ(test->assembly_line, 6u);
  const auto code = conformance_code(*test);
  ASSERT_TRUE(code) << code.error().text;
  EXPECT_EQ(*code, (std::vector<Insn>{make_insn(0xb7, 0, 0, 0, 5), make_insn(0x95)}));
}

TEST(ConformanceData, RawReplacesAssembly) {
  const auto test = parse_conformance(
      "-- asm\nnot assembly\n-- raw\n0x5566778800000018 0x1122334400000000\n149\n-- error\nboom\n",
      "t.data");
  ASSERT_TRUE(test) << test.error().text;
  EXPECT_EQ(test->error, "boom");
  EXPECT_FALSE(test->result);
  const auto code = conformance_code(*test);
  ASSERT_TRUE(code);
  EXPECT_EQ(*code, (std::vector<Insn>{make_insn(0x18, 0, 0, 0, 0x55667788),
                                      make_insn(0, 0, 0, 0, 0x11223344), make_insn(0x95)}));
}

struct Broken {
  const char* name;
  const char* text;
  const char* message;
};
const Broken kBroken[] = {
    {"section", "-- asm\nexit\n-- what\n", "t.data:3: unknown section '-- what'"},
    {"byte", "-- mem\n100\n", "t.data:2: '100' is not a byte in hexadecimal"},
    {"slot", "-- raw\nb7 00\n", "t.data:2: 'b7' is not a slot of 64 bits"},
    {"result", "-- asm\nexit\n-- result\nfive\n", "t.data:4: 'five' is not a number"},
    {"no_code", "-- asm\n\n-- result\n0\n", "t.data:1: no instructions"},
    {"no_result", "-- asm\nexit\n", "t.data:1: no result and no error"},
};

TEST(ConformanceData, BrokenFiles) {
  for (const Broken& broken : kBroken) {
    const auto test = parse_conformance(broken.text, "t.data");
    ASSERT_FALSE(test) << broken.name;
    EXPECT_EQ(test.error().text, broken.message);
  }
}

TEST(ConformanceData, ErrorsNameTheLineOfTheFile) {
  const auto test = parse_conformance("-- result\n0\n-- asm\nexit\nbogus\n", "t.data");
  ASSERT_TRUE(test);
  const auto code = conformance_code(*test);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().text, "t.data:5:1: expected an instruction, not 'bogus'");
}

}  // namespace
}  // namespace skep
