// What mark_context() says of each access to memory. In the programs below, an access is expected
// to be what its comment says: ; context 8 (certainly, at that offset), ; maybe, ; no.
#include <gtest/gtest.h>

#include <sstream>

#include "helpers/contexts/access.h"
#include "tests/support/image.h"

namespace skep {
namespace {

std::string text_of(const ContextUse& use) {
  switch (use.kind) {
    case ContextUse::Kind::No: return "no";
    case ContextUse::Kind::Certain: return fmt::format("context {}", use.offset);
    case ContextUse::Kind::Maybe: return "maybe";
  }
  return "";
}

// The expectations in a program's comments, in order, and what was found for its memory accesses.
std::string expected_uses(const std::string& program) {
  std::istringstream lines(program);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t comment = line.find("; ");
    if (comment != std::string::npos) all += line.substr(comment + 2) + "\n";
  }
  return all;
}

bool accesses_memory(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Memory: return insn.op != Op::LoadAbs && insn.op != Op::LoadInd;
    case OpKind::Atomic:
    case OpKind::Ordered: return true;
    default: return false;
  }
}

std::string found_uses(const Image& image) {
  const auto uses = mark_context(image);
  EXPECT_TRUE(uses);
  std::string all;
  for (u32 pc = 0; pc < image.program.size(); ++pc) {
    const Decoded& insn = image.program.at({pc});
    if (!insn.second_slot && accesses_memory(insn)) all += text_of((*uses)[pc]) + "\n";
  }
  return all;
}

struct MarkCase {
  const char* name;
  const char* program;
};

class MarkContext : public testing::TestWithParam<MarkCase> {};

TEST_P(MarkContext, FindsWhatIsTheContext) {
  const auto image =
      test::image_of(GetParam().program, ProgramType::sched_cls, {test::array_spec("m", 8, 1)});
  EXPECT_EQ(found_uses(*image), expected_uses(GetParam().program));
}

