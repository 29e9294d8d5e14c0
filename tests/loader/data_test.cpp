// Global data: which maps sections become, what they hold, and what programs then point to.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/objects.h"

namespace skep {
namespace {

using test::load_fixture;
using test::map_of;

struct Case {
  const char* map;
  const char* section;
  u32 size;
  u32 flags;
  bool frozen, has_contents;
};

// libbpf's names: eight characters of the object before the section's name; the section's own if
// it has a second part, cut to fifteen.
const Case kCases[] = {
    {"data_fix.rodata", ".rodata", 4, map_flags::kRdonlyProg | map_flags::kMmapable, true, true},
    {"data_fix.data", ".data", 12, map_flags::kMmapable, false, true},
    {"data_fix.bss", ".bss", 64, map_flags::kMmapable, false, false},
    {".data.own", ".data.own", 4, 0, false, true},
    {".data.shared_by_name", ".data.shared_by_name", 4, map_flags::kMmapable, false, true},
    {".rodata.text", ".rodata.text", 6, map_flags::kRdonlyProg | map_flags::kMmapable, true, true},
    {".bss.more", ".bss.more", 4, map_flags::kMmapable, false, false},
};

TEST(Data, SectionsAreMaps) {
  const Object object = load_fixture("data", {.name = "data_fixture.bpf.o"});
  EXPECT_EQ(object.maps->size(), std::size(kCases));
  for (const Case& c : kCases) {
    const MapSpec& spec = map_of(object, c.map);
    EXPECT_EQ(spec.type, MapType::array) << c.map;
    EXPECT_EQ(spec.section, c.section) << c.map;
    EXPECT_EQ(spec.key_size, 4u) << c.map;
    EXPECT_EQ(spec.value_size, c.size) << c.map;
    EXPECT_EQ(spec.max_entries, 1u) << c.map;
    EXPECT_EQ(spec.flags, c.flags) << c.map;
    EXPECT_EQ(spec.frozen, c.frozen) << c.map;
    EXPECT_EQ(spec.initial.size(), c.has_contents ? c.size : 0) << c.map;
    EXPECT_TRUE(validate(spec)) << c.map;
  }
  EXPECT_EQ(map_of(object, ".rodata.text").initial, test::text(std::string_view("hello\0", 6)));
  EXPECT_EQ(map_of(object, "data_fix.rodata").initial[0], 7);
}

// The types say where each variable lies: the compiler left that to whoever loads.
TEST(Data, TypesSayWhereVariablesLie) {
  const Object object = load_fixture("data", {.name = "data"});
  const Btf& btf = *object.btf;
  const MapSpec& data = map_of(object, "data.data");
  ASSERT_EQ(btf.kind(data.btf_value), BtfKind::Datasec);
  EXPECT_EQ(btf.size(data.btf_value), data.value_size);
  ASSERT_EQ(btf.vlen(data.btf_value), 2u);
  for (u32 i = 0; i < 2; ++i) {
    const BtfSectionEntry entry = btf.entry(data.btf_value, i);
    if (btf.name(entry.type) == "shadow") {
      EXPECT_EQ(data.initial[entry.offset], 5);
    } else {
      EXPECT_EQ(btf.name(entry.type), "counter");
      EXPECT_EQ(data.initial[entry.offset], 0x88);
    }
  }
}

TEST(Data, ProgramsPointIntoTheMaps) {
  const Object object = load_fixture("data", {.name = "data"});
  const Image& image = **object.image("");
  std::map<std::string, std::set<u32>> seen;
  for (Pc pc; pc.value < image.program.size(); pc = pc + image.program.at(pc).slots()) {
    const Decoded& insn = image.program.at(pc);
    if (insn.op != Op::LoadValue) continue;
    const MapSpec& spec = (*image.maps)[insn.map_index()];
    EXPECT_LT(insn.value_offset(), spec.value_size);
    seen[spec.section].insert(insn.value_offset());
  }
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(seen[".data"], (std::set<u32>{0, 8}));
}

TEST(Data, EmptySectionsAreNoMaps) {
  test::ElfBuilder builder;
  builder.program("xdp", "prog", {make_insn(0xb7), make_insn(0x95)});
  builder.section(".data", {});
  builder.bss(".bss", 0);
  builder.section(".rodata", {1, 2});
  const Object object = test::load_good(builder.build(), {.name = "o"});
  ASSERT_EQ(object.maps->size(), 1u);
  EXPECT_EQ((*object.maps)[0].name, "o.rodata");
  EXPECT_EQ((*object.maps)[0].flags, map_flags::kRdonlyProg) << "without types nothing is shown";
}

TEST(Data, NamesAreMadeFitForTheKernel) {
  test::ElfBuilder builder;
  builder.program("xdp", "prog", {make_insn(0xb7), make_insn(0x95)});
  builder.section(".data", {1});
  const Object object = test::load_good(builder.build(), {.name = "my-prog+x.o"});
  EXPECT_EQ((*object.maps)[0].name, "my_prog_.data");
}

// A .bss may claim any size: nothing is allocated for it, and what no map can be is refused.
TEST(Data, ZerosTakeNoMemory) {
  test::ElfBuilder builder;
  builder.program("xdp", "prog", {make_insn(0xb7), make_insn(0x95)});
  builder.bss(".bss", 0x7fffffff);
  const Object object = test::load_good(builder.build());
  EXPECT_EQ((*object.maps)[0].value_size, 0x7fffffffu);
  EXPECT_TRUE((*object.maps)[0].initial.empty());
  builder.bss(".bss.two", 0x80000000);
  const auto refused = load(builder.build());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::object_too_large);
}

}  // namespace
}  // namespace skep
