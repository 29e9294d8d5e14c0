// Values by their BTF type: a table of types with bytes and their value, both ways; then errors.
#include "isa/btf_value.h"

#include <gtest/gtest.h>

#include "tests/support/btf_builder.h"

namespace skep {
namespace {

using B = test::BtfBuilder;
using V = BtfValue;
using Bytes = std::vector<u8>;

// A value as JSON-like text, for messages and comparison.
std::string text(const V& v) {
  std::string out;
  switch (v.kind) {
    case V::Kind::Bool: return v.number != 0 ? "true" : "false";
    case V::Kind::Signed: return fmt::format("{}", static_cast<i64>(v.number));
    case V::Kind::Unsigned: return fmt::format("{}", v.number);
    case V::Kind::Float: return fmt::format("{}f", v.real);
    case V::Kind::Text: return fmt::format("'{}'", v.text);
    case V::Kind::List:
      for (const V& item : v.items) out += (out.empty() ? "" : " ") + text(item);
      return "[" + out + "]";
    case V::Kind::Object:
      for (const V& item : v.items) out += (out.empty() ? "" : " ") + item.key + ":" + text(item);
      return "{" + out + "}";
  }
  return out;
}

u32 i32_type(B& b) {
  return b.integer("int", 4, B::kSigned);
}
u32 u32_type(B& b) {
  return b.integer("unsigned int", 4);
}
u32 u8_type(B& b) {
  return b.integer("unsigned char", 1);
}
u32 char_type(B& b) {
  return b.integer("char", 1, B::kSigned);
}
u32 color(B& b) {
  return b.enumeration("color", {{"RED", 0}, {"BLUE", 7}, {"LAST", 0x80000000}});
}
u32 sign(B& b) {
  return b.enumeration("sign", {{"MINUS", static_cast<u32>(-1)}, {"PLUS", 1}}, 4, true);
}
u32 point(B& b) {
  return b.structure("point", 8, {{"x", i32_type(b), 0}, {"y", u32_type(b), 32}});
}
u32 with_anonymous(B& b) {
  const u32 pair = b.structure("", 4, {{"low", u8_type(b), 0}, {"high", u8_type(b), 8}});
  const u32 either = b.unite("", 4, {{"whole", u32_type(b), 0}, {"", pair, 0}});
  return b.structure("s", 8, {{"a", u32_type(b), 0}, {"", either, 32}});
}
u32 with_bitfields(B& b) {
  const u32 u = u32_type(b);
  return b.structure("bits", 8,
                     {{"a", u, 0, 3},
                      {"b", i32_type(b), 3, 5},
                      {"c", u, 8, 20},
                      {"e", sign(b), 28, 4},
                      {"f", b.integer("bool", 1, B::kBool), 32, 1},
                      {"g", u, 33, 1}});
}
u32 section(B& b) {
  const u32 x = b.variable("x", u32_type(b));
  const u32 name = b.variable("name.0", b.array(char_type(b), 4));
  return b.section(".data", 8, {{x, 0, 4}, {name, 4, 4}});
}

struct Case {
  const char* name;
  u32 (*type)(B&);
  Bytes bytes;
  const char* value;
};

const Case kCases[] = {
    {"unsigned", u32_type, {1, 0, 0, 0x80}, "2147483649"},
    {"signed", i32_type, {0xfe, 0xff, 0xff, 0xff}, "-2"},
    {"byte", u8_type, {200}, "200"},
    {"character", char_type, {0xff}, "-1"},
    {"long",
     [](B& b) { return b.integer("long", 8, B::kSigned); },
     {0, 0, 0, 0, 0, 0, 0, 0x80},
     "-9223372036854775808"},
    {"unsigned_long", [](B& b) { return b.integer("ulong", 8); }, Bytes(8, 0xff),
     "18446744073709551615"},
    {"int128",
     [](B& b) { return b.integer("u128", 16); },
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
     "'0x100f0e0d0c0b0a090807060504030201'"},
    {"bool", [](B& b) { return b.integer("bool", 1, B::kBool); }, {1}, "true"},
    {"odd_bool", [](B& b) { return b.integer("bool", 1, B::kBool); }, {2}, "2"},
    {"old_bitfield",
     [](B& b) { return b.integer("int", 4, B::kSigned, 3, 2); },
     {0b11000, 0, 0, 0},
     "-2"},
    {"typedef", [](B& b) { return b.alias("u32", b.constant(u32_type(b))); }, {9, 0, 0, 0}, "9"},
    {"pointer",
     [](B& b) { return b.pointer(0); },
     {1, 0, 0, 0, 0, 0, 0, 0xff},
     "18374686479671623681"},
    {"float", [](B& b) { return b.floating("float", 4); }, {0, 0, 0xc0, 0x3f}, "1.5f"},
    {"double",
     [](B& b) { return b.floating("double", 8); },
     {0, 0, 0, 0, 0, 0, 0xf8, 0xbf},
     "-1.5f"},
    {"long_double", [](B& b) { return b.floating("long double", 16); }, Bytes(16, 0x11),
     "'0x11111111111111111111111111111111'"},
    {"enum", color, {7, 0, 0, 0}, "'BLUE'"},
    {"enum_high", color, {0, 0, 0, 0x80}, "'LAST'"},
    {"enum_unknown", color, {8, 0, 0, 0}, "8"},
    {"enum_signed", sign, Bytes(4, 0xff), "'MINUS'"},
    {"enum_signed_unknown", sign, {0xfe, 0xff, 0xff, 0xff}, "-2"},
    {"enum64",
     [](B& b) { return b.enumeration64("e", {{"BIG", u64{1} << 40}}); },
     {0, 0, 0, 0, 0, 1, 0, 0},
     "'BIG'"},
    {"array", [](B& b) { return b.array(u8_type(b), 3); }, {1, 2, 3}, "[1 2 3]"},
    {"empty_array", [](B& b) { return b.array(u8_type(b), 0); }, {}, "[]"},
    {"arrays",
     [](B& b) { return b.array(b.array(u8_type(b), 2), 2); },
     {1, 2, 3, 4},
     "[[1 2] [3 4]]"},
    {"text", [](B& b) { return b.array(char_type(b), 6); }, {'b', 'a', 's', 'h', 0, 0}, "'bash'"},
    {"text_full", [](B& b) { return b.array(char_type(b), 2); }, {'h', 'i'}, "'hi'"},
    {"text_empty", [](B& b) { return b.array(char_type(b), 2); }, {0, 0}, "''"},
    {"text_utf8",
     [](B& b) { return b.array(b.alias("c", char_type(b)), 4); },
     {0xc3, 0xa9, '!', 0},
     "'\xc3\xa9!'"},
    {"texts",
     [](B& b) { return b.array(b.array(char_type(b), 2), 2); },
     {'a', 0, 'b', 0},
     "['a' 'b']"},
    {"no_text", [](B& b) { return b.array(char_type(b), 3); }, {'a', 0xff, 0}, "[97 -1 0]"},
    {"control", [](B& b) { return b.array(char_type(b), 2); }, {1, 0}, "[1 0]"},
    {"cut_utf8", [](B& b) { return b.array(char_type(b), 2); }, {'a', 0xc3}, "[97 -61]"},
    {"empty_with_rest", [](B& b) { return b.array(char_type(b), 2); }, {0, 7}, "[0 7]"},
    {"struct", point, {0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0}, "{x:-1 y:2}"},
    {"anonymous", with_anonymous, {1, 0, 0, 0, 2, 3, 0, 0}, "{a:1 whole:770 low:2 high:3}"},
    {"bitfields",
     with_bitfields,
     {0b10111'101, 0x34, 0x12, 0xf5, 0b10, 0, 0, 0},
     "{a:5 b:-9 c:332340 e:'MINUS' f:false g:1}"},
    {"section", section, {5, 0, 0, 0, 'a', 'b', 0, 0}, "{x:5 name.0:'ab'}"},
    {"variable", [](B& b) { return b.variable("v", u32_type(b)); }, {5, 0, 0, 0}, "5"},
};

TEST(BtfValue, ReadsAndWritesBack) {
  for (const Case& c : kCases) {
    B b;
    const u32 type = c.type(b);
    const Btf btf = b.build();
    const auto value = read_value(btf, type, c.bytes);
    ASSERT_TRUE(value) << c.name << ": " << value.error().text;
    EXPECT_EQ(text(*value), c.value) << c.name;
    Bytes back(c.bytes.size());
    const auto written = write_value(btf, type, *value, back);
    ASSERT_TRUE(written) << c.name << ": " << written.error().text;
    EXPECT_EQ(back, c.bytes) << c.name;
    // One byte less is too few, except where the last byte holds nothing.
    const bool has_padding = std::string_view(c.name).find("bitfield") != std::string_view::npos;
    if (c.bytes.empty() || has_padding) continue;
    EXPECT_FALSE(read_value(btf, type, std::span(c.bytes).first(c.bytes.size() - 1))) << c.name;
  }
}

// What else may stand for a value.
struct WriteCase {
  const char* name;
  u32 (*type)(B&);
  V value;
  Bytes bytes;  // of which all were 0xee before
};
const WriteCase kWrites[] = {
    {"hexadecimal", u32_type, V::of_text("0xFf"), {0xff, 0, 0, 0}},
    {"binary", u8_type, V::of_text("0b101"), {5}},
    {"decimal", i32_type, V::of_text("-1"), {0xff, 0xff, 0xff, 0xff}},
    {"smallest", char_type, V::of_signed(-128), {0x80}},
    {"boolean_number", u8_type, V::of_bool(true), {1}},
    {"number_of_enum", color, V::of(3), {3, 0, 0, 0}},
    {"negative_enum", sign, V::of_text("-5"), {0xfb, 0xff, 0xff, 0xff}},
    {"int128",
     [](B& b) { return b.integer("i128", 16, B::kSigned); },
     V::of_signed(-2),
     {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff}},
    {"float_of_int", [](B& b) { return b.floating("float", 4); }, V::of(2), {0, 0, 0, 0x40}},
    {"shorter_list",
     [](B& b) { return b.array(u8_type(b), 3); },
     V::list({V::of(1)}),
     {1, 0xee, 0xee}},
    {"shorter_text", [](B& b) { return b.array(char_type(b), 3); }, V::of_text("a"), {'a', 0, 0}},
    {"list_for_text",
     [](B& b) { return b.array(char_type(b), 3); },
     V::list({V::of(97)}),
     {'a', 0xee, 0xee}},
    {"one_member", point, V::object({V::of(3).named("y")}), {0xee, 0xee, 0xee, 0xee, 3, 0, 0, 0}},
    {"anonymous_member",
     with_anonymous,
     V::object({V::of(3).named("high")}),
     {0xee, 0xee, 0xee, 0xee, 0xee, 3, 0xee, 0xee}},
    {"bits_beside",
     with_bitfields,
     V::object({V::of(0).named("c")}),
     {0xee, 0, 0, 0xe0, 0xee, 0xee, 0xee, 0xee}},
};

TEST(BtfValue, Writes) {
  for (const WriteCase& c : kWrites) {
    B b;
    const u32 type = c.type(b);
    const Btf btf = b.build();
    Bytes bytes(c.bytes.size(), 0xee);
    const auto written = write_value(btf, type, c.value, bytes);
    ASSERT_TRUE(written) << c.name << ": " << written.error().text;
    EXPECT_EQ(bytes, c.bytes) << c.name;
  }
}

struct RefusedCase {
  u32 (*type)(B&);
  V value;
  const char* says;
};
const RefusedCase kRefused[] = {
    {u8_type, V::of(256), "value: 256 does not fit 8 bits, unsigned"},
    {u8_type, V::of_signed(-1), "value: -1 does not fit 8 bits, unsigned"},
    {char_type, V::of(128), "value: 128 does not fit 8 bits, signed"},
    {char_type, V::of_signed(-129), "value: -129 does not fit 8 bits, signed"},
    {u32_type, V::of_text("0x100000000"), "value: 4294967296 does not fit 32 bits, unsigned"},
    {u32_type, V::of_text("red"), "value: \"red\" is not a value of type 'unsigned int'"},
    {u32_type, V::of_text(""), "value: \"\" is not a value of type 'unsigned int'"},
    {u32_type, V::of_text("12x"), "value: \"12x\" is not a value of type 'unsigned int'"},
    {u32_type, V::of_text("--1"), "value: \"--1\" is not a value of type 'unsigned int'"},
    {u32_type, V::of_float(1.5),
     "value: a number with a fraction is not a value of type 'unsigned int'"},
    {u32_type, V::list(), "value: a list is not a value of type 'unsigned int'"},
    {color, V::of_text("GREEN"), "value: \"GREEN\" is not a value of type 'enum color'"},
    {point, V::of(1), "value: a number is not a value of type 'struct point'"},
    {point, V::object({V::of(1).named("z")}), "value: 'struct point' has no member 'z'"},
    {point, V::object({V::object().named("x")}), "x: an object is not a value of type 'int'"},
    {with_bitfields, V::object({V::of(8).named("a")}), "a: 8 does not fit 3 bits, unsigned"},
    {with_anonymous, V::object({V::of(8).named("")}), "value: 'struct s' has no member ''"},
    {[](B& b) { return b.array(point(b), 2); },
     V::list({V::object(), V::object({V::of_bool(true).named("q")})}),
     "[1]: 'struct point' has no member 'q'"},
    {[](B& b) { return b.array(u8_type(b), 2); }, V::list({V::of(1), V::of(2), V::of(3)}),
     "value: a list of 3 does not fit 'unsigned char[2]'"},
    {[](B& b) { return b.array(u8_type(b), 2); }, V::of_text("a"),
     "value: a text is not a value of type 'unsigned char[2]'"},
    {[](B& b) { return b.array(char_type(b), 2); }, V::of_text("abc"),
     "value: a text of 3 bytes does not fit 'char[2]'"},
    {[](B& b) { return b.prototype(0, {}); }, V::of(1),
     "value: the type 'void (void)' has no values"},
    {[](B& b) { return b.structure("s", 400, {{"far", u32_type(b), 8000}}); },
     V::object({V::of(1).named("far")}), "far: does not lie in the bytes of the value"},
};

TEST(BtfValue, RefusesWhatDoesNotFit) {
  for (const RefusedCase& c : kRefused) {
    B b;
    const u32 type = c.type(b);
    const Btf btf = b.build();
    Bytes bytes(btf.size_of(type).value_or(8));
    const auto written = write_value(btf, type, c.value, bytes);
    ASSERT_FALSE(written) << c.says;
    EXPECT_EQ(written.error().text, c.says);
    EXPECT_EQ(written.error().code, Code::btf_value);
  }
}

TEST(BtfValue, FindsPlacesByPath) {
  B b;
  const u32 inner = with_anonymous(b);
  const u32 outer =
      b.structure("outer", 32, {{"list", b.array(inner, 3), 64}, {"bits", u32_type(b), 3, 5}});
  const u32 data = section(b);
  const Btf btf = b.build();
  const struct {
    u32 type;
    const char* path;
    u64 bit;
    u32 bits;
    const char* error;
  } cases[] = {
      {outer, "", 0, 0, nullptr},
      {outer, "list", 64, 0, nullptr},
      {outer, "list[2]", 64 + 128, 0, nullptr},
      {outer, "list[1].high", 64 + 64 + 40, 0, nullptr},
      {outer, "bits", 3, 5, nullptr},
      {data, "name.0", 32, 0, nullptr},
      {data, "name.0[1]", 40, 0, nullptr},
      {outer, "nothing", 0, 0, "value: 'struct outer' has no member 'nothing'"},
      {outer, "list.x", 0, 0, "list: 'struct s[3]' has no member 'x'"},
      {outer, "list[3]", 0, 0, "list: has 3 elements, none at 3"},
      {outer, "list[1", 0, 0, "list: '[1' is no index"},
      {outer, "list[x]", 0, 0, "list: '[x]' is no index"},
      {outer, "list[0]a", 0, 0, "list[0]: 'a' does not begin with '.' or '['"},
      {outer, "bits[0]", 0, 0, "bits: is of type 'unsigned int', which has no elements"},
      {outer, ".list", 0, 0, "value: 'struct outer' has no member ''"},
  };
  for (const auto& c : cases) {
    const auto place = find_place(btf, c.type, c.path);
    if (c.error != nullptr) {
      ASSERT_FALSE(place) << c.path;
      EXPECT_EQ(place.error().text, c.error);
      continue;
    }
    ASSERT_TRUE(place) << place.error().text;
    EXPECT_EQ(place->bit_offset, c.bit) << c.path;
    EXPECT_EQ(place->bits, c.bits) << c.path;
  }
  Bytes bytes(32);
  const auto place = find_place(btf, outer, "list[1].high");
  ASSERT_TRUE(place);
  ASSERT_TRUE(write_value(btf, *place, V::of(9), bytes));
  EXPECT_EQ(bytes[8 + 8 + 5], 9);
  EXPECT_EQ(read_value(btf, *place, bytes)->number, 9u);
}

// Types of no bytes, of themselves, and of 2^40 members: an error each, soon.
TEST(BtfValue, HostileTypesEnd) {
  B b;
  const u32 itself = b.structure("itself", 4, {{"again", 1, 0}});
  const u32 nothing = b.structure("nothing", 0, {});
  const u32 many = b.array(nothing, ~0u);
  u32 wide = b.unite("w", 4, {{"i", u32_type(b), 0}});
  for (int i = 0; i < 40; ++i) wide = b.unite("w", 4, {{"a", wide, 0}, {"b", wide, 0}});
  u32 hidden = b.unite("", 4, {});
  for (int i = 0; i < 40; ++i) hidden = b.unite("", 4, {{"", hidden, 0}, {"", hidden, 0}});
  const u32 far = b.raw("far", BtfKind::Struct, 1, 4, false, {0, itself, ~0u});
  const Btf btf = b.build();
  for (const u32 type : {itself, many, wide, hidden, far}) {
    Bytes bytes(4);
    EXPECT_FALSE(read_value(btf, type, bytes)) << btf.name(type);
    EXPECT_FALSE(write_value(btf, type, V::object({V::of(1).named("x")}), bytes)) << btf.name(type);
    EXPECT_FALSE(find_place(btf, type, "x")) << btf.name(type);
  }
}

}  // namespace
}  // namespace skep
