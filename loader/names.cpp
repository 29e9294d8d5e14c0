// Names across objects: which definition a global name means, and which names the kernel or its
// configuration provides. Sorted vectors rather than hash tables: a hostile file can't make them
// slow. Tested by tests/loader/link_test.cpp.
#include <algorithm>
#include <tuple>

#include "loader/limits.h"
#include "loader/link.h"

namespace skep {
namespace {

// Sections whose symbols other objects can refer to.
bool is_shared(SectionUse use) {
  switch (use) {
    case SectionUse::Code:
    case SectionUse::Data:
    case SectionUse::ReadOnly:
    case SectionUse::Bss:
    case SectionUse::Maps:
    case SectionUse::LegacyMaps:
    case SectionUse::StructOps:
    case SectionUse::Arena: return true;
    default: return false;
  }
}

Status collect_globals(Linked& linked) {
  auto& all = linked.globals;
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    for (const Symbol& symbol : linked.units[unit].elf.symbols()) {
      if (!symbol.is_defined() || symbol.binding == elf::kLocal || symbol.name.empty()) continue;
      if (!is_shared(linked.units[unit].uses[symbol.section])) continue;
      all.push_back(
          {symbol.name, {unit, symbol.section, symbol.value}, symbol.binding == elf::kWeak});
    }
  }
  std::ranges::sort(all, [](const Global& a, const Global& b) {
    return std::tie(a.name, a.weak, a.place) < std::tie(b.name, b.weak, b.place);
  });
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i - 1].name != all[i].name || all[i].weak) continue;
    return fail<Code::duplicate_symbol>(all[i].name, linked.units[all[i - 1].place.unit].name,
                                        linked.units[all[i].place.unit].name);
  }
  const auto doubles = std::ranges::unique(all, {}, &Global::name);
  all.erase(doubles.begin(), doubles.end());
  return {};
}

// Declarations of .kconfig and .ksyms, as a unit's types have them.
struct Declaration {
  std::string_view name;
  bool kconfig = false;
  u32 type = 0;
};

std::vector<Declaration> declarations(const Btf& btf) {
  std::vector<Declaration> found;
  for (u32 id = 1; id < btf.types(); ++id) {
    if (btf.kind(id) != BtfKind::Datasec) continue;
    const bool kconfig = btf.name(id) == ".kconfig";
    if (!kconfig && btf.name(id) != ".ksyms") continue;
    for (u32 i = 0; i < btf.vlen(id); ++i) {
      const u32 type = btf.entry(id, i).type;
      found.push_back({btf.name(type), kconfig, type});
    }
  }
  std::ranges::sort(found, {}, &Declaration::name);
  return found;
}

ExternSymbol extern_of(const Btf& btf, const Declaration& declared, u32 unit, bool weak) {
  ExternSymbol found{.name = declared.name,
                     .kind = ExternInfo::Kind::KernelFunction,
                     .weak = weak,
                     .unit = unit,
                     .type = declared.type,
                     .text = {}};
  if (btf.kind(declared.type) == BtfKind::Func) return found;
  found.type = btf.type(declared.type);
  found.kind = declared.kconfig ? ExternInfo::Kind::Kconfig : ExternInfo::Kind::KernelVariable;
  if (btf.kind(btf.resolve(found.type)) == BtfKind::Void) found.type = 0;
  return found;
}

void collect_externs(Linked& linked, u32 unit) {
  const Unit& from = linked.units[unit];
  if (from.btf == nullptr) return;
  const std::vector<Declaration> declared = declarations(*from.btf);
  for (const Symbol& symbol : from.elf.symbols()) {
    if (symbol.section != elf::kUndefined || symbol.binding == elf::kLocal) continue;
    const auto found = std::ranges::lower_bound(declared, symbol.name, {}, &Declaration::name);
    if (found == declared.end() || found->name != symbol.name) continue;
    linked.externs.push_back(extern_of(*from.btf, *found, unit, symbol.binding == elf::kWeak));
  }
}

// A name declared by several objects is one extern, weak only if all say so.
Status join_externs(Linked& linked) {
  auto& all = linked.externs;
  std::ranges::sort(all, [](const ExternSymbol& a, const ExternSymbol& b) {
    return std::tie(a.name, a.unit) < std::tie(b.name, b.unit);
  });
  std::vector<ExternSymbol> joined;
  for (ExternSymbol& each : all) {
    if (joined.empty() || joined.back().name != each.name) {
      joined.push_back(std::move(each));
      continue;
    }
    if (joined.back().kind != each.kind) {
      return fail<Code::link_mismatch>(each.name,
                                       "one object takes it from the kernel's "
                                       "configuration, another from its symbols");
    }
    joined.back().weak = joined.back().weak && each.weak;
  }
  all = std::move(joined);
  return {};
}

}  // namespace

void Linked::note(std::string_view what, std::string_view section, Error error) {
  if (errors.size() >= loader_limits::kMaxNotes) return;
  if (error.text.size() > loader_limits::kMaxNote) error.text.resize(loader_limits::kMaxNote);
  errors.push_back({std::string(what.substr(0, loader_limits::kMaxName)), std::string(section),
                    std::move(error)});
}

const Global* Linked::find_global(std::string_view wanted) const {
  const auto found = std::ranges::lower_bound(globals, wanted, {}, &Global::name);
  return found == globals.end() || found->name != wanted ? nullptr : &*found;
}

i64 Linked::find_extern(std::string_view wanted) const {
  const auto found = std::ranges::lower_bound(externs, wanted, {}, &ExternSymbol::name);
  return found == externs.end() || found->name != wanted ? -1 : found - externs.begin();
}

i64 Linked::map_at(Place place) const {
  const auto found = std::ranges::lower_bound(map_places, place, {}, &std::pair<Place, u32>::first);
  return found == map_places.end() || found->first != place ? -1 : i64{found->second};
}

Status link_names(Linked& linked) {
  TRY(collect_globals(linked));
  for (u32 unit = 0; unit < linked.units.size(); ++unit) collect_externs(linked, unit);
  return join_externs(linked);
}

Target resolve(const Linked& linked, u32 unit, const Symbol& symbol) {
  Target target;
  if (symbol.is_defined()) {
    target.kind = Target::Kind::Defined;
    target.place = {unit, symbol.section, symbol.value};
    if (symbol.binding == elf::kLocal) return target;
  }
  // A stronger definition may replace the one at hand.
  if (const Global* global = linked.find_global(symbol.name); global != nullptr) {
    target.kind = Target::Kind::Defined;
    target.place = global->place;
    return target;
  }
  if (symbol.section != elf::kUndefined) return target;
  if (const i64 index = linked.find_extern(symbol.name); index >= 0) {
    target.kind = Target::Kind::Extern;
    target.extern_index = static_cast<u32>(index);
  }
  return target;
}

}  // namespace skep
