// Map definitions: what clang makes of libbpf's macros (maps.bpf.c), and what can't be understood.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/objects.h"

namespace skep {
namespace {

using test::BtfBuilder;
using test::load_fixture;
using test::map_of;

struct Definition {
  const char* name;
  MapType type;
  u32 key, value, entries, flags;
  u64 extra;
  bool pinned;
};

const Definition kDefinitions[] = {
    {"typed", MapType::lru_hash, 12, 8, 1024, map_flags::kNoCommonLru, 0, true},
    {"sized", MapType::array, 4, 12, 3, 0, 0, false},
    {"bloom", MapType::bloom_filter, 0, 4, 100, 0, 3, false},
    {"ring", MapType::ringbuf, 0, 0, 8192, 0, 0, false},
    {"first", MapType::hash, 4, 8, 8, 0, 0, false},
    {"second", MapType::hash, 4, 8, 8, 0, 0, false},
    {"outer", MapType::array_of_maps, 4, 4, 4, 0, 0, false},
    {"shaped", MapType::hash_of_maps, 4, 4, 2, 0, 0, false},
    {"rings", MapType::array_of_maps, 4, 4, 2, 0, 0, false},
    {"jumps", MapType::prog_array, 4, 4, 8, 0, 0, false},
    {"hidden", MapType::percpu_array, 4, 8, 1, 0, 0, false},
    {"guarded", MapType::hash, 4, 64, 1, 0, 0, false},
};

TEST(Maps, AreWhatTheMacrosSay) {
  const Object object = load_fixture("maps");
  EXPECT_EQ(object.maps->size(), std::size(kDefinitions));
  for (const Definition& d : kDefinitions) {
    const MapSpec& spec = map_of(object, d.name);
    EXPECT_EQ(spec.type, d.type) << d.name;
    EXPECT_EQ(spec.key_size, d.key) << d.name;
    EXPECT_EQ(spec.value_size, d.value) << d.name;
    EXPECT_EQ(spec.max_entries, d.entries) << d.name;
    EXPECT_EQ(spec.flags, d.flags) << d.name;
    EXPECT_EQ(spec.extra, d.extra) << d.name;
    EXPECT_EQ(spec.pinned, d.pinned) << d.name;
    EXPECT_EQ(spec.section, ".maps") << d.name;
    EXPECT_TRUE(validate(spec)) << d.name;
  }
}

TEST(Maps, KeepTheTypesOfKeyAndValue) {
  const Object object = load_fixture("maps");
  const MapSpec& typed = map_of(object, "typed");
  EXPECT_EQ(object.btf->name(object.btf->resolve(typed.btf_key)), "flow");
  EXPECT_EQ(object.btf->size_of(typed.btf_value), 8u);
  EXPECT_EQ(map_of(object, "sized").btf_value, 0u);
}

TEST(Maps, KnowTheFieldsOfTheSystem) {
  const Object object = load_fixture("maps");
  const std::vector<ValueField> fields = {{FieldKind::SpinLock, 8, 4},
                                          {FieldKind::Timer, 16, 16},
                                          {FieldKind::Timer, 32, 16},
                                          {FieldKind::Pointer, 48, 8}};
  EXPECT_EQ(map_of(object, "guarded").fields, fields);
  EXPECT_TRUE(map_of(object, "typed").fields.empty());
}

TEST(Maps, HaveInnerMaps) {
  const Object object = load_fixture("maps");
  const MapSpec& outer = map_of(object, "outer");
  ASSERT_NE(outer.inner, nullptr);
  EXPECT_EQ(outer.inner->name, "outer.inner");
  EXPECT_EQ(outer.inner->type, MapType::hash);
  EXPECT_EQ(outer.inner->max_entries, 8u);
  std::map<u32, std::string> slots;
  for (const MapSlot& slot : outer.slots) slots[slot.index] = (*object.maps)[slot.map].name;
  EXPECT_EQ(slots, (std::map<u32, std::string>{{1, "second"}, {3, "first"}}));
  const MapSpec& shaped = map_of(object, "shaped");
  ASSERT_NE(shaped.inner, nullptr);
  EXPECT_EQ(shaped.inner->value_size, 12u);
  EXPECT_TRUE(shaped.slots.empty());
  const MapSpec& rings = map_of(object, "rings");
  ASSERT_NE(rings.inner, nullptr);
  EXPECT_EQ(rings.inner->max_entries, 8192u) << "whole pages, as of any ring";
}

TEST(Maps, HaveProgramsInTheirSlots) {
  const Object object = load_fixture("maps");
  const MapSpec& jumps = map_of(object, "jumps");
  ASSERT_EQ(jumps.slots.size(), 1u);
  EXPECT_EQ(jumps.slots[0].index, 5u);
  EXPECT_EQ(jumps.slots[0].program, "target");
}

TEST(Maps, AreReferredToByIndex) {
  const Object object = load_fixture("maps");
  const auto image = *object.image("target");
  std::vector<std::string> referred;
  const Program& program = image->program;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    if (program.at(pc).op == Op::LoadMap) {
      referred.push_back((*image->maps)[program.at(pc).map_index()].name);
    }
  }
  EXPECT_EQ(referred, std::vector<std::string>{"hidden"});
  EXPECT_EQ(object.license, "Dual MIT/GPL");
}

// Definitions that libbpf's macros can't make: types put together by hand.

// As __uint and __array make them.
u32 number(BtfBuilder& b, u32 value) {
  return b.pointer(b.array(b.integer("int", 4), value));
}
u32 pointers_to(BtfBuilder& b, u32 type) {
  return b.array(b.pointer(type), 0, b.integer("index", 4));
}

struct BadMap {
  const char* name;
  u32 (*definition)(BtfBuilder& b);  // the struct
  const char* says;
};

class MapsBroken : public testing::TestWithParam<BadMap> {};

TEST_P(MapsBroken, AreNamedWithTheReason) {
  BtfBuilder btf;
  const u32 variable = btf.variable("m", GetParam().definition(btf));
  btf.section(".maps", 64, {{variable, 0, 64}});
  test::ElfBuilder elf;
  elf.program("xdp", "prog", {make_insn(0xb7), make_insn(0x95)});
  const u32 maps = elf.section(".maps", test::Bytes(64));
  elf.symbol("m", maps, 0, elf::kObject, elf::kGlobal, 64);
  elf.section(".BTF", btf.bytes());
  const auto object = load(elf.build());
  ASSERT_TRUE(object) << object.error().text;
  EXPECT_EQ(object->programs.size(), 1u);
  ASSERT_EQ(object->errors.size(), 1u);
  EXPECT_EQ(object->errors[0].name, "m");
  EXPECT_NE(object->errors[0].error.text.find(GetParam().says), std::string::npos)
      << object->errors[0].error.text;
}

const BadMap kBadMaps[] = {
    {"NotAStruct", [](BtfBuilder& b) { return b.integer("int", 4); }, "its type is no struct"},
    {"NoType",
     [](BtfBuilder& b) {
       const u32 three = number(b, 3);
       return b.structure("", 8, {{"max_entries", three, 0}});
     },
     "map 'm': it has no type"},
    {"UnknownMember",
     [](BtfBuilder& b) {
       const u32 two = number(b, 2);
       return b.structure("", 16, {{"type", two, 0}, {"colour", two, 64}});
     },
     "map 'm': member 'colour' is unknown"},
    {"NotANumber",
     [](BtfBuilder& b) {
       const u32 pointer = b.pointer(b.integer("int", 4));
       return b.structure("", 8, {{"type", pointer, 0}});
     },
     "member 'type' is no number"},
    {"NotAType",
     [](BtfBuilder& b) {
       const u32 integer = b.integer("int", 4);
       return b.structure("", 8, {{"key", integer, 0}});
     },
     "member 'key' is no type"},
    {"SizelessType",
     [](BtfBuilder& b) {
       const u32 pointer = b.pointer(0);
       return b.structure("", 8, {{"key", pointer, 0}});
     },
     "the type of 'key' has no size"},
    {"SizeAndTypeDisagree",
     [](BtfBuilder& b) {
       const u32 pointer = b.pointer(b.integer("int", 4));
       const u32 eight = number(b, 8);
       return b.structure("", 16, {{"value", pointer, 0}, {"value_size", eight, 64}});
     },
     "'value_size' is 8, but the type has 4 bytes"},
    {"TypeAndSizeDisagree",
     [](BtfBuilder& b) {
       const u32 pointer = b.pointer(b.integer("int", 4));
       const u32 eight = number(b, 8);
       return b.structure("", 16, {{"key_size", eight, 0}, {"key", pointer, 64}});
     },
     "the type of 'key' has 4 bytes, not 8"},
    {"UnknownPinning",
     [](BtfBuilder& b) {
       const u32 seven = number(b, 7);
       return b.structure("", 16, {{"type", seven, 0}, {"pinning", seven, 64}});
     },
     "pinning 7 is unknown"},
    {"ValuesNotLast",
     [](BtfBuilder& b) {
       const u32 prog_array = number(b, 3);
       const u32 values = pointers_to(b, b.prototype(0, {}));
       return b.structure(
           "", 24,
           {{"type", prog_array, 0}, {"values", values, 64}, {"max_entries", prog_array, 128}});
     },
     "'values' must be the last member"},
    {"ValuesOfAnArray",
     [](BtfBuilder& b) {
       const u32 array = number(b, 2);
       const u32 values = pointers_to(b, b.prototype(0, {}));
       return b.structure("", 16, {{"type", array, 0}, {"values", values, 64}});
     },
     "only maps of maps and prog arrays can have 'values'"},
    {"ValuesNotPointers",
     [](BtfBuilder& b) {
       const u32 prog_array = number(b, 3);
       const u32 values = b.array(b.integer("int", 4), 0);
       return b.structure("", 16, {{"type", prog_array, 0}, {"values", values, 64}});
     },
     "'values' is no array of pointers"},
    {"InnerInInner",
     [](BtfBuilder& b) {
       const u32 array_of_maps = number(b, 12);
       const u32 innermost = pointers_to(b, b.structure("", 0, {}));
       const u32 inner =
           b.structure("", 16, {{"type", array_of_maps, 0}, {"values", innermost, 64}});
       const u32 values = pointers_to(b, inner);
       return b.structure("", 16, {{"type", array_of_maps, 0}, {"values", values, 64}});
     },
     "inner map: an inner map can't have 'values'"},
    {"PinnedInner",
     [](BtfBuilder& b) {
       const u32 array_of_maps = number(b, 12);
       const u32 one = number(b, 1);
       const u32 values = pointers_to(b, b.structure("", 8, {{"pinning", one, 0}}));
       return b.structure("", 16, {{"type", array_of_maps, 0}, {"values", values, 64}});
     },
     "inner map: an inner map can't be pinned"},
    {"TooManyMembers",
     [](BtfBuilder& b) {
       const u32 n = number(b, 0);
       return b.structure(
           "", 40,
           {{"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0}, {"numa_node", n, 0},
            {"numa_node", n, 0}});
     },
     "it has too many members"},
};

INSTANTIATE_TEST_SUITE_P(Definitions, MapsBroken, testing::ValuesIn(kBadMaps),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace skep
