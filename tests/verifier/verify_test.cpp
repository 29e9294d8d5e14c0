// The verifier on small programs: what is accepted, what is refused, where and with which code. A
// row a rule.
#include "verifier/verifier.h"

#include <gtest/gtest.h>

#include "tests/support/image.h"

namespace skep {
namespace {

using enum ProgramType;

struct Case {
  const char* name;
  ProgramType type;
  const char* text;
  const char* code;  // "": accepted
  u32 pc = 0;
};

// What a packet program begins with: r2 = data, r3 = data_end.
#define PACKET "r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\n"
// r0 = a value of map `h`, or null.
#define LOOKUP                                                        \
  "r1 = 0\n*(u64 *)(r10 - 8) = r1\nr2 = r10\nr2 += -8\nr1 = map[h]\n" \
  "call map_lookup_elem\n"  // insns 0 to 6; the next one is 7

const Case kCases[] = {
    // ---- registers and arithmetic
    {"exits", xdp, "r0 = 2\nexit", ""},
    {"no_result", xdp, "exit", "uninit_register", 0},
    {"uninit", xdp, "r0 = r4\nexit", "uninit_register", 0},
    {"clobbered", xdp, "r3 = 1\ncall ktime_get_ns\nr0 = r3\nexit", "uninit_register", 2},
    {"one_path", xdp, "call ktime_get_ns\nif r0 > 5 goto +1\nr6 = 1\nr0 = r6\nexit",
     "uninit_register", 3},
    {"frame_pointer", xdp, "r10 = 0\nr0 = 0\nexit", "frame_pointer_written", 0},
    {"division_by_0", xdp, "r0 = 1\nr0 /= 0\nexit", "bad_constant", 1},
    {"shift_out", xdp, "r0 = 1\nr0 <<= 64\nexit", "bad_constant", 1},
    {"pointer_and", xdp, "r1 &= 7\nr0 = 0\nexit", "pointer_arithmetic_rule", 0},
    {"pointer_32", xdp, "w1 += 7\nr0 = 0\nexit", "pointer_arithmetic_rule", 0},
    {"two_pointers", xdp, "r1 += r10\nr0 = 0\nexit", "pointer_arithmetic_rule", 0},
    {"difference", xdp, PACKET "r3 -= r2\nr0 = 2\nexit", ""},
    {"number_as_pointer", xdp, "r2 = 4096\nr0 = *(u8 *)(r2 + 0)\nexit", "not_a_pointer", 1},
    // ---- structure
    {"unreachable", xdp, "r0 = 0\nexit\nr0 = 1\nexit", "unreachable_insn", 2},
    {"endless", xdp, "r0 = 0\ngoto -1\nexit", "unreachable_insn", 2},
    {"endless_if", xdp, "r0 = 0\nr6 = r1\nif r0 == 0 goto -1\nexit", "infinite_loop", 2},
    {"counted", xdp, "r0 = 0\nr0 += 1\nif r0 < 1000 goto -2\nr0 = 2\nexit", ""},
    // ---- stack
    {"spill", xdp, "*(u64 *)(r10 - 8) = r1\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + 12)\nexit",
     ""},
    {"spill_cut", xdp,
     "*(u64 *)(r10 - 8) = r1\n*(u8 *)(r10 - 8) = 0\nr2 = *(u64 *)(r10 - 8)\nr0 = *(u32 *)(r2 + "
     "12)\n"
     "exit",
     "not_a_pointer", 3},
    {"spill_part", xdp, "*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit", "bad_pointer_use",
     1},
    {"below", xdp, "r0 = 0\n*(u64 *)(r10 - 520) = r0\nexit", "stack_bounds", 1},
    {"above", xdp, "r0 = *(u8 *)(r10 + 0)\nexit", "stack_bounds", 0},
    {"misaligned", xdp, "r0 = 0\n*(u64 *)(r10 - 9) = r0\nexit", "misaligned", 1},
    {"variable", xdp,
     "r6 = *(u32 *)(r1 + 12)\nr6 &= 7\nr2 = r10\nr2 += -8\nr2 += r6\n*(u8 *)(r2 + 0) = 1\nr0 = 0\n"
     "exit",
     ""},
    {"variable_too_far", xdp,
     "r6 = *(u32 *)(r1 + 12)\nr6 &= 15\nr2 = r10\nr2 += -8\nr2 += r6\n*(u8 *)(r2 + 0) = 1\nr0 = 0\n"
     "exit",
     "stack_bounds", 5},
    {"exchange_gives_pointer", xdp,
     "*(u64 *)(r10 - 8) = r10\nr0 = 1\nr1 = 2\nr0 = cmpxchg_64(r10 - 8, r0, r1)\n"
     "r1 = *(u64 *)(r0 - 8)\nr0 = 2\nexit",
     ""},
    {"exchange_leaves_none", xdp,
     "*(u64 *)(r10 - 8) = r10\nr0 = 1\nr1 = 2\nr0 = cmpxchg_64(r10 - 8, r0, r1)\n"
     "r1 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r1 - 8)\nexit",
     "not_a_pointer", 5},
    {"exchange_of_part", xdp,
     "*(u64 *)(r10 - 8) = r10\nw0 = 1\nw1 = 2\nw0 = cmpxchg32_32(r10 - 8, w0, w1)\nr0 = 2\nexit",
     "bad_pointer_use", 3},
    {"add_gives_number", xdp,
     "*(u64 *)(r10 - 8) = 7\nr1 = 1\nr1 = atomic_fetch_add((u64 *)(r10 - 8), r1)\n"
     "if r1 == 7 goto +1\nr1 = *(u64 *)(r1 + 0)\nr0 = 2\nexit",
     ""},
    {"add_leaves_any_number", xdp,
     "*(u64 *)(r10 - 8) = 7\nr1 = 1\nr1 = atomic_fetch_add((u64 *)(r10 - 8), r1)\n"
     "r1 = *(u64 *)(r10 - 8)\nif r1 == 7 goto +1\nr1 = *(u64 *)(r1 + 0)\nr0 = 2\nexit",
     "not_a_pointer", 5},
    // ---- context
    {"context_width", xdp, "r0 = *(u8 *)(r1 + 12)\nexit", "context_access", 0},
    {"context_write", xdp, "*(u32 *)(r1 + 12) = 0\nr0 = 0\nexit", "context_access", 0},
    {"context_moved", xdp, "r1 += 4\nr0 = *(u32 *)(r1 + 8)\nexit", "context_access", 1},
    {"mark", sched_cls, "*(u32 *)(r1 + 8) = 7\nr0 = 0\nexit", ""},
    {"mark_of_filter", socket_filter, "*(u32 *)(r1 + 8) = 7\nr0 = 0\nexit", "context_access", 0},
    // ---- packet
    {"packet", xdp,
     PACKET "r4 = r2\nr4 += 14\nr0 = 2\nif r4 > r3 goto +1\nr0 = *(u8 *)(r2 + 13)\nexit", ""},
    {"packet_one_more", xdp,
     PACKET "r4 = r2\nr4 += 14\nr0 = 2\nif r4 > r3 goto +1\nr0 = *(u8 *)(r2 + 14)\nexit",
     "packet_bounds", 6},
    {"packet_other_side", xdp,
     PACKET "r4 = r2\nr4 += 14\nr0 = 2\nif r4 <= r3 goto +1\nr0 = *(u8 *)(r2 + 0)\nexit",
     "packet_bounds", 6},
    {"packet_less", xdp,
     PACKET "r4 = r2\nr4 += 14\nr0 = 2\nif r4 < r3 goto +1\nexit\nr0 = *(u8 *)(r2 + 14)\nexit", ""},
    {"packet_mirrored", xdp,
     PACKET "r4 = r2\nr4 += 14\nr0 = 2\nif r3 >= r4 goto +1\nexit\nr0 = *(u8 *)(r2 + 13)\nexit",
     ""},
    {"packet_variable", xdp,
     PACKET "r5 = *(u32 *)(r1 + 12)\nr5 &= 63\nr2 += r5\nr4 = r2\nr4 += 4\nr0 = 2\n"
            "if r4 > r3 goto +1\nr0 = *(u32 *)(r2 + 0)\nexit",
     ""},
    {"packet_variable_other", xdp,
     PACKET "r5 = *(u32 *)(r1 + 12)\nr5 &= 63\nr6 = r2\nr6 += r5\nr4 = r6\nr4 += 4\nr0 = 2\n"
            "if r4 > r3 goto +2\nr2 += r5\nr0 = *(u32 *)(r2 + 0)\nexit",
     "packet_bounds", 11},
    {"packet_moved", xdp,
     "r6 = r1\n" PACKET "r4 = r2\nr4 += 1\nif r4 > r3 goto +5\nr7 = r2\nr1 = r6\nr2 = 0\n"
     "call xdp_adjust_head\nr0 = *(u8 *)(r7 + 0)\nr0 = 2\nexit",
     "not_a_pointer", 10},
    {"packet_end", xdp, PACKET "r0 = *(u8 *)(r3 + 0)\nexit", "bad_pointer_use", 2},
    {"packet_read_only", cgroup_skb,
     "r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 1\nr0 = 1\nif r4 > r3 goto "
     "+1\n"
     "*(u8 *)(r2 + 0) = 0\nexit",
     "read_only", 6},
    // ---- maps
    {"lookup", xdp, LOOKUP "if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 8)\nr0 = 0\nexit", ""},
    {"unchecked", xdp, LOOKUP "r0 = *(u64 *)(r0 + 8)\nexit", "null_access", 7},
    {"wrong_side", xdp, LOOKUP "if r0 != 0 goto +1\nr0 = *(u64 *)(r0 + 8)\nr0 = 0\nexit",
     "not_a_pointer", 8},
    {"null_plus", xdp, LOOKUP "r0 += 8\nif r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
     "null_arithmetic", 7},
    {"copy_checked", xdp, LOOKUP "r6 = r0\nif r6 == 0 goto +1\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit",
     ""},
    {"other_checked", xdp,
     LOOKUP "r6 = r0\nr2 = r10\nr2 += -8\nr1 = map[h]\ncall map_lookup_elem\n"
            "if r0 == 0 goto +1\nr0 = *(u64 *)(r6 + 0)\nr0 = 0\nexit",
     "null_access", 14},
    {"value_end", xdp, LOOKUP "if r0 == 0 goto +1\nr0 = *(u64 *)(r0 + 9)\nr0 = 0\nexit",
     "map_bounds", 8},
    {"value_index", xdp,
     LOOKUP "if r0 == 0 goto +4\nr1 = *(u64 *)(r0 + 0)\nr1 &= 15\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\n"
            "r0 = 0\nexit",
     ""},
    {"value_index_far", xdp,
     LOOKUP "if r0 == 0 goto +4\nr1 = *(u64 *)(r0 + 0)\nr1 &= 16\nr0 += r1\nr0 = *(u8 *)(r0 + 0)\n"
            "r0 = 0\nexit",
     "map_bounds", 11},
    {"value_index_signed", xdp,
     LOOKUP "if r0 == 0 goto +4\nr1 = *(u64 *)(r0 + 0)\nif r1 s> 15 goto +2\nr0 += r1\n"
            "r0 = *(u8 *)(r0 + 0)\nr0 = 0\nexit",
     "pointer_arithmetic_rule", 10},
    {"key_missing", xdp, "r1 = map[h]\nr2 = 0\ncall map_lookup_elem\nr0 = 0\nexit", "bad_argument",
     3},
    {"not_a_map", xdp, "r2 = r10\nr2 += -8\ncall map_lookup_elem\nr0 = 0\nexit", "bad_argument", 2},
    // ---- helpers
    {"no_such_helper", xdp, "call 9999\nexit", "call_forbidden", 0},
    {"helper_of_others", socket_filter, "r2 = 0\ncall xdp_adjust_head\nexit", "call_forbidden", 1},
    {"helper_for_gpl", sched_cls,
     "r1 = r10\nr1 += -8\n*(u64 *)(r10 - 8) = 0\nr2 = 8\n"
     "call trace_printk\nr0 = 0\nexit",
     "call_forbidden", 4},
    {"null_with_size", sched_cls,
     "r1 = 0\nr2 = 4\nr3 = 0\nr4 = 0\nr5 = 0\ncall csum_diff\nr0 = 0\nexit", "bad_argument", 5},
    {"null_without_size", sched_cls,
     "r1 = 0\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\ncall csum_diff\nr0 = 0\nexit", ""},
    {"size_unbounded", sched_cls,
     "r6 = *(u32 *)(r1 + 0)\nr1 = r10\nr1 += -64\nr2 = r6\nr3 = 0\nr4 = 0\nr5 = 0\ncall csum_diff\n"
     "r0 = 0\nexit",
     "bad_argument", 7},
    {"cookie_of_socket", sk_reuseport,
     "r1 = *(u64 *)(r1 + 40)\ncall get_socket_cookie\nr0 = 1\nexit", ""},
    {"cookie_of_context", sk_reuseport, "call get_socket_cookie\nr0 = 1\nexit", "bad_argument", 0},
    {"assign_nothing", sk_lookup, "r2 = 0\nr3 = 0\ncall sk_assign\nr0 = 1\nexit", ""},
    {"assign_number", sk_lookup, "r2 = 1\nr3 = 0\ncall sk_assign\nr0 = 1\nexit", "bad_argument", 2},
    // ---- references
    {"record", xdp,
     "r1 = map[r]\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto +4\n"
     "*(u64 *)(r0 + 8) = 1\nr1 = r0\nr2 = 0\ncall ringbuf_submit\nr0 = 0\nexit",
     ""},
    {"record_end", xdp,
     "r1 = map[r]\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto +4\n"
     "*(u64 *)(r0 + 9) = 1\nr1 = r0\nr2 = 0\ncall ringbuf_submit\nr0 = 0\nexit",
     "memory_bounds", 6},
    {"record_leaked", xdp, "r1 = map[r]\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nr0 = 0\nexit",
     "leaked_reference", 6},
    {"record_twice", xdp,
     "r1 = map[r]\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto +7\nr6 = r0\nr1 = r0\n"
     "r2 = 0\ncall ringbuf_submit\nr1 = r6\nr2 = 0\ncall ringbuf_submit\nr0 = 0\nexit",
     "bad_argument", 12},
    {"record_used_after", xdp,
     "r1 = map[r]\nr2 = 16\nr3 = 0\ncall ringbuf_reserve\nif r0 == 0 goto +5\nr6 = r0\nr1 = r0\n"
     "r2 = 0\ncall ringbuf_submit\nr0 = *(u64 *)(r6 + 0)\nr0 = 0\nexit",
     "not_a_pointer", 10},
    // ---- functions
    {"function", xdp, "r1 = 1\ncall f\nexit\nf:\nr0 = r1\nr0 += 1\nexit", ""},
    {"function_keeps", xdp, "r6 = 5\ncall f\nr0 = r6\nexit\nf:\nr6 = 1\nr0 = 0\nexit", ""},
    {"function_clobbers", xdp, "r1 = 5\ncall f\nr0 = r1\nexit\nf:\nr0 = 0\nexit", "uninit_register",
     2},
    {"function_stack", xdp,
     "r1 = r10\nr1 += -8\ncall f\nr0 = *(u64 *)(r10 - 8)\nexit\nf:\n*(u64 *)(r1 + 0) = 1\nr0 = "
     "0\nexit",
     ""},
    {"function_stores_stack", xdp,
     "*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf:\n*(u64 *)(r1 + 0) = r1\n"
     "r0 = 0\nexit",
     "bad_pointer_use", 6},
    {"function_stores_own_stack", xdp,
     "*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf:\n*(u64 *)(r1 + 0) = r10\n"
     "r0 = 0\nexit",
     "bad_pointer_use", 6},
    {"function_keeps_stack", xdp,
     "*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf:\n*(u64 *)(r10 - 8) = r1\n"
     "r1 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r1 + 0)\nexit",
     ""},
    {"returns_stack", xdp, "call f\nexit\nf:\nr0 = r10\nexit", "bad_pointer_use", 3},
    {"recursion", xdp, "call f\nexit\nf:\ncall f\nexit", "too_deep", 2},
    // ---- callbacks
    {"callback", xdp,
     "r1 = 1000\nr2 = f ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 2\nexit\nf:\nif r1 > 5 goto +0\nr0 = "
     "0\n"
     "exit",
     ""},
    {"callback_result", xdp,
     "r1 = 9\nr2 = f ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 2\nexit\nf:\nr0 = 2\nexit", "return_range",
     9},
    {"callback_counts", xdp,
     "*(u64 *)(r10 - 8) = 0\nr1 = 1000\nr2 = f ll\nr3 = r10\nr3 += -8\nr4 = 0\ncall loop\n"
     "r1 = *(u64 *)(r10 - 8)\nr0 = 2\nif r1 == 1 goto -3\nexit\nf:\nr1 = *(u64 *)(r2 + 0)\nr1 += "
     "1\n"
     "*(u64 *)(r2 + 0) = r1\nr0 = 0\nexit",
     "infinite_loop", 8},
    {"callback_endless_inside", xdp,
     "r1 = 9\nr2 = f ll\nr3 = 0\nr4 = 0\ncall loop\nr0 = 2\nexit\nf:\nr0 = 0\nif r0 == 0 goto "
     "-2\nexit",
     "infinite_loop", 8},
    // ---- results
    {"cgroup_result", cgroup_skb, "r0 = 1\nexit", ""},
    {"cgroup_too_large", cgroup_skb, "r0 = 2\nexit", "return_range", 1},
    {"cgroup_any", cgroup_skb, "r0 = *(u32 *)(r1 + 0)\nexit", "return_range", 1},
    // ---- loops that the run time bounds
    {"may_goto", xdp, "r0 = 0\nmay_goto +2\nr0 ^= 1\ngoto -3\nr0 = 2\nexit", ""},
    {"may_goto_avoided", xdp,
     "r6 = r1\nmay_goto +3\nr0 = *(u32 *)(r6 + 12)\nif r0 > 5 goto -1\ngoto -4\nr0 = 2\nexit",
     "infinite_loop", 3},
};

std::vector<MapSpec> maps() {
  MapSpec hash = test::array_spec("h", 16, 8);
  hash.type = MapType::hash;
  hash.key_size = 8;
  MapSpec ring;
  ring.name = "r";
  ring.type = MapType::ringbuf;
  ring.max_entries = 4096;
  return {hash, ring};
}

class Verify : public testing::TestWithParam<Case> {};

TEST_P(Verify, Program) {
  const Case& test = GetParam();
  const auto image = test::image_of(test.text, test.type, maps());
  const Verdict verdict = verify(*image, KernelProfile{});
  const std::string code =
      verdict.finding ? std::string(name(verdict.finding->code)) : std::string();
  EXPECT_EQ(code, test.code) << (verdict.finding ? verdict.finding->text : "");
  if (verdict.finding) {
    EXPECT_EQ(verdict.finding->pc.value, test.pc) << verdict.finding->text;
  }
  EXPECT_EQ(verdict.accepted(), *test.code == 0);
}

INSTANTIATE_TEST_SUITE_P(Rules, Verify, testing::ValuesIn(kCases),
                         [](const auto& of) { return std::string(of.param.name); });

TEST(VerifyBudget, EndsWithUndecided) {
  const auto image =
      test::image_of("r0 = 0\nr0 += 1\nif r0 < 100000 goto -2\nr0 = 2\nexit", ProgramType::xdp);
  EXPECT_TRUE(verify(*image, KernelProfile{}).accepted());
  VerifyOptions few;
  few.budget.visits = 1000;
  EXPECT_EQ(verify(*image, KernelProfile{}, few).outcome, Outcome::Undecided);
  VerifyOptions small;
  small.budget.memory = 1 << 20;
  const Verdict verdict = verify(*image, KernelProfile{}, small);
  EXPECT_EQ(verdict.outcome, Outcome::Undecided);
  EXPECT_LE(verdict.stats.peak_bytes, u64{1} << 20);
}

TEST(VerifyProfile, OldKernelsKnowLess) {
  const auto loop =
      test::image_of("r0 = 0\nr0 += 1\nif r0 < 10 goto -2\nr0 = 2\nexit", ProgramType::xdp);
  EXPECT_TRUE(verify(*loop, KernelProfile{5, 4}).accepted());
  EXPECT_FALSE(verify(*loop, KernelProfile{5, 2}).accepted());
}

// The loop ends at once for who learns that one of several bits is set, and only after very many
// rounds for who does not, as kernels.
TEST(VerifyProfile, KernelsGiveUpWhereWeNeedNot) {
  const auto image = test::image_of(
      "r7 = *(u32 *)(r1 + 12)\nr7 &= 0xffff\nr7 += 0x1ab064b9\nif r7 & 0x702000 goto -2\n"
      "r0 = 2\nexit",
      ProgramType::xdp);
  EXPECT_TRUE(verify(*image, KernelProfile{}).accepted());
  VerifyOptions options;
  options.as_kernel = true;
  const Verdict verdict = verify(*image, KernelProfile{5, 0}, options);
  EXPECT_EQ(verdict.outcome, Outcome::Rejected) << "5.0 knows no loops";
  KernelProfile old{5, 0};
  const Verdict limited = verify(*image, old.with(Feature::bounded_loops), options);
  EXPECT_EQ(limited.outcome, Outcome::Undecided);
  ASSERT_TRUE(limited.finding);
  EXPECT_NE(limited.finding->text.find("131072 insns"), std::string::npos) << limited.finding->text;
}

TEST(VerifyProfile, WhatTakesMoreThanKernelsJudgeIsNotAccepted) {
  const auto image =
      test::image_of("r0 = 0\nr0 += 1\nif r0 < 100000 goto -2\nr0 = 2\nexit", ProgramType::xdp);
  KernelProfile old = KernelProfile{5, 0}.with(Feature::bounded_loops);
  EXPECT_TRUE(verify(*image, old).accepted());
  VerifyOptions options;
  options.as_kernel = true;
  EXPECT_EQ(verify(*image, old, options).outcome, Outcome::Undecided);
  EXPECT_TRUE(verify(*image, KernelProfile{}, options).accepted());
}

TEST(VerifyMemory, RawProgramsNeedItsSize) {
  const auto image = test::image_of("r0 = *(u64 *)(r1 + 8)\nexit", ProgramType::raw);
  EXPECT_EQ(verify(*image, KernelProfile{}).outcome, Outcome::Unsupported);
  VerifyOptions options;
  options.memory_bytes = 16;
  EXPECT_TRUE(verify(*image, KernelProfile{}, options).accepted());
  options.memory_bytes = 15;
  EXPECT_EQ(verify(*image, KernelProfile{}, options).outcome, Outcome::Rejected);
}

}  // namespace
}  // namespace skep
