// The kernel's verifier log, read: messages, places and counts from logs of real kernels.
#include <gtest/gtest.h>

#include "kernel/log.h"

namespace skep {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* message;
  int pc;  // -1: none
  const char* source;
  u64 processed;
};

class Log : public testing::TestWithParam<Case> {};

TEST_P(Log, IsRead) {
  const Case& want = GetParam();
  const KernelLog log = parse_log(want.text);
  EXPECT_EQ(log.message, want.message);
  EXPECT_EQ(log.pc ? static_cast<int>(log.pc->value) : -1, want.pc);
  EXPECT_EQ(log.source, want.source);
  EXPECT_EQ(log.processed_insns, want.processed);
}

INSTANTIATE_TEST_SUITE_P(
    Kernel, Log,
    testing::Values(Case{"counts_alone",
                         "processed 41 insns (limit 1000000) max_states_per_insn 0 total_states 4 "
                         "peak_states 4 mark_read 1\n",
                         "", -1, "", 41},
                    Case{"refusal",
                         "0: R1=ctx(off=0,imm=0) R10=fp0\n"
                         "; return *(int *)0;\n"
                         "0: (b7) r1 = 0                        ; R1_w=0\n"
                         "1: (61) r0 = *(u32 *)(r1 +0)\n"
                         "R1 invalid mem access 'scalar'\n"
                         "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 "
                         "peak_states 0 mark_read 0\n",
                         "R1 invalid mem access 'scalar'", 1, "return *(int *)0;", 2},
                    Case{"branches_are_progress",
                         "0: (b7) r0 = 0\n"
                         "from 0 to 3: R0=0 R10=fp0\n"
                         "3: (85) call bpf_get_current_task#35\n"
                         "program of this type cannot use helper bpf_get_current_task#35\n"
                         "processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 "
                         "peak_states 0 mark_read 0\n",
                         "program of this type cannot use helper bpf_get_current_task#35", 3, "",
                         4},
                    Case{"kernel_functions_are_no_helpers",
                         "0: R1=ctx() R10=fp0\n"
                         "; bpf_rcu_read_lock(); @ prog.c:12\n"
                         "0: (85) call bpf_rcu_read_lock#71234  ;\n"
                         "1: (85) call bpf_task_from_pid#70001\n"
                         "calling kernel function bpf_task_from_pid is not allowed\n"
                         "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 "
                         "peak_states 0 mark_read 0\n",
                         "calling kernel function bpf_task_from_pid is not allowed", 1,
                         "bpf_rcu_read_lock(); @ prog.c:12", 2},
                    Case{"level_2_states_are_progress",
                         "func#0 @0\n"
                         "0: R1=ctx() R10=fp0\n"
                         "0: (b7) r2 = 0                        ; R2_w=0\n"
                         "1: (bf) r3 = r10                      ; R3_w=fp0 R10=fp0\n"
                         "mark_precise: frame0: last_idx 1 first_idx 0 subseq_idx -1 \n"
                         "mark_precise: frame0: regs=r2 stack= before 0: (b7) r2 = 0\n"
                         "2: R1=ctx() R2_w=0 R3_w=fp0 R10=fp0\n"
                         "2: (7b) *(u64 *)(r3 -520) = r2\n"
                         "invalid write to stack R3 off=-520 size=8\n"
                         "verification time 50 usec\n"
                         "stack depth 0\n"
                         "processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 "
                         "peak_states 0 mark_read 0\n",
                         "invalid write to stack R3 off=-520 size=8", 2, "", 3},
                    Case{"before_any_insn", "invalid BTF type\n", "invalid BTF type", -1, "", 0},
                    Case{"empty", "", "", -1, "", 0}),
    [](const auto& which) { return std::string(which.param.name); });

TEST(Log, NamesOurDiagnostic) {
  EXPECT_EQ(parse_log("3: (85) call bpf_redirect#23\n"
                      "program of this type cannot use helper bpf_redirect#23\n")
                .code,
            Code::call_forbidden);
  // Rules of the verifier come before faults of a run in the same words.
  EXPECT_EQ(
      parse_log("2: (db) lock *(u64 *)(r10 -4) += r1\nmisaligned access off -4 size 8\n").code,
      Code::misaligned);
  EXPECT_EQ(parse_log("0: (00) *(u8 *)(r0 +0) = 0\nunknown opcode 00\n").code,
            Code::unknown_opcode);
  EXPECT_EQ(parse_log("a wording that nobody has\n").code, std::nullopt);
  EXPECT_EQ(parse_log("processed 1 insns (limit 1000000)\n").code, std::nullopt);
}

TEST(Log, ReadsTimeAndStates) {
  const KernelLog log = parse_log(
      "verification time 123 usec\nstack depth 64+8\n"
      "processed 10 insns (limit 1000000) max_states_per_insn 2 total_states 5 peak_states 3 "
      "mark_read 1\n");
  EXPECT_EQ(log.microseconds, 123u);
  EXPECT_EQ(log.stack_depth, 64u);
  EXPECT_EQ(log.max_states_per_insn, 2u);
  EXPECT_EQ(log.total_states, 5u);
  EXPECT_EQ(log.peak_states, 3u);
  EXPECT_TRUE(log.counted);
}

}  // namespace
}  // namespace skep
