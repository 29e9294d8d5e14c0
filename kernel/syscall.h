// bpf(2) without libbpf: the attributes of each command as plain structs of ours, and one call.
//
// Layouts are those of union bpf_attr (Linux include/uapi/linux/bpf.h up to 6.18); a kernel that
// knows fewer fields takes a longer struct as long as what it does not know is zero. Absent the
// syscall or the permission, calls fail with an error that says which.
// Tested by tests/kernel/map_test.cpp.
#pragma once

#include <span>
#include <string>

#include "isa/diagnostic.h"

namespace skep {

// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

enum class BpfCommand : int {
  MapCreate = 0,
  MapLookup = 1,
  MapUpdate = 2,
  MapDelete = 3,
  MapNextKey = 4,
  ProgLoad = 5,
  ObjPin = 6,
  ObjGet = 7,
  ProgAttach = 8,
  ProgDetach = 9,
  ProgTestRun = 10,
  ProgNextId = 11,
  MapNextId = 12,
  ProgFdById = 13,
  MapFdById = 14,
  InfoByFd = 15,
  ProgQuery = 16,
  RawTracepointOpen = 17,
  BtfLoad = 18,
  BtfFdById = 19,
  TaskFdQuery = 20,
  MapLookupAndDelete = 21,
  MapFreeze = 22,
  BtfNextId = 23,
  MapLookupBatch = 24,
  MapLookupAndDeleteBatch = 25,
  MapUpdateBatch = 26,
  MapDeleteBatch = 27,
  LinkCreate = 28,
  LinkUpdate = 29,
  LinkFdById = 30,
  LinkNextId = 31,
  EnableStats = 32,
  IterCreate = 33,
  LinkDetach = 34,
  ProgBindMap = 35,
};

// Pointers travel as 64 bits.
inline u64 address_of(const void* pointer) {
  return reinterpret_cast<u64>(pointer);
}

struct MapCreateAttr {
  u32 type = 0, key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  u32 inner_map_fd = 0, numa_node = 0;
  char name[16] = {};
  u32 ifindex = 0, btf_fd = 0, btf_key = 0, btf_value = 0, btf_vmlinux_value = 0;
  u64 extra = 0;
};

// Lookup, update, delete, next key (value is then the next key), freeze.
struct MapElementAttr {
  u32 map_fd = 0, pad = 0;
  u64 key = 0, value = 0, flags = 0;
};

struct MapBatchAttr {
  u64 in_batch = 0, out_batch = 0, keys = 0, values = 0;
  u32 count = 0, map_fd = 0;
  u64 elem_flags = 0, flags = 0;
};

struct ProgLoadAttr {
  u32 type = 0, insn_count = 0;
  u64 insns = 0, license = 0;
  u32 log_level = 0, log_size = 0;
  u64 log = 0;
  u32 kernel_version = 0, flags = 0;
  char name[16] = {};
  u32 ifindex = 0, expected_attach_type = 0, btf_fd = 0, func_info_size = 0;
  u64 func_info = 0;
  u32 func_info_count = 0, line_info_size = 0;
  u64 line_info = 0;
  u32 line_info_count = 0, attach_btf_id = 0, attach_fd = 0, core_relo_count = 0;
  u64 fd_array = 0, core_relos = 0;
  u32 core_relo_size = 0, log_true_size = 0;
};

struct ObjectAttr {  // pin, get
  u64 path = 0;
  u32 fd = 0, flags = 0;
};

struct ProgAttachAttr {  // attach, detach
  u32 target_fd = 0, prog_fd = 0, attach_type = 0, flags = 0, replace_fd = 0;
};

struct TestRunAttr {
  u32 prog_fd = 0, retval = 0, data_size_in = 0, data_size_out = 0;
  u64 data_in = 0, data_out = 0;
  u32 repeat = 0, duration = 0, ctx_size_in = 0, ctx_size_out = 0;
  u64 ctx_in = 0, ctx_out = 0;
  u32 flags = 0, cpu = 0, batch_size = 0, pad = 0;
};

struct IdAttr {  // next id, fd by id
  u32 id = 0, next_id = 0, open_flags = 0;
};

struct InfoAttr {
  u32 fd = 0, size = 0;
  u64 info = 0;
};

struct RawTracepointAttr {
  u64 name = 0;
  u32 prog_fd = 0, pad = 0;
  u64 cookie = 0;
};

struct BtfLoadAttr {
  u64 btf = 0, log = 0;
  u32 size = 0, log_size = 0, log_level = 0, log_true_size = 0;
};

// LinkCreate; `extra` is the part that depends on the attach type.
struct LinkCreateAttr {
  u32 prog_fd = 0, target = 0;  // target: fd or ifindex
  u32 attach_type = 0, flags = 0;
  u64 extra[4] = {};
};

struct LinkUpdateAttr {
  u32 link_fd = 0, new_prog_fd = 0, flags = 0, old_prog_fd = 0;
};

struct IterCreateAttr {
  u32 link_fd = 0, flags = 0;
};

// The raw call: at least 0, or minus errno. `attr` may be written to by the kernel.
int bpf_raw(BpfCommand command, void* attr, u32 size);
template <class Attr>
int bpf(BpfCommand command, Attr& attr) {
  return bpf_raw(command, &attr, sizeof(attr));
}

// What exists in the kernel, `what` being "map", "program" or "link": by its id, which needs
// CAP_SYS_ADMIN, or pinned in a bpf file system.
Result<Fd> open_by_id(BpfCommand command, std::string_view what, u32 id);
Result<Fd> open_pin(std::string_view what, const std::string& path);
Status pin_object(std::string_view what, int fd, const std::string& path);

// Copies a name as the kernel takes it: 15 characters, letters, digits, `_` and `.`.
void set_name(char (&to)[16], std::string_view name);

// Whether bpf(2) can be used at all: an error says what is missing (the syscall, CAP_BPF or root).
Status check_permission();

// An errno as text, "EPERM (operation not permitted)".
std::string errno_text(int error);

}  // namespace skep
