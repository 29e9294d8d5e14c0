// What a program's SEC() name says: program type, attach type, target, whether it may sleep.
// The rows are helpers/spec/sections.def and attach_types.def.
// Tested by tests/loader/sections_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "helpers/spec/program_type.h"

namespace skep {

// The name of an attach type as in attach_types.def; "" for a number that is none.
std::string_view attach_type_name(u32 id);

namespace section_flags {
inline constexpr u8 None = 0, Sleepable = 1, Frags = 2, AttachBtf = 4, Usdt = 8;
}

struct SectionRow {
  std::string_view pattern;
  ProgramType type;
  AttachType attach_type;
  u8 flags;
};
std::span<const SectionRow> section_rows();

// A section name taken apart. `row` is null for names that are in no row.
struct SectionName {
  const SectionRow* row = nullptr;
  std::string_view name;    // without the '?' that means "not loaded unless asked for"
  std::string_view target;  // what follows the first '/': "do_sys_open" of "kprobe/do_sys_open"
  bool autoload = true;
};
SectionName parse_section_name(std::string_view section);
// The same by other rows: fills in `row` and `target` of a name that has no row yet. False if none
// matches.
bool match_section_name(std::span<const SectionRow> rows, SectionName& found);

}  // namespace skep
