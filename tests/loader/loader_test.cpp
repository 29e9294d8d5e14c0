// From object files to programs: references, subprograms, what stands where.
#include "loader/loader.h"

#include <gtest/gtest.h>

#include "isa/disasm.h"
#include "tests/support/large_objects.h"
#include "tests/support/objects.h"

namespace skep {
namespace {

using test::Bytes;
using test::ElfBuilder;

constexpr Insn kExit = make_insn(0x95);
constexpr Insn mov(u8 dst, i32 imm) {
  return make_insn(0xb7, dst, 0, 0, imm);
}
constexpr Insn call_local(i32 imm) {
  return make_insn(0x85, 0, 1, 0, imm);
}
constexpr Insn lddw(u8 dst, i32 imm = 0) {
  return make_insn(0x18, dst, 0, 0, imm);
}
constexpr Insn kUpper{};  // the second slot of an lddw

Object load_good(const ElfBuilder& builder, const LoadOptions& options = {}) {
  return test::load_good(builder.build(), options);
}

Bytes legacy_map(u32 type, u32 key, u32 value, u32 entries, u32 flags = 0) {
  Bytes out;
  for (const u32 word : {type, key, value, entries, flags}) test::put(out, word);
  return out;
}

TEST(Loader, MakesAnImageOfTheSmallestObject) {
  ElfBuilder builder;
  builder.program("xdp", "prog", {mov(0, 2), kExit});
  builder.section("license", test::text(std::string_view("GPL\0", 4)));
  builder.section("version", {1, 2, 3, 0});
  const Object object = load_good(builder, {.name = "small"});
  ASSERT_EQ(object.programs.size(), 1u);
  const Image& image = *object.programs[0];
  EXPECT_EQ(image.name, "prog");
  EXPECT_EQ(image.section, "xdp");
  EXPECT_EQ(image.type, ProgramType::xdp);
  EXPECT_EQ(image.attach_type, static_cast<u32>(AttachType::xdp));
  EXPECT_EQ(image.license, "GPL");
  EXPECT_EQ(image.kernel_version, 0x030201u);
  EXPECT_EQ(image.program.size(), 2u);
  ASSERT_EQ(image.program.subprograms().size(), 1u);
  EXPECT_EQ(image.program.subprograms()[0].name, "prog");
  EXPECT_TRUE(image.program.subprograms()[0].global);
  EXPECT_TRUE(image.maps->empty());
  EXPECT_EQ(image.btf, nullptr);
}

TEST(Loader, TakesSectionNamesApart) {
  ElfBuilder builder;
  builder.program("?kprobe/do_sys_open", "a", {mov(0, 0), kExit});
  builder.program("xdp.frags", "b", {mov(0, 0), kExit});
  builder.program("syscall", "c", {mov(0, 0), kExit});
  builder.program("mystery", "d", {mov(0, 0), kExit});
  const Object object = load_good(builder);
  ASSERT_EQ(object.programs.size(), 4u);
  EXPECT_EQ(object.programs[0]->attach_to, "do_sys_open");
  EXPECT_EQ(object.programs[0]->section, "kprobe/do_sys_open");
  EXPECT_FALSE(object.programs[0]->autoload);
  EXPECT_TRUE(object.programs[1]->frags);
  EXPECT_TRUE(object.programs[1]->autoload);
  EXPECT_TRUE(object.programs[2]->sleepable);
  EXPECT_EQ(object.programs[3]->type, ProgramType::unspec);
}

TEST(Loader, PointsToLegacyMaps) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {lddw(1), kUpper, lddw(2), kUpper, kExit});
  Bytes definitions = legacy_map(1, 4, 8, 16, 1);
  const Bytes second = legacy_map(2, 4, 12, 3);
  definitions.insert(definitions.end(), second.begin(), second.end());
  const u32 maps = builder.section("maps", definitions);
  const u32 a = builder.symbol("a", maps, 0, elf::kObject, elf::kGlobal, 20);
  const u32 b = builder.symbol("b", maps, 20, elf::kObject, elf::kGlobal, 20);
  builder.relocations(code, {{0, b}, {16, a}});
  const Object object = load_good(builder);
  ASSERT_EQ(object.maps->size(), 2u);
  const MapSpec& hash = (*object.maps)[0];
  EXPECT_EQ(hash.name, "a");
  EXPECT_EQ(hash.type, MapType::hash);
  EXPECT_EQ(hash.key_size, 4u);
  EXPECT_EQ(hash.value_size, 8u);
  EXPECT_EQ(hash.max_entries, 16u);
  EXPECT_EQ(hash.flags, map_flags::kNoPrealloc);
  ASSERT_EQ(object.programs.size(), 1u);
  const Program& program = object.programs[0]->program;
  EXPECT_EQ(program.at(Pc{0}).op, Op::LoadMap);
  EXPECT_EQ(program.at(Pc{0}).map_index(), 1u);
  EXPECT_EQ(program.at(Pc{2}).map_index(), 0u);
  EXPECT_EQ(object.relocations[static_cast<int>(RelocationKind::Map)], 2u);
}

