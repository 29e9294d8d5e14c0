// KernelMap: a map that lives in the kernel, behind the interface of every map. The host's side
// only: programs in the kernel reach it themselves.
// Thread-safe as the kernel is; consume() is for one thread at a time.
// Tested by tests/kernel/map_test.cpp.
#pragma once

#include <span>
#include <vector>

#include "helpers/maps/map.h"
#include "kernel/struct_ops.h"
#include "kernel/syscall.h"

namespace skep {

// CPUs that per-CPU maps have values for: /sys/devices/system/cpu/possible.
u32 possible_cpus();

// Takes the operations of a struct_ops map away again, where no link does it.
int withdraw_operations(int map_fd);

// Memory of a file descriptor, mapped until this goes.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping();
  static Result<Mapping> make(int fd, u64 size, bool writable, u64 offset, std::string_view what);
  u8* data() const { return bytes_; }
  u64 size() const { return size_; }

 private:
  u8* bytes_ = nullptr;
  u64 size_ = 0;
};

struct KernelMapOptions {
  int btf_fd = -1;            // of the object, for the types of keys and values
  int inner_fd = -1;          // maps of maps: a map of the inner shape
  u32 kernel_value_type = 0;  // struct_ops: id in the kernel's BTF
};

class PerfBuffer;

class KernelMap final : public Map {
 public:
  ~KernelMap() override;
  static Result<std::unique_ptr<KernelMap>> create(const MapSpec& spec,
                                                   const KernelMapOptions& options);
  // A struct_ops map. Its operations go live when a Link attaches it.
  // `btf_fd`: the object's types, without which the kernel takes none.
  static Result<std::unique_ptr<KernelMap>> create_operations(const MapSpec& spec, StructOps ops,
                                                              int btf_fd);
  // A map that exists: by descriptor, by id, or pinned in a bpf file system.
  static Result<std::unique_ptr<KernelMap>> adopt(Fd fd);
  static Result<std::unique_ptr<KernelMap>> open_id(u32 id);
  static Result<std::unique_ptr<KernelMap>> open_pinned(const std::string& path);

  int fd() const { return fd_.get(); }
  u32 id() const { return id_; }
  Status pin(const std::string& path) const;
  Status freeze() const;
  // The values of a mmap-able array, in place.
  Result<Mapping> values() const;

  // Many elements at once. `position` is where to go on, empty at first; the number of elements
  // moved, or minus errno; -ENOENT with a count is the end.
  struct Batch {
    int error = 0;
    u32 count = 0;
  };
  Batch read_batch(std::span<u8> position, bool first, u8* keys, u8* values, u32 count,
                   bool erase) const;
  Batch write_batch(const u8* keys, const u8* values, u32 count, u64 flags) const;
  Batch erase_batch(const u8* keys, u32 count) const;

  u32 host_value_size() const override { return host_value_size_; }
  // Records of ring buffers, and of perf event arrays after open_events().
  u64 consume(const Sink& sink) override;
  // Perf event arrays: opens a ring of `bytes` for each CPU (perf_buffer.h).
  Status open_events(u64 bytes);
  // Records that perf buffers had no room for, as far as the kernel has told.
  u64 lost_events() const override;
  // Readable when there are records: for poll(2). Empty for maps without.
  std::vector<int> event_fds() const;
  // Puts a program or a map, by descriptor, into a slot.
  int set_slot(u32 index, int fd) const;
  // Operations: keeps the program of a member for publish().
  int set_operation(u32 member, int fd);
  // Operations: gives the kernel the value with all functions that were set.
  int publish() const;

 protected:
  int do_pop(u8* value) override;
  int do_peek(u8* value) override;
  int do_push(const u8* value, u64 flags) override;
  int do_read(const u8* key, u8* value, u64 flags) override;
  int do_read_and_erase(const u8* key, u8* value, u64 flags) override;
  int do_write(const u8* key, const u8* value, u64 flags) override;
  int do_erase(const u8* key) override;
  int do_next_key(const u8* key, u8* next) override;

 private:
  KernelMap(const MapSpec& spec, Fd fd);
  Status put_initial(const MapSpec& given) const;
  Status map_ring();

  u64 consume_ring(const Sink& sink);

  Fd fd_;
  u32 id_ = 0;
  u32 host_value_size_ = 0;
  StructOps ops_;     // of struct_ops alone
  Mapping consumer_;  // ring buffers: the page of the consumer position
  std::unique_ptr<PerfBuffer> events_;
  Mapping producer_;  // the page of the producer position, and the data twice
};

}  // namespace skep
