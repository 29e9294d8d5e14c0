// Takes function and line information along when functions become a program.
// Tested by tests/loader/loader_test.cpp.
#include "loader/source_lines.h"

#include <algorithm>
#include <map>

#include "loader/limits.h"

namespace skep {
namespace {

using namespace loader_limits;

// The lines of a function, out of those of its section.
std::span<const LineInfo> lines_of(const Linked& linked, const ProgramPart& part) {
  const Unit& unit = linked.units[part.unit];
  const Function& function = unit.functions[part.function];
  const auto& all = unit.lines[function.section];
  const u64 begin = u64{function.first} * sizeof(Insn);
  const auto first = std::ranges::lower_bound(all, begin, {}, &LineInfo::offset);
  const auto last = std::ranges::lower_bound(all, begin + u64{function.slots} * sizeof(Insn), {},
                                             &LineInfo::offset);
  return {first, last};
}

class LineCollector {
 public:
  LineCollector(const Linked& linked, u64& text_left) : linked_(linked), text_left_(text_left) {}

  void add(const ProgramPart& part) {
    const Unit& unit = linked_.units[part.unit];
    const Function& function = unit.functions[part.function];
    for (const LineInfo& line : lines_of(linked_, part)) {
      const u32 slot = line.offset / static_cast<u32>(sizeof(Insn)) - function.first;
      map_.lines.push_back({Pc{part.first + slot}, file(part.unit, line.file), line.line(),
                            line.column(), text(unit.btf->string(line.text))});
    }
  }
  SourceMap take() { return std::move(map_); }

 private:
  u32 file(u32 unit, u32 name) {
    const auto [known, is_new] =
        files_.emplace(std::pair(unit, name), static_cast<u32>(map_.files.size()));
    if (is_new) map_.files.push_back(text(linked_.units[unit].btf->string(name)));
    return known->second;
  }
  std::string text(std::string_view from) {
    const u64 size = std::min<u64>({from.size(), kMaxLine, text_left_});
    text_left_ -= size;
    return std::string(from.substr(0, size));
  }

  const Linked& linked_;
  u64& text_left_;
  SourceMap map_;
  std::map<std::pair<u32, u32>, u32> files_;  // (unit, string offset) to index
};

}  // namespace

u32 btf_type_of(const Linked& linked, u32 unit, const Function& function) {
  const Unit& from = linked.units[unit];
  const auto& all = from.function_types[function.section];
  const u32 offset = function.first * static_cast<u32>(sizeof(Insn));
  const auto found = std::ranges::lower_bound(all, offset, {}, &FuncInfo::offset);
  return found == all.end() || found->offset != offset ? 0 : linked.type_id(unit, found->type);
}

std::vector<Subprogram> subprograms_of(const Linked& linked, std::span<const ProgramPart> parts) {
  std::vector<Subprogram> all;
  for (const ProgramPart& part : parts) {
    const Function& function = linked.units[part.unit].functions[part.function];
    all.push_back({Pc{part.first}, Pc{part.first + function.slots}, std::string(function.name),
                   !function.local && !function.hidden, btf_type_of(linked, part.unit, function)});
  }
  return all;
}

u64 lines_of(const Linked& linked, std::span<const ProgramPart> parts) {
  u64 count = 0;
  for (const ProgramPart& part : parts) count += lines_of(linked, part).size();
  return count;
}

SourceMap source_of(const Linked& linked, std::span<const ProgramPart> parts, u64& text_left) {
  LineCollector lines(linked, text_left);
  for (const ProgramPart& part : parts) lines.add(part);
  return lines.take();
}

}  // namespace skep
