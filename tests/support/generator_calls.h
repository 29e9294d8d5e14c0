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
inline constexpr i16 kDynptr = -208;        // 16 bytes that nothing else touches
inline constexpr i16 kSpill = -216;         // for a pointer or a result, meanwhile

struct HelperUse;

class GeneratorCalls : protected GeneratorWriter {
 protected:
  GeneratorCalls(u64 seed, ProgramType type) : GeneratorWriter(seed), type_(type) {}

  // Calls one of the helpers that the type may call, and those that it needs before and after.
  // r0 is a scalar afterwards, r1 to r5 are lost. Gives whether pointers to the packet are lost
  // too.
  bool call_some_helper();
  // Not every type may have all maps.
  bool may_use(GeneratorMap map) const;

  const ProgramType type_;
  bool repeats_ = false;  // by tail calls: packets must not grow each time

 private:
  bool usable(const HelperUse& use) const;
  void list_helpers();
  void prepare(const HelperUse& use);
  void take_result(const HelperUse& use);
  void take_value();
  void take_inner_map();
  void take_locked_value();
  void use_locked_global();
  void end_record();
  void argument(u8 kind, u8 reg);
  void number_argument(u8 kind, u8 reg);
  void key_argument(bool prefix, u8 reg);
  void event_flags(u8 reg);
  void text(u8 reg);
  void address(u8 reg);

  std::vector<const HelperUse*> usable_;
  std::vector<const HelperUse*> particular_;  // those that few types have
  u32 format_ = 0;                            // that the call being written has
};

}  // namespace skep::test
