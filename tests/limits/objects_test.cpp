// Objects and their bounds (loader/limits.h): a small file that claims much is refused, or loads,
// with next to no memory; a large one takes no more than what is stated. Memory is counted by
// limiter.h in a child process, so that a claim that is believed shows as a lack of memory.
#include <gtest/gtest.h>

#include "loader/limits.h"
#include "loader/loader.h"
#include "tests/limits/limiter.h"
#include "tests/support/large_objects.h"

namespace skep::test {
namespace {

using namespace loader_limits;

constexpr std::size_t kLittle = 8 << 20;
constexpr std::size_t kPlenty = std::size_t{2048} << 20;

// ---- claims -------------------------------------------------------------------------------------

// An object with one good program and whatever else a case adds.
struct Maker {
  ElfBuilder elf;
  BtfBuilder btf;
  BtfExtBuilder ext;

  u32 number(u32 value) { return btf.pointer(btf.array(btf.integer("", 4), value)); }
  // A map definition of these members.
  void map(std::initializer_list<BtfBuilder::Member> members) {
    const u32 variable = btf.variable("m", btf.structure("", 64, members));
    btf.section(".maps", 64, {{variable, 0, 64}});
    elf.symbol("m", elf.section(".maps", Bytes(64)), 0, elf::kObject, elf::kGlobal, 64);
  }
  void kconfig(std::initializer_list<u32> lengths) {
    std::vector<BtfSectionEntry> entries;
    for (const u32 length : lengths) {
      const std::string name = fmt::format("CONFIG_{}", entries.size());
      const u32 text = btf.array(btf.integer("char", 1, BtfBuilder::kChar), length);
      entries.push_back({btf.variable(name, text, 2), 0, length});
      elf.symbol(name, 0, 0);
    }
    btf.section(".kconfig", 0, entries);
  }
};

struct Claim {
  const char* name;
  void (*make)(Maker&);
  void (*damage)(Bytes&);  // of the finished file
  const char* says;        // the first error; "" for none
};

void leave(Bytes&) {}
void nothing(Maker&) {}

void poke(Bytes& bytes, u64 at, u64 value, u32 size) {
  for (u32 i = 0; i < size; ++i) bytes.at(at + i) = static_cast<u8>(value >> 8 * i);
}

// Where the contents of the first section begin that start with this word.
u64 find_word(const Bytes& bytes, u32 word) {
  Bytes pattern;
  put<u32>(pattern, word);
  const auto found = std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end());
  return static_cast<u64>(found - bytes.begin());
}
constexpr u32 kBtfStart = 0x0001eb9f;

const Claim kClaims[] = {
    {"Nothing", nothing, leave, ""},
    {"SectionHeaders", nothing, [](Bytes& b) { poke(b, 60, 0xfeff, 2); }, "lie outside"},
    {"HugeBss", [](Maker& m) { m.elf.bss(".bss", u64{1} << 40); }, leave,
     "data section '.bss' is 1099511627776, more than the limit of 2147483647"},
    {"LargestBss", [](Maker& m) { m.elf.bss(".bss", kMaxValue); }, leave, ""},
    {"ManyBss",
     [](Maker& m) {
       for (int i = 0; i < 3; ++i) m.elf.bss(".bss", kMaxValue / 2);
     },
     leave, "data section '.bss' is"},
    {"LongName", [](Maker& m) { m.elf.symbol(std::string(kMaxName + 1, 'n'), 0, 0); }, leave,
     "a name has no end, or is too long"},
    {"LongestName", [](Maker& m) { m.elf.symbol(std::string(kMaxName, 'n'), 0, 0); }, leave, ""},
    {"Alignment",
     [](Maker& m) {
       m.elf.alignment = u64{1} << 40;
       m.elf.section(".data", Bytes(1));
     },
     leave, "its alignment is more than a page"},
    {"TypesLength", [](Maker& m) { m.btf.integer("int", 4); },
     [](Bytes& b) { poke(b, find_word(b, kBtfStart) + 12, 0xfffffffc, 4); },
     "do not end inside of the section"},
    {"StringsLength", [](Maker& m) { m.btf.integer("int", 4); },
     [](Bytes& b) { poke(b, find_word(b, kBtfStart) + 20, 0xffffffff, 4); },
     "do not end inside of the section"},
    {"Members", [](Maker& m) { m.btf.raw("s", BtfKind::Struct, 0xffffff, 8); }, leave,
     "does not end inside of the types"},
    {"LineRecords",
     [](Maker& m) {
       m.ext.lines.groups.push_back({m.btf.string("xdp"), {{0, 0, 0, 0}}});
       m.btf.integer("int", 4);
     },
     [](Bytes& b) {
       // The group's number of records stands after the section's name and the record size.
       const u64 ext = find_word(b, kBtfStart);
       const Bytes rest(b.begin() + static_cast<std::ptrdiff_t>(ext) + 4, b.end());
       poke(b, ext + 4 + find_word(rest, kBtfStart) + 32 + 8, 0xfffffff, 4);
     },
     "do not end inside of it"},
    {"ModifierChain",
     [](Maker& m) {
       u32 type = m.btf.integer("int", 4);
       for (u32 i = 0; i <= Btf::kMaxDepth; ++i) type = m.btf.constant(type);
     },
     leave, "starts a chain of more than 32 modifiers"},
    {"StructInItself", [](Maker& m) { m.btf.structure("s", 8, {{"s", 1, 0}}); }, leave, ""},
    {"MapEntries",
     [](Maker& m) { m.map({{"type", m.number(1), 0}, {"max_entries", m.number(~0u), 64}}); }, leave,
     ""},
    {"MapValue",
     [](Maker& m) {
       const u32 wide = m.btf.array(m.btf.integer("u64", 8), 0x7fffffff);
       m.map({{"type", m.number(2), 0}, {"value", m.btf.pointer(wide), 64}});
     },
     leave, "the type of 'value' has no size"},
    {"MapsOfOneVariable",
     [](Maker& m) {
       const u32 map = m.btf.structure("", 8, {{"type", m.number(1), 0}});
       const u32 variable = m.btf.variable("m", map);
       m.btf.section(".maps", 64, std::vector(kMaxMaps, BtfSectionEntry{variable, 0, 8}));
       m.elf.section(".maps", Bytes(64));
     },
     leave, "the number of maps is 65537, more than the limit of 65536"},
    {"StructOps",
     [](Maker& m) {
       const u32 type = m.btf.structure("ops", ~0u, {});
       m.btf.section(".struct_ops", 8, {{m.btf.variable("ops", type), 0, ~0u}});
       m.elf.section(".struct_ops", Bytes(8));
     },
     leave, "it is no struct in its section"},
    {"KconfigText", [](Maker& m) { m.kconfig({~0u}); }, leave,
     "its type is none that a configuration value can have"},
    {"KconfigAll",
     [](Maker& m) {
       std::vector<BtfSectionEntry> entries;
       const u32 text = m.btf.array(m.btf.integer("char", 1, BtfBuilder::kChar), 4096);
       for (u32 i = 0; i < 300; ++i) {
         const std::string name = fmt::format("CONFIG_{}", i);
         entries.push_back({m.btf.variable(name, text, 2), 0, 4096});
         m.elf.symbol(name, 0, 0, elf::kNoType, elf::kWeak);
       }
       m.btf.section(".kconfig", 0, entries);
     },
     leave, "the size of all .kconfig values is"},
    {"DeepCalls",
     [](Maker& m) {
       constexpr u32 kDepth = 2000;
       std::vector<Insn> insns;
       for (u32 i = 0; i < kDepth; ++i) {
         insns.push_back(i + 1 < kDepth ? make_insn(0x85, 0, 1, 0, 1) : make_insn(0xb7));
         insns.push_back(make_insn(0x95));
       }
       const u32 code = add_code(m.elf, "tc", insns);
       for (u32 i = 0; i < kDepth; ++i) {
         m.elf.function(fmt::format("f{}", i), code, i * 2, 2, i == 0 ? elf::kGlobal : elf::kLocal);
       }
     },
     leave, "the program has more than 256 functions"},
};

std::vector<u8> made(const Claim& claim) {
  Maker maker;
  maker.elf.program("xdp", "prog", {kReturn[0], kReturn[1]});
  claim.make(maker);
  if (maker.btf.bytes().size() > 32) maker.elf.section(".BTF", maker.btf.bytes());
  if (!maker.ext.lines.groups.empty()) maker.elf.section(".BTF.ext", maker.ext.bytes());
  Bytes bytes = maker.elf.build();
  claim.damage(bytes);
  return bytes;
}

std::string first_error(const Result<Object>& object) {
  if (!object) return object.error().text;
  if (!object->errors.empty()) return object->errors[0].error.text;
  return object->failures.empty() ? std::string() : object->failures[0].error.text;
}

class Claims : public testing::TestWithParam<Claim> {};

TEST_P(Claims, CostNothing) {
  const Bytes bytes = made(GetParam());
  const Operation operation = [&bytes](std::string& text) {
    const auto object = load(bytes);
    text = first_error(object);
    const std::string_view says = GetParam().says;
    const bool right = says.empty() ? text.empty() : text.find(says) != text.npos;
    return right ? Outcome::Done : Outcome::Wrong;
  };
  const Trial trial =
      run_limited(Limiter::Allocator, kLittle + bytes.size() * kBytesPerFileByte, operation);
  EXPECT_EQ(trial.outcome, Outcome::Done) << trial.text;
}

INSTANTIATE_TEST_SUITE_P(Of, Claims, testing::ValuesIn(kClaims),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Limits, ObjectsToLinkAreCountedFirst) {
  const std::vector<ObjectFile> files(kMaxObjects + 1);
  const auto object = load_linked(files);
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().text, "the number of objects is 1025, more than the limit of 1024");
}