const MarkCase kCases[] = {
    {"entry", R"(
      r0 = *(u32 *)(r1 + 8)     ; context 8
      exit)"},
    {"copies_and_constants", R"(
      r6 = r1
      r6 += 4
      r0 = *(u32 *)(r6 + 4)     ; context 8
      r7 = 8
      r7 += r6
      r0 = *(u8 *)(r7 + 0)      ; context 12
      r7 -= 12
      *(u32 *)(r7 + 8) = 1      ; context 8
      exit)"},
    {"not_other_pointers", R"(
      r2 = *(u32 *)(r1 + 76)    ; context 76
      r0 = *(u8 *)(r2 + 0)      ; no
      r3 = map[m]
      *(u64 *)(r10 - 8) = r3    ; no
      exit)"},
    {"variable_offset", R"(
      r2 = *(u32 *)(r1 + 0)     ; context 0
      r1 += r2
      r0 = *(u8 *)(r1 + 0)      ; maybe
      exit)"},
    {"arithmetic_on_the_pointer", R"(
      r1 &= -8
      r0 = *(u8 *)(r1 + 0)      ; maybe
      exit)"},
    {"spill_and_fill", R"(
      *(u64 *)(r10 - 16) = r1   ; no
      *(u64 *)(r10 - 8) = 7     ; no
      r6 = *(u64 *)(r10 - 16)   ; no
      r7 = *(u64 *)(r10 - 8)    ; no
      r0 = *(u32 *)(r6 + 8)     ; context 8
      r0 = *(u32 *)(r7 + 8)     ; no
      exit)"},
    {"overwritten_slot", R"(
      *(u64 *)(r10 - 16) = r1   ; no
      *(u64 *)(r10 - 16) = 0    ; no
      r6 = *(u64 *)(r10 - 16)   ; no
      r0 = *(u32 *)(r6 + 8)     ; no
      exit)"},
    {"half_overwritten_slot", R"(
      *(u64 *)(r10 - 16) = r1   ; no
      *(u32 *)(r10 - 12) = 0    ; no
      r6 = *(u64 *)(r10 - 16)   ; no
      r0 = *(u32 *)(r6 + 8)     ; maybe
      exit)"},
    {"stores_at_a_variable_place", R"(
      r6 = *(u32 *)(r1 + 0)     ; context 0
      *(u64 *)(r10 - 16) = r1   ; no
      r2 = r10
      r2 += r6
      *(u8 *)(r2 - 64) = 0      ; no
      r1 = *(u64 *)(r10 - 16)   ; no
      r0 = *(u32 *)(r1 + 8)     ; maybe
      exit)"},
    {"either_of_two", R"(
      r2 = *(u32 *)(r1 + 8)     ; context 8
      r3 = r1
      if r2 == 0 goto +1
      r3 = r10
      r0 = *(u32 *)(r3 - 4)     ; maybe
      exit)"},
    {"the_same_on_both_paths", R"(
      r2 = *(u32 *)(r1 + 8)     ; context 8
      if r2 == 0 goto l
      r3 = r1
      r1 = 0
      goto end
    l:
      r3 = r1
    end:
      r0 = *(u32 *)(r3 + 16)    ; context 16
      exit)"},
    {"another_offset_on_each_path", R"(
      r2 = *(u32 *)(r1 + 8)     ; context 8
      if r2 == 0 goto +1
      r1 += 4
      r0 = *(u32 *)(r1 + 16)    ; maybe
      exit)"},
    {"loop", R"(
      r6 = r1
      r7 = 10
    l:
      r0 = *(u32 *)(r6 + 48)    ; context 48
      r7 += -1
      if r7 != 0 goto l
      exit)"},
    {"loop_that_moves_it", R"(
      r6 = r1
      r7 = 10
    l:
      r0 = *(u32 *)(r6 + 48)    ; maybe
      r6 += 4
      r7 += -1
      if r7 != 0 goto l
      exit)"},
    {"helper_calls_clobber", R"(
      r6 = r1
      call ktime_get_ns
      r0 = *(u32 *)(r6 + 8)     ; context 8
      r0 = *(u32 *)(r1 + 8)     ; no
      exit)"},
    {"helper_reads_leave_spills", R"(
      *(u64 *)(r10 - 8) = r1    ; no
      *(u32 *)(r10 - 12) = 0    ; no
      r2 = r10
      r2 += -12
      r1 = map[m]
      call map_lookup_elem
      r1 = *(u64 *)(r10 - 8)    ; no
      r0 = *(u32 *)(r1 + 8)     ; context 8
      exit)"},
    {"helper_writes_beside_it", R"(
      *(u64 *)(r10 - 8) = r1    ; no
      r2 = 0
      r3 = r10
      r3 += -24
      r4 = 16
      call skb_load_bytes
      r1 = *(u64 *)(r10 - 8)    ; no
      r0 = *(u32 *)(r1 + 8)     ; context 8
      exit)"},
    {"helper_writes_over_it", R"(
      *(u64 *)(r10 - 8) = r1    ; no
      r2 = 0
      r3 = r10
      r3 += -24
      r4 = 17
      call skb_load_bytes
      r1 = *(u64 *)(r10 - 8)    ; no
      r0 = *(u32 *)(r1 + 8)     ; maybe
      exit)"},
    {"local_call", R"(
      r2 = 5
      call f
      r0 = *(u32 *)(r0 + 8)     ; context 12
      exit
    f:
      r0 = *(u32 *)(r1 + 8)     ; context 8
      r0 = *(u32 *)(r2 + 8)     ; no
      r0 = r1
      r0 += 4
      exit)"},
    {"called_with_and_without", R"(
      r6 = r1
      call f
      r1 = r10
      call f
      exit
    f:
      r0 = *(u32 *)(r1 - 8)     ; maybe
      exit)"},
    {"callee_keeps_r6", R"(
      r6 = r1
      call f
      r0 = *(u32 *)(r6 + 8)     ; context 8
      exit
    f:
      r6 = 1
      exit)"},
    {"in_a_structure_of_the_caller", R"(
      *(u64 *)(r10 - 16) = r1   ; no
      r1 = r10
      r1 += -24
      call f
      exit
    f:
      r2 = *(u64 *)(r1 + 8)     ; no
      r0 = *(u32 *)(r2 + 8)     ; context 8
      exit)"},
    {"callee_overwrites_it", R"(
      *(u64 *)(r10 - 16) = r1   ; no
      r1 = r10
      call f
      r1 = *(u64 *)(r10 - 16)   ; no
      r0 = *(u32 *)(r1 + 8)     ; no
      exit
    f:
      *(u64 *)(r1 - 16) = 0     ; no
      exit)"},
    {"callback_of_loop", R"(
      r3 = r1
      r1 = 4
      r2 = f ll
      r4 = 0
      call loop
      exit
    f:
      r0 = *(u32 *)(r2 + 8)     ; context 8
      r0 = *(u32 *)(r1 + 8)     ; no
      exit)"},
    {"callback_with_a_structure", R"(
      *(u64 *)(r10 - 8) = r1    ; no
      r1 = map[m]
      r2 = f ll
      r3 = r10
      r3 += -8
      r4 = 0
      call for_each_map_elem
      r1 = *(u64 *)(r10 - 8)    ; no
      r0 = *(u32 *)(r1 + 8)     ; context 8
      exit
    f:
      r4 = *(u64 *)(r4 + 0)     ; no
      r0 = *(u32 *)(r4 + 8)     ; context 8
      r0 = *(u32 *)(r3 + 0)     ; no
      exit)"},
    {"callback_that_changes_it_later", R"(
      *(u64 *)(r10 - 8) = r1    ; no
      r1 = 4
      r2 = f ll
      r3 = r10
      r4 = 0
      call loop
      exit
    f:
      r4 = *(u64 *)(r2 - 8)     ; no
      r0 = *(u32 *)(r4 + 8)     ; maybe
      *(u64 *)(r2 - 8) = 0      ; no
      exit)"},
    {"kept_in_a_map", R"(
      r6 = r1
      r1 = map[m][0] + 0
      *(u64 *)(r1 + 0) = r6     ; no
      r2 = *(u64 *)(r1 + 0)     ; no
      r0 = *(u32 *)(r2 + 8)     ; maybe
      exit)"},
    {"function_pointer", R"(
      r2 = f ll
      callx r2
      exit
    f:
      r0 = *(u32 *)(r1 + 8)     ; context 8
      exit)"},
    {"unknown_function_pointer", R"(
      r2 = *(u64 *)(r10 - 8)    ; no
      callx r2
      r0 = *(u32 *)(r1 + 8)     ; maybe
      exit)"},
    {"atomics", R"(
      lock *(u32 *)(r1 + 8) += r1       ; context 8
      *(u64 *)(r10 - 8) = r1            ; no
      r2 = 0
      r2 = xchg_64(r10 - 8, r2)         ; no
      r0 = *(u32 *)(r2 + 8)             ; maybe
      exit)"},
    {"recursion_ends", R"(
      call f
      exit
    f:
      r0 = *(u32 *)(r1 + 8)     ; context 8
      r6 = r1
      call f
      r0 = *(u32 *)(r6 + 8)     ; no
      exit)"},
    {"unreachable", R"(
      exit
      r0 = *(u32 *)(r1 + 8)     ; no
      exit)"},
};

INSTANTIATE_TEST_SUITE_P(All, MarkContext, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(MarkContext, SaysNoForFlatContexts) {
  const auto image = test::image_of("r0 = *(u64 *)(r1 + 0)\nexit", ProgramType::kprobe);
  EXPECT_EQ(found_uses(*image), "no\n");
}

// Many ways through calls must not take forever: beyond the bound all is Maybe.
TEST(MarkContext, IsBounded) {
  std::string program;
  for (int function = 0; function < 7; ++function) {
    if (function > 0) program += fmt::format("f{}:\n", function);
    for (int i = 0; i < 40; ++i) {
      program += fmt::format("r1 += {}\n", i + 1);
      if (function < 6) program += fmt::format("r6 = r1\ncall f{}\nr1 = r6\n", function + 1);
    }
    program += "r0 = *(u8 *)(r1 + 0)\nexit\n";
  }
  const auto image = test::image_of(program, ProgramType::sched_cls);
  EXPECT_EQ(found_uses(*image), "maybe\nmaybe\nmaybe\nmaybe\nmaybe\nmaybe\nmaybe\n");
}

}  // namespace
}  // namespace skep
