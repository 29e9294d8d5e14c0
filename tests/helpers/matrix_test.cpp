// Our tables against what three kernels answered (tests/data/kernel-helpers.tsv,
// kernel-contexts.tsv): every helper in every program type, every access to every context at every
// width. What differs is in a list here, with its reason; an explanation that explains nothing any
// more is a failure too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "helpers/spec/proto.h"
#include "tests/support/explained.h"
#include "tests/support/facts_table.h"

namespace skep {
namespace {

using test::Explanation;
using test::facts;
using test::split;

constexpr u32 kKernels = 3;
constexpr Version kAsked[kKernels] = {{6, 1}, {6, 12}, {6, 18}};

// What programs were loaded as: a type of the matrix with something after a colon.
struct Loaded {
  std::string_view label;
  ProgramType type;
  AttachType attach_type;
};
constexpr Loaded kLoaded[] = {
    {"cgroup_sock:create", ProgramType::cgroup_sock, AttachType::cgroup_inet_sock_create},
    {"cgroup_sock:post_bind4", ProgramType::cgroup_sock, AttachType::cgroup_inet4_post_bind},
    {"sk_skb:verdict", ProgramType::sk_skb, AttachType::sk_skb_stream_verdict},
    {"sk_skb:parser", ProgramType::sk_skb, AttachType::sk_skb_stream_parser},
    {"cgroup_sock_addr:bind4", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet4_bind},
    {"cgroup_sock_addr:bind6", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet6_bind},
    {"cgroup_sock_addr:connect4", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet4_connect},
    {"cgroup_sock_addr:connect6", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet6_connect},
    {"cgroup_sock_addr:sendmsg4", ProgramType::cgroup_sock_addr, AttachType::cgroup_udp4_sendmsg},
    {"cgroup_sock_addr:sendmsg6", ProgramType::cgroup_sock_addr, AttachType::cgroup_udp6_sendmsg},
    {"cgroup_sock_addr:recvmsg4", ProgramType::cgroup_sock_addr, AttachType::cgroup_udp4_recvmsg},
    {"cgroup_sock_addr:getpeername4", ProgramType::cgroup_sock_addr,
     AttachType::cgroup_inet4_getpeername},
    {"cgroup_sockopt:get", ProgramType::cgroup_sockopt, AttachType::cgroup_getsockopt},
    {"cgroup_sockopt:set", ProgramType::cgroup_sockopt, AttachType::cgroup_setsockopt},
    {"tracing:fentry", ProgramType::tracing, AttachType::trace_fentry},
    {"tracing:fexit", ProgramType::tracing, AttachType::trace_fexit},
    {"lsm:file_open", ProgramType::lsm, AttachType::lsm_mac},
    // Attach types that the kernel looks at although the label has none.
    {"cgroup_device", ProgramType::cgroup_device, AttachType::cgroup_device},
    {"cgroup_sysctl", ProgramType::cgroup_sysctl, AttachType::cgroup_sysctl},
    {"sk_lookup", ProgramType::sk_lookup, AttachType::sk_lookup},
    {"netfilter", ProgramType::netfilter, AttachType::netfilter},
};

Loaded loaded_as(const std::string& label) {
  const auto* found = std::ranges::find(kLoaded, label, &Loaded::label);
  if (found != std::end(kLoaded)) return *found;
  const ProgramTypeRow* row = find_program_type(label);
  return {label, row == nullptr ? ProgramType::unspec : row->type, AttachType::none};
}

// ---- helpers

struct HelperAnswers {
  std::string label;
  bool asked[kKernels] = {};
  std::set<u32> has[kKernels];
};

std::vector<HelperAnswers> helper_answers() {
  std::vector<HelperAnswers> all;
  for (const auto& row : facts(SKEP_SOURCE_DIR "/tests/data/kernel-helpers.tsv")) {
    if (all.empty() || all.back().label != row[0]) {
      all.emplace_back().label = row[0];
      std::ranges::fill(all.back().asked, true);
    }
    const auto answers = split(row[1], ' ');
    for (u32 kernel = 0; kernel < kKernels; ++kernel) {
      if (answers[kernel] == "?") all.back().asked[kernel] = false;
      if (answers[kernel] != "y") continue;
      for (const u32 id : test::ranges(row[2])) all.back().has[kernel].insert(id);
    }
  }
  return all;
}

constexpr Explanation kHelperExplanations[] = {
    {"probe_write_user in ", " 6.18: the table says yes, the kernel no",
     "that kernel is locked down: nobody may write to memory of users", 6},
    {"override_return in kprobe", " the table says yes, the kernel no",
     "built without CONFIG_BPF_KPROBE_OVERRIDE", 3},
};

TEST(Matrix, HelpersAreThoseOfTheKernels) {
  std::vector<std::string> differences;
  u32 compared = 0;
  for (const HelperAnswers& answers : helper_answers()) {
    const Loaded as = loaded_as(answers.label);
    ASSERT_NE(as.type, ProgramType::unspec) << answers.label;
    for (u32 kernel = 0; kernel < kKernels; ++kernel) {
      if (!answers.asked[kernel]) continue;
      const KernelProfile profile(kAsked[kernel]);
      for (const HelperProto& helper : helpers()) {
        ++compared;
        const bool table = may_call(helper, as.type, as.attach_type, profile);
        const bool there = answers.has[kernel].contains(helper.id);
        if (table != there)
          differences.push_back(fmt::format("{} in {} of {}.{}: the table says {}, the kernel {}",
                                            helper.name, answers.label, kAsked[kernel].major,
                                            kAsked[kernel].minor, table ? "yes" : "no",
                                            there ? "yes" : "no"));
      }
    }
  }
  EXPECT_EQ(compared, 24'476u);
  test::expect_explained(differences, kHelperExplanations);
}

// ---- contexts

struct Access {
  std::string mode = "/";  // "r", "w", "rw"; "/": none, "?": not asked
  std::string loads;       // what the verifier takes the value for
  friend bool operator==(const Access&, const Access&) = default;
};

using Place = std::tuple<std::string, u32, u32>;  // label, offset, width

std::string_view word(FieldIs is) {
  switch (is) {
    case FieldIs::Scalar:
    case FieldIs::Length: return "scalar";
    case FieldIs::PacketStart: return "pkt";
    case FieldIs::PacketEnd: return "pkt_end";
    case FieldIs::PacketMeta: return "pkt_meta";
    case FieldIs::SockCommonOrNull: return "sock_common_or_null";
    case FieldIs::Socket: return "sock";
    case FieldIs::SocketOrNull: return "sock_or_null";
    case FieldIs::FlowKeys: return "flow_keys";
    case FieldIs::HookState: return "trusted_ptr_nf_hook_state";
    case FieldIs::KernelSkBuff: return "trusted_ptr_sk_buff";
  }
  return "";
}

// Contexts that are plain memory: what of them is there, of what was asked.
struct Flat {
  Context context;
  u32 start, end;
  const char* mode;
};
constexpr Flat kFlat[] = {
    {Context::Tracepoint, 8, 512, "r"},    // after the fields that all have
    {Context::RawTracepoint, 0, 96, "r"},  // of as many arguments as there can be
    {Context::Arguments, 0, 512, "rw"},
};

Access by_table(const Loaded& as, u32 offset, u32 width, Version version) {
  const Context context = find_program_type(as.type)->context;
  const auto* flat = std::ranges::find(kFlat, context, &Flat::context);
  if (flat != std::end(kFlat)) {
    const bool in = offset >= flat->start && offset + width <= flat->end;
    return in ? Access{flat->mode, "scalar"} : Access{};
  }
  Access access;
  const FieldRow* read = find_access(context, as.type, as.attach_type, offset, width, false);
  if (read == nullptr || read->since > version) return access;
  access.mode = "r";
  access.loads = word(read->is);
  if (find_access(context, as.type, as.attach_type, offset, width, true) != nullptr)
    access.mode = "rw";
  return access;
}

constexpr Explanation kContextExplanations[] = {
    {"raw_tracepoint_writable at 0, ", "",
     "the first argument is the buffer that such programs may write, and read whole", 12},
};

TEST(Matrix, ContextsAreThoseOfTheKernels) {
  std::map<Place, std::vector<Access>> answers;
  std::map<std::string, std::vector<bool>> asked;
  for (const auto& row : facts(SKEP_SOURCE_DIR "/tests/data/kernel-contexts.tsv")) {
    const u32 width = test::number(row[1]);
    std::vector<Access> cells;
    auto& of_label = asked.try_emplace(row[0], kKernels, true).first->second;
    for (u32 kernel = 0; kernel < kKernels; ++kernel) {
      const auto parts = split(row[2 + kernel], '/');
      cells.push_back({row[2 + kernel] == "/" ? "/" : parts.front(), parts.back()});
      if (parts.front() == "?") of_label[kernel] = false;
    }
    for (const u32 offset : test::ranges(row[5], width)) answers[{row[0], offset, width}] = cells;
  }
  std::vector<std::string> differences;
  u32 compared = 0;
  for (const auto& [label, kernels] : asked) {
    const Loaded as = loaded_as(label);
    ASSERT_NE(as.type, ProgramType::unspec) << label;
    const ContextRow& context = row(find_program_type(as.type)->context);
    if (context.context == Context::Kernel) continue;  // each function has its own
    const u32 size = context.size != 0 ? context.size : 512;
    for (u32 kernel = 0; kernel < kKernels; ++kernel) {
      if (!kernels[kernel]) continue;
      for (u32 width = 1; width <= 8; width *= 2) {
        for (u32 offset = 0; offset + width <= size; offset += width) {
          ++compared;
          const auto found = answers.find({label, offset, width});
          const Access there = found == answers.end() ? Access{} : found->second[kernel];
          const Access table = by_table(as, offset, width, kAsked[kernel]);
          if (table != there)
            differences.push_back(
                fmt::format("{} at {}, {} bytes, of {}.{}: the table says {} {}, the kernel {} {}",
                            label, offset, width, kAsked[kernel].major, kAsked[kernel].minor,
                            table.mode, table.loads, there.mode, there.loads));
        }
      }
    }
  }
  EXPECT_EQ(compared, 32'706u);
  test::expect_explained(differences, kContextExplanations);
}

}  // namespace
}  // namespace skep
