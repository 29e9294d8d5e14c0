// Externs: values of a kernel's configuration in .kconfig, the kernel's own names in .ksyms.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "tests/support/objects.h"

namespace skep {
namespace {

using test::load_fixture;
using test::map_of;

constexpr std::string_view kText =
    "# a comment\n"
    "CONFIG_BPF=y\n"
    "CONFIG_BPF=n\n"  // the first one counts
    "CONFIG_MODULE=m\r\n"
    "CONFIG_LETTER=y\n"
    "CONFIG_HZ=0xfa\n"
    "CONFIG_SIGNED=-2\n"
    "CONFIG_TEXT=\"longer than eight\"\n"
    "CONFIG_OTHER=y";

const ExternInfo& extern_of(const Object& object, std::string_view name) {
  static const ExternInfo kNone;
  for (const ExternInfo& info : object.externs) {
    if (info.name == name) return info;
  }
  ADD_FAILURE() << "no extern " << name;
  return kNone;
}

TEST(Kconfig, TakesValuesFromTheText) {
  const Object object = load_fixture("kconfig", {.kconfig = kText, .kernel_version = 0x060c00});
  const std::pair<const char*, u64> values[] = {{"CONFIG_BPF", 1},
                                                {"CONFIG_ABSENT", 0},
                                                {"CONFIG_MODULE", 2},
                                                {"CONFIG_LETTER", 'y'},
                                                {"CONFIG_HZ", 250},
                                                {"CONFIG_SMALL", 0},
                                                {"CONFIG_SIGNED", static_cast<u64>(-2)},
                                                {"LINUX_KERNEL_VERSION", 0x060c00}};
  for (const auto& [name, value] : values) {
    const ExternInfo& info = extern_of(object, name);
    EXPECT_EQ(info.kind, ExternInfo::Kind::Kconfig) << name;
    EXPECT_EQ(info.value, value) << name;
  }
  EXPECT_TRUE(extern_of(object, "CONFIG_BPF").found);
  EXPECT_FALSE(extern_of(object, "CONFIG_ABSENT").found);
  EXPECT_TRUE(extern_of(object, "CONFIG_ABSENT").weak);
}

// The map's layout is libbpf's: by alignment, then size, then name.
TEST(Kconfig, LiesInOneMap) {
  const Object object = load_fixture("kconfig", {.kconfig = kText});
  const MapSpec& spec = map_of(object, "kconfig.kconfig");
  EXPECT_EQ(spec.flags, map_flags::kRdonlyProg | map_flags::kMmapable);
  EXPECT_TRUE(spec.frozen);
  const Btf& btf = *object.btf;
  ASSERT_EQ(btf.kind(spec.btf_value), BtfKind::Datasec);
  EXPECT_EQ(btf.size(spec.btf_value), spec.value_size);
  std::map<u32, std::string> places;
  for (u32 i = 0; i < btf.vlen(spec.btf_value); ++i) {
    const BtfSectionEntry entry = btf.entry(spec.btf_value, i);
    places[entry.offset] = btf.name(entry.type);
  }
  const std::map<u32, std::string> expected = {
      {0, "CONFIG_HZ"},      {8, "CONFIG_MODULE"},  {12, "LINUX_KERNEL_VERSION"},
      {16, "CONFIG_SIGNED"}, {18, "CONFIG_ABSENT"}, {19, "CONFIG_BPF"},
      {20, "CONFIG_LETTER"}, {21, "CONFIG_SMALL"},  {22, "CONFIG_TEXT"}};
  EXPECT_EQ(places, expected);
  EXPECT_EQ(std::string(spec.initial.begin() + 22, spec.initial.end()),
            std::string("longer \0", 8));
  EXPECT_EQ(spec.initial[16], 0xfe);
  EXPECT_EQ(spec.initial[17], 0xff);
}

TEST(Kconfig, AMissingStrongValueIsAnErrorThatNamesIt) {
  const auto object = load(test::fixture("kconfig"), {.kconfig = "CONFIG_BPF=y\n"});
  ASSERT_TRUE(object) << object.error().text;
  std::vector<std::string> missing;
  for (const LoadFailure& error : object->errors) {
    EXPECT_EQ(error.error.code, Code::missing_kconfig);
    missing.push_back(error.name);
  }
  EXPECT_EQ(missing, (std::vector<std::string>{"CONFIG_HZ", "CONFIG_LETTER", "CONFIG_MODULE",
                                               "CONFIG_TEXT"}));
  ASSERT_EQ(object->failures.size(), 1u) << "only the program that uses them";
  EXPECT_EQ(object->failures[0].name, "values");
  EXPECT_EQ(object->failures[0].error.code, Code::missing_kconfig);
}

struct BadValue {
  const char* name;
  const char* line;
  const char* says;
};
const BadValue kBadValues[] = {
    {"ModuleAsBool", "CONFIG_BPF=m", "extern 'CONFIG_BPF' of .kconfig: value 'm' is not a bool"},
    {"NumberForTristate", "CONFIG_MODULE=1", "value '1' does not fit the variable's type"},
    {"TextForNumber", "CONFIG_HZ=\"x\"", "value '\"x\"' is a text, the variable is not"},
    {"NumberForText", "CONFIG_TEXT=5", "value '5' does not fit the variable's type"},
    {"OpenText", "CONFIG_TEXT=\"abc", "value '\"abc' has no closing quote"},
    {"NotANumber", "CONFIG_HZ=12three", "value '12three' is not a number"},
    {"TooLarge", "CONFIG_SIGNED=32768", "value '32768' does not fit 2 bytes"},
    {"TooSmall", "CONFIG_SMALL=-129", "value '-129' does not fit 1 bytes"},
    {"Empty", "CONFIG_HZ=", "value '' is not a number"},
    {"BoolTwo", "CONFIG_BPF=2", "value '2' does not fit the variable's type"},
};

class KconfigBroken : public testing::TestWithParam<BadValue> {};

TEST_P(KconfigBroken, NamesTheExternAndTheValue) {
  std::string text = GetParam().line;
  text += "\n";
  text += kText;
  const auto object = load(test::fixture("kconfig"), {.kconfig = text});
  ASSERT_TRUE(object) << object.error().text;
  ASSERT_EQ(object->errors.size(), 1u);
  EXPECT_NE(object->errors[0].error.text.find(GetParam().says), std::string::npos)
      << object->errors[0].error.text;
}

INSTANTIATE_TEST_SUITE_P(Values, KconfigBroken, testing::ValuesIn(kBadValues),
                         [](const auto& test) { return test.param.name; });

// What libbpf knows by itself, unless the text says otherwise.
TEST(Kconfig, VersionCanBeGivenAsText) {
  const std::string text = "LINUX_KERNEL_VERSION=0x50400\n" + std::string(kText);
  const Object object = load_fixture("kconfig", {.kconfig = text, .kernel_version = 0x060c00});
  EXPECT_EQ(extern_of(object, "LINUX_KERNEL_VERSION").value, 0x050400u);
}

struct Declared {
  const char* name;
  u32 (*type)(test::BtfBuilder&);
  const char* line;
  u64 value;         // expected,
  const char* says;  // or the error
};

u32 integer(test::BtfBuilder& b, u32 bytes, u32 encoding = 0) {
  return b.integer("number", bytes, encoding);
}

// Types that a C program can declare but the fixture does not.
const Declared kDeclared[] = {
    {"U64", [](auto& b) { return integer(b, 8); }, "18446744073709551615", ~u64{0}, ""},
    {"U64TooLarge", [](auto& b) { return integer(b, 8); }, "18446744073709551616", 0,
     "is not a number"},
    {"NegativeUnsigned", [](auto& b) { return integer(b, 4); }, "-1", 0, "does not fit 4 bytes"},
    {"LeastSigned", [](auto& b) { return integer(b, 4, test::BtfBuilder::kSigned); }, "-2147483648",
     static_cast<u64>(INT32_MIN), ""},
    {"Typedef", [](auto& b) { return b.alias("mine", b.constant(integer(b, 2))); }, "65535", 65535,
     ""},
    {"WideInteger", [](auto& b) { return integer(b, 16); }, "1", 0, "its type is none"},
    {"WideBool", [](auto& b) { return integer(b, 4, test::BtfBuilder::kBool); }, "y", 0,
     "its type is none"},
    {"OtherEnum", [](auto& b) { return b.enumeration("mine", {{"A", 0}}); }, "y", 0,
     "its type is none"},
    {"Struct", [](auto& b) { return b.structure("s", 4, {}); }, "1", 0, "its type is none"},
    {"Pointer", [](auto& b) { return b.pointer(0); }, "1", 0, "its type is none"},
    {"ArrayOfWords", [](auto& b) { return b.array(integer(b, 4), 4); }, "\"x\"", 0,
     "its type is none"},
    {"NoText", [](auto& b) { return b.array(integer(b, 1), 0); }, "\"x\"", 0, "its type is none"},
    {"LongText", [](auto& b) { return b.array(integer(b, 1), 4097); }, "\"x\"", 0,
     "its type is none"},
};

class KconfigTypes : public testing::TestWithParam<Declared> {};

TEST_P(KconfigTypes, AreTakenOrRefused) {
  test::BtfBuilder btf;
  const u32 variable = btf.variable("CONFIG_X", GetParam().type(btf), 2);
  btf.section(".kconfig", 0, {{variable, 0, 4}});
  test::ElfBuilder elf;
  elf.symbol("CONFIG_X", 0, 0);
  elf.section(".BTF", btf.bytes());
  const std::string line = std::string("CONFIG_X=") + GetParam().line;
  const auto object = load(elf.build(), {.kconfig = line});
  ASSERT_TRUE(object) << object.error().text;
  const std::string text = object->errors.empty() ? "" : object->errors[0].error.text;
  if (*GetParam().says == 0) {
    EXPECT_EQ(text, "");
    EXPECT_EQ(extern_of(*object, "CONFIG_X").value, GetParam().value);
  } else {
    EXPECT_NE(text.find(GetParam().says), std::string::npos) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, KconfigTypes, testing::ValuesIn(kDeclared),
                         [](const auto& test) { return test.param.name; });

// Kernel names are left to who runs the program: an index into the image's externs.
TEST(Ksyms, AreExternsOfTheImage) {
  const Object object = load_fixture("kconfig", {.kconfig = kText});
  const auto image = *object.image("symbols");
  std::map<std::string, const Extern*> names;
  for (const Extern& each : image->externs) names[each.name] = &each;
  ASSERT_EQ(names.size(), 5u);
  EXPECT_TRUE(names["bpf_task_release"]->function);
  EXPECT_FALSE(names["bpf_task_release"]->weak);
  EXPECT_TRUE(names["absent_function"]->weak);
  EXPECT_FALSE(names["runqueues"]->function);
  EXPECT_NE(names["runqueues"]->btf_type, 0u);
  EXPECT_EQ(image->btf->name(image->btf->resolve(names["runqueues"]->btf_type)), "rq");
  EXPECT_EQ(names["jiffies_address"]->btf_type, 0u);
  EXPECT_TRUE(names["absent_variable"]->weak);
  u32 calls = 0, loads = 0;
  const Program& program = image->program;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    if (insn.op != Op::CallKfunc && insn.op != Op::LoadBtfId) continue;
    ASSERT_LT(static_cast<u64>(insn.imm), image->externs.size());
    const Extern& each = image->externs[static_cast<std::size_t>(insn.imm)];
    (insn.op == Op::CallKfunc ? calls : loads) += 1;
    if (insn.op == Op::CallKfunc) {
      EXPECT_TRUE(each.function) << each.name;
    }
  }
  EXPECT_EQ(calls, 2u);
  EXPECT_GE(loads, 4u);
}

}  // namespace
}  // namespace skep
