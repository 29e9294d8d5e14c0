// Tables of names. See names.h. Numbers of verdicts are those of Linux include/uapi/linux/bpf.h
// (enum xdp_action) and pkt_cls.h (TC_ACT_*).
#include "tools/names.h"

#include <fmt/format.h>

#include <cstring>

#include "helpers/spec/proto.h"

namespace skep {
namespace {

struct Verdict {
  i32 value;
  const char* name;
  bool survives;
};

constexpr Verdict kXdp[] = {{0, "XDP_ABORTED", false},
                            {1, "XDP_DROP", false},
                            {2, "XDP_PASS", true},
                            {3, "XDP_TX", true},
                            {4, "XDP_REDIRECT", true}};

constexpr Verdict kTc[] = {{-1, "TC_ACT_UNSPEC", true},    {0, "TC_ACT_OK", true},
                           {1, "TC_ACT_RECLASSIFY", true}, {2, "TC_ACT_SHOT", false},
                           {3, "TC_ACT_PIPE", true},       {4, "TC_ACT_STOLEN", false},
                           {5, "TC_ACT_QUEUED", false},    {6, "TC_ACT_REPEAT", true},
                           {7, "TC_ACT_REDIRECT", true},   {8, "TC_ACT_TRAP", false}};

constexpr Verdict kCgroup[] = {{0, "drop", false},
                               {1, "pass", true},
                               {2, "drop, congested", false},
                               {3, "pass, congested", true}};

std::span<const Verdict> verdicts(ProgramType type) {
  switch (type) {
    case ProgramType::xdp: return kXdp;
    case ProgramType::sched_cls:
    case ProgramType::sched_act: return kTc;
    case ProgramType::cgroup_skb: return kCgroup;
    default: return {};
  }
}

// Verdicts are 32 bits; what stands above them does not count.
const Verdict* find_verdict(ProgramType type, u64 r0) {
  for (const Verdict& verdict : verdicts(type)) {
    if (verdict.value == static_cast<i32>(r0)) return &verdict;
  }
  return nullptr;
}

}  // namespace

std::string verdict_name(ProgramType type, u64 r0) {
  if (type == ProgramType::socket_filter) {
    const u32 length = static_cast<u32>(r0);
    return length == 0 ? "drop" : length == ~0u ? "keep" : fmt::format("keep {} bytes", length);
  }
  if (const Verdict* verdict = find_verdict(type, r0)) return verdict->name;
  return verdicts(type).empty() ? "" : fmt::format("unknown verdict {}", static_cast<i32>(r0));
}

bool packet_survives(ProgramType type, u64 r0) {
  if (type == ProgramType::socket_filter) return static_cast<u32>(r0) != 0;
  const Verdict* verdict = find_verdict(type, r0);
  return verdict != nullptr ? verdict->survives : verdicts(type).empty();
}

std::string helper_name(i32 id) {
  const HelperProto* helper = id < 0 ? nullptr : find_helper(static_cast<u32>(id));
  return helper == nullptr ? "" : std::string(helper->name);
}

std::optional<i32> helper_number(std::string_view name) {
  if (name.starts_with("bpf_")) name.remove_prefix(4);
  const HelperProto* helper = find_helper(name);
  return helper == nullptr ? std::nullopt : std::optional(static_cast<i32>(helper->id));
}

std::string error_name(int error) {
  const int number = error < 0 ? -error : error;
  const char* name = strerrorname_np(number);
  if (name == nullptr)
    return number == 524 ? "ENOTSUPP (operation not supported)" : fmt::format("error {}", number);
  return fmt::format("{} ({})", name, strerrordesc_np(number));
}

}  // namespace skep
