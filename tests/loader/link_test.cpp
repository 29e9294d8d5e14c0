// Several objects as one: whose definition counts, what stays apart, what happens to types.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/support/objects.h"

namespace skep {
namespace {

using test::ElfBuilder;
using test::map_of;

constexpr Insn kExit = make_insn(0x95);
constexpr Insn call_local(i32 imm) {
  return make_insn(0x85, 0, 1, 0, imm);
}
constexpr Insn mov(i32 imm) {
  return make_insn(0xb7, 0, 0, 0, imm);
}

Result<Object> link(std::initializer_list<std::vector<u8>> objects,
                    const LoadOptions& options = {}) {
  std::vector<ObjectFile> files;
  constexpr std::string_view kNames[] = {"a.o", "b.o", "c.o"};
  for (const auto& bytes : objects) files.push_back({kNames[files.size()], bytes});
  return load_linked(files, options);
}

Object link_good(std::initializer_list<std::vector<u8>> objects) {
  return test::good(link(objects, {.name = "linked"}));
}

std::vector<std::string> functions_of(const Image& image) {
  std::vector<std::string> names;
  for (const Subprogram& function : image.program.subprograms()) names.push_back(function.name);
  return names;
}

i32 word_at(const MapSpec& spec, u32 offset) {
  i32 value = 0;
  std::memcpy(&value, &spec.initial.at(offset), sizeof value);
  return value;
}

u32 offset_of(const Object& object, const MapSpec& spec, std::string_view variable) {
  for (u32 i = 0; i < object.btf->vlen(spec.btf_value); ++i) {
    const BtfSectionEntry entry = object.btf->entry(spec.btf_value, i);
    if (object.btf->name(entry.type) == variable) return entry.offset;
  }
  ADD_FAILURE() << "no variable " << variable;
  return 0;
}

TEST(Link, ResolvesNamesAcrossObjects) {
  const Object object = link_good({test::fixture("link_a"), test::fixture("link_b")});
  ASSERT_EQ(object.programs.size(), 2u);
  // helper() exists twice, each object calls its own; overridden() is the strong one of b.
  EXPECT_EQ(
      functions_of(*object.programs[0]),
      (std::vector<std::string>{"program_a", "function_of_b", "helper", "helper", "overridden"}));
  EXPECT_EQ(functions_of(*object.programs[1]),
            (std::vector<std::string>{"program_b", "function_of_b", "helper", "overridden"}));
  const Program& program = object.programs[0]->program;
  const Subprogram& overridden = program.subprograms().back();
  std::set<i64> constants;
  for (Pc pc = overridden.first; pc < overridden.end; pc = pc + program.at(pc).slots()) {
    constants.insert(program.at(pc).imm);
  }
  EXPECT_TRUE(constants.contains(2000));
  EXPECT_FALSE(constants.contains(1000));
}

TEST(Link, SharesMapsAndJoinsData) {
  const Object object = link_good({test::fixture("link_a"), test::fixture("link_b")});
  std::set<std::string> names;
  for (const MapSpec& spec : *object.maps) EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
  EXPECT_EQ(names, (std::set<std::string>{"of_a", "of_b", "linked.data", "linked.rodata"}));
  const MapSpec& data = map_of(object, "linked.data");
  EXPECT_EQ(word_at(data, offset_of(object, data, "variable_of_a")), 11);
  EXPECT_EQ(word_at(data, offset_of(object, data, "variable_of_b")), 12);
  const u32 wide = offset_of(object, data, "wide_of_b");
  EXPECT_EQ(word_at(data, wide), 34);
  EXPECT_EQ(wide % 8, 0u);
  EXPECT_EQ(object.btf->size(data.btf_value), data.value_size);
}

TEST(Link, KeepsTypesAndLinesOfAllObjects) {
  const Object object = link_good({test::fixture("link_a"), test::fixture("link_b")});
  for (const auto& image : object.programs) {
    EXPECT_EQ(image->btf, object.btf);
    for (const Subprogram& function : image->program.subprograms()) {
      EXPECT_EQ(object.btf->kind(function.btf_type), BtfKind::Func) << function.name;
      EXPECT_EQ(object.btf->name(function.btf_type), function.name);
      const std::string place = image->program.source().place(function.first);
      const bool of_a = function.name == "program_a";
      const bool of_b = function.name == "program_b" || function.name == "function_of_b";
      if (of_a) {
        EXPECT_NE(place.find("link_a.bpf.c:"), std::string::npos) << place;
      }
      if (of_b) {
        EXPECT_NE(place.find("link_b.bpf.c:"), std::string::npos) << place;
      }
    }
  }
  const MapSpec& of_b = map_of(object, "of_b");
  EXPECT_EQ(object.btf->size_of(of_b.btf_value), 8u);
}

TEST(Link, AloneEachMissesTheOther) {
  const auto object = load(test::fixture("link_a"), {.name = "alone"});
  ASSERT_TRUE(object);
  ASSERT_EQ(object->failures.size(), 1u);
  EXPECT_EQ(object->failures[0].error.code, Code::undefined_symbol);
  EXPECT_EQ(object->failures[0].error.text,
            "'of_b' is declared in object 'alone' but none of the objects defines it");
}

std::vector<u8> with_function(const char* name, i32 value, u8 binding) {
  ElfBuilder builder;
  const u32 text = builder.code_section(".text", {mov(value), kExit});
  builder.function(name, text, 0, 2, binding);
  return builder.build();
}

std::vector<u8> with_caller(const char* callee) {
  ElfBuilder builder;
  const u32 code = builder.program("xdp", "prog", {call_local(-1), kExit});
  builder.relocations(code, {{0, builder.symbol(callee, 0, 0), 10}});
  return builder.build();
}

TEST(Link, TwoStrongDefinitionsAreAnError) {
  const auto object = link(
      {with_caller("f"), with_function("f", 1, elf::kGlobal), with_function("f", 2, elf::kGlobal)});
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().text, "'f' is defined in object 'b.o' and again in object 'c.o'");
}

TEST(Link, StrongOverridesWeakAndTheFirstWeakWins) {
  const auto value_of = [](const Object& object) {
    const Program& program = object.programs.at(0)->program;
    return program.at(program.at(Pc{0}).target).imm;
  };
  EXPECT_EQ(value_of(link_good({with_caller("f"), with_function("f", 1, elf::kWeak),
                                with_function("f", 2, elf::kGlobal)})),
            2);
  EXPECT_EQ(value_of(link_good({with_caller("f"), with_function("f", 1, elf::kWeak),
                                with_function("f", 2, elf::kWeak)})),
            1);
}

TEST(Link, AStaticFunctionIsNoDefinition) {
  const auto object = link({with_caller("f"), with_function("f", 1, elf::kLocal)});
  ASSERT_TRUE(object);
  ASSERT_EQ(object->failures.size(), 1u);
  EXPECT_EQ(object->failures[0].error.code, Code::undefined_symbol);
}

std::vector<u8> with_license(std::string_view license, u32 version = 0) {
  ElfBuilder builder;
  builder.section("license", test::text(license));
  test::Bytes bytes;
  test::put(bytes, version);
  builder.section("version", bytes);
  return builder.build();
}

TEST(Link, LicensesAndVersionsAgree) {
  EXPECT_EQ(link_good({with_license(""), with_license("GPL"), with_license("GPL")}).license, "GPL");
  const auto licenses = link({with_license("GPL"), with_license("MIT")});
  ASSERT_FALSE(licenses);
  EXPECT_EQ(licenses.error().text, "'license': 'GPL' in one object, 'MIT' in 'b.o'");
  EXPECT_FALSE(link({with_license("GPL", 1), with_license("GPL", 2)}));
  EXPECT_EQ(link_good({with_license("GPL", 7), with_license("GPL")}).kernel_version, 7u);
}

TEST(Link, ByteOrdersAgree) {
  ElfBuilder big;
  big.big_endian = true;
  const auto object = link({with_license("GPL"), big.build()}, {.inspect = true});
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().code, Code::link_mismatch);
}

