// Elf: a bounded reader of 64-bit relocatable ELF files, of either byte order.
//
// Everything in a file may be hostile. parse() checks all headers at once: every section lies in
// the file, no two share bytes (so that the sum of all work is linear in the file's length), names
// end inside of their string table. What it returns are views into the bytes given, which must
// outlive it. Nothing here knows about BPF but for the machine number.
// Source of the layout: System V ABI, chapters 4 and 5. Tested by tests/loader/elf_test.cpp.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "isa/diagnostic.h"

namespace skep {

namespace elf {
// Section types and flags, symbol types, bindings and visibilities: those that BPF objects have.
inline constexpr u32 kProgBits = 1, kSymTab = 2, kStrTab = 3, kRela = 4, kNoBits = 8, kRel = 9;
inline constexpr u64 kWrite = 1, kAlloc = 2, kExec = 4;
inline constexpr u8 kNoType = 0, kObject = 1, kFunc = 2, kSection = 3;
inline constexpr u8 kLocal = 0, kGlobal = 1, kWeak = 2;
inline constexpr u8 kDefault = 0, kInternal = 1, kHidden = 2;
inline constexpr u32 kUndefined = 0, kAbsolute = 0xfff1, kCommon = 0xfff2, kReserved = 0xff00;
inline constexpr u16 kMachineBpf = 247;
}  // namespace elf

struct Section {
  std::string_view name;
  u32 index = 0;
  u32 type = 0;
  u64 flags = 0;
  u64 size = 0;
  u32 link = 0;
  u32 info = 0;
  u64 entry_size = 0;
  u64 alignment = 1;         // a power of two
  std::span<const u8> data;  // empty for kNoBits, which has a size all the same
};

struct Symbol {
  std::string_view name;
  u64 value = 0;
  u64 size = 0;
  u32 section = 0;  // index, or kUndefined, kAbsolute, kCommon
  u8 type = 0;
  u8 binding = 0;
  u8 visibility = 0;

  bool is_defined() const { return section != elf::kUndefined && section < elf::kReserved; }
};

struct Relocation {
  u64 offset = 0;  // in the section that is changed
  u32 symbol = 0;  // index; checked to exist
  u32 type = 0;
  i64 addend = 0;  // kRela only
};

class Elf {
 public:
  static Result<Elf> parse(std::span<const u8> bytes);

  bool big_endian() const { return big_endian_; }
  std::span<const Section> sections() const { return sections_; }
  std::span<const Symbol> symbols() const { return symbols_; }
  const Section* find(std::string_view name) const;

  // The entries of a relocation section (kRel or kRela), sorted by offset.
  Result<std::vector<Relocation>> relocations(const Section& section) const;

  // An integer of the file's byte order at `offset`, which the caller has checked to fit.
  template <class T>
  T read(std::span<const u8> data, u64 offset) const;

 private:
  Status parse_sections(std::span<const u8> bytes);
  Status parse_symbols(const Section& table);
  Section section_header(std::span<const u8> header) const;

  bool big_endian_ = false;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
};

template <class T>
T Elf::read(std::span<const u8> data, u64 offset) const {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = big_endian_ ? i : sizeof(T) - 1 - i;
    value = static_cast<T>(static_cast<T>(static_cast<u64>(value) << 8) | data[offset + at]);
  }
  return value;
}

}  // namespace skep
