// Large objects for tests of limits: each has one thing in abundance, so that together they bound
// what a byte of a file can cost. Made by ElfBuilder and BtfBuilder.
#pragma once

#include <fmt/format.h>

#include <iterator>

#include "tests/support/btf_builder.h"
#include "tests/support/elf_builder.h"

namespace skep::test {

inline constexpr Insn kReturn[] = {make_insn(0xb7), make_insn(0x95)};

inline u32 add_code(ElfBuilder& builder, std::string name, std::span<const Insn> insns) {
  return builder.section(std::move(name), code(insns), elf::kProgBits, elf::kAlloc | elf::kExec);
}

// One program of as many insns as any kernel takes.
inline Bytes object_of_insns() {
  std::vector<Insn> insns(1'000'000, make_insn(0xb7));
  insns.back() = make_insn(0x95);
  ElfBuilder builder;
  builder.function("prog", add_code(builder, "xdp", insns), 0, insns.size());
  return builder.build();
}

// Functions that no program needs.
inline Bytes object_of_functions() {
  constexpr u32 kFunctions = 100'000;
  std::vector<Insn> insns;
  for (u32 i = 0; i < kFunctions; ++i) insns.insert(insns.end(), kReturn, std::end(kReturn));
  ElfBuilder builder;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  const u32 text = add_code(builder, ".text", insns);
  for (u32 i = 0; i < kFunctions; ++i) builder.function(fmt::format("f{}", i), text, i * 2, 2);
  return builder.build();
}

inline Bytes object_of_programs() {
  constexpr u32 kPrograms = 16'000;
  std::vector<Insn> insns;
  for (u32 i = 0; i < kPrograms; ++i) insns.insert(insns.end(), kReturn, std::end(kReturn));
  ElfBuilder builder;
  const u32 xdp = add_code(builder, "xdp", insns);
  for (u32 i = 0; i < kPrograms; ++i) builder.function(fmt::format("p{}", i), xdp, i * 2, 2);
  return builder.build();
}

inline Bytes object_of_maps() {
  constexpr u32 kMaps = 60'000;
  Bytes definitions;
  ElfBuilder builder;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  for (u32 i = 0; i < kMaps; ++i) {
    for (const u32 word : {2, 4, 4, 1, 0}) put<u32>(definitions, word);
  }
  const u32 maps = builder.section("maps", definitions);
  for (u32 i = 0; i < kMaps; ++i) {
    builder.symbol(fmt::format("m{}", i), maps, i * 20, elf::kObject, elf::kGlobal, 20);
  }
  return builder.build();
}

inline Bytes object_of_relocations() {
  constexpr u32 kCalls = 400'000;
  std::vector<Insn> insns(kCalls, make_insn(0x85, 0, 1, 0, -1));
  insns.push_back(make_insn(0x95));
  ElfBuilder builder;
  const u32 xdp = add_code(builder, "xdp", insns);
  builder.function("prog", xdp, 0, insns.size());
  const u32 text = add_code(builder, ".text", kReturn);
  const u32 callee = builder.function("callee", text, 0, 2);
  std::vector<ElfBuilder::Reloc> relocations;
  for (u32 i = 0; i < kCalls; ++i) relocations.push_back({i * u64{8}, callee, 10});
  builder.relocations(xdp, relocations);
  return builder.build();
}

inline Bytes object_of_data() {
  ElfBuilder builder;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  builder.section(".data", Bytes(16 << 20, 7));
  return builder.build();
}

inline Bytes object_of_sections() {
  ElfBuilder builder;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  for (u32 i = 0; i < 60'000; ++i) builder.section(fmt::format(".data.{}", i), Bytes(1));
  return builder.build();
}

// Each insn has a line of its own, with a long text.
inline Bytes object_of_lines() {
  constexpr u32 kInsns = 200'000;
  std::vector<Insn> insns(kInsns, make_insn(0xb7));
  insns.back() = make_insn(0x95);
  BtfBuilder btf;
  BtfExtBuilder ext;
  const u32 file = btf.string("file.c");
  const u32 line = btf.string(std::string(400, 'x'));
  ext.lines.groups.push_back({btf.string("xdp"), {}});
  for (u32 i = 0; i < kInsns; ++i) {
    ext.lines.groups.back().records.push_back({i * 8, file, line, i << 10});
  }
  ElfBuilder builder;
  builder.function("prog", add_code(builder, "xdp", insns), 0, insns.size());
  builder.section(".BTF", btf.bytes());
  builder.section(".BTF.ext", ext.bytes());
  return builder.build();
}

// Many sections of one name, each of which could claim all lines of that name.
inline Bytes object_of_equal_names() {
  BtfBuilder btf;
  BtfExtBuilder ext;
  const u32 file = btf.string("file.c");
  ext.lines.groups.push_back({btf.string("xdp"), {}});
  for (u32 i = 0; i < 20'000; ++i) {
    ext.lines.groups.back().records.push_back({i * 8, file, file, i << 10});
  }
  ElfBuilder builder;
  for (u32 i = 0; i < 20'000; ++i) add_code(builder, "xdp", kReturn);
  builder.section(".BTF", btf.bytes());
  builder.section(".BTF.ext", ext.bytes());
  return builder.build();
}

// Every program reaches every function of a long chain.
inline Bytes object_of_chains_of(u32 programs) {
  constexpr u32 kChain = 250;
  std::vector<Insn> insns;
  for (u32 i = 0; i < kChain; ++i) {
    insns.push_back(i + 1 < kChain ? make_insn(0x85, 0, 1, 0, 1) : make_insn(0xb7));
    insns.push_back(make_insn(0x95));
  }
  ElfBuilder builder;
  std::vector<Insn> entries;
  std::vector<ElfBuilder::Reloc> relocations;
  for (u32 i = 0; i < programs; ++i) {
    entries.push_back(make_insn(0x85, 0, 1, 0, -1));
    entries.push_back(make_insn(0x95));
  }
  const u32 xdp = add_code(builder, "xdp", entries);
  const u32 text = add_code(builder, ".text", insns);
  const u32 first = builder.function("f0", text, 0, 2);
  for (u32 i = 1; i < kChain; ++i) builder.function(fmt::format("f{}", i), text, i * 2, 2);
  for (u32 i = 0; i < programs; ++i) {
    builder.function(fmt::format("p{}", i), xdp, i * 2, 2);
    relocations.push_back({i * u64{16}, first, 10});
  }
  builder.relocations(xdp, relocations);
  return builder.build();
}

inline Bytes object_of_chains() {
  return object_of_chains_of(2000);
}

// Few bytes for each map, which has a long name and an inner one.
inline Bytes object_of_typed_maps() {
  constexpr u32 kMaps = 60'000;
  BtfBuilder btf;
  const auto number = [&](u32 value) { return btf.pointer(btf.array(btf.integer("", 4), value)); };
  const u32 inner = btf.structure("", 8, {{"type", number(1), 0}});
  const u32 values = btf.array(btf.pointer(inner), 0, btf.integer("", 4));
  const u32 outer = btf.structure("", 16, {{"type", number(12), 0}, {"values", values, 64}});
  const u32 name = btf.string(std::string(500, 'm'));
  std::vector<BtfSectionEntry> entries;
  for (u32 i = 0; i < kMaps; ++i) {
    entries.push_back({btf.raw_named(name, BtfKind::Var, 0, outer, {1}), i, 1});
  }
  btf.section(".maps", kMaps, entries);
  ElfBuilder builder;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  builder.section(".maps", Bytes(kMaps));
  builder.section(".BTF", btf.bytes());
  return builder.build();
}

// One map whose slots are all set to one program of a long name.
inline Bytes object_of_slots() {
  constexpr u32 kSlots = 60'000;
  BtfBuilder btf;
  const auto number = [&](u32 value) { return btf.pointer(btf.array(btf.integer("", 4), value)); };
  const u32 values = btf.array(btf.pointer(btf.prototype(0, {})), 0, btf.integer("", 4));
  const u32 jumps = btf.structure(
      "", 24,
      {{"type", number(3), 0}, {"max_entries", number(kSlots), 64}, {"values", values, 128}});
  btf.section(".maps", 16 + kSlots * 8,
              std::vector{BtfSectionEntry{btf.variable("jumps", jumps), 0, 16}});
  ElfBuilder builder;
  const u32 code = add_code(builder, "xdp", kReturn);
  const u32 prog = builder.function(std::string(500, 'p'), code, 0, 2);
  const u32 maps = builder.section(".maps", Bytes(16 + kSlots * 8));
  builder.symbol("jumps", maps, 0, elf::kObject);
  std::vector<ElfBuilder::Reloc> relocations;
  for (u32 i = 0; i < kSlots; ++i) relocations.push_back({16 + i * u64{8}, prog});
  builder.relocations(maps, relocations);
  builder.section(".BTF", btf.bytes());
  return builder.build();
}

// Programs that can't be made, each for the same thing with a long name.
inline Bytes object_of_failures() {
  constexpr u32 kPrograms = 16'000;
  std::vector<Insn> insns;
  for (u32 i = 0; i < kPrograms; ++i) {
    insns.push_back(make_insn(0x85, 0, 1, 0, -1));
    insns.push_back(make_insn(0x95));
  }
  ElfBuilder builder;
  const u32 code = add_code(builder, "xdp" + std::string(500, '/'), insns);
  const u32 absent = builder.symbol(std::string(510, 'n'), 0, 0);
  std::vector<ElfBuilder::Reloc> relocations;
  for (u32 i = 0; i < kPrograms; ++i) {
    builder.function(fmt::format("p{}", i), code, i * 2, 2);
    relocations.push_back({i * u64{16}, absent, 10});
  }
  builder.relocations(code, relocations);
  return builder.build();
}

// Programs that share a function that calls many kernel functions of long names.
inline Bytes object_of_externs() {
  constexpr u32 kExterns = 500;
  constexpr u32 kPrograms = 200;
  ElfBuilder builder;
  BtfBuilder btf;
  std::vector<BtfSectionEntry> entries;
  std::vector<Insn> shared(kExterns, make_insn(0x85, 0, 2, 0, -1));
  shared.push_back(make_insn(0x95));
  const u32 text = add_code(builder, ".text", shared);
  const u32 callee = builder.function("shared", text, 0, shared.size());
  const u32 prototype = btf.prototype(0, {});
  std::vector<ElfBuilder::Reloc> in_text, in_programs;
  for (u32 i = 0; i < kExterns; ++i) {
    const std::string name = std::string(400, 'k') + std::to_string(i);
    entries.push_back({btf.function(name, prototype, 2), 0, 0});
    in_text.push_back({i * u64{8}, builder.symbol(name, 0, 0), 10});
  }
  btf.section(".ksyms", 0, entries);
  std::vector<Insn> insns;
  for (u32 i = 0; i < kPrograms; ++i) {
    insns.push_back(make_insn(0x85, 0, 1, 0, -1));
    insns.push_back(make_insn(0x95));
    in_programs.push_back({i * u64{16}, callee, 10});
  }
  const u32 code = add_code(builder, "xdp", insns);
  for (u32 i = 0; i < kPrograms; ++i) builder.function(fmt::format("p{}", i), code, i * 2, 2);
  builder.relocations(text, in_text);
  builder.relocations(code, in_programs);
  builder.section(".BTF", btf.bytes());
  return builder.build();
}

// A byte each, a page apart.
inline Bytes object_of_aligned_data() {
  ElfBuilder builder;
  builder.alignment = 4096;
  for (u32 i = 0; i < 4000; ++i) builder.section(".data", Bytes(1));
  builder.alignment = 8;
  builder.program("xdp", "prog", {kReturn[0], kReturn[1]});
  return builder.build();
}

// Each insn has a line of a file of its own.
inline Bytes object_of_files() {
  constexpr u32 kInsns = 100'000;
  std::vector<Insn> insns(kInsns, make_insn(0xb7));
  insns.back() = make_insn(0x95);
  BtfBuilder btf;
  BtfExtBuilder ext;
  ext.lines.groups.push_back({btf.string("xdp"), {}});
  for (u32 i = 0; i < kInsns; ++i) {
    const u32 file = btf.string(fmt::format("{}", i));
    ext.lines.groups.back().records.push_back({i * 8, file, file, i << 10});
  }
  ElfBuilder builder;
  builder.function("prog", add_code(builder, "xdp", insns), 0, insns.size());
  builder.section(".BTF", btf.bytes());
  builder.section(".BTF.ext", ext.bytes());
  return builder.build();
}

struct LargeObject {
  const char* name;
  Bytes (*make)();
};
inline constexpr LargeObject kLargeObjects[] = {
    {"insns", object_of_insns},
    {"functions", object_of_functions},
    {"programs", object_of_programs},
    {"maps", object_of_maps},
    {"relocations", object_of_relocations},
    {"data", object_of_data},
    {"sections", object_of_sections},
    {"lines", object_of_lines},
    {"equal_names", object_of_equal_names},
    {"chains", object_of_chains},
    {"typed_maps", object_of_typed_maps},
    {"slots", object_of_slots},
    {"failures", object_of_failures},
    {"externs", object_of_externs},
    {"aligned_data", object_of_aligned_data},
    {"files", object_of_files},
};

}  // namespace skep::test
