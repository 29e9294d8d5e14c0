// Maps in the kernel: creation, elements, batches, memory, and the ring buffer's consumer.
// Tested by tests/kernel/map_test.cpp.

#include "kernel/map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <new>

#include "kernel/perf_buffer.h"
#include "kernel/permission.h"
#include "kernel/program_info.h"

namespace skep {
namespace {

constexpr u64 kPage = 4096;
// Ring buffer record headers (Linux include/uapi/linux/bpf.h, BPF_RINGBUF_*).
constexpr u32 kBusy = 1u << 31;
constexpr u32 kDiscarded = 1u << 30;
constexpr u32 kRecordHeader = 8;

bool is_per_cpu(MapType type) {
  return type == MapType::percpu_array || type == MapType::percpu_hash ||
         type == MapType::lru_percpu_hash || type == MapType::percpu_cgroup_storage;
}

// struct bpf_map_info, as far as it is wanted.
struct MapInfo {
  u32 type, id, key_size, value_size, max_entries, flags;
  char name[16];
  u32 ifindex, btf_vmlinux_value;
  u64 netns_dev, netns_ino;
  u32 btf_id, btf_key, btf_value, btf_vmlinux_id;
  u64 extra;
};

Result<MapInfo> info_of(int fd) {
  MapInfo info{};
  InfoAttr attr{.fd = static_cast<u32>(fd), .size = sizeof(info), .info = address_of(&info)};
  const int error = bpf(BpfCommand::InfoByFd, attr);
  if (error < 0)
    return fail<Code::kernel_refused>("information about a map", "", errno_text(-error), "");
  return info;
}

MapElementAttr element(int fd, const void* key, const void* value, u64 flags = 0) {
  return {static_cast<u32>(fd), 0, address_of(key), address_of(value), flags};
}

u64 round_up_8(u64 size) {
  return (size + 7) & ~u64{7};
}

}  // namespace

u32 possible_cpus() {
  char text[256] = {};
  const Fd file(open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC));
  if (!file || read(file.get(), text, sizeof(text) - 1) <= 0) return 1;
  // "0-3" or "0": the last number counts, CPUs are possible without holes in practice and the
  // kernel sizes values by the highest.
  const char* last = text + std::strcspn(text, "\n");
  const char* digits = last;
  while (digits > text && digits[-1] >= '0' && digits[-1] <= '9') --digits;
  u32 highest = 0;
  std::from_chars(digits, last, highest);
  return highest + 1;
}

int withdraw_operations(int map_fd) {
  const u32 key = 0;
  auto attr = element(map_fd, &key, nullptr);
  return bpf(BpfCommand::MapDelete, attr);
}

Mapping::~Mapping() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

Result<Mapping> Mapping::make(int fd, u64 size, bool writable, u64 offset, std::string_view what) {
  void* bytes = mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd,
                     static_cast<off_t>(offset));
  if (bytes == MAP_FAILED)
    return fail<Code::kernel_refused>("mapping", what, errno_text(errno), "");
  Mapping mapping;
  mapping.bytes_ = static_cast<u8*>(bytes);
  mapping.size_ = size;
  return mapping;
}

KernelMap::KernelMap(const MapSpec& spec, Fd fd) : Map(spec), fd_(std::move(fd)) {
  host_value_size_ = spec.value_size;
  if (is_per_cpu(spec.type)) {
    host_value_size_ = static_cast<u32>(round_up_8(spec.value_size) * possible_cpus());
  }
}

Result<std::unique_ptr<KernelMap>> KernelMap::create(const MapSpec& spec,
                                                     const KernelMapOptions& options) {
  MapCreateAttr attr;
  attr.type = static_cast<u32>(spec.type);
  attr.key_size = spec.key_size;
  attr.value_size = spec.value_size;
  attr.max_entries = spec.max_entries;
  attr.flags = spec.flags;
  attr.extra = spec.extra;
  if (options.inner_fd >= 0) attr.inner_map_fd = static_cast<u32>(options.inner_fd);
  set_name(attr.name, spec.name);
  attr.btf_vmlinux_value = options.kernel_value_type;
  const bool typed = spec.btf_value != 0 || options.kernel_value_type != 0;
  if (options.btf_fd >= 0 && typed) {
    attr.btf_fd = static_cast<u32>(options.btf_fd);
    attr.btf_key = spec.btf_key;
    attr.btf_value = spec.btf_value;
  }
  int fd = bpf(BpfCommand::MapCreate, attr);
  // Many types take no BTF, and older kernels less: as libbpf does.
  if (fd < 0 && attr.btf_fd != 0 && options.kernel_value_type == 0) {
    attr.btf_fd = attr.btf_key = attr.btf_value = 0;
    fd = bpf(BpfCommand::MapCreate, attr);
  }
  if (fd < 0)
    return fail<Code::kernel_refused>("creating map", spec.name,
                                      refusal_text(-fd, needed_for(spec.type)), "");
  std::unique_ptr<KernelMap> map(new (std::nothrow) KernelMap(spec, Fd(fd)));
  if (map == nullptr) return fail<Code::no_memory>("a map");
  if (const auto info = info_of(fd)) map->id_ = info->id;
  if (auto ok = map->put_initial(spec); !ok) return std::unexpected(std::move(ok).error());
  if (spec.type == MapType::ringbuf) {
    if (auto ok = map->map_ring(); !ok) return std::unexpected(std::move(ok).error());
  }
  return map;
}

