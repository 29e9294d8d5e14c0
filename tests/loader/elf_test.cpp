// The ELF reader: what it reads of a good file, and one error for each way to be broken.
#include "loader/elf.h"

#include <gtest/gtest.h>

#include "tests/support/elf_builder.h"

namespace skep {
namespace {

using test::Bytes;
using test::ElfBuilder;

constexpr Insn kMov = make_insn(0xb7, 0, 0, 0, 7);
constexpr Insn kExit = make_insn(0x95);

ElfBuilder small_object() {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {kMov, kExit});
  const u32 maps = builder.section("maps", Bytes(20));
  const u32 map = builder.symbol("table", maps, 0, elf::kObject, elf::kGlobal, 20);
  builder.bss(".bss", 64);
  builder.relocations(code, {{8, map, 10}, {0, map, 1}});
  return builder;
}

class ElfOrder : public testing::TestWithParam<bool> {};

TEST_P(ElfOrder, ReadsSectionsSymbolsAndRelocations) {
  ElfBuilder builder = small_object();
  builder.big_endian = GetParam();
  const Bytes bytes = builder.build();
  const auto file = Elf::parse(bytes);
  ASSERT_TRUE(file) << file.error().text;
  EXPECT_EQ(file->big_endian(), GetParam());
  ASSERT_NE(file->find("xdp"), nullptr);
  EXPECT_EQ(file->find("xdp")->size, 16u);
  EXPECT_EQ(file->find("xdp")->flags, elf::kAlloc | elf::kExec);
  ASSERT_NE(file->find(".bss"), nullptr);
  EXPECT_EQ(file->find(".bss")->size, 64u);
  EXPECT_TRUE(file->find(".bss")->data.empty());
  EXPECT_EQ(file->find("absent"), nullptr);
  ASSERT_EQ(file->symbols().size(), 3u);
  const Symbol& prog = file->symbols()[1];
  EXPECT_EQ(prog.name, "prog");
  EXPECT_EQ(prog.type, elf::kFunc);
  EXPECT_EQ(prog.binding, elf::kGlobal);
  EXPECT_EQ(prog.size, 16u);
}

TEST_P(ElfOrder, SortsRelocationsByOffset) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {kMov, kExit});
  builder.relocations(code, {{8, 1, 10}, {0, 1, 1}});
  const Bytes bytes = builder.build();
  const auto file = Elf::parse(bytes);
  ASSERT_TRUE(file) << file.error().text;
  const auto found = file->relocations(*file->find(".relxdp"));
  ASSERT_TRUE(found) << found.error().text;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].offset, 0u);
  EXPECT_EQ((*found)[1].type, 10u);
  EXPECT_EQ((*found)[1].symbol, 1u);
}

INSTANTIATE_TEST_SUITE_P(Both, ElfOrder, testing::Bool(),
                         [](const auto& test) { return test.param ? "Big" : "Little"; });

// Where the builder puts its last sections: found by name in the bytes' own headers.
u64 header_of(const Bytes& bytes, std::string_view name) {
  const auto file = Elf::parse(bytes);
  EXPECT_TRUE(file);
  return file->read<u64>(bytes, 40) + file->find(name)->index * 64;
}

void poke(Bytes& bytes, u64 at, u64 value, int size) {
  for (int i = 0; i < size; ++i) bytes[at + i] = static_cast<u8>(value >> (8 * i));
}

struct Broken {
  const char* name;
  void (*damage)(Bytes&);
  const char* says;
};

class ElfBroken : public testing::TestWithParam<Broken> {};

TEST_P(ElfBroken, IsAnErrorThatNamesThePlace) {
  Bytes bytes = small_object().build();
  GetParam().damage(bytes);
  auto file = Elf::parse(bytes);
  Error error;
  if (!file) {
    error = file.error();
  } else {
    const auto relocations = file->relocations(*file->find(".relxdp"));
    ASSERT_FALSE(relocations) << "taken without an error";
    error = relocations.error();
  }
  EXPECT_NE(error.text.find(GetParam().says), std::string::npos) << error.text;
}

