// Attaching, one function a kind of place. Tested by tests/kernel/link_test.cpp.

#include "kernel/link.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>

#include "kernel/elf_symbol.h"
#include "kernel/netlink.h"
#include "kernel/permission.h"

namespace skep {

using At = Where::Kind;

namespace {

struct KindRow {
  At kind;
  std::string_view text;  // before the first colon
};
constexpr KindRow kKinds[] = {
    {At::Xdp, "xdp"},
    {At::TcxIngress, "tcx_ingress"},
    {At::TcxEgress, "tcx_egress"},
    {At::TcIngress, "tc_ingress"},
    {At::TcEgress, "tc_egress"},
    {At::Tracepoint, "tracepoint"},
    {At::RawTracepoint, "raw_tracepoint"},
    {At::Kprobe, "kprobe"},
    {At::Kretprobe, "kretprobe"},
    {At::Uprobe, "uprobe"},
    {At::Uretprobe, "uretprobe"},
    {At::PerfEvent, "perf_event"},
    {At::Cgroup, "cgroup"},
    {At::Netns, "netns"},
    {At::StructOps, "struct_ops"},
    {At::Iter, "iter"},
    {At::Tracing, "tracing"},
    {At::Lsm, "lsm"},
};

// enum bpf_attach_type, of the links that need one.
constexpr u32 kTraceIter = 28, kXdpAttach = 37, kPerfEventAttach = 41, kStructOpsAttach = 44,
              kTcxIngressAttach = 46, kTcxEgressAttach = 47;

std::string read_text(const std::string& path) {
  std::ifstream in(path);
  std::string text;
  std::getline(in, text);
  return text;
}

std::optional<u64> number_in(const std::string& path) {
  const std::string text = read_text(path);
  u64 value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::unexpected<Error> refused(std::string_view what, std::string_view where, std::string why) {
  return fail<Code::kernel_refused>(what, where, std::move(why), "");
}

Result<u32> interface_of(const std::string& name) {
  const u32 index = if_nametoindex(name.c_str());
  if (index == 0) return refused("attaching to interface", name, errno_text(errno));
  return index;
}

Result<Fd> create_link(LinkCreateAttr attr, std::string_view place, Capabilities needed) {
  const int fd = bpf(BpfCommand::LinkCreate, attr);
  if (fd < 0) return refused("attaching to", place, refusal_text(-fd, needed));
  return Fd(fd);
}

Result<Fd> open_event(perf_event_attr& attr, int pid, int cpu, std::string_view place) {
  attr.size = sizeof(attr);
  const long fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return refused("opening perf event", place, refusal_text(errno, kCapPerfmon));
  return Fd(static_cast<int>(fd));
}

// The event's file of tracefs, where that is mounted.
Result<std::string> event_id_path(const std::string& event) {
  bool hidden = false;
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    const std::string path = fmt::format("{}/events/{}/id", root, event);
    if (access(path.c_str(), R_OK) == 0) return path;
    hidden = hidden || errno == EACCES;
  }
  return refused("attaching to tracepoint", event,
                 hidden ? "this user may not read /sys/kernel/tracing (tracefs)"
                        : "no such event below /sys/kernel/tracing (is tracefs mounted?)");
}

}  // namespace

Result<Where> parse_where(std::string_view text) {
  const auto colon = text.find(':');
  const auto row = std::ranges::find(kKinds, text.substr(0, colon), &KindRow::text);
  if (row == std::end(kKinds) || colon == std::string_view::npos) {
    std::string kinds;
    for (const KindRow& known : kKinds) kinds += fmt::format(" {}", known.text);
    return fail<Code::bad_where>(text, kinds);
  }
  Where where{row->kind, std::string(text.substr(colon + 1)), ""};
  const bool two =
      row->kind == At::Uprobe || row->kind == At::Uretprobe || row->kind == At::PerfEvent;
  if (const auto last = where.target.rfind(':'); two && last != std::string::npos) {
    where.symbol = where.target.substr(last + 1);
    where.target.resize(last);
  }
  return where;
}

Result<Where> where_of(const Image& image) {
  switch (image.type) {
    case ProgramType::tracepoint: return Where{At::Tracepoint, image.attach_to, ""};
    case ProgramType::raw_tracepoint: return Where{At::RawTracepoint, image.attach_to, ""};
    case ProgramType::kprobe:
      return Where{image.section.starts_with("kret") ? At::Kretprobe : At::Kprobe, image.attach_to,
                   ""};
    case ProgramType::tracing:
      return Where{image.attach_type == kTraceIter ? At::Iter : At::Tracing, image.attach_to, ""};
    case ProgramType::lsm: return Where{At::Lsm, image.attach_to, ""};
    default:
      return fail<Code::bad_where>(image.section, " (this program does not say where; name it)");
  }
}

// The ways to attach, one function a kind.
class Attacher {
 public:
  Attacher(const KernelProgram& program, const Where& where) : program_(program), where_(where) {}

