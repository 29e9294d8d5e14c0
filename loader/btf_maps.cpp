// BTF-defined maps: variables of SEC(".maps") whose type is an anonymous struct. Its members are
// not data but an encoding of the definition in types, made by libbpf's macros:
//   __uint(max_entries, 16)   int (*max_entries)[16]          a number as an array's length
//   __ulong(map_extra, 1)     an enum with that one value
//   __type(key, u32)          u32 *key                        a type as what is pointed to
//   __array(values, T)        T *values[]                     inner maps or programs
// Tested by tests/loader/maps_test.cpp.
#include <algorithm>
#include <bit>

#include "loader/limits.h"
#include "loader/link.h"
#include "loader/value_fields.h"

namespace skep {
namespace {

constexpr u64 kPageSize = 4096;
constexpr u32 kMaxMembers = 32;  // there are a dozen different ones
constexpr u32 kPinByName = 1;    // enum libbpf_pin_type

// A ring's size is made a power of two pages, as libbpf does.
void round_ring_size(MapSpec& spec) {
  if (spec.type != MapType::ringbuf && spec.type != MapType::user_ringbuf) return;
  if (spec.max_entries == 0 || spec.max_entries > 1u << 31) return;
  spec.max_entries =
      static_cast<u32>(std::max<u64>(kPageSize, std::bit_ceil(u64{spec.max_entries})));
}

// Reads one definition; the first thing that is wrong is the reason.
class Definition {
 public:
  Definition(const Linked& linked, u32 unit, MapSpec& spec)
      : linked_(linked), unit_(unit), btf_(*linked.units[unit].btf), spec_(spec) {}

  bool read(u32 type, bool inner);
  const std::string& reason() const { return reason_; }
  u32 values_at() const { return values_at_; }

 private:
  bool fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    return false;
  }
  bool read_member(const BtfMember& member);
  bool number(const BtfMember& member, u64& value);
  bool size_from(const BtfMember& member, u32& type, u32& size);
  bool read_size(const BtfMember& member, u32& size);
  bool read_values(const BtfMember& member);

