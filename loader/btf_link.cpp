// Joins the types of all objects: one BTF section with the types of each after those of the
// other, ids and names moved accordingly. Nothing is deduplicated, so that every id of an object
// stays an id, only further on (Linked::type_base). On the way, data sections get the sizes and
// offsets that compilers leave to the loader, and what ELF hides becomes static.
//
// Types are read through Btf, which has checked them, and written as words again.
// Tested by tests/loader/link_test.cpp.
#include <algorithm>
#include <map>
#include <tuple>

#include "loader/link.h"

namespace skep {
namespace {

constexpr u32 kHeaderBytes = 24;
constexpr u32 kMagic = 0xeb9f;
constexpr u32 kMaxVlen = 0xffff;  // items that every reader takes

class TypeLinker {
 public:
  explicit TypeLinker(Linked& linked) : linked_(linked) {}

  Status run();

 private:
  // Every DATASEC of one name, of all units, in order. The first one takes the others' entries.
  struct SameName {
    std::vector<std::pair<u32, u32>> sections;  // (unit, id)
    u64 entries = 0;
  };

  void find_sections();
  void find_hidden();
  void find_variables(u32 unit);
  u32 variable_at(u32 unit, u32 section, const BtfSectionEntry& entry) const;
  bool is_hidden(u32 id) const;
  void add_unit(u32 unit);
  void add_type(u32 id);
  void add_items(u32 id);
  void add_section(u32 id);
  std::vector<BtfSectionEntry> entries(std::string_view name, const SameName& same) const;
  u32 section_size(std::string_view name) const;
  const Section* find(u32 unit, std::string_view name) const {
    const auto found = by_name_.find({unit, name});
    return found == by_name_.end() ? nullptr : found->second;
  }
  // The offset of a string of the unit's, in the joined strings.
  u32 string(std::string_view text) const {
    return text.empty() ? 0 : string_base_ + static_cast<u32>(text.data() - btf_->string(0).data());
  }
  u32 type(u32 id) const { return linked_.type_id(unit_, id); }
  void push(std::initializer_list<u32> words) { types_.insert(types_.end(), words); }

