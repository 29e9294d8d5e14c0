// Takes an object file apart. Tested through tests/loader/loader_test.cpp.
#include "loader/unit.h"

#include <algorithm>
#include <cstring>

#include "loader/limits.h"

namespace skep {
namespace {

bool is_named(std::string_view name, std::string_view base) {
  return name == base || (name.starts_with(base) && name[base.size()] == '.');
}

struct NamedUse {
  std::string_view name;
  bool with_suffix;  // ".data.mine" as well as ".data"
  SectionUse use;
};
constexpr NamedUse kNamedUses[] = {
    {".data", true, SectionUse::Data},
    {".rodata", true, SectionUse::ReadOnly},
    {".bss", true, SectionUse::Bss},
    {".maps", false, SectionUse::Maps},
    {"maps", false, SectionUse::LegacyMaps},
    {".struct_ops", false, SectionUse::StructOps},
    {".struct_ops.link", false, SectionUse::StructOps},
    {"?.struct_ops", false, SectionUse::StructOps},
    {"?.struct_ops.link", false, SectionUse::StructOps},
    {".addr_space.1", false, SectionUse::Arena},
    {"license", false, SectionUse::License},
    {"version", false, SectionUse::Version},
    {".BTF", false, SectionUse::Btf},
    {".BTF.ext", false, SectionUse::BtfExt},
};

SectionUse use_of(const Section& section) {
  switch (section.type) {
    case elf::kRel:
    case elf::kRela: return SectionUse::Relocations;
    case elf::kSymTab: return SectionUse::Symbols;
    case elf::kStrTab: return SectionUse::Strings;
    case elf::kNoBits:
    case elf::kProgBits: break;
    default: return SectionUse::Other;
  }
  if ((section.flags & elf::kExec) != 0) return SectionUse::Code;
  for (const NamedUse& row : kNamedUses) {
    const bool same = row.with_suffix ? is_named(section.name, row.name) : section.name == row.name;
    if (!same) continue;
    const bool zero = section.type == elf::kNoBits;
    if (is_data(row.use) && zero) return SectionUse::Bss;
    if (row.use == SectionUse::Bss || !zero || row.use == SectionUse::Arena) return row.use;
  }
  return SectionUse::Other;
}

// Eight bytes of a file to an Insn; big-endian files have the registers the other way round too.
Insn read_insn(const Elf& file, std::span<const u8> data, u64 offset) {
  Insn insn;
  insn.opcode = data[offset];
  insn.regs = data[offset + 1];
  if (file.big_endian()) insn.regs = static_cast<u8>(insn.regs << 4 | insn.regs >> 4);
  insn.off = static_cast<i16>(file.read<u16>(data, offset + 2));
  insn.imm = static_cast<i32>(file.read<u32>(data, offset + 4));
  return insn;
}

Status read_code(Unit& unit, const Section& section) {
  if (section.data.size() % sizeof(Insn) != 0) {
    return fail<Code::malformed_object>(section.name, section.data.size() / 8 * 8,
                                        "the code ends inside of an instruction");
  }
  if (section.data.size() / sizeof(Insn) > loader_limits::kMaxInsns) {
    return fail<Code::object_too_large>(fmt::format("section '{}'", section.name),
                                        section.data.size() / sizeof(Insn),
                                        loader_limits::kMaxInsns);
  }
  std::vector<Insn>& insns = unit.code[section.index];
  insns.resize(section.data.size() / sizeof(Insn));
  for (std::size_t i = 0; i < insns.size(); ++i) {
    insns[i] = read_insn(unit.elf, section.data, i * sizeof(Insn));
  }
  return {};
}

Status read_relocations(Unit& unit, const Section& section) {
  if (section.info >= unit.elf.sections().size()) {
    return fail<Code::malformed_object>(section.name, 0, "relocates a section that does not exist");
  }
  const auto found = unit.elf.relocations(section);
  if (!found) return std::unexpected(found.error());
  auto& all = unit.relocations[section.info];
  if (!all.empty()) {
    return fail<Code::malformed_object>(section.name, 0, "a second list of relocations");
  }
  all = *std::move(found);
  const Section& target = unit.elf.sections()[section.info];
  if (!all.empty() && all.back().offset >= target.size) {
    return fail<Code::malformed_object>(section.name, 0,
                                        fmt::format("relocates offset {:#x}, after the end of '{}'",
                                                    all.back().offset, target.name));
  }
  return {};
}

// The license is a text that ends with the section or with its first zero.
std::string read_license(const Section& section) {
  const auto end = std::ranges::find(section.data, u8{0});
  const auto length = std::min<std::size_t>(static_cast<std::size_t>(end - section.data.begin()),
                                            128);  // as much as Linux takes
  return {reinterpret_cast<const char*>(section.data.data()), length};
}

bool precedes(const Function& a, const Function& b) {
  if (a.section != b.section) return a.section < b.section;
  if (a.first != b.first) return a.first < b.first;
  return a.local < b.local || (a.local == b.local && a.weak < b.weak);
}

// The functions of code that has none: old compilers' programs, whose symbols have no type, begin
// at each global name; code without any name is one function.
void find_untyped_functions(Unit& unit) {
  std::vector<bool> known(unit.uses.size(), false);
  for (const Function& function : unit.functions) known[function.section] = true;
  for (const Symbol& symbol : unit.elf.symbols()) {
    if (!symbol.is_defined() || known[symbol.section] || symbol.type != elf::kNoType ||
        symbol.binding == elf::kLocal || symbol.value % sizeof(Insn) != 0 ||
        unit.uses[symbol.section] != SectionUse::Code) {
      continue;
    }
    if (symbol.value / sizeof(Insn) >= unit.code[symbol.section].size()) continue;
    unit.functions.push_back({symbol.name, symbol.section,
                              static_cast<u32>(symbol.value / sizeof(Insn)), 0, false,
                              symbol.binding == elf::kWeak, false});
  }
  for (const Function& function : unit.functions) known[function.section] = true;
  for (const Section& section : unit.elf.sections()) {
    if (unit.uses[section.index] != SectionUse::Code || known[section.index]) continue;
    if (unit.code[section.index].empty()) continue;
    unit.functions.push_back({section.name, section.index, 0, 0, false, false, false});
  }
}

// A function without a size ends where the next one begins. Two names of one place are one
// function: the stronger name stays.
void finish_functions(Unit& unit) {
  auto& all = unit.functions;
  std::ranges::sort(all, precedes);
  const auto same_place = [](const Function& a, const Function& b) {
    return a.section == b.section && a.first == b.first;
  };
  all.erase(std::unique(all.begin(), all.end(), same_place), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].slots != 0) continue;
    const bool last = i + 1 == all.size() || all[i + 1].section != all[i].section;
    const u32 end = last ? static_cast<u32>(unit.code[all[i].section].size()) : all[i + 1].first;
    all[i].slots = end - all[i].first;
  }
}

