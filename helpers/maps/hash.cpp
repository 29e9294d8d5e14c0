// Hash maps and per-CPU hash maps. Buckets are chains of elements; readers take no lock.
//
// A writer holds its bucket's lock. It links a new element at the head; it replaces an element by
// another one in the same place, so that a reader sees the old value or the new one, whole; what it
// unlinked it gives back to the slab, which gives it out again, for any key and any bucket.
// So a reader may stand on an element while that moves to another chain. It can't be led out of the
// map, but to a wrong answer. Therefore a writer that unlinks counts that in the bucket's lock
// before it gives the element back, and a reader starts again if the count is not what it was
// before. Every load that may show a new life of an element is an acquire, every such store a
// release: who sees the new life sees the count.
//
// That is also the protocol for emitted code. What it doesn't give, and neither does the kernel:
// a value found may be recycled while the program still uses it.
//
// Semantics: Linux 6.12 kernel/bpf/hashtab.c, compared with a running 6.18.
// Tested by tests/helpers/map_script_test.cpp and map_threads_test.cpp.
#include <bit>
#include <thread>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"

namespace skep {
namespace {

// The head of a slot; the key, padded with zeros to words, and the value follow. A zeroed slot is
// a valid Element, and zeroed memory an array of empty Buckets.
struct Element {
  std::atomic<Element*> next;
  std::atomic<u32> hash;
  u32 slab_link;

  u8* key() { return reinterpret_cast<u8*>(this + 1); }
};
static_assert(sizeof(Element) == 16);

struct Bucket {
  std::atomic<Element*> head;
  Lock lock;
};
static_assert(sizeof(Bucket) == 16);

// Elements beyond max_entries, for replacing while the map is full: as many writers can do that at
// the same time before they wait for each other.
constexpr u32 kSpares = 16;
constexpr int kRetries = 8;

class HashMap final : public Map {
 public:
  explicit HashMap(const MapSpec& spec)
      : Map(spec),
        key_size_(spec.key_size),
        key_words_((spec.key_size + 7) / 8),
        stride_(value_stride(spec)),
        per_cpu_(spec.type == MapType::percpu_hash),
        preallocated_((spec.flags & map_flags::kNoPrealloc) == 0) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    cpus_ = per_cpu_ ? world.cpus : 1;
    seed_ = (spec().flags & map_flags::kZeroSeed) != 0 ? 0 : world.seed;
    mask_ = std::bit_ceil(spec().max_entries) - 1;
    value_at_ = sizeof(Element) + u64{key_words_} * 8;
    const u64 slot = value_at_ + stride_ * cpus_;
    const u32 slots = spec().max_entries + kSpares;
    if (cpus_ == 0 || (preallocated_ && slot > kMaxMapBytes / slots)) return false;
    if (!elements_.init(slots, slot, offsetof(Element, slab_link), preallocated_)) return false;
    buckets_memory_ = allocate_zeroed(u64{mask_} + 1, sizeof(Bucket));
    buckets_ = reinterpret_cast<Bucket*>(buckets_memory_.get());
    return buckets_ != nullptr;
  }

  u8* lookup(const u8* key, u32 cpu) override {
    if (!per_cpu_) cpu = 0;
    const u32 hash = hash_of(key);
    const Bucket& bucket = buckets_[hash & mask_];
    for (;;) {
      const u32 changes = bucket.lock.changes(std::memory_order_acquire);
      Element* element = find(bucket, hash, key);
      if (bucket.lock.changes(std::memory_order_relaxed) != changes) continue;
      return element != nullptr && cpu < cpus_ ? value(element, cpu) : nullptr;
    }
  }

  bool region_of(u64 address, Region& found) override {
    const u8* slot = elements_.slot_of(address);
    if (slot == nullptr) return false;
    const u64 offset = address - reinterpret_cast<u64>(slot) - value_at_;
    if (offset >= stride_ * cpus_ || offset % stride_ >= spec().value_size) return false;
    found = value_region(address - offset % stride_);
    return true;
  }

  u32 host_value_size() const override {
    return per_cpu_ ? static_cast<u32>(stride_ * cpus_) : spec().value_size;
  }

