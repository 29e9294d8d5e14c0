// Bloom filters: bits that values set, so that one learns of a value that it was never put in, or
// may have been. As many bits and as many of them for each value as in the kernel; which ones is
// another matter, and so is which values seem to be in and are not.
//
// Semantics: Linux 6.12 kernel/bpf/bloom_filter.c, compared with a running 6.18.
// Tested by tests/helpers/map_script_test.cpp and map_redirect_test.cpp.
#include <algorithm>
#include <bit>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

class BloomFilter final : public Map {
 public:
  explicit BloomFilter(const MapSpec& spec)
      : Map(spec), bits_each_(spec.extra != 0 ? static_cast<u32>(spec.extra) : 5) {}

  // n values of k bits are best in n * k / ln 2 bits; the kernel takes 7 / 5 for 1 / ln 2.
  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    seed_ = (spec().flags & map_flags::kZeroSeed) != 0 ? 0 : world.seed;
    const u64 bits = u64{spec().max_entries} * bits_each_ / 5 * 7;
    mask_ = bits > 1ull << 31 ? 0xffff'ffff : std::bit_ceil(std::max<u64>(bits, 64)) - 1;
    words_ = allocate_zeroed(world.memory, mask_ / 64 + 1, sizeof(u64));
    return words_ != nullptr;
  }

 protected:
  int do_push(const u8* value, u64 flags) override {
    if (flags != update_flags::kAny) return kEINVAL;
    u64 hash = hash_of(value);
    for (u32 i = 0; i < bits_each_; ++i, hash = next(hash)) {
      __atomic_fetch_or(word_of(hash), bit_of(hash), __ATOMIC_RELAXED);
    }
    return 0;
  }

  int do_peek(u8* value) override {
    u64 hash = hash_of(value);
    for (u32 i = 0; i < bits_each_; ++i, hash = next(hash)) {
      if ((__atomic_load_n(word_of(hash), __ATOMIC_RELAXED) & bit_of(hash)) == 0) return kENOENT;
    }
    return 0;
  }

  int do_update(const u8*, const u8*, u64, u32) override { return kEINVAL; }
  int do_remove(const u8*) override { return kEOPNOTSUPP; }
  int do_next_key(const u8*, u8*) override { return kEOPNOTSUPP; }
  int do_read(const u8*, u8* value, u64 flags) override {
    return flags != 0 ? kEINVAL : do_peek(value);
  }
  int do_write(const u8*, const u8* value, u64 flags) override { return do_push(value, flags); }

 private:
  u64* word_of(u64 hash) const {
    return reinterpret_cast<u64*>(words_.get()) + (hash >> 32 & mask_) / 64;
  }
  static u64 bit_of(u64 hash) { return u64{1} << (hash >> 32 & 63); }

  static u64 next(u64 hash) {
    hash = (hash ^ hash >> 29) * 0xbf58'476d'1ce4'e5b9;
    return hash ^ hash >> 32;
  }
  u64 hash_of(const u8* value) const {
    u64 hash = seed_ + 0x9e37'79b9'7f4a'7c15;
    for (u64 at = 0; at < spec().value_size; at += 8) {
      hash = next(hash ^ load_bytes(value + at, spec().value_size - at));
    }
    return next(hash);
  }

  u32 bits_each_;
  u64 mask_ = 0;
  u64 seed_ = 0;
  Zeroed words_;
};

}  // namespace

Result<std::unique_ptr<Map>> make_bloom_filter(const MapSpec& spec, const MapWorld& world) {
  return make_map<BloomFilter>(spec, world);
}

}  // namespace skep