struct LegacyDefinition {
  const char* name;
  u32 bytes;
  u32 other_byte;  // one byte that is 1, beyond those that all have
  const char* says;
};

class LegacyMaps : public testing::TestWithParam<LegacyDefinition> {};

TEST_P(LegacyMaps, MayBeLongerOrShorter) {
  const LegacyDefinition& c = GetParam();
  ElfBuilder builder;
  Bytes definition = legacy_map(1, 4, 8, 16, 0);
  definition.resize(c.bytes);
  if (c.other_byte != 0) definition[c.other_byte] = 1;
  const u32 maps = builder.section("maps", definition);
  builder.symbol("table", maps, 0);
  builder.program("xdp", "prog", {mov(0, 0), kExit});
  const auto object = load(builder.build(), {});
  ASSERT_TRUE(object);
  if (*c.says == 0) {
    ASSERT_EQ(object->maps->size(), 1u);
    EXPECT_EQ((*object->maps)[0].max_entries, 16u);
    EXPECT_EQ((*object->maps)[0].pinned, c.other_byte == 24);
  } else {
    ASSERT_EQ(object->errors.size(), 1u);
    EXPECT_EQ(object->errors[0].name, "table");
    EXPECT_NE(object->errors[0].error.text.find(c.says), std::string::npos)
        << object->errors[0].error.text;
  }
}

const LegacyDefinition kLegacyDefinitions[] = {
    {"WithoutFlags", 16, 0, ""},
    {"TooShort", 12, 0, "its definition has 12 bytes, not 16 to 256"},
    {"Samples", 28, 0, ""},
    {"UnknownOption", 24, 20, "byte 20 of its definition"},
    {"Iproute2WithoutInner", 28, 20, ""},
    {"Iproute2PinnedWithoutInner", 28, 24, ""},
    {"Iproute2", 36, 20, ""},
    {"Iproute2Pinned", 36, 24, ""},
    {"Iproute2Nested", 36, 28, "inner maps of iproute2's kind are not supported"},
    {"TooLong", 300, 0, "its definition has 300 bytes"},
};

INSTANTIATE_TEST_SUITE_P(Definitions, LegacyMaps, testing::ValuesIn(kLegacyDefinitions),
                         [](const auto& test) { return test.param.name; });

// libbpf's order: a function is appended when it is first met, and walked at once.
TEST(Loader, AppendsSubprogramsInLibbpfsOrder) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {call_local(-1), call_local(-1), kExit});
  const u32 text = builder.code_section(
      ".text", {mov(0, 1), kExit, call_local(-3), mov(0, 2), kExit, mov(0, 3), kExit});
  const u32 leaf = builder.function("leaf", text, 0, 2);
  const u32 outer = builder.function("outer", text, 2, 3, elf::kLocal);
  builder.function("unused", text, 5, 2);
  builder.relocations(code, {{0, outer, 10}, {8, leaf, 10}});
  const Object object = load_good(builder);
  ASSERT_EQ(object.programs.size(), 1u);
  const Program& program = object.programs[0]->program;
  ASSERT_EQ(program.subprograms().size(), 3u);
  EXPECT_EQ(program.subprograms()[1].name, "outer");
  EXPECT_FALSE(program.subprograms()[1].global);
  EXPECT_EQ(program.subprograms()[1].first, Pc{3});
  EXPECT_EQ(program.subprograms()[2].name, "leaf");
  EXPECT_EQ(program.subprograms()[2].first, Pc{6});
  EXPECT_EQ(program.at(Pc{0}).target, Pc{3});
  EXPECT_EQ(program.at(Pc{1}).target, Pc{6});
  EXPECT_EQ(program.at(Pc{3}).target, Pc{6});
  EXPECT_EQ(program.size(), 8u);
}

