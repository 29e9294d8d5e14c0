// What a relocation of an instruction leads to: a map, a variable, a function, a name of the
// kernel. Tested by tests/loader/loader_test.cpp.
#include "loader/references.h"

#include <algorithm>

namespace skep {
namespace {

constexpr u8 kCall = 0x85;

class Referrer {
 public:
  Referrer(const Linked& linked, Place at, const Relocation& relocation)
      : linked_(linked),
        unit_(linked.units[at.unit]),
        at_(at),
        relocation_(relocation),
        symbol_(unit_.elf.symbols()[relocation.symbol]) {}

  Result<Reference> find(const Insn& insn) {
    if (insn.opcode != kCall && insn.opcode != kLddwOpcode) {
      return refuse("the instruction is neither a call nor a 64-bit load");
    }
    const Target target = resolve(linked_, at_.unit, symbol_);
    switch (target.kind) {
      case Target::Kind::Defined:
        return insn.opcode == kCall ? call(target.place, insn) : address(target.place, insn);
      case Target::Kind::Extern: return provided(target.extern_index, insn);
      case Target::Kind::Undefined: break;
    }
    if (symbol_.section == elf::kUndefined) {
      return fail<Code::undefined_symbol>(symbol_.name, unit_.name);
    }
    return refuse("its symbol is in no section");
  }

 private:
  std::unexpected<Error> refuse(std::string_view reason) const {
    return fail<Code::bad_relocation>(unit_.section_name(at_.section), at_.offset, symbol_.name,
                                      reason);
  }

  bool is_bad_map() const {
    return std::ranges::any_of(linked_.errors, [&](const LoadFailure& failure) {
      return failure.error.code == Code::bad_map_definition && failure.name == symbol_.name;
    });
  }

  Result<Reference> function(RelocationKind kind, Place place) const {
    const Unit& unit = linked_.units[place.unit];
    const bool whole = place.offset % sizeof(Insn) == 0 && place.offset / sizeof(Insn) <= ~u32{0};
    const i64 index =
        whole ? unit.function_at(place.section, static_cast<u32>(place.offset / sizeof(Insn))) : -1;
    if (index < 0) {
      return fail<Code::bad_call_target>(unit_.section_name(at_.section), at_.offset, place.offset,
                                         unit.section_name(place.section));
    }
    Reference found{.kind = kind};
    found.unit = place.unit;
    found.function = static_cast<u32>(index);
    return found;
  }

  // What old binutils have added to imm already, in bytes even where imm counts slots.
  i64 already_added() const {
    const bool named = symbol_.is_defined() && symbol_.type != elf::kSection;
    return unit_.adds_symbol_values && named ? static_cast<i64>(symbol_.value) : 0;
  }

  // A call counts from the instruction after itself, as if it stood at the start of the section.
  Result<Reference> call(Place place, const Insn& insn) const {
    const i64 slots = i64{insn.imm} + 1 - already_added();
    place.offset += static_cast<u64>(slots * i64{sizeof(Insn)} + relocation_.addend);
    return function(RelocationKind::Call, place);
  }

  Result<Reference> address(Place place, const Insn& insn) const {
    const Unit& unit = linked_.units[place.unit];
    place.offset += static_cast<u64>(i64{insn.imm} - already_added() + relocation_.addend);
    const SectionUse use = unit.uses[place.section];
    if (use == SectionUse::Code) return function(RelocationKind::Function, place);
    if (use == SectionUse::Maps || use == SectionUse::LegacyMaps) {
      const i64 map = linked_.map_at(place);
      if (map < 0) {
        return refuse(is_bad_map() ? "the definition of this map is in error itself"
                                   : "no map is defined there");
      }
      return Reference{.kind = RelocationKind::Map, .map = static_cast<u32>(map)};
    }
    if (use == SectionUse::Arena) {
      if (linked_.arena_map == Linked::kNoMap) return refuse("there is no arena map to hold it");
      return value(linked_.arena_map, place.offset);
    }
    const DataPart& part = unit.data[place.section];
    if (part.data == DataPart::kNone) return refuse("its section is not loaded");
    return value(linked_.data[part.data].map, part.base + place.offset);
  }

  Result<Reference> value(u32 map, u64 offset) const {
    if (offset > ~u32{0}) return refuse("it lies outside of its section");
    return Reference{.kind = RelocationKind::Data, .map = map, .offset = static_cast<u32>(offset)};
  }

  Result<Reference> provided(u32 index, const Insn& insn) const {
    const ExternSymbol& name = linked_.externs[index];
    const bool call = insn.opcode == kCall;
    if (name.kind == ExternInfo::Kind::Kconfig) {
      if (call) return refuse("a configuration value can't be called");
      if (!name.found && !name.weak) return fail<Code::missing_kconfig>(name.name);
      if (name.size == 0)
        return fail<Code::bad_extern>(name.name, "its type is none that a value can have");
      return Reference{.kind = RelocationKind::Kconfig,
                       .map = linked_.kconfig_map,
                       .offset = name.offset + static_cast<u32>(insn.imm)};
    }
    if (call && name.kind != ExternInfo::Kind::KernelFunction) return refuse("it is no function");
    return Reference{.kind = call ? RelocationKind::Kfunc : RelocationKind::Ksym,
                     .extern_index = index};
  }

  const Linked& linked_;
  const Unit& unit_;
  Place at_;
  const Relocation& relocation_;
  const Symbol& symbol_;
};

}  // namespace

std::string_view name(RelocationKind kind) {
  constexpr std::string_view kNames[] = {"map",  "data",  "call", "function", "kconfig",
                                         "ksym", "kfunc", "core", "skipped"};
  static_assert(std::size(kNames) == kRelocationKinds);
  return kNames[static_cast<std::size_t>(kind)];
}

Result<Reference> find_reference(const Linked& linked, Place at, const Relocation& relocation,
                                 const Insn& insn) {
  return Referrer(linked, at, relocation).find(insn);
}

}  // namespace skep
