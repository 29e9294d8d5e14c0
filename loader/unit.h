// Unit: one object file, taken apart: code, functions, relocations by section, types. What the
// other parts of the loader work on. Views of the file's bytes, which outlive the load.
// Tested through tests/loader/loader_test.cpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "isa/btf_ext.h"
#include "loader/elf.h"
#include "loader/loader.h"

namespace skep {

// What a section is for, by its name, type and flags.
enum class SectionUse : u8 {
  Other,
  Code,
  Data,
  ReadOnly,
  Bss,
  Maps,
  LegacyMaps,
  StructOps,
  Arena,
  License,
  Version,
  Btf,
  BtfExt,
  Relocations,
  Symbols,
  Strings,
};
std::string_view text(SectionUse use);

// Data sections of these uses become array maps.
constexpr bool is_data(SectionUse use) {
  return use == SectionUse::Data || use == SectionUse::ReadOnly || use == SectionUse::Bss;
}

struct Function {
  std::string_view name;
  u32 section = 0;
  u32 first = 0;  // in slots of its section
  u32 slots = 0;
  bool local = false;  // of this file only
  bool weak = false;
  bool hidden = false;  // to be judged as a static one
};

// The data section (Linked::data) that an ELF section is part of, and where it begins there.
struct DataPart {
  static constexpr u32 kNone = ~u32{0};
  u32 data = kNone;
  u64 base = 0;
};

struct Unit {
  std::string name;
  Elf elf;
  std::vector<SectionUse> uses;                      // by section, as the next two
  std::vector<std::vector<Insn>> code;               // CO-RE is applied in place
  std::vector<std::vector<Relocation>> relocations;  // of the section that is changed
  std::vector<std::vector<LineInfo>> lines;          // by offset
  std::vector<std::vector<FuncInfo>> function_types;
  std::vector<std::vector<CoreRelo>> core;
  std::vector<DataPart> data;                     // set by place_data()
  std::vector<Function> functions;                // by section and first
  std::vector<std::optional<Error>> core_errors;  // by function: why CO-RE failed
  std::vector<u8> types;                          // .BTF, with its own relocations applied
  std::shared_ptr<const Btf> btf;                 // of it; null without
  std::optional<BtfExt> ext;
  // Assembled by GNU binutils before 2.41, which adds a symbol's value to the addend as well: what
  // other tools leave to whoever links is done already.
  bool adds_symbol_values = false;
  std::string license;
  u32 kernel_version = 0;

  std::string_view section_name(u32 section) const { return elf.sections()[section].name; }
  // The function that starts at a slot, as an index, or -1.
  i64 function_at(u32 section, u32 slot) const;
};

Result<Unit> read_unit(const ObjectFile& file, bool inspect);

}  // namespace skep
