// Liveness: which registers and stack slots an insn and those after it may still read, and of
// which the exact number may matter to a judgement. What is dead is forgotten before states are
// compared, and so is the value of numbers that matter to nobody: then most states are equal.
//
// Found before exploration, function by function, backwards. Only precision depends on it: a
// forgotten number is any number, and a forgotten register is refused when read. Frames whose
// address is stored or handed to a function count as live throughout.
// Tested by tests/verifier/liveness_test.cpp.
#pragma once

#include <memory>

#include "helpers/spec/image.h"
#include "helpers/spec/proto.h"

namespace skep::abstract {

struct Live {
  u16 regs = 0;      // by bit
  u16 demanded = 0;  // of the live ones, those whose number matters
  u64 slots = 0;     // bit i: slot i, as in Store::slot()
  u64 demanded_slots = 0;
  bool operator==(const Live&) const = default;
};

// Which comparisons make the numbers that they compare matter.
enum class Demand : u8 {
  AllBranches,
  LoopExits,  // those that leave a loop, alone: numbers that merely steer are forgotten, and those
              // on stacks whose address is given away
};

class Liveness {
 public:
  // False without memory for it.
  bool init(const Image& image, Demand demand);
  const Live& before(Pc pc) const { return live_[pc.value]; }
  // What is still needed of a caller's frame while a function that it called at `call` runs.
  Live during(Pc call) const;

 private:
  friend class LivenessPass;
  std::unique_ptr<Live[]> live_;
  const Program* program_ = nullptr;
};

}  // namespace skep::abstract
