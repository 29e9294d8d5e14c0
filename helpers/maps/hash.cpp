// Hash maps, per-CPU hash maps, and those that evict what was not used lately (LRU). Buckets are
// chains of elements; readers take no lock.
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
// Eviction. How lately an element was used is a number in the upper two bits of its `hash`: a
// lookup by a program, emitted code too, sets both bits, if they are not, by an atomic or: late
// bits on an element that has a new life make that seem used, no more. New elements begin with 2,
// an update makes 3. When a map is full, a hand goes around over its slots, makes each number one
// less, and takes the first that it finds at 1: who was used since the hand came by last survives.
// 0 is what slots have that hold nothing. Each CPU's elements are a share with a hand of its own if
// BPF_F_NO_COMMON_LRU says so. The kernel's victims are others, by the same idea.
//
// Semantics: Linux 6.12 kernel/bpf/hashtab.c, compared with a running 6.18.
// Tested by tests/helpers/map_script_test.cpp and map_threads_test.cpp.
#include <algorithm>
#include <bit>
#include <thread>

#include "helpers/maps/families.h"
#include "helpers/maps/shared.h"
#include "helpers/maps/slab.h"
#include "helpers/maps/value_fields.h"

namespace skep {
namespace {

// The head of a slot; the key, padded with zeros to words, and the value follow. A zeroed slot is
// a valid Element, and zeroed memory an array of empty Buckets.
struct Element {
  std::atomic<Element*> next;
  std::atomic<u32> hash;  // and use: hash | use << 30
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

constexpr u32 kHashBits = (1u << 30) - 1;
constexpr u32 kOneUse = kHashBits + 1;
enum Use : u32 { kUnused, kCold, kFresh, kUsed };

// The elements that are counted together, and evicted for each other.
struct alignas(64) Share {
  Slab elements;
  u32 capacity = 0;
  std::atomic<u32> count{0};
  std::atomic<u32> hand{0};
};

class HashMap final : public Map {
 public:
  explicit HashMap(const MapSpec& spec)
      : Map(spec),
        key_size_(spec.key_size),
        key_words_((spec.key_size + 7) / 8),
        stride_(value_stride(spec)),
        per_cpu_(spec.type == MapType::percpu_hash || spec.type == MapType::lru_percpu_hash),
        evicts_(spec.type == MapType::lru_hash || spec.type == MapType::lru_percpu_hash),
        preallocated_((spec.flags & map_flags::kNoPrealloc) == 0) {}

  bool init(const MapSpec& /*spec*/, const MapWorld& world) {
    cpus_ = per_cpu_ ? world.cpus : 1;
    seed_ = (spec().flags & map_flags::kZeroSeed) != 0 ? 0 : world.seed;
    mask_ = std::bit_ceil(spec().max_entries) - 1;
    value_at_ = sizeof(Element) + u64{key_words_} * 8;
    if (cpus_ == 0 || !make_shares(world)) return false;
    buckets_memory_ = allocate_zeroed(world.memory, u64{mask_} + 1, sizeof(Bucket));
    buckets_ = reinterpret_cast<Bucket*>(buckets_memory_.get());
    return buckets_ != nullptr;
  }

  u8* lookup(const u8* key, u32 cpu) override { return find_value(key, cpu, true); }
  u8* visit(const u8* key, u32 cpu) override { return find_value(key, cpu, false); }

  bool region_of(u64 address, Region& found) override {
    const u8* slot = slot_of(address);
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
    return !per_cpu_ || cpu < cpus_ ? put(key, {value, cpu}, flags) : kEINVAL;
  }

  int do_write(const u8* key, const u8* value, u64 flags) override {
    return put(key, {value, kHost}, flags);
  }

  int do_remove(const u8* key) override { return take_out(key, nullptr, 0); }

  int do_read_and_erase(const u8* key, u8* value, u64 flags) override {
    if (flags != 0 && !fields_.has_lock()) return kEINVAL;
    return try_until_unlocked([&] { return take_out(key, value, flags); });
  }

