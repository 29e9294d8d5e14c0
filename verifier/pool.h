// Pool: items of one type in slabs, handed out by number, counted by reference. All memory of an
// analysis is taken here, so a meter bounds it; what does not fit is told, never thrown.
// Tested by tests/verifier/state_test.cpp.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "isa/types.h"

namespace skep::abstract {

// What an analysis may take, and has taken, in bytes.
struct MemoryMeter {
  u64 limit = 0;
  u64 used = 0;
  u64 peak = 0;
  bool exhausted = false;

  bool take(u64 bytes) {
    if (exhausted || bytes > limit - used) {
      exhausted = true;
      return false;
    }
    used += bytes;
    if (used > peak) peak = used;
    return true;
  }
  void give(u64 bytes) { used -= bytes; }
};

// Item 0 is always there, and stands in for what could not be allocated.
template <class T>
class Pool {
  static_assert(std::is_trivially_copyable_v<T>);
  static constexpr u32 kSlab = 256;  // items
  static constexpr u32 kMaxSlabs = 1 << 16;

 public:
  explicit Pool(MemoryMeter& meter) : meter_(meter) {}

  // False without the memory for item 0.
  bool init() {
    slabs_.reset(new (std::nothrow) std::unique_ptr<Slab>[kMaxSlabs]);
    return slabs_ != nullptr && grow() && take() == 0;
  }
  // A zeroed item held once; 0 when the meter or the machine has no more.
  u32 take() {
    if (free_ == kNone && !grow()) return 0;
    const u32 index = free_;
    Item& found = item(index);
    free_ = found.references;
    found.value = T{};
    found.references = 1;
    return index;
  }
  void hold(u32 index) {
    if (index != 0) ++item(index).references;
  }
  // Whether that was the last one; the item can be read until the next take().
  bool drop(u32 index) {
    if (index == 0 || --item(index).references != 0) return false;
    item(index).references = free_;
    free_ = index;
    return true;
  }
  bool is_shared(u32 index) const { return index == 0 || item(index).references > 1; }
  T& operator[](u32 index) { return item(index).value; }
  const T& operator[](u32 index) const { return item(index).value; }

 private:
  static constexpr u32 kNone = ~0u;
  struct Item {
    T value;
    u32 references = 0;  // of a free item: the next one
  };
  struct Slab {
    Item items[kSlab];
  };

  Item& item(u32 index) const { return slabs_[index / kSlab]->items[index % kSlab]; }
  bool grow() {
    if (slab_count_ == kMaxSlabs || !meter_.take(sizeof(Slab))) {
      meter_.exhausted = true;
      return false;
    }
    auto& slab = slabs_[slab_count_];
    slab.reset(new (std::nothrow) Slab);
    if (slab == nullptr) {
      meter_.exhausted = true;
      return false;
    }
    for (u32 i = 0; i < kSlab; ++i) {
      slab->items[i].references = i + 1 < kSlab ? slab_count_ * kSlab + i + 1 : free_;
    }
    free_ = slab_count_ * kSlab;
    ++slab_count_;
    return true;
  }

  MemoryMeter& meter_;
  std::unique_ptr<std::unique_ptr<Slab>[]> slabs_;
  u32 slab_count_ = 0;
  u32 free_ = kNone;
};

// Distinct items by number, in the order of their coming, found again by hash. T has
// `u64 hash() const` and ==. Number 0 is the first one that was put in.
template <class T>
class Interner {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Interner(MemoryMeter& meter) : meter_(meter) {}
  u32 size() const { return count_; }
  const T& operator[](u32 index) const { return items_[index]; }

  // The item's number; 0 when the meter or the machine has no more.
  u32 put(const T& item) {
    if (count_ * 2 >= places_count_ && !grow()) return 0;
    u64 at = item.hash() & (places_count_ - 1);
    for (; places_[at] != 0; at = (at + 1) & (places_count_ - 1)) {
      if (items_[places_[at] - 1] == item) return places_[at] - 1;
    }
    items_[count_] = item;
    places_[at] = ++count_;
    return count_ - 1;
  }

 private:
  // Twice the places, half as many items.
  bool grow() {
    const u64 places = places_count_ == 0 ? 1024 : u64{places_count_} * 2;
    const u64 bytes = places * sizeof(u32) + places / 2 * sizeof(T);
    if (places > 1u << 28 || !meter_.take(bytes)) {
      meter_.exhausted = true;
      return false;
    }
    std::unique_ptr<u32[]> table(new (std::nothrow) u32[places]());
    std::unique_ptr<T[]> items(new (std::nothrow) T[places / 2]);
    if (table == nullptr || items == nullptr) {
      meter_.exhausted = true;
      return false;
    }
    for (u32 i = 0; i < count_; ++i) {
      items[i] = items_[i];
      u64 at = items[i].hash() & (places - 1);
      while (table[at] != 0) at = (at + 1) & (places - 1);
      table[at] = i + 1;
    }
    meter_.give(u64{places_count_} * sizeof(u32) + u64{places_count_} / 2 * sizeof(T));
    places_ = std::move(table);
    items_ = std::move(items);
    places_count_ = static_cast<u32>(places);
    return true;
  }

  MemoryMeter& meter_;
  std::unique_ptr<T[]> items_;
  std::unique_ptr<u32[]> places_;  // number + 1
  u32 count_ = 0;
  u32 places_count_ = 0;
};

}  // namespace skep::abstract