// Static functions are called through their section: the addend says which one.
TEST(Loader, CallsThroughSectionSymbols) {
  ElfBuilder builder;
  const u32 code = builder.program("tc", "prog", {call_local(1), lddw(2, 16), kUpper, kExit});
  const u32 text = builder.code_section(".text", {mov(0, 1), kExit, mov(0, 2), kExit});
  builder.function("first", text, 0, 2, elf::kLocal);
  builder.function("second", text, 2, 2, elf::kLocal);
  const u32 section = builder.symbol("", text, 0, elf::kSection, elf::kLocal);
  builder.relocations(code, {{0, section, 10}, {8, section, 1}});
  const Object object = load_good(builder);
  const Program& program = object.programs.at(0)->program;
  ASSERT_EQ(program.subprograms().size(), 2u);
  EXPECT_EQ(program.subprograms()[1].name, "second");
  EXPECT_EQ(program.at(Pc{0}).target, Pc{4});
  EXPECT_EQ(program.at(Pc{1}).op, Op::LoadFunc);
  EXPECT_EQ(program.at(Pc{1}).target, Pc{4});
}

TEST(Loader, CallsAcrossSectionsAndIntoOtherPrograms) {
  ElfBuilder builder;
  const u32 xdp = builder.code_section("xdp", {call_local(-1), kExit});
  const u32 tc = builder.code_section("tc", {mov(0, 7), kExit});
  builder.function("one", xdp, 0, 2);
  const u32 two = builder.function("two", tc, 0, 2);
  builder.relocations(xdp, {{0, two, 10}});
  const Object object = load_good(builder);
  ASSERT_EQ(object.programs.size(), 2u);
  EXPECT_EQ(object.programs[0]->program.size(), 4u);
  EXPECT_EQ(object.programs[1]->program.size(), 2u);
}

TEST(Loader, RecursionIsOneCopy) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {call_local(-1), kExit});
  const u32 text = builder.code_section(".text", {call_local(-1), call_local(-2), kExit});
  const u32 self = builder.function("self", text, 0, 3);
  builder.relocations(code, {{0, self, 10}});
  const Object object = load_good(builder);
  const Program& program = object.programs.at(0)->program;
  EXPECT_EQ(program.size(), 5u);
  EXPECT_EQ(program.at(Pc{2}).target, Pc{2});
}

// Linux minds a write to r10 only where its verifier gets to, so it is no reason not to load.
TEST(Loader, LeavesWritesToTheFramePointerToWhoRuns) {
  ElfBuilder builder;
  builder.program("xdp", "prog", {mov(0, 1), make_insn(0x55, 0, 0, 1, 0), mov(10, 0), kExit});
  EXPECT_EQ(load_good(builder).programs.size(), 1u);
}

TEST(Loader, AProgramOfABadMapSaysSo) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {lddw(1), kUpper, kExit});
  const u32 maps = builder.section("maps", Bytes(12));
  builder.relocations(code, {{0, builder.symbol("table", maps, 0)}});
  const auto object = load(builder.build(), {});
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->failures.size(), 1u);
  EXPECT_EQ(object->failures[0].error.text,
            "section 'xdp', offset 0x0: relocation against 'table': the definition of this map is "
            "in error itself");
}

struct BadReference {
  const char* name;
  void (*make)(ElfBuilder&);
  const char* says;
};

class LoaderFailure : public testing::TestWithParam<BadReference> {};

// A program that can't be made leaves the good one beside it alone.
TEST_P(LoaderFailure, NamesThePlaceAndSparesTheOthers) {
  ElfBuilder builder;
  GetParam().make(builder);
  builder.program("tc", "good", {mov(0, 0), kExit});
  const auto object = load(builder.build(), {});
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->programs.size(), 1u);
  EXPECT_EQ(object->programs[0]->name, "good");
  ASSERT_EQ(object->failures.size(), 1u);
  EXPECT_EQ(object->failures[0].name, "bad");
  EXPECT_NE(object->failures[0].error.text.find(GetParam().says), std::string::npos)
      << object->failures[0].error.text;
  const auto image = object->image("bad");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().text, object->failures[0].error.text);
}

u32 program_with(ElfBuilder& builder, std::initializer_list<Insn> insns) {
  return builder.program("xdp", "bad", insns);
}

