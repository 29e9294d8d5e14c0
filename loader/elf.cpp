// Reading of ELF headers, sections, symbols and relocations, with every field checked before use.
// Tested by tests/loader/elf_test.cpp and fuzzed by tests/fuzz/load.cpp.
#include "loader/elf.h"

#include <algorithm>
#include <bit>

#include "loader/limits.h"

namespace skep {
namespace {

constexpr u64 kHeaderSize = 64;         // Elf64_Ehdr
constexpr u64 kSectionHeaderSize = 64;  // Elf64_Shdr
constexpr u64 kSymbolSize = 24;         // Elf64_Sym
constexpr u64 kRelSize = 16;            // Elf64_Rel
constexpr u64 kRelaSize = 24;           // Elf64_Rela
constexpr u16 kRelocatable = 1;         // e_type ET_REL

// The name at `offset` of a string table: must end inside of it. Names are bounded, because a
// symbol table can point to one long string many times over.
Result<std::string_view> string_at(const Section& table, u64 offset) {
  if (offset >= table.data.size()) {
    return fail<Code::malformed_object>(table.name, offset, "a name begins after the string table");
  }
  const auto rest = table.data.subspan(offset).first(
      std::min<u64>(table.data.size() - offset, loader_limits::kMaxName + 1));
  const auto end = std::ranges::find(rest, u8{0});
  if (end == rest.end()) {
    return fail<Code::malformed_object>(table.name, offset, "a name has no end, or is too long");
  }
  return std::string_view(reinterpret_cast<const char*>(rest.data()),
                          static_cast<std::size_t>(end - rest.begin()));
}

}  // namespace

Section Elf::section_header(std::span<const u8> header) const {
  Section section;
  section.type = read<u32>(header, 4);
  section.flags = read<u64>(header, 8);
  section.size = read<u64>(header, 32);
  section.link = read<u32>(header, 40);
  section.info = read<u32>(header, 44);
  section.entry_size = read<u64>(header, 56);
  const u64 alignment = read<u64>(header, 48);
  if (std::has_single_bit(alignment)) section.alignment = alignment;
  return section;
}

Status Elf::parse_sections(std::span<const u8> bytes) {
  const u64 table = read<u64>(bytes, 40);
  const u16 entry = read<u16>(bytes, 58);
  const u16 count = read<u16>(bytes, 60);
  const u16 names = read<u16>(bytes, 62);
  constexpr std::string_view kWhere = "ELF header";
  if (count == 0) return fail<Code::malformed_object>(kWhere, 60, "no sections");
  if (count >= elf::kReserved) return fail<Code::malformed_object>(kWhere, 60, "too many sections");
  if (entry != kSectionHeaderSize) {
    return fail<Code::malformed_object>(kWhere, 58, "section headers are not 64 bytes");
  }
  if (table > bytes.size() || bytes.size() - table < count * kSectionHeaderSize) {
    return fail<Code::malformed_object>(kWhere, 40, "the section headers lie outside of the file");
  }
  if (names >= count) {
    return fail<Code::malformed_object>(kWhere, 62, "the section of section names does not exist");
  }
  u64 total = 0;
  sections_.reserve(count);
  for (u32 index = 0; index < count; ++index) {
    const auto header = bytes.subspan(table + index * kSectionHeaderSize, kSectionHeaderSize);
    Section section = section_header(header);
    section.index = index;
    const u64 offset = read<u64>(header, 24);
    if (index != 0 && section.type != elf::kNoBits) {
      if (offset > bytes.size() || bytes.size() - offset < section.size) {
        return fail<Code::malformed_object>(
            fmt::format("#{}", index), 0,
            fmt::format("{} bytes at {:#x} lie outside of the file", section.size, offset));
      }
      section.data = bytes.subspan(offset, section.size);
      total += section.size;
    }
    sections_.push_back(section);
  }
  if (total > bytes.size()) {
    return fail<Code::malformed_object>(kWhere, table, "sections overlap");
  }
  const Section strings = sections_[names];
  for (Section& section : sections_) {
    const auto header = bytes.subspan(table + section.index * kSectionHeaderSize, 4);
    if (section.index == 0) continue;
    section.name = TRY(string_at(strings, read<u32>(header, 0)));
  }
  return {};
}

Status Elf::parse_symbols(const Section& table) {
  if (table.entry_size != kSymbolSize || table.size % kSymbolSize != 0) {
    return fail<Code::malformed_object>(table.name, 0, "symbols are not 24 bytes each");
  }
  if (table.link >= sections_.size() || sections_[table.link].type != elf::kStrTab) {
    return fail<Code::malformed_object>(table.name, 0, "its string table does not exist");
  }
  if (!symbols_.empty())
    return fail<Code::malformed_object>(table.name, 0, "a second symbol table");
  symbols_.reserve(table.size / kSymbolSize);
  for (u64 at = 0; at < table.size; at += kSymbolSize) {
    Symbol symbol;
    const auto name = string_at(sections_[table.link], read<u32>(table.data, at));
    if (!name) return std::unexpected(name.error());
    symbol.name = *name;
    symbol.type = table.data[at + 4] & 15;
    symbol.binding = table.data[at + 4] >> 4;
    symbol.visibility = table.data[at + 5] & 3;
    symbol.section = read<u16>(table.data, at + 6);
    symbol.value = read<u64>(table.data, at + 8);
    symbol.size = read<u64>(table.data, at + 16);
    if (symbol.is_defined()) {
      if (symbol.section >= sections_.size()) {
        return fail<Code::malformed_object>(table.name, at,
                                            "a symbol of a section that is not there");
      }
      const u64 size = sections_[symbol.section].size;
      if (symbol.value > size || size - symbol.value < symbol.size) {
        return fail<Code::malformed_object>(
            table.name, at, fmt::format("symbol '{}' lies outside of its section", symbol.name));
      }
      if (symbol.type == elf::kSection && symbol.name.empty()) {
        symbol.name = sections_[symbol.section].name;
      }
    }
    symbols_.push_back(symbol);
  }
  return {};
}

Result<Elf> Elf::parse(std::span<const u8> bytes) {
  constexpr u8 kMagic[] = {0x7f, 'E', 'L', 'F'};
  if (bytes.size() < kHeaderSize || !std::ranges::equal(bytes.first(4), kMagic)) {
    return fail<Code::not_an_object>("it does not begin with an ELF header");
  }
  if (bytes.size() > loader_limits::kMaxFile) {
    return fail<Code::object_too_large>("the file", bytes.size(), loader_limits::kMaxFile);
  }
  if (bytes[4] != 2) return fail<Code::not_an_object>("an ELF file, but not of 64 bits");
  if (bytes[5] != 1 && bytes[5] != 2) return fail<Code::not_an_object>("its byte order is unknown");
  Elf file;
  file.big_endian_ = bytes[5] == 2;
  const u16 machine = file.read<u16>(bytes, 18);
  if (machine != elf::kMachineBpf && machine != 0) {
    return fail<Code::not_an_object>(fmt::format("an ELF file for machine {}, not BPF", machine));
  }
  if (file.read<u16>(bytes, 16) != kRelocatable) {
    return fail<Code::not_an_object>(
        "an ELF file, but not relocatable: link BPF with bpftool gen object");
  }
  const u64 memory = bytes.size() * loader_limits::kBytesPerFileByte;
  TRY(loader_limits::check_memory(memory, "the object"));
  TRY(file.parse_sections(bytes));
  for (const Section& section : file.sections_) {
    if (section.type != elf::kSymTab) continue;
    TRY(file.parse_symbols(section));
  }
  return file;
}

const Section* Elf::find(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &Section::name);
  return found == sections_.end() ? nullptr : &*found;
}

Result<std::vector<Relocation>> Elf::relocations(const Section& section) const {
  const bool rela = section.type == elf::kRela;
  const u64 entry = rela ? kRelaSize : kRelSize;
  if (section.entry_size != entry || section.size % entry != 0) {
    return fail<Code::malformed_object>(section.name, 0,
                                        fmt::format("entries are not {} bytes each", entry));
  }
  std::vector<Relocation> found;
  found.reserve(section.size / entry);
  for (u64 at = 0; at < section.size; at += entry) {
    Relocation relocation;
    relocation.offset = read<u64>(section.data, at);
    const u64 info = read<u64>(section.data, at + 8);
    relocation.symbol = static_cast<u32>(info >> 32);
    relocation.type = static_cast<u32>(info);
    if (rela) relocation.addend = static_cast<i64>(read<u64>(section.data, at + 16));
    if (relocation.symbol >= symbols_.size()) {
      return fail<Code::malformed_object>(section.name, at, "its symbol does not exist");
    }
    found.push_back(relocation);
  }
  std::ranges::sort(found, {}, &Relocation::offset);
  return found;
}

}  // namespace skep
