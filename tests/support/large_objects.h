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
  constexpr u32 kMaps = 100'000;
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
};

}  // namespace skep::test