TEST(Limits, ProgramsAreCounted) {
  Maker maker;
  std::vector<Insn> insns;
  for (u32 i = 0; i <= kMaxPrograms; ++i) insns.insert(insns.end(), kReturn, std::end(kReturn));
  const u32 code = add_code(maker.elf, "xdp", insns);
  for (u32 i = 0; i <= kMaxPrograms; ++i) maker.elf.function(fmt::format("p{}", i), code, i * 2, 2);
  const auto object = load(maker.elf.build());
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().text, "the number of programs is 16385, more than the limit of 16384");
}

// What is told about an object is bounded, whatever there would be to tell.
TEST(Limits, NotesAreBounded) {
  Maker maker;
  maker.elf.program("xdp", "prog", {kReturn[0], kReturn[1]});
  const u32 maps = maker.elf.section("maps", Bytes(2000 * 8));
  for (u32 i = 0; i < 2000; ++i) maker.elf.symbol(fmt::format("m{}", i), maps, i * 8);
  const auto object = load(maker.elf.build());
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_EQ(object->errors.size(), kMaxNotes);
}

TEST(Limits, TextsAreCut) {
  Maker maker;
  maker.elf.program("xdp", "prog", {kReturn[0], kReturn[1]});
  maker.elf.section("license", text(std::string(5000, 'L')));
  const u32 line = maker.btf.string(std::string(5000, 'x'));
  maker.ext.lines.groups.push_back({maker.btf.string("xdp"), {{0, line, line, 1 << 10}}});
  const std::string name(5000, 'm');
  const u32 map = maker.btf.structure("", 8, {{std::string(5000, 'y'), maker.number(1), 0}});
  maker.btf.section(".maps", 8, {{maker.btf.variable(name, map), 0, 8}});
  maker.elf.section(".maps", Bytes(8));
  maker.elf.section(".BTF", maker.btf.bytes());
  maker.elf.section(".BTF.ext", maker.ext.bytes());
  const auto object = load(maker.elf.build());
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_EQ(object->license.size(), 128u) << "as much as Linux takes";
  ASSERT_EQ(object->programs.size(), 1u);
  const SourceMap& source = object->programs[0]->program.source();
  EXPECT_EQ(source.lines.at(0).text.size(), kMaxLine);
  EXPECT_EQ(source.files.at(0).size(), kMaxLine);
  ASSERT_EQ(object->errors.size(), 1u);
  EXPECT_EQ(object->errors[0].name.size(), kMaxName);
  EXPECT_EQ(object->errors[0].error.text.size(), kMaxNote);
}