const BadReference kBadReferences[] = {
    {"Undefined",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {call_local(-1), kExit});
       b.relocations(code, {{0, b.symbol("nowhere", 0, 0), 10}});
     },
     "'nowhere' is declared in object 'object' but none of the objects defines it"},
    {"NotAnInstruction",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {mov(0, 0), kExit});
       b.relocations(code, {{4, 1}});
     },
     "section 'xdp', offset 0x4: relocation against 'bad': it is not at the start"},
    {"SecondSlot",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {lddw(1), kUpper, kExit});
       b.relocations(code, {{8, 1}});
     },
     "section 'xdp', offset 0x8: relocation against 'bad': it is not at the start"},
    {"WrongInstruction",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {mov(0, 0), kExit});
       b.relocations(code, {{0, 1}});
     },
     "neither a call nor a 64-bit load"},
    {"NoMapThere",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {lddw(1, 4), kUpper, kExit});
       const u32 maps = b.section("maps", legacy_map(1, 4, 4, 1));
       b.relocations(code, {{0, b.symbol("m", maps, 0)}});
     },
     "no map is defined there"},
    {"CallIntoTheMiddle",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {call_local(0), kExit});
       const u32 text = b.code_section(".text", {mov(0, 0), kExit});
       b.relocations(code, {{0, b.function("f", text, 0, 2), 10}});
     },
     "section 'xdp', offset 0x0: calls offset 0x8 of section '.text', where no function starts"},
    {"CallOfData",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {call_local(-1), kExit});
       const u32 data = b.section(".data", Bytes(16));
       b.relocations(code, {{0, b.symbol("d", data, 0, elf::kObject), 10}});
     },
     "where no function starts"},
    {"LocalCallOut", [](ElfBuilder& b) { program_with(b, {call_local(100), kExit}); },
     "where no function starts"},
    {"NotLoaded",
     [](ElfBuilder& b) {
       const u32 code = program_with(b, {lddw(1), kUpper, kExit});
       const u32 other = b.section("mine", Bytes(16));
       b.relocations(code, {{0, b.symbol("x", other, 0, elf::kObject)}});
     },
     "its section is not loaded"},
    {"NumberedMap", [](ElfBuilder& b) { program_with(b, {make_insn(0x18, 1, 1), kUpper, kExit}); },
     "relocation against 'number 0': the load names a map by number, which only who made the map "
     "knows: the object must declare it"},
    {"NumberedKfunc", [](ElfBuilder& b) { program_with(b, {make_insn(0x85, 0, 2, 0, 77), kExit}); },
     "relocation against 'number 77': the call names a kernel function by number"},
    {"HalfAnLddw", [](ElfBuilder& b) { program_with(b, {mov(0, 0), lddw(1)}); },
     "a function ends inside of a 16-byte instruction"},
    {"NotAnInsn", [](ElfBuilder& b) { program_with(b, {make_insn(0xff), kExit}); },
     "is not an instruction"},
};

INSTANTIATE_TEST_SUITE_P(Programs, LoaderFailure, testing::ValuesIn(kBadReferences),
                         [](const auto& test) { return test.param.name; });

TEST(Loader, FindsAProgramByName) {
  ElfBuilder builder;
  builder.program("xdp", "a", {mov(0, 0), kExit});
  builder.program("tc", "b", {mov(0, 0), kExit});
  const Object object = load_good(builder);
  ASSERT_TRUE(object.image("b"));
  EXPECT_EQ((*object.image("b"))->name, "b");
  EXPECT_FALSE(object.image(""));
  const auto absent = object.image("c");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().text, "the object has no program 'c'; it has: a, b");
  const Object one = load_good(builder, {.program = "b"});
  EXPECT_EQ(one.programs.size(), 1u);
  EXPECT_TRUE(one.image(""));
  const auto none = load(builder.build(), {.program = "c"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::object_without_program);
}