Result<std::unique_ptr<KernelMap>> KernelMap::create_operations(const MapSpec& spec, StructOps ops,
                                                                int btf_fd) {
  MapSpec kernel_spec = without_contents(spec);
  kernel_spec.value_size = static_cast<u32>(ops.value.size());
  kernel_spec.btf_key = kernel_spec.btf_value = 0;
  auto map =
      TRY(KernelMap::create(kernel_spec, {.btf_fd = btf_fd, .kernel_value_type = ops.value_type}));
  map->ops_ = std::move(ops);
  return map;
}

Status KernelMap::put_initial(const MapSpec& given) const {
  if (!given.initial.empty()) {
    const u32 key = 0;
    auto attr = element(fd(), &key, given.initial.data());
    const int error = bpf(BpfCommand::MapUpdate, attr);
    if (error < 0)
      return fail<Code::kernel_refused>("first contents of map", spec().name, errno_text(-error),
                                        "");
  }
  return spec().frozen ? freeze() : Status();
}

Result<std::unique_ptr<KernelMap>> KernelMap::adopt(Fd fd) {
  if (auto ok = check_object(fd.get(), "bpf-map"); !ok)
    return std::unexpected(std::move(ok).error());
  const MapInfo info = TRY(info_of(fd.get()));
  MapSpec spec;
  spec.name = info.name;
  spec.type = static_cast<MapType>(info.type);
  spec.key_size = info.key_size;
  spec.value_size = info.value_size;
  spec.max_entries = info.max_entries;
  spec.flags = info.flags;
  spec.extra = info.extra;
  std::unique_ptr<KernelMap> map(new (std::nothrow) KernelMap(spec, std::move(fd)));
  if (map == nullptr) return fail<Code::no_memory>("a map");
  map->id_ = info.id;
  if (spec.type == MapType::ringbuf) {
    if (auto ok = map->map_ring(); !ok) return std::unexpected(std::move(ok).error());
  }
  return map;
}

Result<std::unique_ptr<KernelMap>> KernelMap::open_id(u32 id) {
  return adopt(TRY(open_by_id(BpfCommand::MapFdById, "map", id)));
}

Result<std::unique_ptr<KernelMap>> KernelMap::open_pinned(const std::string& path) {
  return adopt(TRY(open_pin("map", path)));
}

Status KernelMap::pin(const std::string& path) const {
  return pin_object("map", fd(), path);
}

Status KernelMap::freeze() const {
  auto attr = element(fd(), nullptr, nullptr);
  const int error = bpf(BpfCommand::MapFreeze, attr);
  if (error < 0)
    return fail<Code::kernel_refused>("freezing map", spec().name, errno_text(-error), "");
  return {};
}

Result<Mapping> KernelMap::values() const {
  const u64 size = round_up_8(spec().value_size) * spec().max_entries;
  const bool writable = !spec().frozen && (spec().flags & map_flags::kRdonly) == 0;
  return Mapping::make(fd(), (size + kPage - 1) / kPage * kPage, writable, 0, spec().name);
}

int KernelMap::do_read(const u8* key, u8* value, u64 flags) {
  auto attr = element(fd(), key, value, flags);
  return bpf(BpfCommand::MapLookup, attr);
}

int KernelMap::do_write(const u8* key, const u8* value, u64 flags) {
  auto attr = element(fd(), key, value, flags);
  return bpf(BpfCommand::MapUpdate, attr);
}

int KernelMap::do_erase(const u8* key) {
  auto attr = element(fd(), key, nullptr);
  return bpf(BpfCommand::MapDelete, attr);
}

int KernelMap::do_next_key(const u8* key, u8* next) {
  auto attr = element(fd(), key, next);
  return bpf(BpfCommand::MapNextKey, attr);
}

int KernelMap::do_read_and_erase(const u8* key, u8* value, u64 flags) {
  auto attr = element(fd(), key, value, flags);
  return bpf(BpfCommand::MapLookupAndDelete, attr);
}