// Relocations that the target can't satisfy, each with a path of long names.
TEST(Limits, UnsatisfiedRelocationsAreBounded) {
  constexpr u32 kRelocations = 1500;
  Maker maker;
  u32 type = maker.btf.integer("int", 4);
  for (u32 i = 0; i < 40; ++i) {
    type = maker.btf.structure(i == 39 ? "top" : "", 8, {{std::string(1000, 'f'), type, 0}});
  }
  std::string access = "0";
  for (u32 i = 0; i < 40; ++i) access += ":0";
  maker.ext.relocations.groups.push_back({maker.btf.string("xdp"), {}});
  const u32 path = maker.btf.string(access);
  std::vector<Insn> insns(kRelocations, make_insn(0xb7));
  insns.push_back(make_insn(0x95));
  for (u32 i = 0; i < kRelocations; ++i) {
    maker.ext.relocations.groups.back().records.push_back(
        {i * 8, type, path, static_cast<u32>(CoreKind::FieldByteOffset)});
  }
  maker.elf.function("prog", add_code(maker.elf, "xdp", insns), 0, insns.size());
  maker.elf.section(".BTF", maker.btf.bytes());
  maker.elf.section(".BTF.ext", maker.ext.bytes());
  BtfBuilder kernel;
  kernel.structure("top", 8, {{"other", kernel.integer("int", 4), 0}});
  const auto target = CoreTarget::make(kernel.share());
  ASSERT_TRUE(target);
  const auto object = load(maker.elf.build(), {.target = &*target});
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_EQ(object->programs.size(), 1u);
  ASSERT_EQ(object->failed_core.size(), kMaxNotes);
  for (const FailedCoreRelo& failed : object->failed_core) {
    ASSERT_LE(failed.path.size(), kMaxPath);
    ASSERT_LE(failed.reason.size(), kMaxPath);
  }
}

