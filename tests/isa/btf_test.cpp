// Btf: every kind read back, both byte orders, split BTF, and one broken section for each rule.
#include "isa/btf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>

#include "tests/support/btf_builder.h"

namespace skep {
namespace {

using test::BtfBuilder;

// One type of each kind, ids in the order of the kinds' numbers.
BtfBuilder all_kinds() {
  BtfBuilder b;
  b.integer("int", 4, BtfBuilder::kSigned);                                // 1
  b.pointer(4);                                                            // 2
  b.array(1, 10);                                                          // 3
  b.structure("point", 12, {{"x", 1, 0}, {"y", 1, 32}, {"z", 1, 64, 5}});  // 4
  b.unite("either", 8, {{"number", 1, 0}, {"address", 2, 0}});             // 5
  b.enumeration("color", {{"RED", 0}, {"BLUE", 0xffffffff}}, 4, true);     // 6
  b.forward("later", true);                                                // 7
  b.alias("number", 1);                                                    // 8
  b.modifier(BtfKind::Volatile, 8);                                        // 9
  b.modifier(BtfKind::Const, 9);                                           // 10
  b.modifier(BtfKind::Restrict, 10);                                       // 11
  b.function("main", 13, 1);                                               // 12
  b.prototype(1, {{"argc", 1}, {"", 0}});                                  // 13
  b.variable("counter", 3, 1);                                             // 14
  b.section(".bss", 40, {{14, 0, 40}});                                    // 15
  b.floating("double", 8);                                                 // 16
  b.decl_tag("user", 4, 2);                                                // 17
  b.raw("rcu", BtfKind::TypeTag, 0, 11);                                   // 18
  b.enumeration64("big", {{"LOW", 1}, {"HIGH", u64{1} << 40}});            // 19
  return b;
}

void expect_all_kinds(const Btf& btf) {
  ASSERT_EQ(btf.types(), 20u);
  for (u32 id = 0; id < 20; ++id) EXPECT_EQ(btf.kind(id), static_cast<BtfKind>(id));
  EXPECT_EQ(btf.name(1), "int");
  EXPECT_EQ(btf.integer(1).bits, 32u);
  EXPECT_TRUE(btf.integer(1).is_signed);
  EXPECT_FALSE(btf.integer(1).is_bool);
  EXPECT_EQ(btf.type(2), 4u);
  EXPECT_EQ(btf.array(3).element, 1u);
  EXPECT_EQ(btf.array(3).count, 10u);
  EXPECT_EQ(btf.vlen(4), 3u);
  EXPECT_EQ(btf.member(4, 1).name, "y");
  EXPECT_EQ(btf.member(4, 1).bit_offset, 32u);
  EXPECT_EQ(btf.member(4, 1).bits, 0u);
  EXPECT_EQ(btf.member(4, 2).bits, 5u);
  EXPECT_EQ(btf.member(4, 2).bit_offset, 64u);
  EXPECT_EQ(btf.member(4, 3).type, 0u);
  EXPECT_EQ(btf.member(5, 1).type, 2u);
  EXPECT_EQ(btf.enumerator(6, 1).name, "BLUE");
  EXPECT_EQ(btf.enumerator(6, 1).value, ~u64{0});
  EXPECT_TRUE(btf.flag(7));
  EXPECT_EQ(btf.resolve(11), 1u);
  EXPECT_EQ(btf.resolve(18), 1u);
  EXPECT_EQ(btf.linkage(12), BtfLinkage::Global);
  EXPECT_EQ(btf.vlen(12), 0u);
  EXPECT_EQ(btf.type(12), 13u);
  EXPECT_EQ(btf.param(13, 0).name, "argc");
  EXPECT_EQ(btf.param(13, 1).type, 0u);
  EXPECT_EQ(btf.linkage(14), BtfLinkage::Global);
  EXPECT_EQ(btf.entry(15, 0).type, 14u);
  EXPECT_EQ(btf.entry(15, 0).size, 40u);
  EXPECT_EQ(btf.size(16), 8u);
  EXPECT_EQ(btf.component(17), 2);
  EXPECT_EQ(btf.type(17), 4u);
  EXPECT_EQ(btf.enumerator(19, 1).value, u64{1} << 40);
}

TEST(Btf, ReadsEveryKind) {
  expect_all_kinds(all_kinds().build());
}

TEST(Btf, ReadsTheOtherByteOrder) {
  const auto btf = Btf::parse(all_kinds().bytes(true));
  ASSERT_TRUE(btf) << btf.error().text;
  EXPECT_TRUE(btf->was_swapped());
  expect_all_kinds(*btf);
}

TEST(Btf, FindsByKindAndName) {
  BtfBuilder b = all_kinds();
  const u32 same = b.structure("number", 4, {});
  const u32 again = b.structure("number", 8, {});
  const Btf btf = b.build();
  EXPECT_EQ(btf.find(BtfKind::Typedef, "number"), 8u);
  EXPECT_EQ(btf.find(BtfKind::Struct, "number"), same);
  EXPECT_NE(btf.find(BtfKind::Struct, "number"), again);
  EXPECT_EQ(btf.find(BtfKind::Union, "number"), 0u);
  EXPECT_EQ(btf.find(BtfKind::Struct, "numbe"), 0u);
  EXPECT_EQ(btf.find(BtfKind::Ptr, ""), 0u);
}

TEST(Btf, WhatDoesNotExistIsVoid) {
  const Btf btf = all_kinds().build();
  for (const u32 id : {0u, 20u, ~0u}) {
    EXPECT_EQ(btf.kind(id), BtfKind::Void);
    EXPECT_EQ(btf.name(id), "");
    EXPECT_EQ(btf.resolve(id), id);
    EXPECT_EQ(btf.size_of(id), std::nullopt);
    EXPECT_EQ(btf.member(id, 0).name, "");
    EXPECT_EQ(btf.enumerator(id, 0).name, "");
  }
  EXPECT_EQ(btf.string(1u << 30), "");
}

struct SizeCase {
  const char* name;
  u32 (*make)(BtfBuilder&);
  std::optional<u32> size;
};
const SizeCase kSizes[] = {
    {"int", [](BtfBuilder& b) { return b.integer("int", 4); }, 4},
    {"pointer", [](BtfBuilder& b) { return b.pointer(0); }, 8},
    {"pointer_on_32_bits", [](BtfBuilder& b) { return b.integer("long", 4), b.pointer(0); }, 4},
    {"array", [](BtfBuilder& b) { return b.array(b.constant(b.integer("int", 4)), 5); }, 20},
    {"array_of_arrays", [](BtfBuilder& b) { return b.array(b.array(b.integer("u8", 1), 3), 5); },
     15},
    {"empty_array", [](BtfBuilder& b) { return b.array(b.integer("int", 4), 0); }, 0},
    {"huge_array", [](BtfBuilder& b) { return b.array(b.integer("int", 4), 1u << 30); },
     std::nullopt},
    {"array_of_huge", [](BtfBuilder& b) { return b.array(b.array(b.integer("c", 1), ~0u), ~0u); },
     std::nullopt},
    {"array_of_itself", [](BtfBuilder& b) { return b.array(1, 1); }, std::nullopt},
    {"variable", [](BtfBuilder& b) { return b.variable("v", b.integer("int", 4)); }, 4},
    {"enum64", [](BtfBuilder& b) { return b.enumeration64("e", {{"A", 1}}); }, 8},
    {"forward", [](BtfBuilder& b) { return b.forward("f"); }, std::nullopt},
    {"prototype", [](BtfBuilder& b) { return b.prototype(0, {}); }, std::nullopt},
};

TEST(Btf, Sizes) {
  for (const SizeCase& c : kSizes) {
    BtfBuilder b;
    const u32 id = c.make(b);
    EXPECT_EQ(b.build().size_of(id), c.size) << c.name;
  }
}

TEST(Btf, SplitContinuesItsBase) {
  BtfBuilder base = all_kinds();
  BtfBuilder split = BtfBuilder::on_top_of(base);
  const u32 mine = split.structure("mine", 8, {{"base", 1, 0}, {"other", 4, 32}});
  const u32 hides = split.structure("point", 99, {});
  const auto shared = base.share();
  const Btf btf = split.build(shared);
  EXPECT_EQ(mine, 20u);
  EXPECT_EQ(btf.types(), 22u);
  EXPECT_EQ(btf.first_id(), 20u);
  EXPECT_EQ(btf.name(mine), "mine");
  EXPECT_EQ(btf.name(4), "point");
  EXPECT_EQ(btf.member(mine, 0).name, "base");
  EXPECT_EQ(btf.member(4, 0).name, "x");
  EXPECT_EQ(btf.find(BtfKind::Struct, "mine"), mine);
  EXPECT_EQ(btf.find(BtfKind::Struct, "point"), 4u);
  EXPECT_NE(btf.find(BtfKind::Struct, "point"), hides);
  EXPECT_EQ(btf.size_of(mine), 8u);
}

// ---- broken sections

u32 word_at(const std::vector<u8>& bytes, std::size_t at) {
  u32 word = 0;
  std::memcpy(&word, &bytes[at], 4);
  return word;
}

void set_word(std::vector<u8>& bytes, std::size_t at, u32 word) {
  std::memcpy(&bytes[at], &word, 4);
}

struct BrokenCase {
  const char* name;
  std::function<std::vector<u8>()> make;
  const char* says;  // part of the error
};

std::vector<u8> with_word(std::size_t at, u32 word) {
  auto bytes = all_kinds().bytes();
  set_word(bytes, at, word);
  return bytes;
}

std::vector<u8> built(const std::function<void(BtfBuilder&)>& fill) {
  BtfBuilder b;
  fill(b);
  return b.bytes();
}

const BrokenCase kBroken[] = {
    {"empty", [] { return std::vector<u8>{}; }, "offset 0x0: 0 bytes are no header"},
    {"magic", [] { return with_word(0, 0x0001beef); }, "offset 0x0: magic number 0xbeef"},
    {"version", [] { return with_word(0, 0x0002eb9f); }, "offset 0x2: version 2"},
    {"short_header", [] { return with_word(4, 20); }, "offset 0x4: a header of 20 bytes"},
    {"long_header", [] { return with_word(4, 1 << 20); }, "offset 0x4: a header of"},
    {"types_outside", [] { return with_word(12, 1 << 20); }, "offset 0x8: the types"},
    {"types_far_away", [] { return with_word(8, ~0u); }, "offset 0x8: the types"},
    {"odd_types", [] { return with_word(12, 5); }, "offset 0xc: 5 bytes of types"},
    {"strings_outside", [] { return with_word(20, ~0u); }, "offset 0x10: the strings"},
    {"no_strings", [] { return with_word(20, 0); }, "offset 0x14: no strings"},
    {"first_string",
     [] {
       auto bytes = all_kinds().bytes();
       bytes[24 + word_at(bytes, 16)] = 'x';
       return bytes;
     },
     "the first string is not empty"},
    {"last_string",
     [] {
       auto bytes = all_kinds().bytes();
       bytes.back() = 'x';
       return bytes;
     },
     "the last string has no end"},
    {"long_string", [] { return built([](auto& b) { b.string(std::string(100'000, 'x')); }); },
     "offset 0x19: a string of 100000 bytes"},
    {"kind_0", [] { return built([](auto& b) { b.raw("", BtfKind::Void, 0, 0); }); },
     "offset 0x1c: type 1: kind 0"},
    {"kind_20", [] { return built([](auto& b) { b.raw("", static_cast<BtfKind>(20), 0, 0); }); },
     "offset 0x1c: type 1: kind 20"},
    {"half_a_type", [] { return with_word(12, 8); }, "offset 0x18: type 1 does not end"},
    {"int_without_its_word", [] { return with_word(12, 12); },
     "offset 0x18: type 1 (int) of 16 bytes"},
    {"too_many_members",
     [] { return built([](auto& b) { b.raw("s", BtfKind::Struct, 0xffffff, 4); }); },
     "offset 0x18: type 1 (struct) of 201326592 bytes"},
    {"name", [] { return with_word(24, 0x10000); },
     "offset 0x18: type 1 (int): its name is at string offset 65536"},
    {"pointer_to_nothing", [] { return built([](auto& b) { b.pointer(2); }); },
     "type 1 (ptr): refers to type 2, which does not exist"},
    {"array_of_nothing", [] { return built([](auto& b) { b.array(9, 1, 0); }); },
     "type 1 (array): refers to types 9 and 9"},
    {"member_of_nothing", [] { return built([](auto& b) { b.structure("s", 4, {{"m", 7, 0}}); }); },
     "type 1 (struct): item 0 refers to type 7"},
    {"member_name",
     [] { return built([](auto& b) { b.raw("s", BtfKind::Struct, 1, 4, false, {999, 0, 0}); }); },
     "type 1 (struct): item 0 has its name at string offset 999"},
    {"enumerator_name",
     [] { return built([](auto& b) { b.raw("e", BtfKind::Enum, 1, 4, false, {999, 0}); }); },
     "type 1 (enum): item 0 has its name"},
    {"section_entry", [] { return built([](auto& b) { b.section(".data", 4, {{5, 0, 4}}); }); },
     "type 1 (datasec): item 0 refers to type 5"},
    {"function_of_no_prototype",
     [] { return built([](auto& b) { b.function("f", b.integer("int", 4)); }); },
     "type 2 (func): refers to type 1, which is not a func_proto"},
    {"typedef_of_itself", [] { return built([](auto& b) { b.alias("t", 1); }); },
     "type 1 (typedef): starts a chain of more than 32"},
    {"const_circle",
     [] {
       return built(
           [](auto& b) { b.constant(2), b.modifier(BtfKind::Volatile, 3), b.alias("t", 1); });
     },
     "type 1 (const): starts a chain"},
    {"long_chain",
     [] {
       return built([](auto& b) {
         b.integer("int", 4);
         for (u32 i = 1; i <= 33; ++i) b.constant(i);
       });
     },
     "type 34 (const): starts a chain"},
};

TEST(Btf, BrokenSectionsNamePlaceAndReason) {
  for (const BrokenCase& c : kBroken) {
    const auto btf = Btf::parse(c.make());
    ASSERT_FALSE(btf) << c.name;
    EXPECT_EQ(btf.error().code, Code::bad_btf) << c.name;
    EXPECT_NE(btf.error().text.find(c.says), std::string::npos)
        << c.name << ": " << btf.error().text;
    EXPECT_TRUE(btf.error().text.starts_with(".BTF, offset")) << c.name << ": " << btf.error().text;
  }
}

TEST(Btf, EveryPrefixIsAnError) {
  const auto bytes = all_kinds().bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Btf::parse(std::span(bytes).first(length))) << length;
  }
}

TEST(Btf, TooLargeIsRefusedBeforeItIsRead) {
  const std::vector<u8> bytes(std::size_t{Btf::kMaxBytes} + 1);
  const auto btf = Btf::parse(bytes);
  ASSERT_FALSE(btf);
  EXPECT_EQ(btf.error().code, Code::btf_too_large);
}

// Many types of one name, and many long names, must not make the index slow.
TEST(Btf, ManySameNamesAreFast) {
  BtfBuilder b;
  for (u32 i = 0; i < 200'000; ++i) b.raw("", BtfKind::Struct, 0, i);
  auto bytes = b.bytes();
  const std::string name(500, 'n');
  const u32 old_strings = word_at(bytes, 20);
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.push_back(0);
  set_word(bytes, 20, old_strings + 501);
  for (u32 i = 0; i < 200'000; ++i) set_word(bytes, 24 + std::size_t{i} * 12, old_strings);
  const auto start = std::chrono::steady_clock::now();
  const auto btf = Btf::parse(bytes);
  ASSERT_TRUE(btf) << btf.error().text;
  EXPECT_EQ(btf->find(BtfKind::Struct, name), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Btf, ReadsTheRunningKernel) {
  std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
  if (!file)
    GTEST_SKIP() << "no permission or kernel feature: /sys/kernel/btf/vmlinux is not readable";
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const auto btf = Btf::parse({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(btf) << btf.error().text;
  const u32 task = btf->find(BtfKind::Struct, "task_struct");
  ASSERT_NE(task, 0u);
  EXPECT_EQ(btf->size_of(task), btf->size(task));
  EXPECT_EQ(btf->kind(btf->find(BtfKind::Typedef, "u64")), BtfKind::Typedef);
}

}  // namespace
}  // namespace skep