  Result<Link> attach() {
    switch (where_.kind) {
      case At::Xdp: return on_interface(kXdpAttach);
      case At::TcxIngress: return on_interface(kTcxIngressAttach);
      case At::TcxEgress: return on_interface(kTcxEgressAttach);
      case At::TcIngress: return classic_tc(false);
      case At::TcEgress: return classic_tc(true);
      case At::Tracepoint: return tracepoint();
      case At::RawTracepoint: return raw_tracepoint(where_.target.c_str());
      case At::Tracing:
      case At::Lsm: return raw_tracepoint(nullptr);  // the place is the program's own
      case At::Kprobe: return probe("kprobe", false);
      case At::Kretprobe: return probe("kprobe", true);
      case At::Uprobe: return probe("uprobe", false);
      case At::Uretprobe: return probe("uprobe", true);
      case At::PerfEvent: return perf_event();
      case At::Cgroup: return on_file(O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      case At::Netns: return on_file(O_RDONLY | O_CLOEXEC);
      case At::Iter: return iterator();
      case At::StructOps: break;
    }
    return fail<Code::bad_where>("struct_ops", " (attach its map, not a program)");
  }

 private:
  LinkCreateAttr link_attr(u32 target, u32 attach_type) const {
    return {
        .prog_fd = static_cast<u32>(program_.fd()), .target = target, .attach_type = attach_type};
  }

  Result<Link> on_interface(u32 attach_type) {
    Link link;
    const u32 ifindex = TRY(interface_of(where_.target));
    link.fds_.push_back(
        TRY(create_link(link_attr(ifindex, attach_type), where_.target, kCapNetAdmin)));
    return link;
  }

  Result<Link> classic_tc(bool egress) {
    Link link;
    TcFilter filter {
      .ifindex = TRY(interface_of(where_.target))
      , .egress = egress
    };
    if (auto ok = add_tc_filter(filter, program_.fd(), program_.image().name); !ok) {
      return std::unexpected(std::move(ok).error());
    }
    link.ifindex_ = filter.ifindex;
    link.parent_ = egress;
    link.handle_ = filter.handle;
    return link;
  }

  Result<Link> raw_tracepoint(const char* name) {
    RawTracepointAttr attr{.name = address_of(name), .prog_fd = static_cast<u32>(program_.fd())};
    const int fd = bpf(BpfCommand::RawTracepointOpen, attr);
    if (fd < 0) return refused("attaching to", where_.target, refusal_text(-fd, kCapPerfmon));
    Link link;
    link.fds_.push_back(Fd(fd));
    return link;
  }

  // Hangs the program on an event: by a link, or by ioctl before Linux 5.15.
  Status hang(Link& link, Fd event) {
    const int event_fd = event.get();
    LinkCreateAttr attr = link_attr(static_cast<u32>(event_fd), kPerfEventAttach);
    const int fd = bpf(BpfCommand::LinkCreate, attr);
    if (fd >= 0) {
      link.fds_.push_back(Fd(fd));
    } else if (fd != -EINVAL || ioctl(event_fd, PERF_EVENT_IOC_SET_BPF, program_.fd()) < 0) {
      return refused("attaching to", where_.target, errno_text(fd == -EINVAL ? errno : -fd));
    }
    if (ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
      return refused("enabling", where_.target, errno_text(errno));
    link.fds_.push_back(std::move(event));
    return {};
  }

  Result<Link> with_event(perf_event_attr& attr, int pid, int cpu) {
    Link link;
    if (auto ok = hang(link, TRY(open_event(attr, pid, cpu, where_.target))); !ok) {
      return std::unexpected(std::move(ok).error());
    }
    return link;
  }

  Result<Link> tracepoint() {
    const std::string path = TRY(event_id_path(where_.target));
    perf_event_attr attr{};
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = number_in(path).value_or(0);
    return with_event(attr, -1, 0);
  }

  Result<Link> probe(const std::string& pmu, bool at_return) {
    const std::string root = "/sys/bus/event_source/devices/" + pmu;
    const auto type = number_in(root + "/type");
    if (!type)
      return refused("attaching to", where_.target, fmt::format("this kernel has no {}s", pmu));
    perf_event_attr attr{};
    attr.type = static_cast<u32>(*type);
    attr.config = at_return ? 1 : 0;  // "config:0" in format/retprobe, on all kernels so far
    attr.config1 = address_of(where_.target.c_str());
    if (pmu == "uprobe") attr.config2 = TRY(symbol_offset(where_.target, where_.symbol));
    return with_event(attr, -1, 0);
  }

  // On each CPU: "cpu-clock" at a frequency.
  Result<Link> perf_event() {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config =
        where_.target == "task-clock" ? PERF_COUNT_SW_TASK_CLOCK : PERF_COUNT_SW_CPU_CLOCK;
    attr.freq = 1;
    u64 frequency = 99;
    std::from_chars(where_.symbol.data(), where_.symbol.data() + where_.symbol.size(), frequency);
    attr.sample_freq = frequency;
    Link link;
    for (u32 cpu = 0; cpu < possible_cpus(); ++cpu) {
      auto event = open_event(attr, -1, static_cast<int>(cpu), where_.target);
      if (!event) {
        if (cpu > 0) break;  // CPUs beyond those that are online
        return std::unexpected(std::move(event).error());
      }
      if (auto ok = hang(link, std::move(*event)); !ok)
        return std::unexpected(std::move(ok).error());
    }
    return link;
  }

  // A cgroup's folder, or a network namespace's file.
  Result<Link> on_file(int flags) {
    const Fd file(open(where_.target.c_str(), flags));
    if (!file) return refused("attaching to", where_.target, errno_text(errno));
    Link link;
    link.fds_.push_back(
        TRY(create_link(link_attr(static_cast<u32>(file.get()), program_.image().attach_type),
                        where_.target, kCapNetAdmin)));
    return link;
  }

  Result<Link> iterator() {
    Link link;
    link.fds_.push_back(TRY(create_link(link_attr(0, kTraceIter), where_.target, kCapPerfmon)));
    return link;
  }

  const KernelProgram& program_;
  const Where& where_;
};

Result<Link> Link::attach(const KernelProgram& program, const Where& where) {
  return Attacher(program, where).attach();
}

Result<Link> Link::attach_struct_ops(const KernelMap& map) {
  const std::string& name = map.spec().name;
  const bool has_link = (map.spec().flags & map_flags::kLink) != 0;
  const int error = map.publish();
  // The value is given once: links may come and go after that; without one, it is over with it.
  if (error < 0 && !(has_link && error == -EBUSY))
    return refused("giving the kernel the operations", name, errno_text(-error));
  Link link;
  if (has_link) {
    link.fds_.push_back(
        TRY(create_link({.prog_fd = static_cast<u32>(map.fd()), .attach_type = kStructOpsAttach},
                        name, kCapNetAdmin)));
    return link;
  }
  link.fds_.push_back(Fd(fcntl(map.fd(), F_DUPFD_CLOEXEC, 0)));
  link.registered_ = true;  // from the update on
  return link;
}

Link::~Link() {
  // Nothing can be said here if it fails: the device may be gone, and the filter with it.
  if (ifindex_ != 0)
    (void)delete_tc_filter({.ifindex = ifindex_, .egress = parent_ != 0, .handle = handle_});
  if (registered_) (void)withdraw_operations(fds_.front().get());
}

Status Link::pin(const std::string& path) const {
  const bool linked = !fds_.empty() && !registered_;
  if (!linked) return refused("pinning a link to", path, errno_text(EOPNOTSUPP));
  return pin_object("link", fd(), path);
}

Status Link::update(const KernelProgram& program) const {
  LinkUpdateAttr attr{.link_fd = static_cast<u32>(fd()),
                      .new_prog_fd = static_cast<u32>(program.fd())};
  const int error = bpf(BpfCommand::LinkUpdate, attr);
  if (error < 0) return refused("updating a link with", program.image().name, errno_text(-error));
  return {};
}

Result<std::string> Link::read_iterator() const {
  IterCreateAttr attr{.link_fd = static_cast<u32>(fd())};
  const int iterator = bpf(BpfCommand::IterCreate, attr);
  if (iterator < 0) return refused("creating", "an iterator", errno_text(-iterator));
  const Fd file(iterator);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = read(file.get(), buffer, sizeof(buffer))) != 0;) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return refused("reading", "an iterator", errno_text(errno));
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}

u32 Link::id() const {
  struct {
    u32 type, id, prog_id, pad[61];
  } info{};
  InfoAttr attr{.fd = static_cast<u32>(fd()), .size = sizeof(info), .info = address_of(&info)};
  return bpf(BpfCommand::InfoByFd, attr) < 0 ? 0 : info.id;
}

}  // namespace skep