// ---- large objects ------------------------------------------------------------------------------

// What loader/limits.h states for what came of an object.
u64 stated_bound(std::span<const u8> bytes, const Result<Object>& object) {
  u64 bound = bytes.size() * kBytesPerFileByte + kMaxPadding + kMaxLineText + kMaxNames + kSlack;
  if (!object) return bound + kMaxInsns * kBytesPerInsn;
  for (const auto& image : object->programs) {
    bound += image->program.size() * kBytesPerInsn;
    bound += image->program.source().lines.size() * kBytesPerLine;
  }
  for (const MapSpec& map : *object->maps) bound += map.slots.size() * kBytesPerSlot;
  bound += (object->programs.size() + object->failures.size()) * kBytesPerProgram;
  return bound + object->maps->size() * kBytesPerMap;
}

class LargeObjects : public testing::TestWithParam<LargeObject> {};

TEST_P(LargeObjects, TakeNoMoreThanIsStated) {
  const Bytes bytes = GetParam().make();
  // In a child as well: what this process frees, the children of later tests would have to spare.
  const Operation measure = [&bytes](std::string& text) {
    text = std::to_string(stated_bound(bytes, load(bytes)));
    return Outcome::Done;
  };
  const u64 bound = std::stoull(run_limited(Limiter::Allocator, kPlenty, measure).text);
  const Operation operation = [&bytes](std::string& text) {
    const auto object = load(bytes);
    text = first_error(object);
    const bool lacks = !object && object.error().code == Code::no_memory;
    return lacks ? Outcome::NoMemory : Outcome::Done;
  };
  const Trial trial = run_limited(Limiter::Allocator, bound, operation);
  EXPECT_EQ(trial.outcome, Outcome::Done) << "with " << bound << " bytes: " << trial.text;
}

INSTANTIATE_TEST_SUITE_P(All, LargeObjects, testing::ValuesIn(kLargeObjects),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep::test
