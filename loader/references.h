// Reference: where a relocated instruction points to.
// Tested by tests/loader/loader_test.cpp.
#pragma once

#include "loader/link.h"

namespace skep {

struct Reference {
  RelocationKind kind{};
  u32 map = 0;     // Map, Data, Kconfig: index
  u32 offset = 0;  // Data, Kconfig: in the map's value
  u32 unit = 0;    // Call, Function: Unit::functions
  u32 function = 0;
  u32 extern_index = 0;  // Ksym, Kfunc: Linked::externs
};

// `at` is the place of the instruction; its insn has the addend.
Result<Reference> find_reference(const Linked& linked, Place at, const Relocation& relocation,
                                 const Insn& insn);

}  // namespace skep
