// Perf event arrays: for each CPU a ring of records, as if a reader had opened one and put its
// event into the CPU's slot. Programs write to their own CPU's.
//
// What there is room for, what is lost and when one learns of it is perf's: a record takes a header
// of 8 bytes, 4 bytes for its length, and padding to 8, which is part of the record as it arrives;
// one that does not fit is counted, and the next one that fits has that count in front of it, in 24
// more bytes. As in ring_buffer.cpp the data area is twice the size, so that each record is in one
// piece.
//
// Semantics: Linux 6.12 kernel/trace/bpf_trace.c, __bpf_perf_event_output; kernel/events/
// ring_buffer.c, __perf_output_begin. Tested by tests/helpers/map_perf_event_test.cpp and
// map_threads_test.cpp.
#include <algorithm>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

constexpr u64 kRingBytes = 64 * 4096;  // what readers usually ask for
constexpr u64 kHeader = 8;
constexpr u64 kLengthBytes = 4;
constexpr u64 kLostBytes = 24;         // a header, the event's id, the count
constexpr u64 kMaxFootprint = 0xffff;  // the header's length has 16 bits
constexpr u32 kIsLost = 1u << 31;      // in the first word of a record, else it is the length

// The length of a record as it arrives.
u64 padded(u64 size) {
  return ((size + kLengthBytes + 7) & ~u64{7}) - kLengthBytes;
}

class Ring {
 public:
  bool init(const Allocator& memory) {
    data_ = allocate_zeroed(memory, 2, kRingBytes);
    return data_ != nullptr;
  }

  int write(std::span<const u8> record) {
    const u64 length = padded(record.size());
    const u64 footprint = kHeader + kLengthBytes + length;
    if (footprint > kMaxFootprint) return kE2BIG;
    const u64 consumed = consumed_.load(std::memory_order_acquire);
    const Locked lock(producing_);
    u64 position = produced_.load(std::memory_order_relaxed);
    const u64 lost = lost_ != 0 ? kLostBytes : 0;
    if (position + lost + footprint - consumed > kRingBytes - 1) {
      ++lost_;
      return kENOSPC;
    }
    if (lost != 0) {
      store_shared<u32>(at(position), kIsLost);
      store_shared<u64>(at(position) + 16, std::exchange(lost_, 0));
      position += kLostBytes;
    }
    u8* to = at(position);
    store_shared<u32>(to, static_cast<u32>(length));
    u8* data = to + kHeader + kLengthBytes;
    copy_shared(data, record.data(), record.size());
    clear_shared(data + record.size(), length - record.size());
    produced_.store(position + footprint, std::memory_order_release);
    return 0;
  }

  // For one thread at a time. Adds to `lost` what the ring says was lost.
  u64 consume(const Map::Sink& sink, std::atomic<u64>& lost) {
    u64 records = 0;
    u64 position = consumed_.load(std::memory_order_relaxed);
    while (position != produced_.load(std::memory_order_acquire)) {
      const u8* record = at(position);
      const u32 word = load_shared<u32>(record);
      if (word == kIsLost) {
        lost += load_shared<u64>(record + 16);
        position += kLostBytes;
      } else {
        sink({record + kHeader + kLengthBytes, word});
        ++records;
        position += kHeader + kLengthBytes + word;
      }
      consumed_.store(position, std::memory_order_release);
    }
    return records;
  }

  std::atomic<bool> open{true};

 private:
  u8* at(u64 position) const { return data_.get() + position % kRingBytes; }

  Zeroed data_;
  alignas(64) Lock producing_;
  std::atomic<u64> produced_{0};
  u64 lost_ = 0;  // since the last record; of producing_
  alignas(64) std::atomic<u64> consumed_{0};
};

class PerfEventArray final : public Map {
 public:
  explicit PerfEventArray(const MapSpec& spec) : Map(spec), entries_(spec.max_entries) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    count_ = std::min(world.cpus, entries_);
    rings_.reset(new (std::nothrow) Ring[count_]);
    if (rings_ == nullptr) return false;
    for (u32 i = 0; i < count_; ++i) {
      if (!rings_[i].init(world.memory)) return false;
    }
    return true;
  }

  int emit(u32 index, u32 cpu, std::span<const u8> record) override {
    if (index >= entries_) return kE2BIG;
    if (index >= count_ || !rings_[index].open.load(std::memory_order_relaxed)) return kENOENT;
    if (index != cpu) return kEOPNOTSUPP;
    const int error = rings_[index].write(record);
    const Waker* waker = waker_.load(std::memory_order_acquire);
    if (error == 0 && waker != nullptr) waker->wake(waker->user);
    return error;
  }

  // CPU by CPU, each CPU's oldest first.
  u64 consume(const Sink& sink) override {
    if (!sink || consuming_.exchange(true, std::memory_order_acquire)) return 0;
    u64 records = 0;
    for (u32 i = 0; i < count_; ++i) records += rings_[i].consume(sink, lost_);
    consuming_.store(false, std::memory_order_release);
    return records;
  }

  u64 lost_events() const override { return lost_.load(std::memory_order_relaxed); }
  void set_waker(const Waker* waker) override { waker_.store(waker, std::memory_order_release); }

 protected:
  int do_read(const u8*, u8*, u64 flags) override { return flags != 0 ? kEINVAL : kENOTSUPP; }

  // There are no descriptors of events that could be put in.
  int do_write(const u8* key, const u8*, u64 flags) override {
    if (flags != update_flags::kAny) return kEINVAL;
    return index_of(key) < entries_ ? kEBADF : kE2BIG;
  }

  // Closes the CPU's ring for programs.
  int do_erase(const u8* key) override {
    const u32 index = index_of(key);
    if (index >= entries_) return kE2BIG;
    return index < count_ && rings_[index].open.exchange(false) ? 0 : kENOENT;
  }

  int do_next_key(const u8* key, u8* next) override { return next_index(key, next, entries_); }

 private:
  u32 entries_;
  u32 count_ = 0;
  std::unique_ptr<Ring[]> rings_;
  std::atomic<u64> lost_{0};
  std::atomic<const Waker*> waker_{nullptr};
  std::atomic<bool> consuming_{false};
};

}  // namespace

Result<std::unique_ptr<Map>> make_perf_event_array(const MapSpec& spec, const MapWorld& world) {
  return make_map<PerfEventArray>(spec, world);
}

}  // namespace skep