int KernelMap::do_pop(u8* value) {
  return do_read_and_erase(nullptr, value, 0);
}
int KernelMap::do_peek(u8* value) {
  return do_read(nullptr, value, 0);
}
int KernelMap::do_push(const u8* value, u64 flags) {
  return do_write(nullptr, value, flags);
}

int KernelMap::publish() const {
  const u32 key = 0;
  auto attr = element(fd(), &key, ops_.value.data());
  return bpf(BpfCommand::MapUpdate, attr);
}

int KernelMap::set_operation(u32 member, int fd) {
  return ops_.set(member, fd) ? 0 : -ENOENT;
}

int KernelMap::set_slot(u32 index, int fd) const {
  const u32 value = static_cast<u32>(fd);
  auto attr = element(fd_.get(), &index, &value);
  return bpf(BpfCommand::MapUpdate, attr);
}

KernelMap::Batch KernelMap::read_batch(std::span<u8> position, bool first, u8* keys, u8* values,
                                       u32 count, bool erase) const {
  MapBatchAttr attr;
  attr.in_batch = first ? 0 : address_of(position.data());
  attr.out_batch = address_of(position.data());
  attr.keys = address_of(keys);
  attr.values = address_of(values);
  attr.count = count;
  attr.map_fd = static_cast<u32>(fd());
  const int error =
      bpf(erase ? BpfCommand::MapLookupAndDeleteBatch : BpfCommand::MapLookupBatch, attr);
  return {error, attr.count};
}

KernelMap::Batch KernelMap::write_batch(const u8* keys, const u8* values, u32 count,
                                        u64 flags) const {
  MapBatchAttr attr;
  attr.keys = address_of(keys);
  attr.values = address_of(values);
  attr.count = count;
  attr.map_fd = static_cast<u32>(fd());
  attr.elem_flags = flags;
  const int error = bpf(BpfCommand::MapUpdateBatch, attr);
  return {error, attr.count};
}

KernelMap::Batch KernelMap::erase_batch(const u8* keys, u32 count) const {
  MapBatchAttr attr;
  attr.keys = address_of(keys);
  attr.count = count;
  attr.map_fd = static_cast<u32>(fd());
  const int error = bpf(BpfCommand::MapDeleteBatch, attr);
  return {error, attr.count};
}

Status KernelMap::map_ring() {
  consumer_ = TRY(Mapping::make(fd(), kPage, true, 0, spec().name));
  producer_ =
      TRY(Mapping::make(fd(), kPage + 2 * u64{spec().max_entries}, false, kPage, spec().name));
  return {};
}

u64 KernelMap::consume_ring(const Sink& sink) {
  if (consumer_.data() == nullptr) return 0;
  u64* const consumed = reinterpret_cast<u64*>(consumer_.data());
  const u64* const produced = reinterpret_cast<const u64*>(producer_.data());
  const u8* const data = producer_.data() + kPage;
  const u64 mask = spec().max_entries - 1;
  u64 at = __atomic_load_n(consumed, __ATOMIC_RELAXED);
  u64 records = 0;
  while (at < __atomic_load_n(produced, __ATOMIC_ACQUIRE)) {
    const u8* const record = data + (at & mask);
    const u32 length = __atomic_load_n(reinterpret_cast<const u32*>(record), __ATOMIC_ACQUIRE);
    if (length & kBusy) break;  // reserved, not yet submitted
    const u32 size = length & ~(kBusy | kDiscarded);
    if (!(length & kDiscarded)) {
      sink({record + kRecordHeader, size});
      ++records;
    }
    at += round_up_8(u64{size} + kRecordHeader);
    __atomic_store_n(consumed, at, __ATOMIC_RELEASE);
  }
  return records;
}

KernelMap::~KernelMap() = default;

u64 KernelMap::consume(const Sink& sink) {
  return events_ != nullptr ? events_->consume(sink) : consume_ring(sink);
}

Status KernelMap::open_events(u64 bytes) {
  std::unique_ptr<PerfBuffer> events(new (std::nothrow)
                                         PerfBuffer(TRY(PerfBuffer::open(*this, bytes))));
  if (events == nullptr) return fail<Code::no_memory>("a perf buffer");
  events_ = std::move(events);
  return {};
}

u64 KernelMap::lost_events() const {
  return events_ == nullptr ? 0 : events_->lost();
}

std::vector<int> KernelMap::event_fds() const {
  if (events_ != nullptr) return events_->fds();
  return spec().type == MapType::ringbuf ? std::vector<int>{fd()} : std::vector<int>();
}

}  // namespace skep