  const Linked& linked_;
  u32 unit_;
  const Btf& btf_;
  MapSpec& spec_;
  bool inner_ = false;
  bool has_values_ = false;
  u32 values_at_ = 0;
  std::string reason_;
};

bool Definition::number(const BtfMember& member, u64& value) {
  const u32 type = btf_.resolve(member.type);
  if (btf_.is_enum(type) && btf_.vlen(type) == 1) {
    value = btf_.enumerator(type, 0).value;
    return true;
  }
  const u32 array = btf_.kind(type) == BtfKind::Ptr ? btf_.resolve(btf_.type(type)) : 0;
  if (btf_.kind(array) != BtfKind::Array) {
    return fail(fmt::format("member '{}' is no number: use __uint or __ulong", member.name));
  }
  value = btf_.array(array).count;
  return true;
}

// key_size and value_size, which must agree with what key and value said.
bool Definition::read_size(const BtfMember& member, u32& size) {
  u64 value = 0;
  if (!number(member, value)) return false;
  if (size != 0 && size != value) {
    return fail(fmt::format("'{}' is {}, but the type has {} bytes", member.name, value, size));
  }
  size = static_cast<u32>(value);
  return true;
}

bool Definition::size_from(const BtfMember& member, u32& type, u32& size) {
  const u32 pointer = btf_.resolve(member.type);
  if (btf_.kind(pointer) != BtfKind::Ptr) {
    return fail(fmt::format("member '{}' is no type: use __type", member.name));
  }
  const auto bytes = btf_.size_of(btf_.type(pointer));
  if (!bytes) return fail(fmt::format("the type of '{}' has no size", member.name));
  if (size != 0 && size != *bytes) {
    return fail(fmt::format("the type of '{}' has {} bytes, not {}", member.name, *bytes, size));
  }
  type = linked_.type_id(unit_, btf_.type(pointer));
  size = *bytes;
  return true;
}

bool Definition::read_values(const BtfMember& member) {
  const u32 array = btf_.resolve(member.type);
  const u32 pointer =
      btf_.kind(array) == BtfKind::Array ? btf_.resolve(btf_.array(array).element) : 0;
  if (btf_.kind(pointer) != BtfKind::Ptr) return fail("'values' is no array of pointers");
  if (inner_) return fail("an inner map can't have 'values'");
  const u32 target = btf_.resolve(btf_.type(pointer));
  has_values_ = true;
  values_at_ = member.bit_offset / 8;
  if (spec_.value_size != 0 && spec_.value_size != 4) {
    return fail(
        fmt::format("its values are maps or programs, of 4 bytes, not {}", spec_.value_size));
  }
  spec_.value_size = 4;
  if (spec_.type == MapType::prog_array) {
    return btf_.kind(target) == BtfKind::FuncProto ||
           fail("'values' of a prog array are functions");
  }
  if (!holds_maps(spec_.type)) {
    return fail("only maps of maps and prog arrays can have 'values'");
  }
  if (btf_.kind(target) != BtfKind::Struct) return fail("'values' of a map of maps are maps");
  auto inner = std::make_shared<MapSpec>();
  inner->name = spec_.name + ".inner";
  inner->section = spec_.section;
  Definition definition(linked_, unit_, *inner);
  if (!definition.read(target, true)) return fail("inner map: " + definition.reason());
  spec_.inner = std::move(inner);
  return true;
}

bool Definition::read_member(const BtfMember& member) {
  u64 value = 0;
  if (member.name == "key_size") return read_size(member, spec_.key_size);
  if (member.name == "value_size") return read_size(member, spec_.value_size);
  if (member.name == "key") return size_from(member, spec_.btf_key, spec_.key_size);
  if (member.name == "value") {
    if (!size_from(member, spec_.btf_value, spec_.value_size)) return false;
    const u32 type = btf_.type(btf_.resolve(member.type));
    spec_.fields = value_fields(btf_, type, spec_.value_size);
    return true;
  }
  if (member.name == "values") return read_values(member);
  if (!number(member, value)) return false;
  const u32 word = static_cast<u32>(value);
  if (member.name == "type") {
    spec_.type = static_cast<MapType>(word);
  } else if (member.name == "max_entries") {
    spec_.max_entries = word;
  } else if (member.name == "map_flags") {
    spec_.flags = word;
  } else if (member.name == "map_extra") {
    spec_.extra = value;
  } else if (member.name == "numa_node") {
    // Which memory the kernel takes it from means nothing here.
  } else if (member.name == "pinning") {
    if (inner_) return fail("an inner map can't be pinned");
    if (word > kPinByName) return fail(fmt::format("pinning {} is unknown", word));
    spec_.pinned = word == kPinByName;
  } else {
    return fail(fmt::format("member '{}' is unknown", member.name));
  }
  return true;
}

bool Definition::read(u32 type, bool inner) {
  inner_ = inner;
  const u32 definition = btf_.resolve(type);
  if (btf_.kind(definition) != BtfKind::Struct) return fail("its type is no struct");
  if (btf_.vlen(definition) > kMaxMembers) return fail("it has too many members");
  for (u32 i = 0; i < btf_.vlen(definition); ++i) {
    const BtfMember member = btf_.member(definition, i);
    if (has_values_) return fail("'values' must be the last member");
    if (!read_member(member)) return false;
  }
  if (spec_.type == MapType::unspec) return fail("it has no type");
  round_ring_size(spec_);
  return true;
}

// Symbols of .maps by name, which say where a variable lies.
std::vector<const Symbol*> map_symbols(const Unit& unit) {
  std::vector<const Symbol*> found;
  for (const Symbol& symbol : unit.elf.symbols()) {
    if (!symbol.is_defined() || symbol.type == elf::kSection) continue;
    if (unit.uses[symbol.section] == SectionUse::Maps) found.push_back(&symbol);
  }
  std::ranges::sort(found, {}, &Symbol::name);
  return found;
}

void add_map(Linked& linked, u32 unit, u32 variable, Place place) {
  const Btf& btf = *linked.units[unit].btf;
  MapSpec spec;
  spec.name = btf.name(variable).substr(0, loader_limits::kMaxName);
  spec.section = ".maps";
  Definition definition(linked, unit, spec);
  if (!definition.read(btf.type(variable), false)) {
    return linked.note(spec.name, spec.section,
                       make_error<Code::bad_map_definition>(spec.name, definition.reason()));
  }
  const u32 index = static_cast<u32>(linked.maps.size());
  if (spec.type == MapType::arena && linked.arena_map == Linked::kNoMap) linked.arena_map = index;
  linked.map_places.emplace_back(place, index);
  linked.values_at.resize(index + 1, 0);
  linked.values_at[index] = definition.values_at();
  linked.maps.push_back(std::move(spec));
}

}  // namespace

void make_btf_maps(Linked& linked, u32 unit) {
  const Unit& from = linked.units[unit];
  const Section* section = from.elf.find(".maps");
  if (section == nullptr || from.btf == nullptr) return;
  const u32 datasec = from.btf->find(BtfKind::Datasec, ".maps");
  const std::vector<const Symbol*> symbols = map_symbols(from);
  for (u32 i = 0; i < from.btf->vlen(datasec); ++i) {
    const BtfSectionEntry entry = from.btf->entry(datasec, i);
    if (from.btf->linkage(entry.type) == BtfLinkage::Extern) continue;
    const std::string_view name = from.btf->name(entry.type);
    Place place{unit, section->index, entry.offset};
    const auto symbol = std::ranges::lower_bound(symbols, name, {}, &Symbol::name);
    if (symbol != symbols.end() && (*symbol)->name == name) {
      place = {unit, (*symbol)->section, (*symbol)->value};
      // Another object's definition counts, and this one is never referred to.
      const Global* global = linked.find_global(name);
      const bool local = (*symbol)->binding == elf::kLocal;
      if (!local && global != nullptr && global->place != place) continue;
    }
    add_map(linked, unit, entry.type, place);
  }
}

}  // namespace skep