  int do_read(const u8* key, u8* value, u64 flags) override {
    if (flags != 0 && !fields_.has_lock()) return kEINVAL;
    const u32 hash = hash_of(key);
    Bucket& bucket = buckets_[hash & mask_];
    return try_until_unlocked([&] {
      const Locked lock(bucket.lock);  // else the copy could be of another key's value
      Element* element = find(bucket, hash, key);
      return element != nullptr ? load_value(value, element, flags) : kENOENT;
    });
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
  static constexpr u32 kHost = 0xffff'ffff;
  struct Source {
    const u8* value;
    u32 cpu;  // kHost: of per-CPU maps the values of all
  };

  // `counts`: as a use of the element.
  u8* find_value(const u8* key, u32 cpu, bool counts) {
    if (!per_cpu_) cpu = 0;
    const u32 hash = hash_of(key);
    const Bucket& bucket = buckets_[hash & mask_];
    for (;;) {
      const u32 changes = bucket.lock.changes(std::memory_order_acquire);
      Element* element = find(bucket, hash, key);
      if (bucket.lock.changes(std::memory_order_relaxed) != changes) continue;
      if (element == nullptr || cpu >= cpus_) return nullptr;
      if (evicts_ && counts) mark_used(element);
      return value(element, cpu);
    }
  }

  u8* slot_of(u64 address) const {
    for (const Share& share : shares()) {
      if (u8* slot = share.elements.slot_of(address)) return slot;
    }
    return nullptr;
  }

  std::span<Share> shares() const { return {shares_.get(), share_count_}; }

  bool make_shares(const MapWorld& world) {
    const bool each = evicts_ && (spec().flags & map_flags::kNoCommonLru) != 0;
    share_count_ = each ? world.cpus : 1;
    shares_.reset(new (std::nothrow) Share[share_count_]);
    if (shares_ == nullptr) return false;
    const u64 slot = value_at_ + stride_ * cpus_;
    const u32 capacity =
        static_cast<u32>((u64{spec().max_entries} + share_count_ - 1) / share_count_);
    const u32 slots = capacity + kSpares;
    if (preallocated_ && slot > kMaxMapBytes / (u64{slots} * share_count_)) return false;
    for (Share& share : shares()) {
      share.capacity = capacity;
      if (!share.elements.init(world.memory, slots, slot, offsetof(Element, slab_link),
                               preallocated_))
        return false;
    }
    return true;
  }

  // Where a new element belongs. The host is on no CPU: it takes the emptiest.
  Share& share_for(const Source& source) const {
    if (share_count_ == 1) return shares_[0];
    if (source.cpu != kHost) return shares_[source.cpu % share_count_];
    return *std::ranges::min_element(shares(), {}, [](const Share& share) {
      return share.count.load(std::memory_order_relaxed);
    });
  }

  Share& share_of(const Element* element) const {
    const u64 address = reinterpret_cast<u64>(element);
    for (Share& share : shares()) {
      if (share_count_ == 1 || share.elements.slot_of(address) != nullptr) return share;
    }
    return shares_[0];
  }

  static void mark_used(Element* element) {
    if (element->hash.load(std::memory_order_relaxed) < kUsed * kOneUse) {
      element->hash.fetch_or(kUsed * kOneUse, std::memory_order_relaxed);
    }
  }

  // Of an element that is in no chain.
  void give_back(Element* element) const {
    if (evicts_) element->hash.fetch_and(kHashBits, std::memory_order_relaxed);
    share_of(element).elements.give(reinterpret_cast<u8*>(element));
  }

  // Makes room for one element. False if all are about to get in or out.
  bool evict(Share& share) {
    const u64 used = share.elements.used();
    for (u64 step = 0; step < 4 * used; ++step) {
      const u64 at = share.hand.fetch_add(1, std::memory_order_relaxed) % used;
      auto* element = reinterpret_cast<Element*>(share.elements.slot_at(static_cast<u32>(at)));
      u32 word = element->hash.load(std::memory_order_relaxed);
      if (word / kOneUse > kCold) {
        element->hash.compare_exchange_weak(word, word - kOneUse, std::memory_order_relaxed);
      } else if (word / kOneUse == kCold && unlink(element, word)) {
        give_back(element);
        share.count.fetch_sub(1, std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }

  // Takes the element out of its chain, if it is there and was not used since it had this `hash`.
  bool unlink(Element* element, u32 word) {
    Bucket& bucket = buckets_[word & mask_];
    Locked lock(bucket.lock);
    std::atomic<Element*>* link = &bucket.head;
    Element* found = link->load(std::memory_order_relaxed);
    while (found != nullptr && found != element) {
      link = &found->next;
      found = link->load(std::memory_order_relaxed);
    }
    if (found == nullptr || element->hash.load(std::memory_order_relaxed) != word) return false;
    link->store(element->next.load(std::memory_order_relaxed), std::memory_order_release);
    lock.changed();
    return true;
  }

  // Unlinks the key's element, and copies its value unless `value` is null.
  int take_out(const u8* key, u8* value, u64 flags) {
    const u32 hash = hash_of(key);
    Bucket& bucket = buckets_[hash & mask_];
    Element* gone = nullptr;
    {
      Locked lock(bucket.lock);
      std::atomic<Element*>& link = find_link(bucket, hash, key);
      gone = link.load(std::memory_order_relaxed);
      if (gone == nullptr) return kENOENT;
      if (value != nullptr && load_value(value, gone, flags) != 0) return kLockBusy;
      link.store(gone->next.load(std::memory_order_relaxed), std::memory_order_release);
      lock.changed();
    }
    share_of(gone).count.fetch_sub(1, std::memory_order_relaxed);
    give_back(gone);
    return 0;
  }

  // Multiply, fold, and once more: the low bits, which choose the bucket, depend on all bits.
  u32 hash_of(const u8* key) const {
    u64 hash = seed_;
    for (u32 word = 0; word < key_words_; ++word) {
      hash = (hash ^ key_word(key, word)) * 0x9e37'79b9'7f4a'7c15;
      hash ^= hash >> 32;
    }
    hash *= 0xd6e8'feb8'6659'fd93;
    return static_cast<u32>(hash ^ hash >> 32) & kHashBits;
  }

  u64 key_word(const u8* key, u32 word) const {
    return load_bytes(key + u64{word} * 8, key_size_ - u64{word} * 8);
  }

  bool has_key(Element* element, u32 hash, const u8* key) const {
    if ((element->hash.load(std::memory_order_acquire) & kHashBits) != hash) return false;
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
    if ((flags & ~update_flags::kLock) > update_flags::kExist) return kEINVAL;
    if ((flags & update_flags::kLock) != 0 && !fields_.has_lock()) return kEINVAL;
    Share& share = share_for(source);
    return try_until_unlocked([&] { return put_in(share, key, source, flags); });
  }

  int put_in(Share& share, const u8* key, Source source, u64 flags) {
    // A program may change the key while we read it; then the copy has another hash.
    for (int retry = 0; retry < kRetries;) {
      const u32 hash = hash_of(key);
      Element* left_over = nullptr;
      const int error = put_once(share, key, hash, source, flags, left_over);
      if (left_over != nullptr) give_back(left_over);
      if (error == kE2BIG && evicts_) {
        if (!evict(share)) std::this_thread::yield();
      } else if (error != kEBUSY) {
        return error;
      } else {
        ++retry;
      }
    }
    return kEBUSY;
  }

  int put_once(Share& share, const u8* key, u32 hash, Source source, u64 flags,
               Element*& left_over) {
    const u64 condition = flags & ~update_flags::kLock;
    Bucket& bucket = buckets_[hash & mask_];
    Locked lock(bucket.lock);
    std::atomic<Element*>& link = find_link(bucket, hash, key);
    Element* old = link.load(std::memory_order_relaxed);
    if (old != nullptr && condition == update_flags::kNoExist) return kEEXIST;
    if (old == nullptr && condition == update_flags::kExist) return kENOENT;
    if (old != nullptr && per_cpu_) {
      store_value(old, source, false);
      if (evicts_) mark_used(old);
      return 0;
    }
    if (old != nullptr && condition != flags) {
      return fields_.store(value(old, 0), source.value, flags);
    }
    if (old == nullptr && !count_one(share)) return kE2BIG;
    int error = 0;
    // What takes the place of an element is of its share: full shares have spares for that.
    Element* fresh = take(old != nullptr ? share_of(old) : share, error);
    if (fresh != nullptr) {
      store_key(fresh, old != nullptr ? old->key() : key);
      if (hash_of(fresh->key()) == hash) {
        const u32 use = !evicts_ ? kUnused : old != nullptr ? kUsed : kFresh;
        fresh->hash.store(hash | use * kOneUse, std::memory_order_release);
        store_value(fresh, source, true);
        replace(bucket, link, old, fresh);
        left_over = old;
        if (old != nullptr) lock.changed();
        return 0;
      }
      left_over = fresh;
      error = kEBUSY;
    }
    if (old == nullptr) share.count.fetch_sub(1, std::memory_order_relaxed);
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
  static bool count_one(Share& share) {
    u32 count = share.count.load(std::memory_order_relaxed);
    do {
      if (count >= share.capacity) return false;
    } while (!share.count.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
    return true;
  }

  // An element to fill. Slots run short only while other threads hold spares; those wait for
  // nobody.
  static Element* take(Share& share, int& error) {
    for (;;) {
      Slab::Shortage why;
      if (u8* slot = share.elements.take(why)) return reinterpret_cast<Element*>(slot);
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
    const u32 cpu = source.cpu != kHost ? source.cpu : 0;
    if (fresh && per_cpu_ && source.cpu != kHost) {
      clear_shared(value(element, 0), stride_ * cpus_);
    } else if (fresh) {
      for (u32 i = 0; i < cpus_; ++i) fields_.clear(value(element, i));
    }
    if (!per_cpu_ || source.cpu != kHost) {
      fields_.copy(value(element, cpu % cpus_), source.value, spec().value_size);
      return;
    }
    fields_.store_each(value(element, 0), stride_, source.value, cpus_);
  }

  // All of an element for the host: 0, or kLockBusy.
  int load_value(u8* to, Element* element, u64 flags) const {
    if (!per_cpu_) return fields_.load(to, value(element, 0), flags);
    fields_.load_each(to, value(element, 0), stride_, cpus_);
    return 0;
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
  bool evicts_;
  bool preallocated_;
  ValueFields fields_{spec()};
  std::unique_ptr<Share[]> shares_;
  u32 share_count_ = 0;
  Zeroed buckets_memory_;
  Bucket* buckets_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Map>> make_hash(const MapSpec& spec, const MapWorld& world) {
  return make_map<HashMap>(spec, world);
}

}  // namespace skep
