// The structure that Program::make checks: targets, ends and lists of functions; source lines.
#include "isa/program.h"

#include <gtest/gtest.h>

#include "isa/asm.h"

namespace skep {
namespace {

struct Case {
  const char* name;
  const char* text;
  Code code;
  u32 pc;
  const char* message;
};

// One case a rule; `exit` marks the ends of functions.
const Case kRefused[] = {
    {"jump_beyond_end", "goto +1\nexit", Code::jump_out_of_range, 0,
     "insn 0: jumps to 2, outside of [0, 2)"},
    {"jump_before_start", "r0 = 0\nif r0 == 0 goto -3\nexit", Code::jump_out_of_range, 1,
     "insn 1: jumps to -1, outside of [0, 3)"},
    {"gotol_far_out", "gotol +2147483647\nexit", Code::jump_out_of_range, 0,
     "insn 0: jumps to -2147483648, outside of [0, 2)"},
    {"may_goto_out", "may_goto +1\nexit", Code::jump_out_of_range, 0,
     "insn 0: jumps to 2, outside of [0, 2)"},
    {"jump_to_other_function", "call f\nif r0 == 0 goto f\nexit\nf: exit", Code::jump_out_of_range,
     1, "insn 1: jumps to 3, outside of [0, 3)"},
    {"jump_back_to_other_function", "r0 = 0\ncall f\nexit\nf: goto -4", Code::jump_out_of_range, 3,
     "insn 3: jumps to 0, outside of [3, 4)"},
    {"jump_into_lddw", "goto +1\nr0 = 5 ll\nexit", Code::jump_into_lddw, 0,
     "insn 0: jumps to 2, the second half of the lddw at 1"},
    {"jump_out_into_lddw_back", "r0 = 5 ll\nif r0 == 0 goto -2\nexit", Code::jump_into_lddw, 2,
     "insn 2: jumps to 1, the second half of the lddw at 0"},
    {"call_out", "call pc+5\nexit", Code::call_out_of_range, 0,
     "insn 0: calls 6, which is not the first insn of a function"},
    {"call_before_start", "call pc-2\nexit", Code::call_out_of_range, 0,
     "insn 0: calls -1, which is not the first insn of a function"},
    {"call_into_lddw", "call pc+2\nexit\nr0 = 5 ll\nexit", Code::call_out_of_range, 0,
     "insn 0: calls 3, which is not the first insn of a function"},
    {"function_address_out", "r1 = func[+9]\nexit", Code::call_out_of_range, 0,
     "insn 0: calls 10, which is not the first insn of a function"},
    {"no_exit", "r0 = 0", Code::falls_off_end, 0,
     "insn 0: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"conditional_end", "exit\nif r0 == 0 goto -2", Code::falls_off_end, 1,
     "insn 1: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"may_goto_end", "exit\nmay_goto -2", Code::falls_off_end, 1,
     "insn 1: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"call_end", "call 5", Code::falls_off_end, 0,
     "insn 0: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"falls_into_next_function", "call f\nf: exit", Code::falls_off_end, 0,
     "insn 0: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"lddw_end", "exit\nr0 = 5 ll", Code::falls_off_end, 1,
     "insn 1: the last insn of function 'main' is neither exit nor an unconditional jump"},
    {"half_lddw_end", "exit\n.quad 0x18", Code::truncated_lddw, 1,
     "insn 1: lddw takes two slots, but the program ends after the first"},
    {"bad_register", "r0 = r11\nexit", Code::bad_register, 0,
     "insn 0: r11 does not exist, registers are r0 to r10"},
};

class Refused : public testing::TestWithParam<Case> {};

TEST_P(Refused, WithPcAndRule) {
  const Case& test = GetParam();
  auto assembly = assemble(test.text);
  ASSERT_TRUE(assembly) << assembly.error().text;
  // Once with the assembler's functions and once with those that Program finds.
  const auto found = Program::make(assembly->insns);
  const auto given = make_program(std::move(*assembly));
  for (const auto* program : {&found, &given}) {
    ASSERT_FALSE(*program);
    EXPECT_EQ(name(program->error().code), name(test.code)) << program->error().text;
    EXPECT_EQ(program->error().pc, Pc{test.pc});
    EXPECT_EQ(program->error().text, test.message);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Refused, testing::ValuesIn(kRefused),
                         [](const auto& tested) { return std::string(tested.param.name); });

const char* const kAccepted[] = {
    "exit",
    "goto -1",
    "gotol -1",
    "gotox r1",
    "if r0 == 0 goto +0\nexit",
    "goto +2\nr0 = 5 ll\nexit",
    "may_goto -1\nexit",
    "call f\nexit\nf: call f\nexit",
    "r1 = func[f]\nexit\nf: exit",
};

TEST(Program, Accepted) {
  for (const char* text : kAccepted) {
    auto assembly = assemble(text);
    ASSERT_TRUE(assembly) << assembly.error().text;
    const auto program = make_program(std::move(*assembly));
    EXPECT_TRUE(program) << text << ": " << program.error().text;
  }
}

TEST(Program, Size) {
  const auto empty = Program::make({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Code::empty_program);
  std::vector<Insn> insns(kMaxSlots, make_insn(0x95));
  EXPECT_TRUE(Program::make(insns));
  insns.push_back(make_insn(0x95));
  const auto large = Program::make(insns);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::program_too_large);
}

TEST(Program, FindsFunctions) {
  const auto assembly = assemble("call pc+3\nr1 = func[+3]\nexit\nexit\nexit");
  ASSERT_TRUE(assembly) << assembly.error().text;
  const auto program = Program::make(assembly->insns);
  ASSERT_TRUE(program) << program.error().text;
  const auto functions = program->subprograms();
  ASSERT_EQ(functions.size(), 3u);
  EXPECT_EQ(functions[0].name, "main");
  EXPECT_EQ(functions[1].name, "func_4");
  EXPECT_EQ(functions[2].first, Pc{5});
  EXPECT_EQ(functions[2].end, Pc{6});
  EXPECT_EQ(program->subprogram_of(Pc{3}).name, "main");
  EXPECT_EQ(program->subprogram_of(Pc{4}).name, "func_4");
  EXPECT_EQ(program->subprogram_of(Pc{5}).name, "func_5");
  EXPECT_TRUE(program->at(Pc{2}).second_slot);
}

TEST(Program, FunctionsMustCoverIt) {
  const std::vector<Insn> insns(4, make_insn(0x95));
  const std::vector<std::vector<Subprogram>> lists = {
      {{{1}, {4}, "late"}},
      {{{0}, {3}, "short"}},
      {{{0}, {5}, "long"}},
      {{{0}, {2}, "a"}, {{3}, {4}, "gap"}},
      {{{0}, {3}, "a"}, {{2}, {4}, "overlap"}},
      {{{0}, {0}, "empty"}, {{0}, {4}, "b"}},
      {{{2}, {4}, "b"}, {{0}, {2}, "unsorted"}},
  };
  for (const auto& list : lists) {
    const auto program = Program::make(insns, list);
    ASSERT_FALSE(program) << list.back().name;
    EXPECT_EQ(program.error().code, Code::bad_subprogram);
  }
  EXPECT_TRUE(Program::make(insns, {{{0}, {1}, "a"}, {{1}, {4}, "b"}}));
}

TEST(Program, SourceLines) {
  SourceMap source;
  source.files = {"a.c", "b.c"};
  source.lines = {{{1}, 0, 7, 1, "int x;"}, {{3}, 1, 9, 1, "return x;"}, {{4}, 5, 1, 1, "?"}};
  EXPECT_EQ(source.find(Pc{0}), nullptr);
  EXPECT_EQ(source.place(Pc{0}), "");
  EXPECT_EQ(source.place(Pc{1}), "a.c:7");
  EXPECT_EQ(source.place(Pc{2}), "a.c:7");
  EXPECT_EQ(source.find(Pc{3})->text, "return x;");
  EXPECT_EQ(source.place(Pc{3}), "b.c:9");
  EXPECT_EQ(source.place(Pc{99}), "");
}

}  // namespace
}  // namespace skep
