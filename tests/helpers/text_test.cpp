// Formatted text, comparison and numbers in strings: what is accepted, what comes out, which error.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Text : public test::BodyTest {
 protected:
  Text() { start(ProgramType::sched_cls); }

  i64 snprintf(std::string_view format, std::vector<u64> args, u64 room = 200) {
    std::memset(out, '?', sizeof out);
    const u64 to = room == 0 ? 0 : lend(out, room);
    const u64 values = args.empty() ? 0 : lend(args.data(), args.size() * 8, kRead);
    return call_signed("snprintf", {to, room, lend_text(format), values, args.size() * 8});
  }
  i64 printk(std::string_view format, std::vector<u64> args) {
    args.resize(3);
    return call_signed("trace_printk",
                       {lend_text(format), format.size() + 1, args[0], args[1], args[2]});
  }

  char out[256];
};

// ---- formats
// -------------------------------------------------------------------------------------

struct FormatCase {
  const char* name;
  const char* format;
  std::vector<u64> args;
  const char* expected;  // null: -EINVAL
};

class Format : public Text, public testing::WithParamInterface<FormatCase> {};

TEST_P(Format, IsTheKernels) {
  const FormatCase& test = GetParam();
  const i64 result = snprintf(test.format, test.args);
  if (test.expected == nullptr) {
    EXPECT_EQ(result, kEINVAL);
    EXPECT_EQ(out[0], '?') << "nothing is written";
  } else {
    EXPECT_EQ(result, static_cast<i64>(std::strlen(test.expected)) + 1);
    EXPECT_STREQ(out, test.expected);
  }
}

constexpr u64 kMinus1 = ~u64(0);

const FormatCase kFormats[] = {
    {"plain", "text\n", {}, "text\n"},
    {"empty", "", {}, ""},
    {"percent", "100%% %d%%", {5}, "100% 5%"},
    {"decimal", "%d|%i", {kMinus1, 42}, "-1|42"},
    {"decimal_takes_32_bits", "%d", {0x1'8000'0000}, "-2147483648"},
    {"unsigned_takes_32_bits", "%u", {kMinus1}, "4294967295"},
    {"long", "%ld %lu", {kMinus1, kMinus1}, "-1 18446744073709551615"},
    {"long_long", "%lld %llu %llx", {u64(1) << 63, 7, 0xabc}, "-9223372036854775808 7 abc"},
    {"hex", "%x %X", {0xdeadbeef, 0xdeadbeef}, "deadbeef DEADBEEF"},
    {"hex_cuts", "%x", {0x1'0000'0002}, "2"},
    {"width", "[%5d][%-5d][%05d]", {42, 42, 42}, "[   42][42   ][00042]"},
    {"left_beats_zero", "[%-05d][%0-5d]", {42, 42}, "[42   ][42   ]"},
    {"signs", "[%+d][% d][%+d]", {5, 5, kMinus1}, "[+5][ 5][-1]"},
    {"sign_and_zeros", "[%+05d][%05d]", {5, kMinus1}, "[+0005][-0001]"},
    {"no_sign_for_unsigned", "[%+u][% x]", {5, 5}, "[5][5]"},
    {"width_of_hex", "[%08x][%8x]", {0xabc, 0xabc}, "[00000abc][     abc]"},
    {"character", "[%c][%3c][%-3c]", {'a', 'b', 'c'}, "[a][  b][c  ]"},
    {"address", "%p %px", {0x1234, 0xffff888000000000}, "0000000000001234 ffff888000000000"},
    {"null_address", "%p", {0}, "0000000000000000"},
    {"address_width", "[%20px]", {0x1234}, "[                1234]"},
    {"restricted_address", "%pK,", {0x1234}, "0000000000001234,"},
    {"symbols", "%ps %pS %pB", {0x10, 0x20, 0x30}, "0x10 0x20 0x30"},
    {"letters_after_p_vanish", "%pKxyz!", {1}, "0000000000000001!"},
    {"unreadable_string", "[%s][%pks][%pus]", {1, 2, 3}, "[][][]"},
    {"high_bytes_are_text", "\xc3\xa9", {}, "\xc3\xa9"},
    {"more_arguments_than_asked", "%d", {1, 2, 3}, "1"},
    {"wide_space", "%d\t%d", {1, 2}, "1\t2"},

    {"too_few_arguments", "%d %d", {1}, nullptr},
    {"no_conversion", "%", {1}, nullptr},
    {"space_at_the_end", "% ", {1}, nullptr},
    {"control_character", "a\x01", {}, nullptr},
    {"delete_character", "a\x7f", {}, nullptr},
    {"unknown_conversion", "%f", {1}, nullptr},
    {"octal", "%o", {1}, nullptr},
    {"alternate", "%#x", {1}, nullptr},
    {"precision", "%.3d", {1}, nullptr},
    {"star", "%*d", {1, 2}, nullptr},
    {"short", "%hd", {1}, nullptr},
    {"size", "%zu", {1}, nullptr},
    {"three_ls", "%llld", {1}, nullptr},
    {"long_string", "%ls", {1}, nullptr},
    {"letter_after_string", "%sx", {1}, nullptr},
    {"digit_after_string", "%s1", {1}, nullptr},
    {"unknown_pointer", "%pU", {1}, nullptr},
    {"mac_address", "%pM", {1}, nullptr},
    {"half_an_internet_address", "%pI", {1}, nullptr},
    {"high_byte_after_percent", "%\xc3", {1}, nullptr},
    {"percent_with_width", "%5%", {1}, nullptr},
};

