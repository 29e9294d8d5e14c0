// ElfBuilder: makes BPF object files in memory, right or deliberately wrong, for tests of the
// loader. Sections and symbols are added in order; build() lays them out and writes the headers.
// Its own correctness shows in tests/loader: what it builds loads.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "isa/insn.h"
#include "loader/elf.h"

namespace skep::test {

using Bytes = std::vector<u8>;

// Little-endian, as everything below but for ElfBuilder::big_endian.
template <class T>
void put(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<u8>(static_cast<u64>(value) >> (8 * i)));
  }
}

inline Bytes code(std::span<const Insn> insns) {
  Bytes out(insns.size() * sizeof(Insn));
  std::memcpy(out.data(), insns.data(), out.size());
  return out;
}
inline Bytes code(std::initializer_list<Insn> insns) {
  return code(std::span(insns.begin(), insns.size()));
}
inline Bytes text(std::string_view chars) {
  return {chars.begin(), chars.end()};
}

class ElfBuilder {
 public:
  struct Reloc {
    u64 offset;
    u32 symbol;
    u32 type = 1;
  };

  bool big_endian = false;
  u16 machine = elf::kMachineBpf;
  u16 file_type = 1;
  u64 alignment = 8;  // of the sections added from now on

  ElfBuilder() {
    section("", {}, 0);
    symbol("", 0, 0);
  }

  // Each returns the index of what it added.
  u32 section(std::string name, Bytes data, u32 type = elf::kProgBits, u64 flags = elf::kAlloc,
              u32 link = 0, u32 info = 0, u64 entry_size = 0) {
    sections_.push_back(
        {std::move(name), type, flags, std::move(data), 0, link, info, entry_size, alignment});
    return static_cast<u32>(sections_.size() - 1);
  }
  u32 code_section(std::string name, std::initializer_list<Insn> insns) {
    return section(std::move(name), code(insns), elf::kProgBits, elf::kAlloc | elf::kExec);
  }
  u32 bss(std::string name, u64 size) {
    const u32 index = section(std::move(name), {}, elf::kNoBits, elf::kAlloc | elf::kWrite);
    sections_[index].bss_size = size;
    return index;
  }
  u32 symbol(std::string name, u32 in_section, u64 value, u8 type = elf::kNoType,
             u8 binding = elf::kGlobal, u64 size = 0, u8 visibility = elf::kDefault) {
    symbols_.push_back({std::move(name), in_section, value, size, type, binding, visibility});
    return static_cast<u32>(symbols_.size() - 1);
  }
  u32 function(std::string name, u32 in_section, u64 slot, u64 slots, u8 binding = elf::kGlobal) {
    return symbol(std::move(name), in_section, slot * 8, elf::kFunc, binding, slots * 8);
  }
  void relocations(u32 target, std::vector<Reloc> entries) {
    Bytes data;
    for (const Reloc& reloc : entries) {
      put<u64>(data, reloc.offset);
      put<u64>(data, static_cast<u64>(reloc.symbol) << 32 | reloc.type);
    }
    pending_.push_back({target, std::move(data)});
  }
  // A program in its own section with one function that fills it.
  u32 program(std::string in_section, std::string name, std::initializer_list<Insn> insns) {
    const u32 index = code_section(std::move(in_section), insns);
    function(std::move(name), index, 0, insns.size());
    return index;
  }

  Bytes build() const;

 private:
  struct Sec {
    std::string name;
    u32 type;
    u64 flags;
    Bytes data;
    u64 bss_size;
    u32 link, info;
    u64 entry_size;
    u64 alignment = 8;
    u32 name_at = 0;  // in the string table; set by finished_sections()
  };
  struct Sym {
    std::string name;
    u32 section;
    u64 value, size;
    u8 type, binding, visibility;
  };
  struct Pending {
    u32 target;
    Bytes data;
  };
  template <class T>
  void put_ordered(Bytes& out, T value) const {
    const std::size_t at = out.size();
    put(out, value);
    if (big_endian) std::reverse(out.begin() + static_cast<std::ptrdiff_t>(at), out.end());
  }
  static u32 intern(Bytes& strings, const std::string& name) {
    const u32 at = static_cast<u32>(strings.size());
    strings.insert(strings.end(), name.begin(), name.end());
    strings.push_back(0);
    return at;
  }
  std::vector<Sec> finished_sections() const;
  Bytes header(u64 table, u16 count, u16 names) const;

