// Kernel profiles: features and limits by version, switches, and their text.
#include "helpers/spec/profile.h"

#include <gtest/gtest.h>

#include <set>

#include "isa/diagnostic.h"

namespace skep {
namespace {

TEST(KernelProfile, FeaturesFollowTheVersion) {
  EXPECT_FALSE(KernelProfile(5, 2).has(Feature::bounded_loops));
  EXPECT_TRUE(KernelProfile(5, 3).has(Feature::bounded_loops));
  EXPECT_TRUE(KernelProfile{}.has(Feature::bounded_loops));
  EXPECT_TRUE(KernelProfile(5, 10).knows(5.9_v)) << "5.10 comes after 5.9";
}

TEST(KernelProfile, SwitchesBeatTheVersion) {
  const KernelProfile backport = KernelProfile(5, 14).with(Feature::kptrs);
  EXPECT_TRUE(backport.has(Feature::kptrs));
  EXPECT_FALSE(backport.without(Feature::kptrs).has(Feature::kptrs));
  const KernelProfile without = KernelProfile(6, 12).without(Feature::kfuncs);
  EXPECT_FALSE(without.has(Feature::kfuncs));
  EXPECT_EQ(without.with(Feature::kfuncs), (KernelProfile(6, 12)));
}

struct LimitCase {
  const char* name;
  Limit limit;
  Version version;
  u64 value;
};

class Limits : public testing::TestWithParam<LimitCase> {};

TEST_P(Limits, AreThoseOfTheVersion) {
  EXPECT_EQ(KernelProfile(GetParam().version).limit(GetParam().limit), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    All, Limits,
    testing::Values(LimitCase{"old_insns", Limit::insns, {5, 1}, 4096},
                    LimitCase{"insns", Limit::insns, {5, 2}, 1000000},
                    LimitCase{"visits_4_9", Limit::insns_verified, {4, 9}, 65536},
                    LimitCase{"visits_4_19", Limit::insns_verified, {4, 19}, 131072},
                    LimitCase{"tail_calls", Limit::tail_calls, {6, 1}, 33},
                    LimitCase{"frames_before_calls", Limit::frames, {4, 15}, 1},
                    LimitCase{"no_loops_yet", Limit::loop_rounds, {5, 16}, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Rows, LimitsAreOldestFirstAndAllThere) {
  std::set<Limit> seen;
  const LimitRow* previous = nullptr;
  for (const LimitRow& row : limit_rows()) {
    if (previous != nullptr && previous->limit == row.limit) {
      EXPECT_LT(previous->since, row.since) << row.name;
    } else {
      EXPECT_TRUE(seen.insert(row.limit).second) << row.name << " has rows in two places";
    }
    previous = &row;
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(Limit::function_arguments) + 1);
}

struct TextCase {
  const char* name;
  const char* text;
  const char* expected;  // text of the profile, or null
  Code code{};
};

class ProfileText : public testing::TestWithParam<TextCase> {};

TEST_P(ProfileText, IsReadAndWritten) {
  const auto profile = KernelProfile::parse(GetParam().text);
  if (GetParam().expected == nullptr) {
    ASSERT_FALSE(profile);
    EXPECT_EQ(profile.error().code, GetParam().code);
    return;
  }
  ASSERT_TRUE(profile) << profile.error().text;
  EXPECT_EQ(profile->text(), GetParam().expected);
  EXPECT_EQ(KernelProfile::parse(profile->text()).value_or(KernelProfile(1, 1)), *profile);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProfileText,
    testing::Values(TextCase{"plain", "6.12", "6.12"}, TextCase{"with_v", "v5.15", "5.15"},
                    TextCase{"added", "5.14+timers", "5.14+timers"},
                    TextCase{"several", "5.14+kptrs+timers-btf", "5.14+timers+kptrs-btf"},
                    TextCase{"there_anyway", "6.12+timers", "6.12"},
                    TextCase{"back_and_forth", "6.12-timers+timers", "6.12"},
                    TextCase{"empty", "", nullptr, Code::bad_kernel_version},
                    TextCase{"major_only", "6", nullptr, Code::bad_kernel_version},
                    TextCase{"three_parts", "6.12.1", nullptr, Code::bad_kernel_version},
                    TextCase{"too_large", "6.70000", nullptr, Code::bad_kernel_version},
                    TextCase{"negative", "-6.1", nullptr, Code::bad_kernel_version},
                    TextCase{"unknown", "6.12+warp", nullptr, Code::unknown_feature},
                    TextCase{"nothing_named", "6.12+", nullptr, Code::unknown_feature}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
