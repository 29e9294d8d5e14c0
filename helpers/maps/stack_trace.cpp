// Stack traces: each is kept in the bucket that its hash names, and that number is its id.
//
// There is no chain: two traces of one bucket push each other out, or the second is refused, as the
// program says. Programs add traces (bpf_get_stackid), the host reads, takes and deletes them.
//
// Semantics: Linux 6.12 kernel/bpf/stackmap.c, compared with a running 6.18.
// Tested by tests/helpers/stack_test.cpp and tests/kernel/stack_map_test.cpp.
#include <bit>

#include "helpers/maps/families.h"
#include "helpers/maps/slab.h"
#include "helpers/maps/stack_format.h"

namespace skep {
namespace {

// Jenkins' lookup3 over 32-bit words, which the kernel names jhash2. By Bob Jenkins, public domain.
u32 hash_words(const u32* words, u32 count) {
  u32 a = 0xdeadbeef + (count << 2), b = a, c = a;
  for (; count > 3; count -= 3, words += 3) {
    a += words[0], b += words[1], c += words[2];
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }
  if (count == 0) return c;
  if (count == 3) c += words[2];
  if (count >= 2) b += words[1];
  a += words[0];
  c ^= b, c -= std::rotl(b, 14);
  a ^= c, a -= std::rotl(c, 11);
  b ^= a, b -= std::rotl(a, 25);
  c ^= b, c -= std::rotl(b, 16);
  a ^= c, a -= std::rotl(c, 4);
  b ^= a, b -= std::rotl(a, 14);
  c ^= b, c -= std::rotl(b, 24);
  return c;
}

u32 hash_of(std::span<const u64> trace) {
  u32 words[2 * kMaxStackDepth];
  std::memcpy(words, trace.data(), trace.size_bytes());
  return hash_words(words, static_cast<u32>(2 * trace.size()));
}

class StackTraceMap final : public Map {
 public:
  explicit StackTraceMap(const MapSpec& spec)
      : Map(spec), build_ids_((spec.flags & map_flags::kStackBuildId) != 0) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    stride_ = sizeof(Bucket) + spec().value_size;
    buckets_ = std::bit_ceil(spec().max_entries);
    if (stride_ > kMaxMapBytes / buckets_) return false;
    bytes_ = allocate_zeroed(world.memory, buckets_, stride_);
    return bytes_ != nullptr;
  }

  i64 add_stack(std::span<const u64> trace, u64 flags) override {
    const u64 entry = stack_entry_size(build_ids_);
    if (trace.empty() || trace.size() > spec().value_size / entry) return kEFAULT;
    const u32 hash = hash_of(trace);
    const u32 id = hash & (buckets_ - 1);
    u8 data[kMaxStackDepth * sizeof(BuildIdEntry)];
    fill(trace, data);
    const Locked locked(lock_);
    Bucket& bucket = this->bucket(id);
    const bool same_hash = bucket.count != 0 && bucket.hash == hash;
    if (same_hash && (flags & stack_flags::kFastCompare) != 0) return id;
    const bool full = used_ == spec().max_entries;
    if (build_ids_ && full) return kENOMEM;  // it takes the room before it compares
    if (same_hash && bucket.count == trace.size() &&
        std::memcmp(bucket.data(), data, trace.size() * entry) == 0) {
      return id;
    }
    if (bucket.count != 0 && (flags & stack_flags::kReuse) == 0) return kEEXIST;
    if (full) return kENOMEM;
    used_ += bucket.count == 0;
    bucket.hash = hash;
    bucket.count = static_cast<u32>(trace.size());
    std::memcpy(bucket.data(), data, trace.size() * entry);
    return id;
  }

 protected:
  int do_read(const u8* key, u8* value, u64 flags) override {
    return flags != 0 ? kEINVAL : give(index_of(key), value, false);
  }

  // Since Linux 6.18.
  int do_read_and_erase(const u8* key, u8* value, u64 flags) override {
    return flags != 0 ? kEINVAL : give(index_of(key), value, true);
  }

  int do_write(const u8* /*key*/, const u8* /*value*/, u64 /*flags*/) override { return kEINVAL; }

  int do_erase(const u8* key) override {
    const u32 id = index_of(key);
    if (id >= buckets_) return kE2BIG;
    const Locked locked(lock_);
    if (bucket(id).count == 0) return kENOENT;
    empty(bucket(id));
    return 0;
  }

  int do_next_key(const u8* key, u8* next) override {
    const Locked locked(lock_);
    u32 id = key == nullptr ? 0 : index_of(key);
    if (key != nullptr) id = id < buckets_ && bucket(id).count != 0 ? id + 1 : 0;
    while (id < buckets_ && bucket(id).count == 0) ++id;
    if (id >= buckets_) return kENOENT;
    std::memcpy(next, &id, sizeof id);
    return 0;
  }

 private:
  struct Bucket {
    u32 count;  // of addresses; 0: empty
    u32 hash;
    u8* data() { return reinterpret_cast<u8*>(this + 1); }
  };

  int give(u32 id, u8* value, bool take) {
    const Locked locked(lock_);
    if (id >= buckets_ || bucket(id).count == 0) return kENOENT;
    Bucket& found = bucket(id);
    const u64 used = found.count * stack_entry_size(build_ids_);
    std::memcpy(value, found.data(), used);
    std::memset(value + used, 0, spec().value_size - used);
    if (take) empty(found);
    return 0;
  }

  // With the lock held.
  void empty(Bucket& bucket) {
    bucket.count = 0;
    --used_;
  }

  Bucket& bucket(u32 id) { return *reinterpret_cast<Bucket*>(bytes_.get() + id * stride_); }

  void fill(std::span<const u64> trace, u8* data) const {
    if (!build_ids_) {
      std::memcpy(data, trace.data(), trace.size_bytes());
      return;
    }
    for (std::size_t i = 0; i < trace.size(); ++i) {
      const BuildIdEntry entry{.ip = trace[i]};
      std::memcpy(data + i * sizeof entry, &entry, sizeof entry);
    }
  }

  bool build_ids_;
  u32 buckets_ = 0;
  u64 stride_ = 0;
  Zeroed bytes_;
  Lock lock_;
  u32 used_ = 0;
};

}  // namespace

Result<std::unique_ptr<Map>> make_stack_trace(const MapSpec& spec, const MapWorld& world) {
  return make_map<StackTraceMap>(spec, world);
}

}  // namespace skep
