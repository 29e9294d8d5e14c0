// Finds the row of a SEC() name. Tested by tests/loader/sections_test.cpp.
#include "helpers/spec/sections.h"

namespace skep {
namespace {

using namespace section_flags;

constexpr SectionRow kRows[] = {
#define SECTION(pattern, type, attach, flags) \
  {pattern, ProgramType::type, AttachType::attach, flags},
#include "helpers/spec/sections.def"
};

// "kprobe+" takes "kprobe" and "kprobe/anything", but not "kprobes".
bool matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('+')) return pattern == name;
  pattern.remove_suffix(1);
  if (!name.starts_with(pattern)) return false;
  return name.size() == pattern.size() || name[pattern.size()] == '/';
}

}  // namespace

std::span<const SectionRow> section_rows() {
  return kRows;
}

std::string_view attach_type_name(u32 id) {
  switch (id) {
#define ATTACH_TYPE(number, text) \
  case number: return #text;
#include "helpers/spec/attach_types.def"
    default: return {};
  }
}

SectionName parse_section_name(std::string_view section) {
  SectionName found;
  if (section.starts_with('?')) {
    found.autoload = false;
    section.remove_prefix(1);
  }
  found.name = section;
  match_section_name(kRows, found);
  return found;
}

bool match_section_name(std::span<const SectionRow> rows, SectionName& found) {
  for (const SectionRow& row : rows) {
    if (!matches(row.pattern, found.name)) continue;
    found.row = &row;
    const auto slash = found.name.find('/');
    if (row.pattern.ends_with('+') && slash != found.name.npos)
      found.target = found.name.substr(slash + 1);
    return true;
  }
  return false;
}

}  // namespace skep