  Linked& linked_;
  u32 unit_ = 0;                          // being added,
  const Btf* btf_ = nullptr;              // its types,
  u32 string_base_ = 0;                   // the place of its strings,
  std::vector<std::string_view> hidden_;  // and its symbols of restricted visibility, sorted
  std::vector<u32> types_;
  std::vector<u8> strings_;
  std::map<std::string_view, SameName> sections_;
  std::map<std::string_view, const DataSection*> data_;
  std::map<std::pair<u32, std::string_view>, const Section*> by_name_;
  std::map<std::tuple<u32, u32, std::string_view>, u64> variables_;  // unit, section, name
};

void TypeLinker::find_sections() {
  for (const DataSection& data : linked_.data) data_.emplace(data.name, &data);
  for (u32 unit = 0; unit < linked_.units.size(); ++unit) {
    const auto sections = linked_.units[unit].elf.sections();
    for (const Section& section : sections)
      by_name_.emplace(std::pair(unit, section.name), &section);
    find_variables(unit);
    const Btf* btf = linked_.units[unit].btf.get();
    for (u32 id = 1; btf != nullptr && id < btf->types(); ++id) {
      if (btf->kind(id) != BtfKind::Datasec) continue;
      SameName& same = sections_[btf->name(id)];
      same.sections.emplace_back(unit, id);
      same.entries += btf->vlen(id);
    }
  }
}

// gcc leaves offsets to whoever loads, without relocations that would tell: names must do.
void TypeLinker::find_variables(u32 unit) {
  const Unit& from = linked_.units[unit];
  const Section* types = find(unit, ".BTF");
  if (types == nullptr || !from.relocations[types->index].empty()) return;
  for (const Symbol& symbol : from.elf.symbols()) {
    if (!symbol.is_defined() || symbol.type != elf::kObject) continue;
    variables_.emplace(std::tuple(unit, symbol.section, symbol.name), symbol.value);
  }
}

u32 TypeLinker::variable_at(u32 unit, u32 section, const BtfSectionEntry& entry) const {
  const std::string_view name = linked_.units[unit].btf->name(entry.type);
  const auto found = variables_.find({unit, section, name});
  return found == variables_.end() ? entry.offset : static_cast<u32>(found->second);
}

// Bytes of a section with all its parts; 0 if no object has such a one.
u32 TypeLinker::section_size(std::string_view name) const {
  if (name == ".kconfig") return static_cast<u32>(linked_.kconfig_size);
  if (const auto data = data_.find(name); data != data_.end()) {
    return static_cast<u32>(data->second->size);
  }
  u64 size = 0;
  for (u32 unit = 0; unit < linked_.units.size(); ++unit) {
    if (const Section* section = find(unit, name)) size += section->size;
  }
  return static_cast<u32>(std::min<u64>(size, 0x7fffffff));
}

// The variables of a section, of all objects, by offset. Declarations whose definition another
// object has are left out.
std::vector<BtfSectionEntry> TypeLinker::entries(std::string_view name,
                                                 const SameName& same) const {
  std::vector<BtfSectionEntry> all;
  const bool provided = name == ".kconfig" || name == ".ksyms";
  u64 next_base = 0;
  for (const auto& [unit, id] : same.sections) {
    const Unit& from = linked_.units[unit];
    const Section* section = find(unit, name);
    const auto data = section == nullptr ? DataPart{} : from.data[section->index];
    const u64 base = data.data != DataPart::kNone ? data.base : next_base;
    if (section != nullptr) next_base = base + section->size;
    for (u32 i = 0; i < from.btf->vlen(id); ++i) {
      BtfSectionEntry entry = from.btf->entry(id, i);
      const bool declared = from.btf->linkage(entry.type) == BtfLinkage::Extern;
      if (declared && !provided && linked_.units.size() > 1) continue;
      const bool unset = section != nullptr && from.btf->size(id) == 0;
      if (unset) entry.offset = variable_at(unit, section->index, entry);
      entry.offset += static_cast<u32>(base);
      if (provided) {
        const i64 index = linked_.find_extern(from.btf->name(entry.type));
        if (index < 0) continue;
        entry.offset = linked_.externs[static_cast<std::size_t>(index)].offset;
      }
      if (entry.size == 0) entry.size = from.btf->size_of(entry.type).value_or(0);
      entry.type = linked_.type_id(unit, entry.type);
      all.push_back(entry);
    }
  }
  std::ranges::sort(all, {}, &BtfSectionEntry::offset);
  return all;
}

// A data section; the second of a name leaves a pointer to void in its place, as ids must stay.
void TypeLinker::add_section(u32 id) {
  const std::string_view name = btf_->name(id);
  const SameName& same = sections_.at(name);
  const bool fits = same.entries <= kMaxVlen;
  if (fits && same.sections.front() != std::pair(unit_, id)) {
    return push({0, static_cast<u32>(BtfKind::Ptr) << 24, 0});
  }
  const auto all = fits ? entries(name, same) : std::vector<BtfSectionEntry>{};
  push({string(name), static_cast<u32>(BtfKind::Datasec) << 24 | static_cast<u32>(all.size()),
        section_size(name)});
  for (const BtfSectionEntry& entry : all) push({entry.type, entry.offset, entry.size});
}

void TypeLinker::find_hidden() {
  hidden_.clear();
  for (const Symbol& symbol : linked_.units[unit_].elf.symbols()) {
    const bool hidden = symbol.visibility == elf::kHidden || symbol.visibility == elf::kInternal;
    if (hidden && symbol.is_defined()) hidden_.push_back(symbol.name);
  }
  std::ranges::sort(hidden_);
}

bool TypeLinker::is_hidden(u32 id) const {
  return !hidden_.empty() && std::ranges::binary_search(hidden_, btf_->name(id));
}

// What follows the three words that every type has.
void TypeLinker::add_items(u32 id) {
  const u32 count = btf_->vlen(id);
  switch (btf_->kind(id)) {
    case BtfKind::Int: {
      const BtfInt integer = btf_->integer(id);
      return push({u32{integer.encoding} << 24 | integer.bit_offset << 16 | integer.bits});
    }
    case BtfKind::Array: {
      const BtfArray array = btf_->array(id);
      return push({type(array.element), type(array.index), array.count});
    }
    case BtfKind::Struct:
    case BtfKind::Union:
      for (u32 i = 0; i < count; ++i) {
        const BtfMember member = btf_->member(id, i);
        const u32 bits = btf_->flag(id) ? member.bits << 24 : 0;
        push({string(member.name), type(member.type), bits | member.bit_offset});
      }
      return;
    case BtfKind::Enum:
    case BtfKind::Enum64:
      for (u32 i = 0; i < count; ++i) {
        const BtfEnumerator each = btf_->enumerator(id, i);
        push({string(each.name), static_cast<u32>(each.value)});
        if (btf_->kind(id) == BtfKind::Enum64) push({static_cast<u32>(each.value >> 32)});
      }
      return;
    case BtfKind::FuncProto:
      for (u32 i = 0; i < count; ++i) {
        const BtfParam param = btf_->param(id, i);
        push({string(param.name), type(param.type)});
      }
      return;
    case BtfKind::Var: return push({is_hidden(id) ? 0 : static_cast<u32>(btf_->linkage(id))});
    case BtfKind::DeclTag: return push({static_cast<u32>(btf_->component(id))});
    case BtfKind::Void:
    case BtfKind::Ptr:
    case BtfKind::Fwd:
    case BtfKind::Typedef:
    case BtfKind::Volatile:
    case BtfKind::Const:
    case BtfKind::Restrict:
    case BtfKind::Func:
    case BtfKind::Datasec:
    case BtfKind::Float:
    case BtfKind::TypeTag: return;
  }
}

void TypeLinker::add_type(u32 id) {
  const BtfKind kind = btf_->kind(id);
  u32 count = btf_->vlen(id);
  if (kind == BtfKind::Func) count = is_hidden(id) ? 0 : static_cast<u32>(btf_->linkage(id));
  // Only one of the two is there: a kind has a size, or it refers to a type.
  const u32 third = btf_->size(id) != 0 ? btf_->size(id) : type(btf_->type(id));
  push({string(btf_->name(id)), u32{btf_->flag(id)} << 31 | static_cast<u32>(kind) << 24 | count,
        third});
  add_items(id);
}

void TypeLinker::add_unit(u32 unit) {
  const Unit& from = linked_.units[unit];
  unit_ = unit;
  btf_ = from.btf.get();
  find_hidden();
  // The strings as a whole: a name is then known by its place.
  const u32 size = from.elf.read<u32>(from.types, 20);
  const char* strings = btf_->string(0).data();
  string_base_ = static_cast<u32>(strings_.size());
  strings_.insert(strings_.end(), strings, strings + size);
  for (u32 id = 1; id < btf_->types(); ++id) {
    if (btf_->kind(id) == BtfKind::Datasec) {
      add_section(id);
    } else {
      add_type(id);
    }
  }
}

Status TypeLinker::run() {
  u64 bytes = 0;
  u32 next = 0;
  for (const Unit& unit : linked_.units) {
    linked_.type_base.push_back(next);
    if (unit.btf == nullptr) continue;
    next += unit.btf->types() - 1;
    bytes += unit.types.size();
  }
  if (bytes == 0) return {};
  if (bytes > Btf::kMaxBytes) {
    return fail<Code::object_too_large>("the size of all types", bytes, u64{Btf::kMaxBytes});
  }
  find_sections();
  for (u32 unit = 0; unit < linked_.units.size(); ++unit) {
    if (linked_.units[unit].btf != nullptr) add_unit(unit);
  }
  const u32 type_bytes = static_cast<u32>(types_.size() * 4);
  const u32 header[] = {kMagic | 1 << 16, kHeaderBytes, 0,
                        type_bytes,       type_bytes,   static_cast<u32>(strings_.size())};
  std::vector<u8> all;
  const auto put = [&all](u32 word) {
    for (u32 i = 0; i < 4; ++i) all.push_back(static_cast<u8>(word >> 8 * i));
  };
  for (const u32 word : header) put(word);
  for (const u32 word : types_) put(word);
  all.insert(all.end(), strings_.begin(), strings_.end());
  auto btf = Btf::parse(all);
  if (!btf) return std::unexpected(std::move(btf).error());
  linked_.btf = std::make_shared<const Btf>(*std::move(btf));
  return {};
}

}  // namespace

Status link_types(Linked& linked) {
  return TypeLinker(linked).run();
}

}  // namespace skep