INSTANTIATE_TEST_SUITE_P(All, Format, testing::ValuesIn(kFormats),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(Text, StringsComeFromWhereTheFormatSays) {
  u8 user[] = "user", kernel[] = "kernel";
  const MappedMemory memory[] = {{0x1000, user, 5, true}, {0x1000, kernel, 7, false}};
  env.memory = memory;
  const u64 mine = lend_text("own");
  EXPECT_EQ(snprintf("%s,%pus;%pks.%s", {0x1000, 0x1000, 0x1000, mine}), 21);
  EXPECT_STREQ(out, "user,user;kernel.own");
  EXPECT_EQ(snprintf("[%8s][%-8s]", {mine, mine}), 21);
  EXPECT_STREQ(out, "[     own][own     ]");
}

TEST_F(Text, InternetAddresses) {
  const u8 v4[] = {10, 0, 200, 7};
  const u8 v6[] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd};
  const u64 a = lend(v4, 4, kRead), b = lend(v6, 16, kRead);
  snprintf("%pI4 %pi4", {a, a});
  EXPECT_STREQ(out, "10.0.200.7 010.000.200.007");
  snprintf("%pI6 %pi6", {b, b});
  EXPECT_STREQ(out, "2001:0db8:0000:0000:0000:0000:0000:abcd 20010db800000000000000000000abcd");
  snprintf("%pI4 %20pI4 %pI6c", {0, a, b});
  EXPECT_STREQ(out, "0.0.0.0 10.0.200.7 2001:0db8:0000:0000:0000:0000:0000:abcd");
}

TEST_F(Text, SnprintfCutsAndSaysTheWholeLength) {
  EXPECT_EQ(snprintf("%d", {12345}, 4), 6);
  EXPECT_STREQ(out, "123");
  EXPECT_EQ(out[4], '?');
  EXPECT_EQ(snprintf("%d", {12345}, 1), 6);
  EXPECT_STREQ(out, "");
  EXPECT_EQ(snprintf("%d", {12345}, 0), 6);
  EXPECT_EQ(out[0], '?');
  EXPECT_EQ(snprintf("[%1000d]", {1}, 8), 1003);
  EXPECT_STREQ(out, "[      ");
}

TEST_F(Text, ArgumentsAreWordsAndAtMostTwelve) {
  const u64 format = lend_text("%d");
  const u64 values[13] = {};
  const u64 args = lend(values, sizeof values, kRead);
  const u64 to = lend(out, 8);
  EXPECT_EQ(call_signed("snprintf", {to, 8, format, args, 12}), kEINVAL);
  EXPECT_EQ(call_signed("snprintf", {to, 8, format, args, 13 * 8}), kEINVAL);
  EXPECT_EQ(call_signed("snprintf", {to, 8, format, args, 12 * 8}), 2);
  EXPECT_EQ(call_signed("trace_vprintk", {format, 3, args, 9}), kEINVAL);
  EXPECT_EQ(call_signed("trace_vprintk", {format, 3, args, 104}), kEINVAL);
}