TEST(Link, NothingIsNoObject) {
  EXPECT_FALSE(load_linked({}, {}));
  EXPECT_FALSE(link({with_license("GPL"), {}}));
}

// ---- what two objects may not disagree about ---------------------------------------------------

std::vector<u8> with_data(u64 alignment, bool zeros) {
  ElfBuilder builder;
  builder.alignment = alignment;
  if (zeros) {
    builder.bss(".data", 4);
  } else {
    builder.section(".data", test::Bytes(4, 7));
  }
  return builder.build();
}

// Declares `name` in a section of externs.
std::vector<u8> with_extern(const char* section, bool weak) {
  test::BtfBuilder btf;
  const u32 variable = btf.variable("name", btf.integer("int", 4), 2);
  btf.section(section, 0, {{variable, 0, 4}});
  ElfBuilder builder;
  builder.symbol("name", 0, 0, elf::kNoType, weak ? elf::kWeak : elf::kGlobal);
  builder.section(".BTF", btf.bytes());
  return builder.build();
}

TEST(Link, PartsOfADataSectionAreAlignedEach) {
  const Object object = link_good({with_data(4, false), with_data(64, false), with_data(8, false)});
  const MapSpec& data = map_of(object, "linked.data");
  EXPECT_EQ(data.value_size, 132u) << "as bpftool: each part as the strictest one so far";
  EXPECT_EQ(data.initial[0], 7);
  EXPECT_EQ(data.initial[4], 0);
  EXPECT_EQ(data.initial[64], 7);
  EXPECT_EQ(data.initial[128], 7);
}

TEST(Link, AnExternIsWeakIfAllSaySo) {
  const auto weak = [](bool a, bool b) {
    const auto object = link({with_extern(".ksyms", a), with_extern(".ksyms", b)});
    return object && object->externs.size() == 1 && object->externs[0].weak;
  };
  EXPECT_TRUE(weak(true, true));
  EXPECT_FALSE(weak(true, false));
  EXPECT_FALSE(weak(false, false));
}

struct Mismatch {
  const char* name;
  std::vector<u8> (*first)();
  std::vector<u8> (*second)();
  const char* says;
};

class LinkMismatch : public testing::TestWithParam<Mismatch> {};

TEST_P(LinkMismatch, NamesWhatDiffers) {
  const auto object = link({GetParam().first(), GetParam().second()});
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().text, GetParam().says);
}

const Mismatch kMismatches[] = {
    {"ContentsAndZeros", [] { return with_data(8, false); }, [] { return with_data(8, true); },
     "'.data': one object has contents for it, another zeros"},
    {"KconfigAndKsyms", [] { return with_extern(".kconfig", true); },
     [] { return with_extern(".ksyms", true); },
     "'name': one object takes it from the kernel's configuration, another from its symbols"},
};

INSTANTIATE_TEST_SUITE_P(Objects, LinkMismatch, testing::ValuesIn(kMismatches),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace skep
