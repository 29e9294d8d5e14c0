// Facts: what was proved of a program, insn by insn. Who judges programs fills them in, who
// compiles them leaves checks out by them. They are believed: facts of another program, or of the
// same for other maps, make emitted code wrong.
#pragma once

#include <vector>

#include "isa/types.h"

namespace skep {

struct Facts {
  enum Fact : u8 {
    kAccessProved = 1 << 0,    // each time, the access lies in a region that permits it, aligned
                               // where that is asked
    kDivisorNonZero = 1 << 1,  // the divisor of this division is never 0
    kNeverTaken = 1 << 2,      // the jump never jumps
    kAlwaysTaken = 1 << 3,     // the jump always jumps
    kIndexBelow = 1 << 4,      // of a lookup in an array: the key is below its max_entries
    kUnreachable = 1 << 5,     // no run gets here
  };
  std::vector<u8> of;  // by pc, Fact bits; empty: nothing is known

  bool has(Pc pc, u8 fact) const { return pc.value < of.size() && (of[pc.value] & fact) != 0; }
};

}  // namespace skep
