// Rings of perf events: opened, mapped, and read between the positions that the kernel and we
// advance. Source: Linux include/uapi/linux/perf_event.h (struct perf_event_mmap_page,
// PERF_RECORD_SAMPLE, PERF_RECORD_LOST).

#include "kernel/perf_buffer.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace skep {
namespace {

struct LostRecord {
  perf_event_header head;
  u64 id, lost;
};

// What follows the header of a sample with PERF_SAMPLE_RAW alone.
constexpr u64 kRawSize = sizeof(u32);

int open_event(u32 cpu) {
  perf_event_attr attr{};
  attr.size = sizeof(attr);
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_BPF_OUTPUT;
  attr.sample_type = PERF_SAMPLE_RAW;
  attr.sample_period = 1;
  attr.wakeup_events = 1;
  const long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

std::unexpected<Error> refused(std::string_view what, const KernelMap& map, int error) {
  const char* hint = error == EACCES || error == EPERM
                         ? " (needs CAP_PERFMON; /proc/sys/kernel/perf_event_paranoid)"
                         : "";
  return fail<Code::kernel_refused>(what, map.spec().name, errno_text(error), hint);
}

}  // namespace

Result<PerfBuffer> PerfBuffer::open(KernelMap& map, u64 bytes) {
  const u64 page = static_cast<u64>(sysconf(_SC_PAGESIZE));
  const u64 data = std::bit_ceil(std::clamp<u64>(bytes, page, u64{1} << 30));
  PerfBuffer buffer;
  const u32 cpus = std::min(possible_cpus(), map.spec().max_entries);
  for (u32 cpu = 0; cpu < cpus; ++cpu) {
    const int fd = open_event(cpu);
    if (fd == -ENODEV) continue;  // possible, but not online
    if (fd < 0) return refused("opening a perf buffer for map", map, -fd);
    Ring ring {
      Fd(fd), TRY(Mapping::make(fd, page + data, true, 0, map.spec().name))
    };
    if (const int error = map.set_slot(cpu, fd); error < 0)
      return refused("filling map", map, -error);
    if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
      return refused("enabling the perf buffer of map", map, errno);
    buffer.rings_.push_back(std::move(ring));
  }
  return buffer;
}

u64 PerfBuffer::consume(const Map::Sink& sink) {
  u64 records = 0;
  for (const Ring& ring : rings_) records += consume_ring(ring, sink);
  return records;
}

u64 PerfBuffer::consume_ring(const Ring& ring, const Map::Sink& sink) {
  auto* const page = reinterpret_cast<perf_event_mmap_page*>(ring.memory.data());
  const u64 offset = page->data_offset, size = page->data_size;
  const u8* const data = ring.memory.data() + offset;
  u64 at = page->data_tail;
  u64 records = 0;
  while (at != __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE)) {
    // Records are multiples of 8, so a header never goes over the end.
    const u64 place = at & (size - 1);
    const auto* head = reinterpret_cast<const perf_event_header*>(data + place);
    const u64 length = head->size;
    if (length < sizeof(*head)) break;  // never from a kernel: no way on from here
    const u8* record = data + place;
    if (place + length > size) {
      whole_.assign(record, data + size);
      whole_.insert(whole_.end(), data, data + (length - (size - place)));
      record = whole_.data();
      head = reinterpret_cast<const perf_event_header*>(record);
    }
    if (head->type == PERF_RECORD_LOST && length >= sizeof(LostRecord)) {
      lost_ += reinterpret_cast<const LostRecord*>(record)->lost;
    } else if (head->type == PERF_RECORD_SAMPLE && length >= sizeof(*head) + kRawSize) {
      u32 bytes;
      std::memcpy(&bytes, record + sizeof(*head), sizeof(bytes));
      const u64 room = length - sizeof(*head) - kRawSize;
      sink({record + sizeof(*head) + kRawSize, std::min<u64>(bytes, room)});
      ++records;
    }
    at += length;
    __atomic_store_n(&page->data_tail, at, __ATOMIC_RELEASE);
  }
  return records;
}

std::vector<int> PerfBuffer::fds() const {
  std::vector<int> fds;
  for (const Ring& ring : rings_) fds.push_back(ring.event.get());
  return fds;
}

}  // namespace skep