 protected:
  int do_update(const u8* key, const u8* value, u64 flags, u32 cpu) override {
    if (!per_cpu_) cpu = 0;
    return cpu < cpus_ ? put(key, {value, cpu, false}, flags) : kEINVAL;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    return put(key, {value, 0, per_cpu_}, flags);
  }

  int do_remove(const u8* key) override {
    const u32 hash = hash_of(key);
    Bucket& bucket = buckets_[hash & mask_];
    Element* gone = nullptr;
    {
      Locked lock(bucket.lock);
      std::atomic<Element*>& link = find_link(bucket, hash, key);
      gone = link.load(std::memory_order_relaxed);
      if (gone == nullptr) return kENOENT;
      link.store(gone->next.load(std::memory_order_relaxed), std::memory_order_release);
      lock.changed();
    }
    elements_.give(reinterpret_cast<u8*>(gone));
    count_.fetch_sub(1, std::memory_order_relaxed);
    return 0;
  }

  int do_read(const u8* key, u8* value) override {
    const u32 hash = hash_of(key);
    Bucket& bucket = buckets_[hash & mask_];
    const Locked lock(bucket.lock);  // else the copy could be of another key's value
    Element* element = find(bucket, hash, key);
    if (element == nullptr) return kENOENT;
    copy_shared(value, this->value(element, 0), host_value_size());
    return 0;
  }

  int do_next_key(const u8* key, u8* next) override {
    u32 index = 0;
    if (key != nullptr) {
      const u32 hash = hash_of(key);
      Bucket& bucket = buckets_[hash & mask_];
      const Locked lock(bucket.lock);
      if (Element* element = find(bucket, hash, key)) {
        if (give_key(element->next.load(std::memory_order_relaxed), next)) return 0;
        index = (hash & mask_) + 1;
        if (index > mask_) return kENOENT;
      }
    }
    for (; index <= mask_; ++index) {
      Bucket& bucket = buckets_[index];
      if (bucket.head.load(std::memory_order_relaxed) == nullptr) continue;
      const Locked lock(bucket.lock);
      if (give_key(bucket.head.load(std::memory_order_relaxed), next)) return 0;
    }
    return kENOENT;
  }

 private:
  // Where a value comes from: one value for one CPU, or one for each.
  struct Source {
    const u8* value;
    u32 cpu;
    bool all;
  };

  // Multiply, fold, and once more: the low bits, which choose the bucket, depend on all bits.
  u32 hash_of(const u8* key) const {
    u64 hash = seed_;
    for (u32 word = 0; word < key_words_; ++word) {
      hash = (hash ^ key_word(key, word)) * 0x9e37'79b9'7f4a'7c15;
      hash ^= hash >> 32;
    }
    hash *= 0xd6e8'feb8'6659'fd93;
    return static_cast<u32>(hash ^ hash >> 32);
  }

  u64 key_word(const u8* key, u32 word) const {
    return load_bytes(key + u64{word} * 8, key_size_ - u64{word} * 8);
  }

  bool has_key(Element* element, u32 hash, const u8* key) const {
    if (element->hash.load(std::memory_order_acquire) != hash) return false;
    for (u32 word = 0; word < key_words_; ++word) {
      if (load_shared<u64>(element->key() + u64{word} * 8, __ATOMIC_ACQUIRE) !=
          key_word(key, word)) {
        return false;
      }
    }
    return true;
  }

  Element* find(const Bucket& bucket, u32 hash, const u8* key) const {
    Element* element = bucket.head.load(std::memory_order_acquire);
    while (element != nullptr && !has_key(element, hash, key)) {
      element = element->next.load(std::memory_order_acquire);
    }
    return element;
  }

  // With the lock held: the link to the element of the key, or the last link of the chain.
  std::atomic<Element*>& find_link(Bucket& bucket, u32 hash, const u8* key) const {
    std::atomic<Element*>* link = &bucket.head;
    for (;;) {
      Element* element = link->load(std::memory_order_relaxed);
      if (element == nullptr || has_key(element, hash, key)) return *link;
      link = &element->next;
    }
  }

