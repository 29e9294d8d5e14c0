// How a function uses its frame: the accesses by addresses in it, and whether such addresses get
// anywhere where their use can't be followed. Tested by tests/filetests/ir/slots.test.
#pragma once

#include <bitset>

#include "jit/lift.h"

namespace skep::ir::opt {

using FrameBytes = std::bitset<kStackSize>;  // by offset from the frame's low end

struct FrameAccess {
  Ref ref;     // a Load or Store
  i32 offset;  // of its first byte, from r10; the whole access lies in the frame
};

struct FrameUse {
  std::vector<FrameAccess> accesses;  // plain ones
  FrameBytes memory;                  // that something else touches: atomics, helpers
  bool leaks = false;                 // anything may touch any byte
};

// Also marks plain and atomic accesses that lie in the frame as needing no check.
FrameUse find_frame_use(Function& function, const World& world);

inline void mark(FrameBytes& bytes, i32 offset, u32 size) {
  for (u32 i = 0; i < size; ++i)
    bytes.set(kStackSize + static_cast<u32>(offset + static_cast<i32>(i)));
}

// The slots from r10 down that hold all of `bytes`.
u32 slots_of(const FrameBytes& bytes);

}  // namespace skep::ir::opt
