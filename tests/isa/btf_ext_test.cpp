// BtfExt: records read back by section, newer and longer records, and one broken section a rule.
#include "isa/btf_ext.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/btf_builder.h"

namespace skep {
namespace {

using test::BtfBuilder;
using test::BtfExtBuilder;

// A Btf with what the records below name, and valid records of all three tables.
struct Sample {
  BtfBuilder btf;
  BtfExtBuilder ext;
  u32 xdp = btf.string("xdp");
  u32 tc = btf.string("tc");
  u32 file = btf.string("prog.c");
  u32 text = btf.string("return 0;");
  u32 access = btf.string("0:1");
  u32 integer = btf.integer("int", 4);
  u32 proto = btf.prototype(integer, {});
  u32 function = btf.function("main", proto);

  Sample() {
    ext.functions.groups = {{xdp, {{0, function}}}, {tc, {{0, function}, {64, function}}}};
    ext.lines.groups = {{xdp, {{0, file, text, 12 << 10 | 3}, {8, file, text, 13 << 10 | 1}}}};
    ext.relocations.groups = {{tc, {{16, integer, access, 0}}}, {xdp, {{24, integer, access, 12}}}};
  }
};

TEST(BtfExt, ReadsTheRecordsOfASection) {
  const Sample s;
  const Btf btf = s.btf.build();
  for (const bool swapped : {false, true}) {
    const auto ext = BtfExt::parse(s.ext.bytes(swapped), btf);
    ASSERT_TRUE(ext) << ext.error().text;
    ASSERT_EQ(ext->functions("tc").size(), 2u);
    EXPECT_EQ(ext->functions("tc")[1].offset, 64u);
    EXPECT_EQ(ext->functions("tc")[1].type, s.function);
    EXPECT_EQ(ext->functions("xdp").size(), 1u);
    EXPECT_EQ(ext->functions("nothing").size(), 0u);
    ASSERT_EQ(ext->lines("xdp").size(), 2u);
    EXPECT_EQ(ext->lines("xdp")[0].line(), 12u);
    EXPECT_EQ(ext->lines("xdp")[0].column(), 3u);
    EXPECT_EQ(btf.string(ext->lines("xdp")[1].text), "return 0;");
    ASSERT_EQ(ext->relocations("xdp").size(), 1u);
    EXPECT_EQ(ext->relocations("xdp")[0].kind, CoreKind::TypeMatches);
    EXPECT_EQ(btf.string(ext->relocations("xdp")[0].access), "0:1");
    // In the order of the file, not of the names.
    ASSERT_EQ(ext->relocation_sections(), 2u);
    EXPECT_EQ(ext->relocation_section(0).section, "tc");
    EXPECT_EQ(ext->relocation_section(1).section, "xdp");
    EXPECT_EQ(ext->relocation_section(1).records.size(), 1u);
    EXPECT_EQ(ext->relocation_section(2).records.size(), 0u);
  }
}

TEST(BtfExt, TakesLongerRecordsAndHeaders) {
  Sample s;
  s.ext.functions.record_bytes = 16;
  s.ext.functions.groups = {{s.xdp, {{0, s.function, 7, 7}, {8, s.function, 7, 7}}}};
  const Btf btf = s.btf.build();
  auto bytes = s.ext.bytes();
  bytes.insert(bytes.begin() + 32, 8, 0xff);  // unknown fields of a longer header
  bytes[4] = 40;
  const auto ext = BtfExt::parse(bytes, btf);
  ASSERT_TRUE(ext) << ext.error().text;
  ASSERT_EQ(ext->functions("xdp").size(), 2u);
  EXPECT_EQ(ext->functions("xdp")[1].offset, 8u);
  EXPECT_EQ(ext->lines("xdp").size(), 2u);
}

TEST(BtfExt, OldHeaderHasNoRelocations) {
  Sample s;
  s.ext.relocations.groups.clear();
  const Btf btf = s.btf.build();
  auto bytes = s.ext.bytes();
  bytes.erase(bytes.begin() + 24, bytes.begin() + 32);
  bytes[4] = 24;
  const auto ext = BtfExt::parse(bytes, btf);
  ASSERT_TRUE(ext) << ext.error().text;
  EXPECT_EQ(ext->functions("tc").size(), 2u);
  EXPECT_EQ(ext->relocation_sections(), 0u);
}

struct BrokenCase {
  const char* name;
  std::function<void(Sample&)> change;
  const char* says;
};

const BrokenCase kBroken[] = {
    {"record_too_short", [](Sample& s) { s.ext.functions.record_bytes = 4; },
     "records of func_info are 4 bytes long"},
    {"record_not_of_words", [](Sample& s) { s.ext.lines.record_bytes = 18; },
     "records of line_info are 18 bytes long"},
    {"record_huge", [](Sample& s) { s.ext.lines.record_bytes = 1u << 31; },
     "records of line_info are 2147483648"},
    {"records_outside", [](Sample& s) { s.ext.functions.record_bytes = 64; },
     "records of func_info do not end"},
    {"empty_group", [](Sample& s) { s.ext.lines.groups = {{s.xdp, {}}}; },
     "a group of line_info without records"},
    {"no_section", [](Sample& s) { s.ext.lines.groups[0].section = 0; },
     "no section name at string offset 0"},
    {"section_name_outside", [](Sample& s) { s.ext.lines.groups[0].section = 9999; },
     "no section name at string offset 9999"},
    {"twice", [](Sample& s) { s.ext.functions.groups[1].section = s.xdp; },
     "two groups for section 'xdp'"},
    {"not_a_function", [](Sample& s) { s.ext.functions.groups[0].records[0][1] = s.integer; },
     "type 1 is not a func"},
    {"no_function", [](Sample& s) { s.ext.functions.groups[0].records[0][1] = 77; },
     "type 77 is not a func"},
    {"half_insn", [](Sample& s) { s.ext.functions.groups[0].records[0][0] = 4; },
     "offset 4 is inside of an instruction"},
    {"file", [](Sample& s) { s.ext.lines.groups[0].records[0][1] = 9999; },
     "file name at string offset 9999"},
    {"line", [](Sample& s) { s.ext.lines.groups[0].records[0][2] = 9999; },
     "source line at string offset 9999"},
    {"relocated_type", [](Sample& s) { s.ext.relocations.groups[0].records[0][1] = 99; },
     "type 99 does not exist"},
    {"access", [](Sample& s) { s.ext.relocations.groups[0].records[0][2] = 9999; },
     "access string at string offset 9999"},
};

TEST(BtfExt, BrokenSectionsNamePlaceAndReason) {
  for (const BrokenCase& c : kBroken) {
    Sample s;
    c.change(s);
    const Btf btf = s.btf.build();
    const auto ext = BtfExt::parse(s.ext.bytes(), btf);
    ASSERT_FALSE(ext) << c.name;
    EXPECT_EQ(ext.error().code, Code::bad_btf) << c.name;
    EXPECT_TRUE(ext.error().text.starts_with(".BTF.ext, offset"))
        << c.name << ": " << ext.error().text;
    EXPECT_NE(ext.error().text.find(c.says), std::string::npos)
        << c.name << ": " << ext.error().text;
  }
}

TEST(BtfExt, EveryPrefixIsAnError) {
  const Sample s;
  const Btf btf = s.btf.build();
  const auto bytes = s.ext.bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(BtfExt::parse(std::span(bytes).first(length), btf)) << length;
  }
}

TEST(BtfExt, NamesEveryKindOfRelocation) {
  EXPECT_EQ(name(CoreKind::FieldByteOffset), "field_byte_offset");
  EXPECT_EQ(name(CoreKind::TypeMatches), "type_matches");
  EXPECT_EQ(name(static_cast<CoreKind>(13)), "unknown");
}

}  // namespace
}  // namespace skep
