// Slab: the elements of a map, all of one size. What was given out stays memory of the slab until
// the slab dies; what comes back is given out again, the latest first, as the kernel's preallocated
// maps do. So a pointer that a program kept leads to some element's value, never anywhere else, and
// insert and delete storms need no more memory than the most elements there ever were at once.
//
// Memory comes in chunks, each as large as all before it, or in one chunk at the start. It is
// zeroed by the system when it is first touched, so a large map that stays empty costs address
// space only. Tested by tests/helpers/map_memory_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "helpers/maps/lock.h"
#include "isa/allocator.h"

namespace skep {

struct Free {
  Allocator allocator;
  u64 size = 0;
  void operator()(void* memory) const { allocator.give(memory, size); }
};
// Zeroed memory, not touched before it is used; null if there is none.
using Zeroed = std::unique_ptr<u8, Free>;
inline Zeroed allocate_zeroed(const Allocator& allocator, u64 count, u64 size) {
  if (size != 0 && count > SIZE_MAX / size) return {};
  return Zeroed(static_cast<u8*>(allocator.take(count * size)), {allocator, count * size});
}

class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab();

  // Slots of `stride` bytes, a multiple of 8, whose u32 at `link` is the slab's own. `up_front`
  // allocates all of them now; otherwise they come on demand. False if there is no memory.
  [[nodiscard]] bool init(const Allocator& allocator, u32 slots, u64 stride, u32 link,
                          bool up_front);

  enum class Shortage : u8 { None, Slots, Memory };
  // A slot, with what it last held in it, or null and why.
  u8* take(Shortage& why);
  void give(u8* slot);

  // The slots that were ever given out are those of indexes below this.
  u32 used() const { return used_.load(std::memory_order_acquire); }
  u8* slot_at(u32 index) const { return at(index); }

  // The slot that an address lies in, if it was ever given out, or null.
  u8* slot_of(u64 address) const;

 private:
  static constexpr u32 kChunks = 33;

  // Chunk 0 has first_ slots, and so has chunk 1; each further one has twice its predecessor's.
  u32 chunk_of(u32 index) const;
  u64 chunk_begin(u32 chunk) const;
  u64 chunk_size(u32 chunk) const;
  u8* at(u32 index) const;
  bool find(u64 address, u8*& slot, u32& index) const;
  bool grow(u32 chunk);
  u8* take_returned();

  Allocator allocator_;
  u64 stride_ = 0;
  u32 slots_ = 0;
  u32 first_shift_ = 0;
  u32 link_ = 0;
  std::atomic<u32> used_{0};  // slots [0, used_) were given out at least once
  std::atomic<u64> returned_{
      0};  // (times changed << 32) | (index + 1) of the slot on top, 0 for none
  Lock growing_;
  std::atomic<u8*> chunks_[kChunks] = {};
};

}  // namespace skep
