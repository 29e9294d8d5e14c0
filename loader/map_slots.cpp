// First contents of maps that refer to other things: programs of prog arrays, inner maps of maps
// of maps, functions of struct_ops. In the file each is a relocation of the map's variable.
// Tested by tests/loader/maps_test.cpp.
#include <algorithm>
#include <ranges>

#include "loader/limits.h"
#include "loader/link.h"

namespace skep {
namespace {

constexpr u32 kSlotBytes = 8;  // of a pointer in the file

class SlotFiller {
 public:
  explicit SlotFiller(Linked& linked) : linked_(linked) {}

  void fill(u32 unit, u32 section) {
    for (const Relocation& relocation : linked_.units[unit].relocations[section]) {
      const Place at{unit, section, relocation.offset};
      // The map that begins last before the place.
      auto next =
          std::ranges::upper_bound(linked_.map_places, at, {}, &std::pair<Place, u32>::first);
      if (next == linked_.map_places.begin()) continue;
      const auto& [place, map] = *std::prev(next);
      if (place.unit != unit || place.section != section) continue;
      const std::string reason = fill_one(map, at, relocation.offset - place.offset, relocation);
      if (reason.empty()) continue;
      const std::string& name = linked_.maps[map].name;
      linked_.note(name, linked_.units[unit].section_name(section),
                   make_error<Code::bad_map_definition>(name, reason));
    }
  }

 private:
  std::string fill_one(u32 map, Place at, u64 offset, const Relocation& relocation);
  std::string fill_ops(MapSpec& spec, u64 offset, const Target& target);
  const Function* function(const Place& place) const {
    const Unit& unit = linked_.units[place.unit];
    const i64 index =
        unit.function_at(place.section, static_cast<u32>(place.offset / sizeof(Insn)));
    return index < 0 ? nullptr : &unit.functions[static_cast<std::size_t>(index)];
  }

  Linked& linked_;
};

// A member of a struct_ops struct that holds a function.
std::string SlotFiller::fill_ops(MapSpec& spec, u64 offset, const Target& target) {
  const Function* found = function(target.place);
  if (found == nullptr)
    return fmt::format("offset {:#x} is set to something that is no function", offset);
  const u32 type = linked_.btf->resolve(spec.btf_value);
  const auto members = std::views::iota(u32{0}, linked_.btf->vlen(type));
  const auto place_of = [&](u32 i) { return u64{linked_.btf->member(type, i).bit_offset}; };
  const auto member = std::ranges::lower_bound(members, offset * 8, {}, place_of);
  if (member == members.end() || place_of(*member) != offset * 8) {
    return fmt::format("no member begins at offset {:#x}", offset);
  }
  spec.slots.push_back({*member, std::string(found->name), 0});
  return {};
}

std::string SlotFiller::fill_one(u32 map, Place at, u64 offset, const Relocation& relocation) {
  const Unit& unit = linked_.units[at.unit];
  MapSpec& spec = linked_.maps[map];
  Target target = resolve(linked_, at.unit, unit.elf.symbols()[relocation.symbol]);
  if (target.kind != Target::Kind::Defined) return "a slot is set to something undefined";
  const auto data = unit.elf.sections()[at.section].data;
  const bool stored = at.offset + kSlotBytes <= data.size();
  target.place.offset += stored ? unit.elf.read<u64>(data, at.offset) : 0;
  target.place.offset += static_cast<u64>(relocation.addend);
  if (spec.type == MapType::struct_ops) return fill_ops(spec, offset, target);
  const u32 values = map < linked_.values_at.size() ? linked_.values_at[map] : 0;
  if (values == 0 || offset < values || (offset - values) % kSlotBytes != 0) {
    return fmt::format("a relocation at offset {:#x} sets none of its values", offset);
  }
  const u64 index = (offset - values) / kSlotBytes;
  if (index >= spec.max_entries) {
    return fmt::format("slot {} is set, but there are {}", index, spec.max_entries);
  }
  if (spec.type == MapType::prog_array) {
    const Function* found = function(target.place);
    if (found == nullptr)
      return fmt::format("slot {} is set to something that is no program", index);
    spec.slots.push_back({static_cast<u32>(index), std::string(found->name), 0});
    return {};
  }
  const i64 inner = linked_.map_at(target.place);
  if (inner < 0) return fmt::format("slot {} is set to something that is no map", index);
  spec.slots.push_back({static_cast<u32>(index), {}, static_cast<u32>(inner)});
  return {};
}

constexpr std::string_view kStructOps[] = {".struct_ops", ".struct_ops.link", "?.struct_ops",
                                           "?.struct_ops.link"};

// The variables of a section of struct_ops: each is one map with the struct as its value.
void add_struct_ops(Linked& linked, u32 unit, const Section& section) {
  const Unit& from = linked.units[unit];
  const u32 datasec = from.btf->find(BtfKind::Datasec, section.name);
  u64 end = 0;  // of the variable before: they may not share bytes
  for (u32 i = 0; i < from.btf->vlen(datasec); ++i) {
    const BtfSectionEntry entry = from.btf->entry(datasec, i);
    const u32 type = from.btf->resolve(from.btf->type(entry.type));
    const u32 size = from.btf->size_of(type).value_or(0);
    const std::string_view name = from.btf->name(entry.type).substr(0, loader_limits::kMaxName);
    if (from.btf->kind(type) != BtfKind::Struct || entry.offset < end ||
        entry.offset + u64{size} > section.data.size()) {
      linked.note(name, section.name,
                  make_error<Code::bad_map_definition>(name, "it is no struct in its section"));
      continue;
    }
    end = entry.offset + u64{size};
    MapSpec spec;
    spec.name = name;
    spec.section = section.name;
    spec.type = MapType::struct_ops;
    spec.key_size = 4;
    spec.value_size = size;
    spec.max_entries = 1;
    spec.btf_value = linked.type_id(unit, type);
    if (section.name.ends_with(".link")) spec.flags |= map_flags::kLink;
    const auto bytes = section.data.subspan(entry.offset, size);
    spec.initial.assign(bytes.begin(), bytes.end());
    linked.map_places.emplace_back(Place{unit, section.index, entry.offset},
                                   static_cast<u32>(linked.maps.size()));
    linked.maps.push_back(std::move(spec));
  }
}

}  // namespace

void make_struct_ops_maps(Linked& linked) {
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    const Unit& from = linked.units[unit];
    if (from.btf == nullptr) continue;
    std::vector<const Section*> sections;
    for (const std::string_view name : kStructOps) {
      if (const Section* section = from.elf.find(name)) sections.push_back(section);
    }
    std::ranges::sort(sections, {}, &Section::index);
    for (const Section* section : sections) add_struct_ops(linked, unit, *section);
  }
  std::ranges::sort(linked.map_places);
}

void fill_map_slots(Linked& linked) {
  SlotFiller filler(linked);
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    const auto& uses = linked.units[unit].uses;
    for (u32 section = 0; section < uses.size(); ++section) {
      const bool slots =
          uses[section] == SectionUse::Maps || uses[section] == SectionUse::StructOps;
      if (slots) filler.fill(unit, section);
    }
  }
}

}  // namespace skep
