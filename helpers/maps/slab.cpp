// Tested by tests/helpers/map_memory_test.cpp.
#include "helpers/maps/slab.h"

#include <algorithm>
#include <bit>

#include "helpers/maps/shared.h"
#include "helpers/spec/map_spec.h"

namespace skep {
namespace {

constexpr u64 kFirstChunkBytes = 16 << 10;

}  // namespace

Slab::~Slab() {
  for (u32 i = 0; i < kChunks; ++i) {
    u8* chunk = chunks_[i].load(std::memory_order_relaxed);
    if (chunk != nullptr) allocator_.give(chunk, chunk_size(i) * stride_);
  }
}

bool Slab::init(const Allocator& allocator, u32 slots, u64 stride, u32 link, bool up_front) {
  allocator_ = allocator;
  slots_ = slots;
  stride_ = stride;
  link_ = link;
  const u64 first = up_front ? slots : std::max<u64>(kFirstChunkBytes / stride, 1);
  first_shift_ = static_cast<u32>(std::bit_width(std::bit_ceil(first)) - 1);
  return !up_front || grow(0);
}

u32 Slab::chunk_of(u32 index) const {
  return static_cast<u32>(std::bit_width(index >> first_shift_));
}

u64 Slab::chunk_begin(u32 chunk) const {
  return chunk == 0 ? 0 : u64{1} << (first_shift_ + chunk - 1);
}

u64 Slab::chunk_size(u32 chunk) const {
  const u64 full = u64{1} << (first_shift_ + (chunk == 0 ? 0 : chunk - 1));
  return std::min<u64>(full, slots_ - chunk_begin(chunk));
}

u8* Slab::at(u32 index) const {
  const u32 chunk = chunk_of(index);
  return chunks_[chunk].load(std::memory_order_acquire) + (index - chunk_begin(chunk)) * stride_;
}

bool Slab::grow(u32 chunk) {
  const Locked lock(growing_);
  if (chunks_[chunk].load(std::memory_order_relaxed) != nullptr) return true;
  if ((chunk_begin(chunk) + chunk_size(chunk)) * stride_ > kMaxMapBytes) return false;
  chunks_[chunk].store(allocate_zeroed(allocator_, chunk_size(chunk), stride_).release(),
                       std::memory_order_release);
  return chunks_[chunk].load(std::memory_order_relaxed) != nullptr;
}

// The count in the upper half makes the exchange fail if the slot on top was taken and came back.
u8* Slab::take_returned() {
  u64 top = returned_.load(std::memory_order_acquire);
  while (static_cast<u32>(top) != 0) {
    u8* taken = at(static_cast<u32>(top) - 1);
    const u64 next = ((top >> 32) + 1) << 32 | load_shared<u32>(taken + link_);
    if (returned_.compare_exchange_weak(top, next, std::memory_order_acquire)) return taken;
  }
  return nullptr;
}

u8* Slab::take(Shortage& why) {
  why = Shortage::None;
  if (u8* taken = take_returned()) return taken;
  u32 index = used_.load(std::memory_order_relaxed);
  do {
    if (index >= slots_) {
      why = Shortage::Slots;
      return nullptr;
    }
    const u32 chunk = chunk_of(index);
    if (chunks_[chunk].load(std::memory_order_acquire) == nullptr && !grow(chunk)) {
      why = Shortage::Memory;
      return nullptr;
    }
  } while (!used_.compare_exchange_weak(index, index + 1, std::memory_order_relaxed));
  return at(index);
}

void Slab::give(u8* slot) {
  u8* same = nullptr;
  u32 index = 0;
  if (!find(reinterpret_cast<u64>(slot), same, index)) return;
  u64 top = returned_.load(std::memory_order_relaxed);
  u64 next;
  do {
    store_shared<u32>(slot + link_, static_cast<u32>(top));
    next = ((top >> 32) + 1) << 32 | (index + 1);
  } while (!returned_.compare_exchange_weak(top, next, std::memory_order_release,
                                            std::memory_order_relaxed));
}

bool Slab::find(u64 address, u8*& slot, u32& index) const {
  const u32 used = used_.load(std::memory_order_relaxed);
  // The last chunk first: it has half of all slots.
  for (u32 chunk = used == 0 ? 0 : chunk_of(used - 1) + 1; chunk-- > 0;) {
    u8* base = chunks_[chunk].load(std::memory_order_acquire);
    const u64 offset = address - reinterpret_cast<u64>(base);
    if (base == nullptr || offset >= chunk_size(chunk) * stride_) continue;
    const u64 at = offset / stride_;
    index = static_cast<u32>(chunk_begin(chunk) + at);
    slot = base + at * stride_;
    return index < used;
  }
  return false;
}

u8* Slab::slot_of(u64 address) const {
  u8* slot = nullptr;
  u32 index = 0;
  return find(address, slot, index) ? slot : nullptr;
}

}  // namespace skep
