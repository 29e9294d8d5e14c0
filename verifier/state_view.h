// StateView: what the verifier knows at one insn, to be compared with what a run has there.
// Tested by tests/agree/sound.cpp.
#pragma once

#include "verifier/judge.h"

namespace skep::abstract {

class StateView {
 public:
  StateView(Judge& judge, const State& state, Pc pc) : judge_(judge), state_(state), pc_(pc) {}

  Pc pc() const { return pc_; }
  u32 depth() const { return state_.depth; }
  // The insn that called the frame above `depth`.
  Pc call(u32 depth) const { return judge_.store().frame(state_, depth).call; }
  const Cell& reg(u32 depth, u32 reg) const {
    return judge_.store().frame(state_, depth).regs[reg];
  }
  const Slot& slot(u32 depth, u32 slot) const { return judge_.store().slot(state_, depth, slot); }
  const Value& value(const Cell& cell) const { return judge_.values()[cell.value]; }
  const Scalar& number(NumberId id) const { return judge_.values().number(id); }

 private:
  Judge& judge_;
  const State& state_;
  Pc pc_;
};

}  // namespace skep::abstract
