// Tests tools/json_values.h: the forms of values that need no BTF, and what people see.
#include "tools/json_values.h"

#include <gtest/gtest.h>

#include "isa/wire.h"
#include "tools/io.h"

namespace skep {
namespace {

struct PrefixCase {
  const char* name;
  const char* text;
  std::size_t size;
  const char* key;  // hex, "" if the text must be refused
};

const PrefixCase kPrefixes[] = {
    {"ipv4", "192.0.2.0/24", 8, "18000000c0000200"},
    {"ipv6", "2001:db8::/32", 20, "2000000020010db8000000000000000000000000"},
    {"all", "0.0.0.0/0", 8, "0000000000000000"},
    {"no_length", "192.0.2.0", 8, ""},
    {"length_too_long", "192.0.2.0/33", 8, ""},
    {"length_no_number", "192.0.2.0/x", 8, ""},
    {"other_family", "192.0.2.0/24", 20, ""},
    {"other_size", "192.0.2.0/24", 12, ""},
    {"no_address", "192.0.2/24", 8, ""},
};

class Prefix : public testing::TestWithParam<PrefixCase> {};

TEST_P(Prefix, IsReadAndWritten) {
  const PrefixCase& test = GetParam();
  Buffer key(test.size);
  ASSERT_EQ(parse_prefix(test.text, key), *test.key != 0);
  if (*test.key == 0) return;
  EXPECT_EQ(to_hex(key), test.key);
  EXPECT_EQ(prefix_text(key), test.text);
}

INSTANTIATE_TEST_SUITE_P(Texts, Prefix, testing::ValuesIn(kPrefixes),
                         [](const auto& test) { return test.param.name; });

struct UntypedCase {
  const char* name;
  const char* json;
  std::size_t size;
  const char* bytes;  // hex, "" if it must be refused
};

const UntypedCase kUntyped[] = {
    {"hex", R"("0102")", 2, "0102"},
    {"hex_with_blanks", R"("0x01 02")", 2, "0102"},
    {"hex_too_short", R"("01")", 2, ""},
    {"number", "258", 2, "0201"},
    {"negative", "-1", 4, "ffffffff"},
    {"least", "-128", 1, "80"},
    {"too_small", "-129", 1, ""},
    {"too_large", "256", 1, ""},
    {"largest", "18446744073709551615", 8, "ffffffffffffffff"},
    {"number_of_odd_width", "1", 3, ""},
    {"fraction", "1.5", 4, ""},
    {"object", "{}", 4, ""},
};

class Untyped : public testing::TestWithParam<UntypedCase> {};

TEST_P(Untyped, IsHexOrANumber) {
  const UntypedCase& test = GetParam();
  Buffer out(test.size);
  try {
    json_to_bytes(nullptr, 0, Json::parse(test.json), out, "here");
    EXPECT_EQ(to_hex(out), test.bytes);
  } catch (const Failure& failure) {
    EXPECT_STREQ(test.bytes, "") << failure.error.text;
    EXPECT_TRUE(failure.error.text.starts_with("here: ")) << failure.error.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Values, Untyped, testing::ValuesIn(kUntyped),
                         [](const auto& test) { return test.param.name; });

struct TextCase {
  const char* name;
  const char* json;
  const char* text;
};

const TextCase kTexts[] = {
    {"number", "-5", "-5"},
    {"truth", "true", "true"},
    {"object", R"({"a": 1, "b": "RED"})", "{a: 1, b: RED}"},
    {"list", "[1, 2]", "[1, 2]"},
    {"control_bytes", R"("a\u001b[31m")", "a\\x1b[31m"},
    {"ipv6", R"({"in6_u": {"u6_addr8": [32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1], "u6_addr16": []}})",
     "2001:db8::1"},
    {"ipv4_mapped", R"({"in6_u": {"u6_addr8": [0,0,0,0,0,0,0,0,0,0,255,255,192,0,2,1]}})",
     "::ffff:192.0.2.1"},
    {"not_ipv6", R"({"in6_u": {"u6_addr8": [1]}})", "{in6_u: {u6_addr8: [1]}}"},
};

class Text : public testing::TestWithParam<TextCase> {};

TEST_P(Text, IsForPeople) {
  EXPECT_EQ(json_to_text(Json::parse(GetParam().json)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Values, Text, testing::ValuesIn(kTexts),
                         [](const auto& test) { return test.param.name; });

TEST(Lists, AreCutWhereTheyGrowLong) {
  EXPECT_TRUE(json_to_text(Json(std::vector<int>(100, 7))).ends_with(", 7, ... 68 more]"));
}

TEST(ParseJson, NamesThePlaceAndBoundsTheDepth) {
  const auto reason = [](const std::string& text) -> std::string {
    try {
      parse_json(text, "rules.json");
      return "";
    } catch (const Failure& failure) {
      return failure.error.text;
    }
  };
  EXPECT_EQ(reason("[1, 2]"), "");
  EXPECT_TRUE(reason("[1, ]").starts_with("rules.json: parse error at line 1")) << reason("[1, ]");
  EXPECT_TRUE(reason(std::string(100'000, '[')).starts_with("rules.json: nested deeper"))
      << reason(std::string(100'000, '['));
}

}  // namespace
}  // namespace skep
