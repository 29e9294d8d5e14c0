// Maps, and the helpers that call back. Semantics: Linux 6.12 kernel/bpf/helpers.c, arraymap.c,
// hashtab.c, bpf_iter.c. Tested by tests/helpers/map_bodies_test.cpp.

#include <algorithm>
#include <memory>
#include <new>

#include "helpers/bodies/bodies.h"
#include "helpers/bodies/inner_maps.h"

namespace skep::body {
namespace {

constexpr u32 kMaxRounds = 8 << 20;  // BPF_MAX_LOOPS

// Lends the program the bytes of a key while a callback runs, as a region of its own.
class LentKey {
 public:
  LentKey(Run& run, const u8* key, u32 size) : run_(run), base_(reinterpret_cast<u64>(key)) {
    if (run.record_count == kMaxRecords) return;
    run.records[run.record_count++] = {base_, size, AddressClass::Memory, kRead};
    lent_ = true;
  }
  ~LentKey() {
    if (!lent_) return;
    Region* end = run_.records + run_.record_count;
    Region* mine = std::find_if(run_.records, end, [&](const Region& region) {
      return region.cls == AddressClass::Memory && region.base == base_;
    });
    if (mine == end) return;
    *mine = end[-1];
    --run_.record_count;
    run_.forget(run_);
  }
  LentKey(const LentKey&) = delete;
  LentKey& operator=(const LentKey&) = delete;

 private:
  Run& run_;
  u64 base_;
  bool lent_ = false;
};

// All keys of a map as they are now. The callback may delete and insert, so walking the map
// meanwhile could visit an element twice.
class Keys {
 public:
  // False without memory.
  bool collect(Map& map) {
    size_ = map.spec().key_size;
    if (!grow()) return false;
    const u8* previous = nullptr;
    // Where keys are deleted meanwhile the walk begins again, but nobody has more than max_entries.
    const u64 most = map.spec().max_entries;
    while (count_ < most && map.next_key_unchecked(previous, at(count_)) == 0) {
      previous = at(count_++);
      if (count_ < capacity_) continue;
      if (!grow()) return false;
      previous = at(count_ - 1);
    }
    return true;
  }
  u64 count() const { return count_; }
  u8* at(u64 index) const { return bytes_.get() + index * size_; }

 private:
  bool grow() {
    const u64 capacity = capacity_ == 0 ? 64 : capacity_ * 2;
    std::unique_ptr<u8[]> bytes(new (std::nothrow) u8[capacity * size_]);
    if (bytes == nullptr) return false;
    std::copy_n(bytes_.get(), count_ * size_, bytes.get());
    bytes_ = std::move(bytes);
    capacity_ = capacity;
    return true;
  }

  std::unique_ptr<u8[]> bytes_;
  u64 size_ = 0, count_ = 0, capacity_ = 0;
};

}  // namespace

u64 map_lookup_elem(Run& run, Map* map, Key key) {
  if (u8* value = map->lookup(key.data, run.cpu)) return reinterpret_cast<u64>(value);
  if (!holds_maps(map->spec().type)) return 0;
  Map* inner = map->inner(key.data);
  return inner != nullptr ? hold_inner_map(run, inner) : 0;
}

i64 map_update_elem(Run& run, Map* map, Key key, Value value, u64 flags) {
  if ((flags & update_flags::kLock) != 0 && run.spin_lock != nullptr) {
    run.set_fault(Code::lock_held, reinterpret_cast<u64>(run.spin_lock));
    return 0;
  }
  return map->update(key.data, value.data, flags, run.cpu);
}

i64 map_delete_elem(Run&, Map* map, Key key) {
  return map->remove(key.data);
}

i64 map_push_elem(Run&, Map* map, Value value, u64 flags) {
  return map->push(value.data, flags);
}
i64 map_pop_elem(Run&, Map* map, ValueOut value) {
  return map->pop(value.data);
}
i64 map_peek_elem(Run&, Map* map, ValueOut value) {
  return map->peek(value.data);
}

u64 map_lookup_percpu_elem(Run&, Map* map, Key key, u32 cpu) {
  const u64 cpus = map->host_value_size() / value_stride(map->spec());
  return cpu < cpus ? reinterpret_cast<u64>(map->lookup(key.data, cpu)) : 0;
}

// The number of elements that the callback was given, the one that stopped it included.
i64 for_each_map_elem(Run& run, Map* map, Callback callback, CallbackContext context, u64 flags) {
  if (flags != 0) return kEINVAL;
  Keys keys;
  if (!keys.collect(*map)) return kENOMEM;
  const u64 handle = handle_of(run, map);
  i64 visited = 0;
  for (u64 i = 0; i < keys.count(); ++i) {
    u8* value = map->visit(keys.at(i), run.cpu);
    if (value == nullptr) continue;  // deleted meanwhile
    ++visited;
    const LentKey lent(run, keys.at(i), map->spec().key_size);
    const u64 stop = run.invoke(run, callback.address,
                                {handle, reinterpret_cast<u64>(keys.at(i)),
                                 reinterpret_cast<u64>(value), context.value, 0});
    if (run.faulted()) return 0;
    if (stop != 0) break;
  }
  return visited;
}

i64 loop(Run& run, u32 rounds, Callback callback, CallbackContext context, u64 flags) {
  if (flags != 0) return kEINVAL;
  if (rounds > kMaxRounds) return kE2BIG;
  for (u32 i = 0; i < rounds; ++i) {
    const u64 stop = run.invoke(run, callback.address, {i, context.value, 0, 0, 0});
    if (run.faulted()) return 0;
    if (stop != 0) return static_cast<i64>(i) + 1;
  }
  return rounds;
}

}  // namespace skep::body