  int put(const u8* key, Source source, u64 flags) {
    if (flags > update_flags::kExist)
      return kEINVAL;  // BPF_F_LOCK, too: no value has a bpf_spin_lock
    // A program may change the key while we read it; then the copy has another hash.
    for (int retry = 0; retry < kRetries; ++retry) {
      const u32 hash = hash_of(key);
      Element* left_over = nullptr;
      const int error = put_once(key, hash, source, flags, left_over);
      if (left_over != nullptr) elements_.give(reinterpret_cast<u8*>(left_over));
      if (error != kEBUSY) return error;
    }
    return kEBUSY;
  }

  int put_once(const u8* key, u32 hash, Source source, u64 flags, Element*& left_over) {
    Bucket& bucket = buckets_[hash & mask_];
    Locked lock(bucket.lock);
    std::atomic<Element*>& link = find_link(bucket, hash, key);
    Element* old = link.load(std::memory_order_relaxed);
    if (old != nullptr && flags == update_flags::kNoExist) return kEEXIST;
    if (old == nullptr && flags == update_flags::kExist) return kENOENT;
    if (old != nullptr && per_cpu_) {
      store_value(old, source, false);
      return 0;
    }
    if (old == nullptr && !count_one()) return kE2BIG;
    int error = 0;
    Element* fresh = take(error);
    if (fresh != nullptr) {
      store_key(fresh, old != nullptr ? old->key() : key);
      if (hash_of(fresh->key()) == hash) {
        fresh->hash.store(hash, std::memory_order_release);
        store_value(fresh, source, true);
        replace(bucket, link, old, fresh);
        left_over = old;
        if (old != nullptr) lock.changed();
        return 0;
      }
      left_over = fresh;
      error = kEBUSY;
    }
    if (old == nullptr) count_.fetch_sub(1, std::memory_order_relaxed);
    return error;
  }

  static void replace(Bucket& bucket, std::atomic<Element*>& link, Element* old, Element* fresh) {
    if (old != nullptr) {
      fresh->next.store(old->next.load(std::memory_order_relaxed), std::memory_order_release);
      link.store(fresh, std::memory_order_release);
    } else {
      fresh->next.store(bucket.head.load(std::memory_order_relaxed), std::memory_order_release);
      bucket.head.store(fresh, std::memory_order_release);
    }
  }

  // Takes part of max_entries.
  bool count_one() {
    u32 count = count_.load(std::memory_order_relaxed);
    do {
      if (count >= spec().max_entries) return false;
    } while (!count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
    return true;
  }

  // An element to fill. Slots run short only while other threads hold spares; those wait for
  // nobody.
  Element* take(int& error) {
    for (;;) {
      Slab::Shortage why;
      if (u8* slot = elements_.take(why)) return reinterpret_cast<Element*>(slot);
      if (why == Slab::Shortage::Memory) {
        error = kENOMEM;
        return nullptr;
      }
      std::this_thread::yield();
    }
  }

  void store_key(Element* element, const u8* key) const {
    for (u32 word = 0; word < key_words_; ++word) {
      store_shared<u64>(element->key() + u64{word} * 8, key_word(key, word), __ATOMIC_RELEASE);
    }
  }

  // A new element of a per-CPU map is zero for the CPUs that it has no value for.
  void store_value(Element* element, Source source, bool fresh) const {
    if (source.all) {
      copy_shared(value(element, 0), source.value, stride_ * cpus_);
      return;
    }
    if (fresh && per_cpu_) clear_shared(value(element, 0), stride_ * cpus_);
    copy_shared(value(element, source.cpu), source.value, spec().value_size);
  }

  bool give_key(Element* element, u8* next) const {
    if (element != nullptr) copy_shared(next, element->key(), key_size_);
    return element != nullptr;
  }

  u8* value(Element* element, u32 cpu) const {
    return reinterpret_cast<u8*>(element) + value_at_ + cpu * stride_;
  }

  u32 key_size_;
  u32 key_words_;
  u32 mask_ = 0;
  u32 cpus_ = 1;
  u64 seed_ = 0;
  u64 stride_;        // of the value of one CPU
  u64 value_at_ = 0;  // offset in the slot
  bool per_cpu_;
  bool preallocated_;
  std::atomic<u32> count_{0};
  Slab elements_;
  Zeroed buckets_memory_;
  Bucket* buckets_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Map>> make_hash(const MapSpec& spec, const MapWorld& world) {
  return make_map<HashMap>(spec, world);
}

}  // namespace skep