Status find_functions(Unit& unit) {
  for (const Symbol& symbol : unit.elf.symbols()) {
    if (symbol.type != elf::kFunc || !symbol.is_defined()) continue;
    if (unit.uses[symbol.section] != SectionUse::Code) continue;
    const std::string_view section = unit.section_name(symbol.section);
    if (symbol.value % sizeof(Insn) != 0 || symbol.size % sizeof(Insn) != 0 ||
        symbol.value / sizeof(Insn) >= unit.code[symbol.section].size()) {
      return fail<Code::malformed_object>(
          section, symbol.value,
          fmt::format("function '{}' is not a range of instructions", symbol.name));
    }
    unit.functions.push_back(
        {symbol.name, symbol.section, static_cast<u32>(symbol.value / sizeof(Insn)),
         static_cast<u32>(symbol.size / sizeof(Insn)), symbol.binding == elf::kLocal,
         symbol.binding == elf::kWeak,
         symbol.visibility == elf::kHidden || symbol.visibility == elf::kInternal});
  }
  find_untyped_functions(unit);
  finish_functions(unit);
  unit.core_errors.resize(unit.functions.size());
  return {};
}

template <class Record>
std::vector<Record> sorted(std::span<const Record> records) {
  std::vector<Record> all(records.begin(), records.end());
  std::ranges::sort(all, {}, &Record::offset);
  return all;
}

// One record an instruction, as Linux wants it.
template <class Record>
std::vector<Record> unique(std::vector<Record> all) {
  const auto doubles = std::ranges::unique(all, {}, &Record::offset);
  all.erase(doubles.begin(), doubles.end());
  return all;
}

// Places of variables in .BTF are themselves relocated: against the section for static ones,
// against the variable for others. Externs stay where they are.
void relocate_types(Unit& unit, const Section& types) {
  unit.types.assign(types.data.begin(), types.data.end());
  for (const Relocation& relocation : unit.relocations[types.index]) {
    const Symbol& symbol = unit.elf.symbols()[relocation.symbol];
    const bool fits = relocation.offset + 4 <= unit.types.size();
    if (!fits || !symbol.is_defined()) continue;
    const u32 value = unit.elf.read<u32>(unit.types, relocation.offset) +
                      static_cast<u32>(symbol.value + static_cast<u64>(relocation.addend));
    for (u32 i = 0; i < 4; ++i) {
      const u32 shift = unit.elf.big_endian() ? 24 - 8 * i : 8 * i;
      unit.types[relocation.offset + i] = static_cast<u8>(value >> shift);
    }
  }
}