TEST_F(Text, ArgumentsHaveRoomFor512Bytes) {
  const std::string text(300, 's');
  const u64 address = lend_text(text);
  EXPECT_EQ(snprintf("%s %s", {address, address}, 200), 300 + 1 + 210 + 1) << "the second is cut";
  EXPECT_EQ(snprintf("%s %s %s", {address, address, address}), kENOSPC);
  EXPECT_EQ(snprintf("%s %s %c", {address, address, 'c'}), kENOSPC);
  EXPECT_EQ(snprintf("%s %s %d", {address, address, 1}), kENOSPC);
  const std::string nearly(506, 's');  // and its end: 507, so a word has 512 - 508 left
  const u64 long_text = lend_text(nearly);
  EXPECT_EQ(snprintf("%s %d", {long_text, 7}), 506 + 1 + 1 + 1);
  EXPECT_EQ(snprintf("%s %ld", {long_text, 7}), kENOSPC);
  EXPECT_EQ(snprintf("%s %pI4", {long_text, 7}), 506 + 1 + 1)
      << "the kernel does not count addresses beyond the end of the room";
  EXPECT_EQ(snprintf("%s %pI6", {long_text, 7}), kENOSPC);
}

TEST_F(Text, PrintkPrintsALine) {
  EXPECT_EQ(printk("a %d b %s", {7, lend_text("str")}), 9);
  EXPECT_EQ(printk("%d %d %d", {1, 2, 3}), 5);
  EXPECT_EQ(printk("%d %d %d %d", {1, 2, 3}), kEINVAL);
  EXPECT_EQ(printed, (std::vector<std::string>{"a 7 b str", "1 2 3"}));
}

TEST_F(Text, PrintkCutsLongLines) {
  EXPECT_EQ(printk("%2000d", {1}), 2000);
  ASSERT_EQ(printed.size(), 1u);
  EXPECT_EQ(printed[0].size(), 1023u);
  EXPECT_EQ(printk("a%cb", {0}), 3);
  EXPECT_EQ(printed[1], "a") << "a zero ends the line";
}

TEST_F(Text, PrintkNeedsAnEndInItsSize) {
  const u64 format = lend_text("abc");
  EXPECT_EQ(call_signed("trace_printk", {format, 3, 0, 0, 0}), kEINVAL);
  EXPECT_EQ(call_signed("trace_printk", {format, 4, 0, 0, 0}), 3);
  EXPECT_EQ(call_signed("trace_vprintk", {format, 3, 0, 0}), kEINVAL);
  EXPECT_EQ(call_signed("trace_vprintk", {format, 4, 0, 0}), 3);
  const u64 inner = lend("ab\0cd", 6, kRead);
  EXPECT_EQ(call_signed("trace_printk", {inner, 6, 0, 0, 0}), 2);
  EXPECT_EQ(printed.back(), "ab");
}

// ---- strings and numbers
// -------------------------------------------------------------------------

struct CompareCase {
  const char* first;
  u64 size;
  const char* second;
  i64 result;
};

TEST_F(Text, StrncmpComparesBytes) {
  const CompareCase cases[] = {{"abc", 3, "abc", 0},  {"abc", 4, "abc", 0}, {"abd", 3, "abc", 1},
                               {"abb", 3, "abc", -1}, {"ab", 3, "abc", -1}, {"abcd", 4, "abc", 1},
                               {"abX", 2, "abY", 0},  {"\xff", 1, "a", 1},  {"", 1, "", 0},
                               {"a", 1, "", 1}};
  for (const CompareCase& test : cases) {
    EXPECT_EQ(call_signed("strncmp", {lend_text(test.first), test.size, lend_text(test.second)}),
              test.result)
        << test.first << " " << test.second;
  }
}

