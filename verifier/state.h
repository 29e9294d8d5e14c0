// States: what is known before one insn. Frames with registers and stacks, references that are
// held, locks. Frames and chunks of stack are shared between states and copied when one writes.
//
// Identities say which values are the same number (or differ by `delta`), which pointers become
// null together, and which packet pointers have the same variable part. They are numbers with a
// meaning inside of one state; canonicalise() numbers them in the order of their places, so that
// equal states are equal bit by bit.
// Tested by tests/verifier/state_test.cpp.
#pragma once

#include <array>
#include <span>

#include "verifier/value.h"

namespace skep::abstract {

struct Cell {
  ValueId value = Values::kNothing;
  u32 id = 0;         // 0: like no other
  u32 reference = 0;  // acquired, to be released; 0: not
  i32 delta = 0;      // numbers with an id: this less the class's
  bool operator==(const Cell&) const = default;
};

// What a byte of the stack is.
enum class Byte : u8 {
  Unwritten,
  Misc,  // some number
  Zero,
  Spill,  // part of the slot's cell
};

// Eight bytes of stack. A spilled cell lies in the low bytes, 8 of them if it is a pointer.
struct Slot {
  Cell cell;
  std::array<Byte, 8> bytes{};
  bool operator==(const Slot&) const = default;

  bool is_unwritten() const { return bytes == std::array<Byte, 8>{}; }
  u32 spilled() const {  // bytes of the cell
    u32 count = 0;
    while (count < 8 && bytes[count] == Byte::Spill) ++count;
    return count;
  }
};

inline constexpr u32 kSlots = kStackSize / 8;
inline constexpr u32 kChunkSlots = 8;

struct Chunk {
  std::array<Slot, kChunkSlots> slots;
};

struct Frame {
  std::array<Cell, kRegs> regs;
  std::array<u32, kSlots / kChunkSlots> chunks{};  // 0: nothing was written there
  Pc call;           // the insn that entered it; kNoCall in the first frame
  u32 function = 0;  // index of the subprogram
  u32 instance = 0;  // number of this entry on the path
  u32 rounds = 0;    // may_gotos passed in this instance
  u32 calling = 0;   // number of the helper call under way that calls back; 0: none
  u32 turns = 0;     // callbacks of that call so far, if they are counted
  bool callback = false;
};
inline constexpr Pc kNoCall{~0u};

struct Reference {
  u32 id = 0;
  Pc pc;  // where it was acquired
  bool operator==(const Reference&) const = default;
};
inline constexpr u32 kMaxReferences = 16;

struct State {
  std::array<u32, kMaxFrames> frames{};
  u8 depth = 0;  // of the frame that runs
  u8 reference_count = 0;
  bool locked = false;
  u32 lock_id = 0;      // of the locked value's pointer; 0 with a map of one value
  u32 lock_object = 0;  // its map's spec
  u32 next_id = 1;      // identities are below
  u32 next_instance = 1;
  std::array<Reference, kMaxReferences> references{};
};

// The frames and chunks of all states of an analysis.
class Store {
 public:
  Store(MemoryMeter& meter, Values& values)
      : values_(values), frames_(meter), chunks_(meter), meter_(meter) {}
  bool init() { return frames_.init() && chunks_.init(); }
  bool exhausted() const { return meter_.exhausted; }

  // States are plain: who copies one holds its frames, who is done with it releases them.
  State copy(const State& state);
  void release(State& state);

  // Pushes an empty frame. False when eight are in use or memory is out.
  bool push_frame(State& state, Pc call, u32 function);
  void pop_frame(State& state);

  const Frame& frame(const State& state, u32 depth) const { return frames_[state.frames[depth]]; }
  const Frame& top(const State& state) const { return frame(state, state.depth); }
  // For writing: the state's own. Item 0 when memory is out, which nobody reads.
  Frame& own_frame(State& state, u32 depth);
  Frame& own_top(State& state) { return own_frame(state, state.depth); }

  // Slot 0 is the lowest 8 bytes of the frame, slot 63 those below r10.
  const Slot& slot(const State& state, u32 depth, u32 slot) const {
    return slot_of(frame(state, depth), slot);
  }
  const Slot& slot_of(const Frame& frame, u32 slot) const {
    const u32 chunk = frame.chunks[slot / kChunkSlots];
    return chunk == 0 ? kEmptySlot : chunks_[chunk].slots[slot % kChunkSlots];
  }
  Slot& own_slot(State& state, u32 depth, u32 slot);
  // Makes a whole chunk unwritten.
  void drop_chunk(State& state, u32 depth, u32 chunk);

  // Calls change(Cell&) -> bool for each cell that is not Nothing, of registers and spills; true
  // means that it changed. `test(const Cell&)` picks the cells first, so that nothing is copied in
  // vain.
  template <class Test, class Change>
  void rewrite(State& state, Test test, Change change);

  // Numbers identities anew; drops those that nothing else has.
  void canonicalise(State& state);

  // Whether `before` covers `now`: all that can be in `now` can be in `before`. Both at one pc.
  bool covers(const State& before, const State& now);
  bool equal(const State& a, const State& b) const;
  u64 shape(const State& state) const;  // states of different shapes never cover each other

 private:
  static const Slot kEmptySlot;
  // Which identities of the newer state stand for which of the older one.
  struct Matching {
    static constexpr u32 kMax = 256;
    struct Pair {
      u32 before, now;
      u64 difference;  // what the newer class's base is more than the older one's
    };
    Pair pairs[kMax];
    u32 count = 0;
    // Whether `before` may stand for `now` and for nothing else.
    bool match(u32 before, u32 now, u64 difference);
    // The same in both directions.
    bool match_both(u32 before, u32 now);
  };
  // In place of newer identities: the numbers that are known, the pointers that are not null.
  static constexpr u32 kConstants = ~0u, kNotNull = ~1u;
  // A small map from old identities to new ones.
  struct Renumbering {
    struct Entry {
      u32 from = 0;
      u32 to = 0;
      u32 uses = 0;
    };
    static constexpr u32 kMax = 1024;
    Entry entries[kMax];
    u32 count = 0;
    Entry* find(u32 from);
  };
  bool covers_cell(const Cell& before, const Cell& now, Matching& matching) const;
  bool covers_slot(const Slot& before, const Slot& now, Matching& matching) const;
  bool covers_frame(const Frame& before, const Frame& now, Matching& matching) const;
  void release_frame(u32 index);

  Values& values_;
  Pool<Frame> frames_;
  Pool<Chunk> chunks_;
  MemoryMeter& meter_;
  Matching matching_;  // of the comparison under way
  Renumbering renumbering_;
};

template <class Test, class Change>
void Store::rewrite(State& state, Test test, Change change) {
  for (u32 depth = 0; depth <= state.depth; ++depth) {
    for (u32 reg = 0; reg < kRegs; ++reg) {
      const Cell& cell = frame(state, depth).regs[reg];
      if (cell.value != Values::kNothing && test(cell)) change(own_frame(state, depth).regs[reg]);
    }
    for (u32 chunk = 0; chunk < kSlots / kChunkSlots; ++chunk) {
      if (frame(state, depth).chunks[chunk] == 0) continue;
      for (u32 i = 0; i < kChunkSlots; ++i) {
        const u32 at = chunk * kChunkSlots + i;
        const Slot& found = slot(state, depth, at);
        if (found.bytes[0] != Byte::Spill || found.cell.value == Values::kNothing) continue;
        if (test(found.cell)) change(own_slot(state, depth, at).cell);
      }
    }
  }
}

}  // namespace skep::abstract