TEST(Loader, TheOtherByteOrderIsForLookingOnly) {
  ElfBuilder builder;
  builder.big_endian = true;
  // Registers, offset and immediate as a big-endian machine stores them.
  const u8 wire[] = {0xb7, 0x30, 0, 0, 0, 0, 1, 2, 0x95, 0, 0, 0, 0, 0, 0, 0};
  const u32 code = builder.section("xdp", Bytes(std::begin(wire), std::end(wire)), elf::kProgBits,
                                   elf::kAlloc | elf::kExec);
  builder.function("prog", code, 0, 2);
  const auto refused = load(builder.build(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::foreign_byte_order);
  EXPECT_EQ(row(refused.error().code).kind, Kind::Unsupported);
  const Object object = load_good(builder, {.inspect = true});
  EXPECT_TRUE(object.big_endian);
  EXPECT_EQ(disassemble(object.programs.at(0)->program.at(Pc{0}), Pc{0}), "r3 = 258");
}

TEST(Loader, CodeWithoutFunctionsIsNamedByItsSymbolOrSection) {
  ElfBuilder builder;
  const u32 code = builder.code_section("socket", {mov(0, 0), kExit});
  builder.symbol("old_style", code, 0);
  builder.code_section("tc", {mov(0, 1), kExit});
  const Object object = load_good(builder);
  ASSERT_EQ(object.programs.size(), 2u);
  EXPECT_EQ(object.programs[0]->name, "old_style");
  EXPECT_EQ(object.programs[1]->name, "tc");
}

TEST(Loader, TextAloneIsAProgramIfItIsOneFunction) {
  ElfBuilder builder;
  builder.program(".text", "only", {mov(0, 0), kExit});
  EXPECT_EQ(load_good(builder).programs.size(), 1u);
  ElfBuilder two;
  const u32 text = two.code_section(".text", {mov(0, 0), kExit, mov(0, 0), kExit});
  two.function("a", text, 0, 2);
  two.function("b", text, 2, 2);
  EXPECT_EQ(load_good(two).programs.size(), 0u);
  EXPECT_EQ(load_good(two, {.inspect = true}).programs.size(), 2u);
}

// gcc 12 with binutils 2.40: the addend has the value of a named symbol added already, in bytes,
// calls included; what goes through a section is as everywhere.
TEST(Loader, OldGnuAssemblersAddSymbolValues) {
  ElfBuilder builder;
  const u32 code = builder.program(
      "xdp", "prog",
      {call_local(15), call_local(1), lddw(1, 8), kUpper, lddw(2, 4), kUpper, kExit});
  const u32 text = builder.code_section(".text", {mov(0, 1), kExit, mov(0, 2), kExit});
  builder.function("first", text, 0, 2, elf::kLocal);
  const u32 second = builder.function("second", text, 2, 2);
  const u32 in_text = builder.symbol("", text, 0, elf::kSection, elf::kLocal);
  const u32 data = builder.section(".data", Bytes(16));
  const u32 variable = builder.symbol("variable", data, 8, elf::kObject, elf::kGlobal, 8);
  const u32 in_data = builder.symbol("", data, 0, elf::kSection, elf::kLocal);
  builder.relocations(code, {{0, second, 10}, {8, in_text, 10}, {16, variable}, {32, in_data}});
  builder.section(".comment", test::text(std::string_view("\0GCC: (12.2.0-14) 12.2.0\0", 26)));
  const Object object = load_good(builder);
  const Program& program = object.programs.at(0)->program;
  ASSERT_EQ(program.subprograms().size(), 2u);
  EXPECT_EQ(program.subprograms()[1].name, "second");
  EXPECT_EQ(program.at(Pc{0}).target, Pc{7});
  EXPECT_EQ(program.at(Pc{1}).target, Pc{7});
  EXPECT_EQ(program.at(Pc{2}).value_offset(), 8u);
  EXPECT_EQ(program.at(Pc{4}).value_offset(), 4u);
}

// A small file can ask for far more instructions than it has.
TEST(Loader, TheProgramsTogetherAreBounded) {
  const auto object = load(test::object_of_chains_of(9000));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code, Code::object_too_large);
  EXPECT_NE(object.error().text.find("the number of insns of all programs"), std::string::npos);
}

TEST(Loader, HiddenFunctionsAreJudgedAsStaticOnes) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {call_local(-1), kExit});
  const u32 text = builder.code_section(".text", {mov(0, 0), kExit});
  const u32 hidden = builder.symbol("hidden", text, 0, elf::kFunc, elf::kGlobal, 16, elf::kHidden);
  builder.relocations(code, {{0, hidden, 10}});
  const Object object = load_good(builder);
  EXPECT_FALSE(object.programs.at(0)->program.subprograms()[1].global);
}

}  // namespace
}  // namespace skep