struct NumberCase {
  const char* name;
  const char* text;
  u64 flags;
  i64 signed_result;  // of strtol
  i64 value;
  i64 unsigned_result;  // of strtoul
};

class Numbers : public Text, public testing::WithParamInterface<NumberCase> {};

TEST_P(Numbers, AreReadAsByTheKernel) {
  const NumberCase& test = GetParam();
  const u64 size = std::strlen(test.text);
  u64 result = 77;
  EXPECT_EQ(call_signed("strtol", {lend_text(test.text), size, test.flags, lend_all(result)}),
            test.signed_result);
  EXPECT_EQ(static_cast<i64>(result), test.value);
  result = 77;
  EXPECT_EQ(call_signed("strtoul", {lend_text(test.text), size, test.flags, lend_all(result)}),
            test.unsigned_result);
  EXPECT_EQ(result, test.unsigned_result < 0 ? 0 : static_cast<u64>(test.value));
}

constexpr i64 kMin = INT64_MIN, kMax = INT64_MAX;

INSTANTIATE_TEST_SUITE_P(
    All, Numbers,
    testing::Values(NumberCase{"decimal", "123", 0, 3, 123, 3},
                    NumberCase{"spaces_before", " \t\n42x", 10, 5, 42, 5},
                    NumberCase{"negative", "-17", 0, 3, -17, kEINVAL},
                    NumberCase{"minus_alone", "-", 0, kEINVAL, 0, kEINVAL},
                    NumberCase{"plus_is_not_known", "+5", 0, kEINVAL, 0, kEINVAL},
                    NumberCase{"space_after_minus", "- 5", 0, kEINVAL, 0, kEINVAL},
                    NumberCase{"octal", "017", 0, 3, 15, 3},
                    NumberCase{"not_octal", "08", 0, 1, 0, 1},
                    NumberCase{"hex", "0x1fG", 0, 4, 31, 4},
                    NumberCase{"hex_upper", "0XFF", 0, 4, 255, 4},
                    NumberCase{"hex_without_prefix", "ff", 16, 2, 255, 2},
                    NumberCase{"prefix_alone", "0x", 0, 1, 0, 1},
                    NumberCase{"prefix_alone_hex", "0x", 16, kEINVAL, 0, kEINVAL},
                    NumberCase{"prefix_in_decimal", "0x1", 10, 1, 0, 1},
                    NumberCase{"letters", "abc", 10, kEINVAL, 0, kEINVAL},
                    NumberCase{"spaces_alone", "   ", 0, kEINVAL, 0, kEINVAL},
                    NumberCase{"base_7", "1", 7, kEINVAL, 0, kEINVAL},
                    NumberCase{"unknown_flag", "1", 1 << 5, kEINVAL, 0, kEINVAL},
                    NumberCase{"largest", "9223372036854775807", 0, 19, kMax, 19},
                    NumberCase{"smallest", "-9223372036854775808", 0, 20, kMin, kEINVAL},
                    NumberCase{"too_small", "-9223372036854775809", 0, kERANGE, 0, kEINVAL},
                    NumberCase{"too_large", "18446744073709551616", 0, kERANGE, 0, kERANGE},
                    NumberCase{"zero", "0", 0, 1, 0, 1}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Text, UnsignedNumbersUseAllBits) {
  u64 result = 0;
  const std::string text = "18446744073709551615";
  EXPECT_EQ(call_signed("strtoul", {lend_text(text), 20, 0, lend_all(result)}), 20);
  EXPECT_EQ(result, ~u64(0));
  EXPECT_EQ(call_signed("strtol", {lend_text(text), 20, 0, lend_all(result)}), kERANGE);
}

TEST_F(Text, NumbersOfMoreThan63DigitsAreCut) {
  u64 result = 0;
  const std::string zeros = std::string(70, '0') + "7";
  EXPECT_EQ(call_signed("strtoul", {lend_text(zeros), zeros.size(), 10, lend_all(result)}), 63);
  EXPECT_EQ(result, 0u);
}

}  // namespace
}  // namespace skep
