// Helper calls of generated programs: which helpers there are, and how their arguments are made.
#pragma once

#include "tests/support/generator.h"
#include "tests/support/generator_writer.h"

namespace skep::test {

// The frame of main. Functions have the scalar slots only.
inline constexpr i16 kSlots = 8;            // scalar slots, at r10 - 8 * (1 to kSlots)
inline constexpr i16 kKey = -72;            // where keys are made
inline constexpr i16 kArea = 48;            // bytes of each of the following
inline constexpr i16 kBuffer = -128;        // values and memory arguments
inline constexpr i16 kOut = -176;           // what helpers write
inline constexpr i16 kNext = kOut + kArea;  // the areas follow each other

struct HelperUse;

class GeneratorCalls : protected GeneratorWriter {
 protected:
  GeneratorCalls(u64 seed, ProgramType type) : GeneratorWriter(seed), type_(type) {}

  // Calls one of the helpers that the type may call. r0 is a scalar afterwards, r1 to r5 are lost.
  // Gives whether pointers to the packet are lost too.
  bool call_some_helper();
  // Programs that may sleep can't have all maps.
  bool may_use(GeneratorMap map) const;

  const ProgramType type_;
  bool repeats_ = false;  // by tail calls: packets must not grow each time

 private:
  bool usable(const HelperUse& use) const;
  void argument(u8 kind, u8 reg);
  void text(u8 reg);
  void address(u8 reg);

  u32 format_ = 0;  // that the call being written has
};

}  // namespace skep::test
