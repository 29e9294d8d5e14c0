// What the running kernel takes for each argument of each helper, and each result for, is what
// tests/data/helper-arguments.tsv says of its version, which tests/helpers/arguments_test.cpp
// compares with our rows.
#include <gtest/gtest.h>

#include "kernel/permission.h"
#include "kernel/syscall.h"
#include "tests/support/argument_probe.h"
#include "tests/support/facts_table.h"
#include "tests/support/running_kernel.h"

namespace skep {
namespace {

constexpr Version kAsked{6, 18};

TEST(Arguments, AreTakenByTheRunningKernelAsRecorded) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  constexpr Capabilities kAll = kCapBpf | kCapPerfmon | kCapNetAdmin;
  if (missing_of(kAll) != 0) GTEST_SKIP() << "needs permission: " << names_of(missing_of(kAll));
  if (test::running_kernel() != kAsked) GTEST_SKIP() << test::needs_linux(kAsked);
  const auto all = test::ask_arguments();
  u32 same = 0;
  for (const auto& row : test::facts(SKEP_SOURCE_DIR "/tests/data/helper-arguments.tsv")) {
    const auto& told = all.at(find_helper(row[0])->id);
    if (told.type != row[1]) continue;  // this kernel is configured otherwise
    const u32 argument = test::number(row[2]);
    if (argument == 0) {
      EXPECT_EQ(told.result, row[3]) << row[0];
    } else {
      ASSERT_GE(told.answers.size(), argument) << row[0];
      EXPECT_EQ(told.answers[argument - 1], row[3]) << row[0] << ", argument " << argument;
    }
    ++same;
  }
  EXPECT_GT(same, 450u);
}

}  // namespace
}  // namespace skep