  std::vector<Sec> sections_;
  std::vector<Sym> symbols_;
  std::vector<Pending> pending_;
};

// The caller's sections, then relocations, symbols and the one string table.
inline std::vector<ElfBuilder::Sec> ElfBuilder::finished_sections() const {
  std::vector<Sec> all = sections_;
  const u32 symtab = static_cast<u32>(all.size() + pending_.size());
  for (const Pending& pending : pending_) {
    all.push_back({".rel" + sections_[pending.target].name, elf::kRel, 0, pending.data, 0, symtab,
                   pending.target, 16});
  }
  Bytes strings{0};
  Bytes table;
  for (const Sym& sym : symbols_) {
    put_ordered<u32>(table, intern(strings, sym.name));
    table.push_back(static_cast<u8>(sym.binding << 4 | sym.type));
    table.push_back(sym.visibility);
    put_ordered<u16>(table, static_cast<u16>(sym.section));
    put_ordered<u64>(table, sym.value);
    put_ordered<u64>(table, sym.size);
  }
  all.push_back({".symtab", elf::kSymTab, 0, table, 0, symtab + 1, 1, 24});
  all.push_back({".strtab", elf::kStrTab, 0, {}, 0, 0, 0, 0});
  for (Sec& sec : all) sec.name_at = intern(strings, sec.name);
  all.back().data = strings;
  return all;
}

inline Bytes ElfBuilder::header(u64 table, u16 count, u16 names) const {
  Bytes out{0x7f, 'E', 'L', 'F', 2, static_cast<u8>(big_endian ? 2 : 1), 1};
  out.resize(16);
  put_ordered<u16>(out, file_type);
  put_ordered<u16>(out, machine);
  put_ordered<u32>(out, 1);
  put_ordered<u64>(out, 0);      // entry
  put_ordered<u64>(out, 0);      // program headers
  put_ordered<u64>(out, table);  // section headers
  put_ordered<u32>(out, 0);
  for (const u16 field : {u16{64}, u16{0}, u16{0}, u16{64}, count, names}) put_ordered(out, field);
  return out;
}

inline Bytes ElfBuilder::build() const {
  const std::vector<Sec> all = finished_sections();
  Bytes contents(64);
  std::vector<u64> offsets;
  for (const Sec& sec : all) {
    contents.resize((contents.size() + 7) / 8 * 8);
    offsets.push_back(contents.size());
    contents.insert(contents.end(), sec.data.begin(), sec.data.end());
  }
  contents.resize((contents.size() + 7) / 8 * 8);
  const u64 table = contents.size();
  const Bytes head = header(table, static_cast<u16>(all.size()), static_cast<u16>(all.size() - 1));
  std::copy(head.begin(), head.end(), contents.begin());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Sec& sec = all[i];
    put_ordered<u32>(contents, sec.name_at);
    put_ordered<u32>(contents, sec.type);
    put_ordered<u64>(contents, sec.flags);
    put_ordered<u64>(contents, 0);
    put_ordered<u64>(contents, offsets[i]);
    put_ordered<u64>(contents, sec.type == elf::kNoBits ? sec.bss_size : sec.data.size());
    put_ordered<u32>(contents, sec.link);
    put_ordered<u32>(contents, sec.info);
    put_ordered<u64>(contents, sec.alignment);
    put_ordered<u64>(contents, sec.entry_size);
  }
  return contents;
}

}  // namespace skep::test
