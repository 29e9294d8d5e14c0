// Global data: sections of one name become one array map with one value. Names, flags and order
// are libbpf's. Tested by tests/loader/data_test.cpp.
#include <algorithm>
#include <cctype>
#include <map>

#include "loader/limits.h"
#include "loader/link.h"
#include "loader/value_fields.h"

namespace skep {
namespace {

constexpr std::size_t kMapName = 15;  // characters of a map's name (Linux BPF_OBJ_NAME_LEN)
constexpr u64 kMaxAlignment = 4096;
constexpr std::size_t kSuffixRoom = 7;  // kept free for ".rodata", shorter suffixes alike

// "firewall.rodata": what of the object's name fits before the section's. Sections with a name of
// their own (".data.stats") stand alone, with all of it: the kernel cuts it off, as any map's.
std::string map_name(std::string_view object, std::string_view section) {
  if (section.find('.', 1) != section.npos) return std::string(section);
  object = object.substr(0, object.find('.'));
  const std::size_t suffix = std::min(kMapName, std::max(kSuffixRoom, section.size()));
  std::string name(object.substr(0, std::min(kMapName - suffix, object.size())));
  name += section.substr(0, suffix);
  for (char& c : name) {
    const bool keep = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    if (!keep) c = '_';
  }
  return name;
}

// A host can map the value into memory if it has something to find there by name: a variable that
// is not static.
bool is_mappable(const Btf& btf, u32 datasec) {
  for (u32 i = 0; i < btf.vlen(datasec); ++i) {
    if (btf.linkage(btf.entry(datasec, i).type) != BtfLinkage::Static) return true;
  }
  return false;
}

void add_data_map(Linked& linked, DataSection& data) {
  MapSpec spec = array_of_data(linked, data.name, data.size);
  if (data.use == SectionUse::ReadOnly) {
    spec.flags |= map_flags::kRdonlyProg;
    spec.frozen = true;
  }
  if (data.use != SectionUse::Bss) {
    spec.initial.resize(data.size);
    for (const Place& part : data.parts) {
      const auto bytes = linked.units[part.unit].elf.sections()[part.section].data;
      std::ranges::copy(bytes, spec.initial.begin() + static_cast<std::ptrdiff_t>(part.offset));
    }
  }
  data.map = static_cast<u32>(linked.maps.size());
  linked.maps.push_back(std::move(spec));
}

using DataNames = std::map<std::string_view, u32>;

Status add_part(Linked& linked, DataNames& names, u32 unit, const Section& section, SectionUse use,
                u64& padding) {
  const auto [known, is_new] = names.emplace(section.name, static_cast<u32>(linked.data.size()));
  if (is_new) linked.data.push_back({section.name, use, 0, 1, 0, {}});
  DataSection& data = linked.data[known->second];
  if (data.use != use) {
    return fail<Code::link_mismatch>(section.name, "one object has contents for it, another zeros");
  }
  if (section.alignment > kMaxAlignment) {
    return fail<Code::malformed_object>(section.name, 0, "its alignment is more than a page");
  }
  data.alignment = std::max(data.alignment, section.alignment);
  const u64 base = (data.size + data.alignment - 1) & ~(data.alignment - 1);
  padding += base - data.size;
  if (padding > loader_limits::kMaxPadding) {
    return fail<Code::object_too_large>("the padding between parts of data sections", padding,
                                        loader_limits::kMaxPadding);
  }
  if (section.size > loader_limits::kMaxValue || base + section.size > loader_limits::kMaxValue) {
    return fail<Code::object_too_large>(fmt::format("data section '{}'", section.name),
                                        base + section.size, loader_limits::kMaxValue);
  }
  data.parts.push_back({unit, section.index, base});
  data.size = base + section.size;
  linked.units[unit].data[section.index] = {known->second, base};
  return {};
}

}  // namespace

MapSpec array_of_data(const Linked& linked, std::string_view section, u64 size) {
  MapSpec spec;
  spec.name = map_name(linked.name, section);
  spec.type = MapType::array;
  spec.key_size = 4;
  spec.value_size = static_cast<u32>(size);
  spec.max_entries = 1;
  spec.section = section;
  if (linked.btf != nullptr) spec.btf_value = linked.btf->find(BtfKind::Datasec, section);
  if (spec.btf_value != 0 && is_mappable(*linked.btf, spec.btf_value)) {
    spec.flags |= map_flags::kMmapable;
  }
  if (spec.btf_value != 0) spec.fields = value_fields(*linked.btf, spec.btf_value, spec.value_size);
  return spec;
}

Status place_data(Linked& linked) {
  DataNames names;
  u64 padding = 0;
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    for (const Section& section : linked.units[unit].elf.sections()) {
      const SectionUse use = linked.units[unit].uses[section.index];
      if (!is_data(use) || section.size == 0) continue;
      TRY(add_part(linked, names, unit, section, use, padding));
    }
  }
  return padding == 0 ? Status{} : loader_limits::check_memory(padding, "the data sections");
}

void make_data_maps(Linked& linked) {
  for (DataSection& data : linked.data) add_data_map(linked, data);
}

}  // namespace skep
