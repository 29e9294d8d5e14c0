// The maps of an object, in libbpf's order: those that it defines, its global data, the kernel's
// configuration. Here: the order, old struct bpf_map_def definitions, the .kconfig map.
// Tested by tests/loader/maps_test.cpp.
#include <algorithm>

#include "loader/limits.h"
#include "loader/link.h"

namespace skep {
namespace {

constexpr u64 kLegacySize = 20;     // type, key size, value size, entries, flags
constexpr u64 kLegacyMinimum = 16;  // the oldest have no flags
constexpr u64 kLegacyMaximum = 256;
constexpr u64 kIproute2Size = 36;  // more: id, pinning, inner id, inner index
constexpr u64 kEitherSize = 28;    // iproute2's up to pinning, or inner index and NUMA node

void note(Linked& linked, std::string_view map, std::string_view section, std::string reason) {
  linked.note(map, section, make_error<Code::bad_map_definition>(map, reason));
}

// Fields after flags were never understood by anyone but iproute2 (struct bpf_elf_map, which may
// end early) and by the kernel's own samples; those of other lengths must be zero. Returns what is
// wrong, or nothing.
std::string read_later_fields(const Elf& file, std::span<const u8> data, MapSpec& spec) {
  if (data.size() == kIproute2Size) {
    spec.pinned = file.read<u32>(data, 24) != 0;
    const bool nests = file.read<u32>(data, 28) != 0 || file.read<u32>(data, 32) != 0;
    return nests ? "inner maps of iproute2's kind are not supported" : "";
  }
  if (data.size() == kEitherSize && !holds_maps(spec.type)) {
    const bool is_node = (spec.flags & map_flags::kNumaNode) != 0;
    spec.pinned = !is_node && file.read<u32>(data, 24) != 0;
    return {};
  }
  for (u64 at = kLegacySize; at < data.size(); ++at) {
    if (data[at] == 0) continue;
    return fmt::format("byte {} of its definition, an option of no known meaning, is not 0", at);
  }
  return {};
}

// One struct bpf_map_def.
void add_legacy(Linked& linked, const Symbol& symbol, Place place, u64 end) {
  const Unit& unit = linked.units[place.unit];
  const Section& section = unit.elf.sections()[place.section];
  const auto data = section.data.subspan(place.offset, end - place.offset);
  if (data.size() < kLegacyMinimum || data.size() > kLegacyMaximum) {
    return note(linked, symbol.name, section.name,
                fmt::format("its definition has {} bytes, not {} to {}", data.size(),
                            kLegacyMinimum, kLegacyMaximum));
  }
  const auto word = [&](u64 at) { return unit.elf.read<u32>(data, at); };
  MapSpec spec;
  spec.name = symbol.name;
  spec.section = section.name;
  spec.type = static_cast<MapType>(word(0));
  spec.key_size = word(4);
  spec.value_size = word(8);
  spec.max_entries = word(12);
  if (data.size() >= kLegacySize) spec.flags = word(16);
  if (const std::string wrong = read_later_fields(unit.elf, data, spec); !wrong.empty()) {
    return note(linked, symbol.name, section.name, wrong);
  }
  linked.map_places.emplace_back(place, static_cast<u32>(linked.maps.size()));
  linked.maps.push_back(std::move(spec));
}

void add_kconfig_map(Linked& linked) {
  if (linked.kconfig_size == 0) return;
  MapSpec spec = array_of_data(linked, ".kconfig", linked.kconfig_size);
  spec.flags |= map_flags::kRdonlyProg;
  spec.frozen = true;
  spec.initial.resize(linked.kconfig_size);
  for (const ExternSymbol& symbol : linked.externs) {
    if (symbol.kind != ExternInfo::Kind::Kconfig) continue;
    for (u32 i = 0; i < symbol.size; ++i) {
      const u8 letter = i < symbol.text.size() ? static_cast<u8>(symbol.text[i]) : 0;
      const u8 byte = i < 8 ? static_cast<u8>(symbol.value >> (8 * i)) : 0;
      spec.initial[symbol.offset + i] = symbol.text.empty() ? byte : letter;
    }
  }
  linked.kconfig_map = static_cast<u32>(linked.maps.size());
  linked.maps.push_back(std::move(spec));
}

// How many maps there may be, and first contents of them, by what defines them.
struct Numbers {
  u64 maps = 0;
  u64 slots = 0;
};

Numbers count_definitions(const Unit& unit) {
  Numbers numbers;
  for (const Section& section : unit.elf.sections()) {
    const SectionUse use = unit.uses[section.index];
    if (use == SectionUse::LegacyMaps) numbers.maps += section.data.size() / kLegacyMinimum;
    const bool by_types = use == SectionUse::Maps || use == SectionUse::StructOps;
    if (by_types) numbers.slots += unit.relocations[section.index].size();
    if (!by_types || unit.btf == nullptr) continue;
    numbers.maps += unit.btf->vlen(unit.btf->find(BtfKind::Datasec, section.name));
  }
  return numbers;
}

// A few bytes of types define a map, so their number is bounded, and its memory tried out.
Status check_number(const Linked& linked) {
  Numbers numbers{.maps = linked.data.size() + 1, .slots = 0};
  for (const Unit& unit : linked.units) {
    const auto [maps, slots] = count_definitions(unit);
    numbers.maps += maps;
    numbers.slots += slots;
  }
  if (numbers.maps > loader_limits::kMaxMaps) {
    return fail<Code::object_too_large>("the number of maps", numbers.maps,
                                        u64{loader_limits::kMaxMaps});
  }
  return loader_limits::check_memory(
      numbers.maps * loader_limits::kBytesPerMap + numbers.slots * loader_limits::kBytesPerSlot,
      "the maps");
}

}  // namespace

void make_legacy_maps(Linked& linked, u32 unit) {
  const Unit& from = linked.units[unit];
  std::vector<const Symbol*> symbols;
  for (const Symbol& symbol : from.elf.symbols()) {
    const bool names = symbol.type == elf::kNoType || symbol.type == elf::kObject;
    if (!symbol.is_defined() || !names || symbol.name.empty()) continue;
    if (from.uses[symbol.section] == SectionUse::LegacyMaps) symbols.push_back(&symbol);
  }
  std::ranges::sort(symbols, [](const Symbol* a, const Symbol* b) {
    return a->section != b->section ? a->section < b->section : a->value < b->value;
  });
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const u32 section = symbols[i]->section;
    const u64 size = from.elf.sections()[section].data.size();
    const bool last = i + 1 == symbols.size() || symbols[i + 1]->section != section;
    const u64 next = last ? size : symbols[i + 1]->value;
    const u64 end = symbols[i]->size == 0 ? next : symbols[i]->value + symbols[i]->size;
    add_legacy(linked, *symbols[i], {unit, section, symbols[i]->value}, std::min(end, size));
  }
}

Status make_maps(Linked& linked) {
  TRY(check_number(linked));
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    make_legacy_maps(linked, unit);
    make_btf_maps(linked, unit);
  }
  std::ranges::sort(linked.map_places);
  make_data_maps(linked);
  add_kconfig_map(linked);
  make_struct_ops_maps(linked);
  fill_map_slots(linked);
  return {};
}

}  // namespace skep
