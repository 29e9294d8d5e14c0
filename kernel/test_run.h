// What BPF_PROG_TEST_RUN takes for each program type: the kinds of input, and the context fields
// that a run can be given. Source: Linux 6.18 net/bpf/test_run.c and the *_prog_ops that name its
// functions. Tested by tests/tools/engine_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "helpers/spec/program_type.h"

namespace skep {

struct TestRun {
  enum class Input : u8 {
    Skb,          // a packet with its Ethernet header, and struct __sk_buff
    Xdp,          // a packet, and struct xdp_md
    PacketAlone,  // a packet with its Ethernet header; nothing of it comes back
    Context,      // the context's bytes, which come back
    ContextIn,    // the context's bytes, which do not come back
    Nothing,
  };
  ProgramType type;
  Input input;
  bool repeats;  // the kernel repeats and measures; else that is done from here
};

// Null for types that no kernel test-runs.
const TestRun* find_test_run(ProgramType type);
// The fields of struct xdp_md or struct __sk_buff that may differ from zero.
std::span<const std::string_view> test_run_fields(ProgramType type);

}  // namespace skep
