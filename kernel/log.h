// The kernel verifier's log, read: what it objects to, at which insn and source line, and what it
// counted. Levels 1 and 2 (states and insns) and 4 (counts only). Facts about the format: Linux
// 6.1 to 6.18, kernel/bpf/verifier.c and log.c. Tested by tests/kernel/log_test.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "isa/diagnostic.h"

namespace skep {

struct KernelLog {
  std::string message;   // the objection; "" if there is none
  std::optional<Pc> pc;  // the last insn that was looked at before it
  std::string source;    // the last source line seen, "return ip->protocol; @ prog.c:31"
  u64 processed_insns = 0;
  u64 total_states = 0;
  u64 peak_states = 0;
  u64 max_states_per_insn = 0;
  u64 microseconds = 0;  // "verification time", where the level gives it
  u64 stack_depth = 0;   // of the main program
  bool counted = false;  // the counts were there
  // Which diagnostic of ours says the same, by the kernel's wordings of isa/diagnostics.def.
  std::optional<Code> code;
};

KernelLog parse_log(std::string_view text);

}  // namespace skep