const Broken kBroken[] = {
    {"Empty", [](Bytes& b) { b.clear(); }, "does not begin with an ELF header"},
    {"Magic", [](Bytes& b) { b[1] = 'F'; }, "does not begin with an ELF header"},
    {"Class32", [](Bytes& b) { b[4] = 1; }, "not of 64 bits"},
    {"ByteOrder", [](Bytes& b) { b[5] = 3; }, "byte order is unknown"},
    {"Machine", [](Bytes& b) { poke(b, 18, 62, 2); }, "machine 62"},
    {"Executable", [](Bytes& b) { poke(b, 16, 2, 2); }, "not relocatable"},
    {"NoSections", [](Bytes& b) { poke(b, 60, 0, 2); }, "'ELF header', offset 0x3c: no sections"},
    {"ReservedCount", [](Bytes& b) { poke(b, 60, 0xff00, 2); }, "too many sections"},
    {"EntrySize", [](Bytes& b) { poke(b, 58, 40, 2); }, "are not 64 bytes"},
    {"TableAfterEnd", [](Bytes& b) { poke(b, 40, b.size(), 8); }, "headers lie outside"},
    {"TableOverflow", [](Bytes& b) { poke(b, 40, ~u64{0} - 63, 8); }, "headers lie outside"},
    {"NamesSection", [](Bytes& b) { poke(b, 62, 99, 2); }, "section of section names"},
    {"SectionAfterEnd", [](Bytes& b) { poke(b, header_of(b, "xdp") + 24, b.size() + 1, 8); },
     "outside of the file"},
    {"SectionSizeOverflow", [](Bytes& b) { poke(b, header_of(b, "xdp") + 32, ~u64{0}, 8); },
     "outside of the file"},
    {"SectionsOverlap",
     [](Bytes& b) {
       const u64 at = header_of(b, "maps");
       poke(b, at + 24, 0, 8);
       poke(b, at + 32, b.size(), 8);
     },
     "sections overlap"},
    {"SectionName", [](Bytes& b) { poke(b, header_of(b, "xdp"), 0xffffff, 4); },
     "a name begins after the string table"},
    {"SymbolEntrySize", [](Bytes& b) { poke(b, header_of(b, ".symtab") + 56, 16, 8); },
     "'.symtab', offset 0x0: symbols are not 24 bytes each"},
    {"SymbolTableSize", [](Bytes& b) { poke(b, header_of(b, ".symtab") + 32, 25, 8); },
     "symbols are not 24 bytes each"},
    {"SymbolStrings", [](Bytes& b) { poke(b, header_of(b, ".symtab") + 40, 1, 4); },
     "string table does not exist"},
    {"SymbolStringsIndex", [](Bytes& b) { poke(b, header_of(b, ".symtab") + 40, 0xffff, 4); },
     "string table does not exist"},
    {"TwoSymbolTables",
     [](Bytes& b) {
       // The relocations become a symbol table of one symbol, the first of two.
       const u64 first = header_of(b, ".relxdp");
       poke(b, first + 4, elf::kSymTab, 4);
       poke(b, first + 32, 24, 8);
       poke(b, first + 40, Elf::parse(small_object().build())->find(".strtab")->index, 4);
       poke(b, first + 56, 24, 8);
     },
     "a second symbol table"},
    {"RelocationEntrySize", [](Bytes& b) { poke(b, header_of(b, ".relxdp") + 56, 24, 8); },
     "'.relxdp', offset 0x0: entries are not 16 bytes each"},
    {"RelocationSymbol",
     [](Bytes& b) {
       const u64 header = header_of(b, ".relxdp");
       u64 offset = 0;
       std::memcpy(&offset, &b[header + 24], 8);
       poke(b, offset + 16 + 12, 77, 4);
     },
     "'.relxdp', offset 0x10: its symbol does not exist"},
    {"SymbolSection",
     [](Bytes& b) {
       u64 offset = 0;
       std::memcpy(&offset, &b[header_of(b, ".symtab") + 24], 8);
       poke(b, offset + 24 + 6, 50, 2);
     },
     "'.symtab', offset 0x18: a symbol of a section that is not there"},
    {"SymbolOutside",
     [](Bytes& b) {
       u64 offset = 0;
       std::memcpy(&offset, &b[header_of(b, ".symtab") + 24], 8);
       poke(b, offset + 24 + 8, 9, 8);
     },
     "symbol 'prog' lies outside of its section"},
};

INSTANTIATE_TEST_SUITE_P(Files, ElfBroken, testing::ValuesIn(kBroken),
                         [](const auto& test) { return test.param.name; });

// Every prefix of a file, and every file with one byte changed, is an error or a file.
TEST(Elf, SurvivesTruncationAndDamage) {
  const Bytes good = small_object().build();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Elf::parse(std::span(good).first(size))) << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const u8 change : {0x01, 0x80, 0xff}) {
      Bytes bytes = good;
      bytes[at] ^= change;
      const auto file = Elf::parse(bytes);
      if (!file) continue;
      for (const Section& section : file->sections()) {
        if (section.type == elf::kRel || section.type == elf::kRela)
          (void)file->relocations(section);
      }
    }
  }
}

}  // namespace
}  // namespace skep
