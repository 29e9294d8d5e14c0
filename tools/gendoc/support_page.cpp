// The support matrix, support.md: how much of what Linux has skep knows, judges and runs.
// Counted from the same tables as the other pages. Tested by the ctest case docs/reference.
#include "helpers/bodies/bind.h"
#include "helpers/contexts/frames.h"
#include "helpers/spec/map_spec.h"
#include "helpers/spec/proto.h"
#include "isa/insn.h"
#include "tools/gendoc/page.h"

namespace skep::gendoc {
namespace {

// What runs and what does not, of one sort.
struct Tally {
  std::vector<std::string> runs;
  std::vector<std::string> rest;

  void add(std::string_view name, bool runs_here) {
    (runs_here ? runs : rest).push_back(code(name));
  }
};

Tally helper_tally() {
  Tally tally;
  for (const HelperProto& helper : helpers()) {
    tally.add(helper.name, helper_entry(helper.id) != nullptr || helper.name == "tail_call");
  }
  return tally;
}

Tally map_tally() {
  Tally tally;
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    tally.add(kind->name, kind->runs);
  }
  return tally;
}

Tally program_type_tally() {
  Tally tally;
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type != ProgramType::unspec) tally.add(row.name, is_emulated(row.type));
  }
  return tally;
}

void add(Page& page, std::string_view what, const Tally& tally) {
  page.row({std::string(what), fmt::format("{}", tally.runs.size() + tally.rest.size()),
            fmt::format("{}", tally.runs.size())});
}

void list(Page& page, std::string_view what, const Tally& tally) {
  page.heading(what);
  page.paragraph("Run: " + join(tally.runs, ", ") + ".");
  if (!tally.rest.empty()) page.paragraph("Known, not run: " + join(tally.rest, ", ") + ".");
}

}  // namespace

Page support_page() {
  Page page("What is supported", "the tables of `isa/` and `helpers/spec/`");
  page.paragraph(
      "What is known is decoded, loaded, printed and judged by its row. What runs has a body in "
      "the "
      "`helpers/maps/`, `helpers/bodies/` or `helpers/contexts/`. Of instructions, all are "
      "known: " +
      fmt::format("{} operations, written in {} ways.", kOps, forms().size()));
  const Tally helpers = helper_tally();
  const Tally maps = map_tally();
  const Tally types = program_type_tally();
  page.table({"", "known", "run"});
  add(page, "helpers", helpers);
  add(page, "map types", maps);
  add(page, "program types", types);
  list(page, "Map types", maps);
  list(page, "Program types", types);
  list(page, "Helpers", helpers);
  return page;
}

}  // namespace skep::gendoc
