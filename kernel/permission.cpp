// The tables of capabilities, and what else may refuse.

#include "kernel/permission.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "kernel/syscall.h"

namespace skep {
namespace {

using Type = ProgramType;

// Linux 6.18 kernel/bpf/syscall.c: is_net_admin_prog_type, is_perfmon_prog_type.
constexpr Type kNetAdminPrograms[] = {
    Type::sched_cls,
    Type::sched_act,
    Type::xdp,
    Type::lwt_in,
    Type::lwt_out,
    Type::lwt_xmit,
    Type::lwt_seg6local,
    Type::sk_skb,
    Type::sk_msg,
    Type::flow_dissector,
    Type::cgroup_device,
    Type::cgroup_sock,
    Type::cgroup_sock_addr,
    Type::cgroup_sockopt,
    Type::cgroup_sysctl,
    Type::sock_ops,
    Type::ext,
    Type::netfilter,
};
constexpr Type kPerfmonPrograms[] = {
    Type::kprobe,
    Type::tracepoint,
    Type::perf_event,
    Type::raw_tracepoint,
    Type::raw_tracepoint_writable,
    Type::tracing,
    Type::lsm,
    Type::struct_ops,
    Type::ext,
};
// The same file, map_create.
constexpr MapType kNetAdminMaps[] = {MapType::sockmap, MapType::sockhash, MapType::devmap,
                                     MapType::devmap_hash, MapType::xskmap};

struct CapabilityName {
  Capabilities bit;
  const char* name;
};
constexpr CapabilityName kNames[] = {
    {kCapBpf, "CAP_BPF"},
    {kCapNetAdmin, "CAP_NET_ADMIN"},
    {kCapPerfmon, "CAP_PERFMON"},
    {kCapSysAdmin, "CAP_SYS_ADMIN"},
};

Capabilities effective() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return 0;
  return data[0].effective | u64{data[1].effective} << 32;
}

bool in_user_namespace() {
  constexpr ino_t kFirst = 0xeffffffd;  // PROC_USER_INIT_INO
  struct stat info{};
  return stat("/proc/self/ns/user", &info) == 0 && info.st_ino != kFirst;
}

bool under_filter() {
  constexpr int kFilter = 2;  // SECCOMP_MODE_FILTER
  return prctl(PR_GET_SECCOMP) == kFilter;
}

constexpr const char* kByFilter = "perhaps by the seccomp filter that this process runs under";

// Why, where all capabilities are there.
std::string other_reason(int error) {
  if (in_user_namespace()) {
    return "the capabilities of this process are those of a user namespace, where bpf(2) does not "
           "count them";
  }
  return error == EPERM && under_filter() ? kByFilter : "";
}

}  // namespace

Capabilities needed_for(ProgramType type) {
  Capabilities needed = kCapBpf;
  if (std::ranges::find(kNetAdminPrograms, type) != std::end(kNetAdminPrograms))
    needed |= kCapNetAdmin;
  if (std::ranges::find(kPerfmonPrograms, type) != std::end(kPerfmonPrograms))
    needed |= kCapPerfmon;
  return needed;
}

Capabilities needed_for(MapType type) {
  const bool net = std::ranges::find(kNetAdminMaps, type) != std::end(kNetAdminMaps);
  return net ? kCapBpf | kCapNetAdmin : kCapBpf;
}

Capabilities missing_of(Capabilities needed) {
  const Capabilities have = effective();
  return (have & kCapSysAdmin) != 0 ? 0 : needed & ~have;
}

std::string names_of(Capabilities set) {
  std::string names;
  for (const CapabilityName& row : kNames) {
    if ((set & row.bit) != 0) names += fmt::format("{}{}", names.empty() ? "" : " and ", row.name);
  }
  return names;
}

std::string refusal_text(int error, Capabilities needed) {
  std::string text = errno_text(error);
  if (error == ENOSYS && under_filter()) return fmt::format("{}: {}", text, kByFilter);
  if (error != EPERM && error != EACCES) return text;
  if (const Capabilities missing = missing_of(needed); missing != 0)
    return fmt::format("{}: this process lacks {}", text, names_of(missing));
  const std::string reason = other_reason(error);
  return reason.empty() ? text : fmt::format("{}: {}", text, reason);
}

}  // namespace skep
