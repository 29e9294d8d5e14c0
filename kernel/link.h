// Links: programs attached to what makes them run. A Link detaches when it goes, unless pinned.
//
// Where names a place as the command line does: "xdp:veth0", "tcx_ingress:veth0",
// "tc_ingress:veth0", "tracepoint:sched/sched_switch", "raw_tracepoint:sys_enter",
// "kprobe:do_sys_open", "uprobe:/bin/bash:readline", "perf_event:cpu-clock:99",
// "cgroup:/sys/fs/cgroup/x", "netns:/proc/self/ns/net", "iter:task". Errors say what is missing:
// the device, the event, a kernel without kprobes. Tested by tests/kernel/link_test.cpp.
#pragma once

#include <vector>

#include "kernel/backend.h"

namespace skep {

struct Where {
  enum class Kind : u8 {
    Xdp,
    TcxIngress,
    TcxEgress,
    TcIngress,
    TcEgress,
    Tracepoint,
    RawTracepoint,
    Kprobe,
    Kretprobe,
    Uprobe,
    Uretprobe,
    PerfEvent,
    Cgroup,
    Netns,
    StructOps,
    Iter,
    Tracing,
    Lsm,
  };
  Kind kind{};
  // Device, event, function, file, folder. Of iterators, tracing and lsm the program has it too,
  // which is what counts.
  std::string target;
  std::string symbol;  // uprobes: function, or 0xOFFSET; perf events: frequency in Hz
};

// Reads the text form above.
Result<Where> parse_where(std::string_view text);
// What a program's section name says, where it names a place itself.
Result<Where> where_of(const Image& image);

class Link {
 public:
  Link(Link&& other) noexcept
      : fds_(std::move(other.fds_)),
        ifindex_(std::exchange(other.ifindex_, 0)),
        parent_(other.parent_),
        handle_(other.handle_),
        registered_(std::exchange(other.registered_, false)) {}
  Link& operator=(Link&&) = delete;
  ~Link();

  static Result<Link> attach(const KernelProgram& program, const Where& where);
  // struct_ops: the map's operations go live. Its functions are those that Vm::load() put there.
  // A map without BPF_F_LINK goes live once in its life.
  static Result<Link> attach_struct_ops(const KernelMap& map);

  // Keeps it attached after this is gone. Not for classic tc and operations without a link, which
  // have nothing to pin.
  Status pin(const std::string& path) const;
  // Puts another program in its place, where the kind allows it.
  Status update(const KernelProgram& program) const;
  // Iterators: what one walk writes.
  Result<std::string> read_iterator() const;
  u32 id() const;
  int fd() const { return fds_.empty() ? -1 : fds_.front().get(); }

 private:
  Link() = default;
  friend class Attacher;

  std::vector<Fd> fds_;  // the link first, then the events that it hangs on
  // Classic tc: the filter to delete.
  u32 ifindex_ = 0;
  u32 parent_ = 0;
  u32 handle_ = 0;
  bool registered_ = false;  // operations without a link: the first descriptor is their map
};

}  // namespace skep