Status read_types(Unit& unit, const Section* types, const Section* ext) {
  if (types == nullptr) return {};
  relocate_types(unit, *types);
  auto btf = Btf::parse(unit.types);
  if (!btf) return std::unexpected(std::move(btf).error());
  unit.btf = std::make_shared<const Btf>(*std::move(btf));
  if (ext == nullptr) return {};
  auto parsed = BtfExt::parse(ext->data, *unit.btf);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  unit.ext.emplace(*std::move(parsed));
  u64 copied = 0;
  for (const Section& section : unit.elf.sections()) {
    if (unit.uses[section.index] != SectionUse::Code) continue;
    unit.lines[section.index] = unique(sorted(unit.ext->lines(section.name)));
    unit.function_types[section.index] = unique(sorted(unit.ext->functions(section.name)));
    unit.core[section.index] = sorted(unit.ext->relocations(section.name));
    copied += unit.lines[section.index].size() + unit.function_types[section.index].size() +
              unit.core[section.index].size();
    if (copied > ext->data.size()) {  // many sections of one name, each with the same records
      return fail<Code::malformed_object>(section.name, 0, "many sections have this name");
    }
  }
  return {};
}

Status read_section(Unit& unit, const Section& section) {
  switch (unit.uses[section.index]) {
    case SectionUse::Code: return read_code(unit, section);
    case SectionUse::Relocations: return read_relocations(unit, section);
    case SectionUse::License: unit.license = read_license(section); return {};
    case SectionUse::Version:
      if (section.data.size() != 4) {
        return fail<Code::malformed_object>(section.name, 0, "a version is four bytes");
      }
      unit.kernel_version = unit.elf.read<u32>(section.data, 0);
      return {};
    default: return {};
  }
}

// Which binutils made a file can't be seen, but which gcc: 12, the oldest with BTF, is what
// distributions have with binutils 2.40.
bool is_made_by_old_gcc(const Elf& file) {
  const Section* comment = file.find(".comment");
  if (comment == nullptr) return false;
  const std::string_view text(reinterpret_cast<const char*>(comment->data.data()),
                              comment->data.size());
  constexpr std::string_view kGcc = "GCC: (";
  const auto begin = text.find(kGcc);
  const auto version = text.find(") ", begin == text.npos ? 0 : begin);
  if (begin == text.npos || version == text.npos) return false;
  const std::string_view number = text.substr(version + 2);
  return number.starts_with("10.") || number.starts_with("11.") || number.starts_with("12.");
}

}  // namespace

std::string_view text(SectionUse use) {
  switch (use) {
    case SectionUse::Other: return "";
    case SectionUse::Code: return "program";
    case SectionUse::Data: return "data";
    case SectionUse::ReadOnly: return "rodata";
    case SectionUse::Bss: return "bss";
    case SectionUse::Maps: return "maps";
    case SectionUse::LegacyMaps: return "legacy maps";
    case SectionUse::StructOps: return "struct_ops";
    case SectionUse::Arena: return "arena";
    case SectionUse::License: return "license";
    case SectionUse::Version: return "version";
    case SectionUse::Btf: return "types";
    case SectionUse::BtfExt: return "lines";
    case SectionUse::Relocations: return "relocations";
    case SectionUse::Symbols: return "symbols";
    case SectionUse::Strings: return "strings";
  }
  __builtin_unreachable();
}

i64 Unit::function_at(u32 section, u32 slot) const {
  const Function key{{}, section, slot, 0, false, false, false};
  const auto found = std::ranges::lower_bound(functions, key, precedes);
  if (found == functions.end() || found->section != section || found->first != slot) return -1;
  return found - functions.begin();
}

Result<Unit> read_unit(const ObjectFile& file, bool inspect) {
  Unit unit;
  unit.name = file.name;
  unit.elf = TRY(Elf::parse(file.bytes));
  if (unit.elf.big_endian() && !inspect) return fail<Code::foreign_byte_order>();
  const auto sections = unit.elf.sections();
  unit.code.resize(sections.size());
  unit.relocations.resize(sections.size());
  unit.lines.resize(sections.size());
  unit.function_types.resize(sections.size());
  unit.core.resize(sections.size());
  unit.data.resize(sections.size());
  unit.adds_symbol_values = is_made_by_old_gcc(unit.elf);
  const Section* types = nullptr;
  const Section* ext = nullptr;
  for (const Section& section : sections) {
    const SectionUse use = use_of(section);
    unit.uses.push_back(use);
    if (use == SectionUse::Btf) types = &section;
    if (use == SectionUse::BtfExt) ext = &section;
  }
  for (const Section& section : sections) {
    TRY(read_section(unit, section));
  }
  TRY(find_functions(unit));
  TRY(read_types(unit, types, ext));
  return unit;
}

}  // namespace skep
