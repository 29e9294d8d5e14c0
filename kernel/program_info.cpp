// BPF_OBJ_GET_INFO_BY_FD of programs.

#include "kernel/program_info.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kernel/permission.h"
#include "kernel/syscall.h"

namespace skep {
namespace {

// struct bpf_prog_info of Linux include/uapi/linux/bpf.h. The kernel fills what it knows.
struct RawInfo {
  u32 type, id;
  u8 tag[8];
  u32 jited_length, xlated_length;
  u64 jited, xlated;
  u64 load_time;
  u32 uid, maps;
  u64 map_ids;
  char name[16];
  u32 ifindex, gpl;  // gpl: the lowest bit
  u64 netns_device, netns_inode;
  u32 ksyms, function_lengths;
  u64 ksym_addresses, function_length_values;
  u32 btf_id, func_info_size;
  u64 func_infos;
  u32 func_info_count, line_info_count;
  u64 line_infos, jited_line_infos;
  u32 jited_line_info_count, line_info_size, jited_line_info_size, tags;
  u64 tag_values;
  u64 run_nanoseconds, runs, recursion_misses;
  u32 verified_insns, attach_btf_object, attach_btf_id, pad;
};

Status get(int fd, RawInfo& raw) {
  InfoAttr attr{.fd = static_cast<u32>(fd), .size = sizeof(raw), .info = address_of(&raw)};
  const int error = bpf(BpfCommand::InfoByFd, attr);
  if (error < 0) {
    return fail<Code::kernel_refused>("information about", "a program",
                                      refusal_text(-error, kCapBpf), "");
  }
  return {};
}

}  // namespace

Status check_object(int fd, std::string_view kind) {
  char target[64];
  const std::string link = fmt::format("/proc/self/fd/{}", fd);
  const ssize_t size = readlink(link.c_str(), target, sizeof(target));
  if (size < 0) return fail<Code::kernel_refused>("reading", link, errno_text(errno), "");
  const std::string_view found(target, static_cast<std::size_t>(size));
  constexpr std::string_view kPrefix = "anon_inode:";
  if (found.starts_with(kPrefix) && found.substr(kPrefix.size()) == kind) return {};
  return fail<Code::kernel_refused>("opening a", kind, fmt::format("this is {}", found), "");
}

Result<ProgramInfo> program_info(int fd) {
  if (auto ok = check_object(fd, "bpf-prog"); !ok) return std::unexpected(std::move(ok).error());
  RawInfo raw{};
  if (auto ok = get(fd, raw); !ok) return std::unexpected(std::move(ok).error());
  ProgramInfo info;
  info.id = raw.id;
  info.type = static_cast<ProgramType>(raw.type);
  info.name = raw.name;
  std::ranges::copy(raw.tag, info.tag.begin());
  info.btf_id = raw.btf_id;
  info.gpl = (raw.gpl & 1) != 0;
  info.insns = raw.xlated_length / 8;
  info.jited_bytes = raw.jited_length;
  info.verified_insns = raw.verified_insns;
  info.loaded_at = raw.load_time;
  info.loaded_by = raw.uid;
  info.runs = raw.runs;
  info.run_nanoseconds = raw.run_nanoseconds;
  // Asked again, with room for the maps: the first answer has their number alone.
  info.map_ids.resize(raw.maps);
  RawInfo again{};
  again.maps = raw.maps;
  again.map_ids = address_of(info.map_ids.data());
  if (raw.maps == 0) return info;
  if (auto ok = get(fd, again); !ok) return std::unexpected(std::move(ok).error());
  return info;
}

}  // namespace skep
