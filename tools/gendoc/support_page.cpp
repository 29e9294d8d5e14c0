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

// How much of a helper, map type or program type there is.
enum class Support : u8 { Runs, Modelled, VerifiesOnly };

// The members of one sort, by that.
struct Tally {
  std::vector<std::string> runs;
  std::vector<std::string> modelled;
  std::vector<std::string> rest;

  void add(std::string_view name, Support support) {
    auto& list = support == Support::Runs ? runs : support == Support::Modelled ? modelled : rest;
    list.push_back(code(name));
  }
};

Support support_of(const HelperProto& helper) {
#define BODY(name)
#define MODELLED(helper_name) \
  if (helper.name == #helper_name) return Support::Modelled;
#include "helpers/bodies/bodies.def"
#undef BODY
  const bool runs = helper_entry(helper.id) != nullptr || helper.name == "tail_call";
  return runs ? Support::Runs : Support::VerifiesOnly;
}

Tally helper_tally() {
  Tally tally;
  for (const HelperProto& helper : helpers()) {
    tally.add(helper.name, support_of(helper));
  }
  return tally;
}

Tally map_tally() {
  Tally tally;
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    // A host puts numbers of cgroups where the kernel takes file descriptors of them.
    const bool modelled = static_cast<MapType>(id) == MapType::cgroup_array;
    tally.add(kind->name, !kind->runs ? Support::VerifiesOnly
                          : modelled  ? Support::Modelled
                                      : Support::Runs);
  }
  return tally;
}

Tally program_type_tally() {
  Tally tally;
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type == ProgramType::unspec) continue;
    tally.add(row.name, is_emulated(row.type) ? Support::Runs : Support::VerifiesOnly);
  }
  return tally;
}

void add(Page& page, std::string_view what, const Tally& tally) {
  const auto count = [](std::size_t number) { return fmt::format("{}", number); };
  page.row({std::string(what), count(tally.runs.size() + tally.modelled.size() + tally.rest.size()),
            count(tally.runs.size()), count(tally.modelled.size()), count(tally.rest.size())});
}

void list(Page& page, std::string_view what, const Tally& tally) {
  page.heading(what);
  page.paragraph("Run: " + join(tally.runs, ", ") + ".");
  if (!tally.modelled.empty()) page.paragraph("Modelled: " + join(tally.modelled, ", ") + ".");
  if (!tally.rest.empty()) page.paragraph("Verify only: " + join(tally.rest, ", ") + ".");
}

}  // namespace

Page support_page() {
  Page page("What is supported", "the tables of `isa/` and `helpers/spec/`");
  page.paragraph(
      "What is known is decoded, loaded, printed and judged by its row. What runs has a body in "
      "the "
      "`helpers/maps/`, `helpers/bodies/` or `helpers/contexts/`. What is modelled answers as the "
      "kernel does, but what it does to others is told to the host, or told by it "
      "(`helpers/bodies/bodies.def`). What verifies only has a row and no body: a program that "
      "comes "
      "to it ends with a fault. Of instructions, all are "
      "known: " +
      fmt::format("{} operations, written in {} ways.", kOps, forms().size()));
  const Tally helpers = helper_tally();
  const Tally maps = map_tally();
  const Tally types = program_type_tally();
  page.table({"", "known", "run", "modelled", "verify only"});
  add(page, "helpers", helpers);
  add(page, "map types", maps);
  add(page, "program types", types);
  list(page, "Map types", maps);
  list(page, "Program types", types);
  list(page, "Helpers", helpers);
  return page;
}

}  // namespace skep::gendoc
