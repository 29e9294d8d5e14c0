// Traces as kernels write them, with lines of other threads and events, and texts of several lines.
#include "kernel/printk.h"

#include <gtest/gtest.h>

namespace skep {
namespace {

struct TraceCase {
  const char* name;
  const char* trace;
  std::vector<std::string> texts;  // of thread 42
};

const TraceCase kTraces[] = {
    {"empty", "# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:2\n", {}},
    {"ours_alone",
     "            skep-42      [000] b..11 15719.889812: bpf_trace_printk: one\n"
     "            skep-43      [000] b..11 15719.889813: bpf_trace_printk: two\n"
     "            skep-42      [001] b..11 15719.889814: bpf_trace_printk: three\n",
     {"one", "three"}},
    {"other_events",
     "            skep-42      [000] d..2. 15719.8: sched_switch: prev_comm=skep prev_pid=42\n"
     "            skep-42      [000] b..11 15719.9: bpf_trace_printk: one\n"
     "          <idle>-0       [001] d..2. 15719.9: sched_switch: prev_comm=swapper/1\n",
     {"one"}},
    {"lines",
     "            skep-42      [000] b..11 15719.9: bpf_trace_printk: one\n\ntwo\n"
     "            skep-41      [000] b..11 15719.9: bpf_trace_printk: three\nfour\n",
     {"one\n\ntwo"}},
    {"with_process",
     "   a-7 [b](c)-42      (     40) [000] b..11 15719.9: bpf_trace_printk: one\n",
     {"one"}},
    {"text_like_an_event",
     "            skep-42      [000] b..11 15719.9: bpf_trace_printk: x: bpf_trace_printk: y\n",
     {"x: bpf_trace_printk: y"}},
    {"no_end", "            skep-42      [000] b..11 15719.9: bpf_trace_printk: one", {"one"}},
};

class Printk : public testing::TestWithParam<TraceCase> {};

TEST_P(Printk, TextsOfAThread) {
  EXPECT_EQ(printed_by(GetParam().trace, 42), GetParam().texts);
}

INSTANTIATE_TEST_SUITE_P(Traces, Printk, testing::ValuesIn(kTraces),
                         [](const auto& which) { return std::string(which.param.name); });

}  // namespace
}  // namespace skep
