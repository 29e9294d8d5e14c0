// The system call itself, and what its errors mean.

#include "kernel/syscall.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "kernel/permission.h"

namespace skep {

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

int bpf_raw(BpfCommand command, void* attr, u32 size) {
  // EAGAIN: the verifier was interrupted by a signal.
  for (int attempt = 0;; ++attempt) {
    const long result = syscall(SYS_bpf, static_cast<int>(command), attr, size);
    if (result >= 0) return static_cast<int>(result);
    if (errno != EAGAIN || command != BpfCommand::ProgLoad || attempt == 5) return -errno;
  }
}

Result<Fd> open_by_id(BpfCommand command, std::string_view what, u32 id) {
  IdAttr attr{.id = id};
  const int fd = bpf(command, attr);
  if (fd >= 0) return Fd(fd);
  return fail<Code::kernel_refused>(fmt::format("opening {}", what), fmt::format("id {}", id),
                                    refusal_text(-fd, kCapSysAdmin), "");
}

Result<Fd> open_pin(std::string_view what, const std::string& path) {
  ObjectAttr attr{.path = address_of(path.c_str())};
  const int fd = bpf(BpfCommand::ObjGet, attr);
  if (fd >= 0) return Fd(fd);
  return fail<Code::kernel_refused>(fmt::format("opening pinned {}", what), path,
                                    refusal_text(-fd, kCapBpf), "");
}

Status pin_object(std::string_view what, int fd, const std::string& path) {
  ObjectAttr attr{.path = address_of(path.c_str()), .fd = static_cast<u32>(fd)};
  const int error = bpf(BpfCommand::ObjPin, attr);
  if (error >= 0) return {};
  return fail<Code::kernel_refused>(fmt::format("pinning a {} to", what), path, errno_text(-error),
                                    "");
}

void set_name(char (&to)[16], std::string_view name) {
  const std::size_t size = std::min<std::size_t>(name.size(), sizeof(to) - 1);
  std::memset(to, 0, sizeof(to));
  for (std::size_t i = 0; i < size; ++i) {
    const char c = name[i];
    to[i] = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' ? c : '_';
  }
}

std::string errno_text(int error) {
  char text[128];
  const char* name = strerrorname_np(error);
  return fmt::format("{} ({})", name == nullptr ? "unknown error" : name,
                     strerror_r(error, text, sizeof(text)));
}

Status check_permission() {
  MapCreateAttr attr;
  attr.type = 2;  // an array of one element: what every kernel with bpf(2) has
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  const int fd = bpf(BpfCommand::MapCreate, attr);
  if (fd >= 0) {
    close(fd);
    return {};
  }
  const std::string why = refusal_text(-fd, kCapBpf);
  switch (-fd) {
    case ENOSYS: return fail<Code::no_kernel>(fmt::format("no bpf(2) here: {}", why));
    case EPERM: return fail<Code::no_kernel>(fmt::format("bpf(2) is refused: {}", why));
    default: return fail<Code::no_kernel>(fmt::format("bpf(2) fails: {}", why));
  }
}

}  // namespace skep
