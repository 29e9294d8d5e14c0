// Functions and source lines of a program that is put together of several functions.
// Tested by tests/loader/loader_test.cpp.
#pragma once

#include "loader/link.h"

namespace skep {

// A function in a program: from slot `first` on.
struct ProgramPart {
  u32 unit = 0;
  u32 function = 0;  // Unit::functions
  u32 first = 0;
};

// Its FUNC in the linked types, 0 if unknown.
u32 btf_type_of(const Linked& linked, u32 unit, const Function& function);

std::vector<Subprogram> subprograms_of(const Linked& linked, std::span<const ProgramPart> parts);

// How many lines source_of() takes along.
u64 lines_of(const Linked& linked, std::span<const ProgramPart> parts);

// `text_left` bounds the source text that all programs of a load keep together.
SourceMap source_of(const Linked& linked, std::span<const ProgramPart> parts, u64& text_left);

}  // namespace skep
