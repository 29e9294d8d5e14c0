// Ring buffers: many producers, one consumer, records of any size in the order of their
// reservation.
//
// A record is a header of 8 bytes (length, "busy" and "discarded" bits) and its data. Positions
// only grow; a record lies at its position modulo the size. A record that crosses the end must be
// in one piece for the program, so the data area is twice the size and such a record runs on into
// the second half, while its share of the first half's start stays unused. (The kernel maps the
// same pages twice to the same end.) What programs can see, that is when a reservation fails, the
// positions and the amounts, is the kernel's.
//
// Semantics: Linux 6.12 kernel/bpf/ringbuf.c, compared with a running 6.18.
// Tested by tests/helpers/map_ring_buffer_test.cpp and map_threads_test.cpp.
#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

constexpr u32 kBusy = 1u << 31,
              kDiscarded = 1u << 30;         // BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT
constexpr u64 kHeader = 8;                   // BPF_RINGBUF_HDR_SZ
constexpr u64 kMaxRecord = 0xffff'ffff / 4;  // RINGBUF_MAX_RECORD_SZ
enum WakeupFlag : u64 { kNoWakeup = 1, kForceWakeup = 2 };
enum Query : u64 { kAvailableData, kRingSize, kConsumerPosition, kProducerPosition };

// Bytes of a record with its header.
u64 footprint(u64 size) {
  return (size + kHeader + 7) & ~u64{7};
}

class RingBuffer final : public Map {
 public:
  explicit RingBuffer(const MapSpec& spec) : Map(spec), size_(spec.max_entries), mask_(size_ - 1) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    data_ = allocate_zeroed(world.memory, 2, size_);
    return data_ != nullptr;
  }

  u8* reserve(u64 size) override {
    if (size > kMaxRecord || footprint(size) > size_) return nullptr;
    const u64 consumed = consumed_.load(std::memory_order_acquire);
    const Locked lock(producing_);
    const u64 position = produced_.load(std::memory_order_relaxed);
    const u64 end = position + footprint(size);
    // The kernel also keeps the oldest busy record in place, as its consumer may claim any
    // position. Ours, consume(), never goes past a busy record.
    if (end - consumed > mask_) return nullptr;
    u8* header = at(position);
    store_shared<u32>(header, static_cast<u32>(size) | kBusy);
    produced_.store(end, std::memory_order_release);
    return header + kHeader;
  }

  void commit(u8* record, bool discard, u64 flags) override {
    const u64 offset = static_cast<u64>(record - kHeader - data_.get());
    if (offset >= size_ || offset % 8 != 0) return;
    const u32 length = load_shared<u32>(at(offset));
    if ((length & kBusy) == 0) return;
    store_shared<u32>(at(offset), (length & ~kBusy) | (discard ? kDiscarded : 0), __ATOMIC_SEQ_CST);
    // Only a consumer that has read all before this record can be asleep. We finish the record and
    // look at its position, it moves its position and looks at the record: one of us must see the
    // other, hence the sequential consistency here and in consume().
    const bool waited_for = (consumed_.load() & mask_) == offset;
    if ((flags & kForceWakeup) != 0 || (waited_for && (flags & kNoWakeup) == 0)) wake();
  }

  int output(std::span<const u8> record, u64 flags) override {
    if ((flags & ~u64{kNoWakeup | kForceWakeup}) != 0) return kEINVAL;
    u8* to = reserve(record.size());
    if (to == nullptr) return kEAGAIN;
    copy_shared(to, record.data(), record.size());
    commit(to, false, flags);
    return 0;
  }

  u64 query(u64 what) override {
    const u64 consumed = consumed_.load(std::memory_order_acquire);
    const u64 produced = produced_.load(std::memory_order_acquire);
    switch (what) {
      case kAvailableData: return produced - consumed;
      case kRingSize: return size_;
      case kConsumerPosition: return consumed;
      case kProducerPosition: return produced;
      default: return 0;
    }
  }

  u64 consume(const Sink& sink) override {
    if (!sink || consuming_.exchange(true, std::memory_order_acquire)) return 0;
    u64 records = 0;
    u64 position = consumed_.load(std::memory_order_relaxed);
    while (position != produced_.load()) {
      const u8* header = at(position);
      const u32 length = load_shared<u32>(header, __ATOMIC_SEQ_CST);
      if ((length & kBusy) != 0) break;
      const u64 size = length & ~kDiscarded;
      if ((length & kDiscarded) == 0) {
        sink({header + kHeader, size});
        ++records;
      }
      position += footprint(size);
      consumed_.store(position);
    }
    consuming_.store(false, std::memory_order_release);
    return records;
  }

  void set_waker(const Waker* waker) override { waker_.store(waker, std::memory_order_release); }

 protected:
  int do_update(const u8*, const u8*, u64, u32) override { return kENOTSUPP; }
  int do_remove(const u8*) override { return kENOTSUPP; }
  int do_read(const u8*, u8*, u64 flags) override { return flags != 0 ? kEINVAL : kENOTSUPP; }
  int do_write(const u8*, const u8*, u64) override { return kENOTSUPP; }
  int do_next_key(const u8*, u8*) override { return kENOTSUPP; }

 private:
  u8* at(u64 position) const { return data_.get() + (position & mask_); }

  void wake() const {
    const Waker* waker = waker_.load(std::memory_order_acquire);
    if (waker != nullptr) waker->wake(waker->user);
  }

  u64 size_;
  u64 mask_;
  Zeroed data_;
  std::atomic<const Waker*> waker_{nullptr};
  alignas(64) Lock producing_;
  std::atomic<u64> produced_{0};
  alignas(64) std::atomic<u64> consumed_{0};
  std::atomic<bool> consuming_{false};
};

}  // namespace

Result<std::unique_ptr<Map>> make_ring_buffer(const MapSpec& spec, const MapWorld& world) {
  return make_map<RingBuffer>(spec, world);
}

}  // namespace skep
