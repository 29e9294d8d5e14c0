// The table of diagnostics: each row has its texts, a name of its own, and a message that renders.
#include "isa/diagnostic.h"

#include <fmt/args.h>
#include <gtest/gtest.h>

#include <set>

namespace skep {
namespace {

TEST(Diagnostic, RowsHaveTheirTexts) {
  for (const DiagnosticRow& row : kDiagnostics) {
    SCOPED_TRACE(row.name);
    EXPECT_FALSE(row.title.empty());
    EXPECT_FALSE(row.message.empty());
    EXPECT_FALSE(row.explanation.empty());
    EXPECT_TRUE(row.explanation.ends_with('.')) << "an explanation is made of sentences";
    EXPECT_FALSE(row.title.ends_with('.')) << "a title is a few words";
    EXPECT_EQ(row.message.find('\n'), row.message.npos);
    EXPECT_EQ(find_diagnostic(row.name), &skep::row(row.code));
  }
}

// Numbers fit every place: texts are formatted like them unless a place has a format of its own.
TEST(Diagnostic, RowsRender) {
  fmt::dynamic_format_arg_store<fmt::format_context> args;
  for (int i = 0; i < 12; ++i) args.push_back(4'000'000 + i);
  for (const DiagnosticRow& row : kDiagnostics) {
    SCOPED_TRACE(row.name);
    const std::string text =
        fmt::vformat(fmt::string_view(row.message.data(), row.message.size()), args);
    const bool has_place = row.message.find('{') != row.message.npos;
    EXPECT_EQ(has_place, text != row.message);
  }
}

TEST(Diagnostic, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const DiagnosticRow& row : kDiagnostics) EXPECT_TRUE(names.insert(row.name).second);
  EXPECT_EQ(find_diagnostic("no_such_code"), nullptr);
  EXPECT_EQ(find_diagnostic(""), nullptr);
}

TEST(Diagnostic, ErrorsCarryCodeTextAndPc) {
  const Error plain = make_error<Code::empty_program>();
  EXPECT_EQ(plain.code, Code::empty_program);
  EXPECT_EQ(plain.text, "the program has no instructions");
  EXPECT_FALSE(plain.pc);
  const std::unexpected<Error> placed = fail_at<Code::bad_register>(Pc{7}, 12);
  EXPECT_EQ(placed.error().text, "insn 7: r12 does not exist, registers are r0 to r10");
  EXPECT_EQ(placed.error().pc, Pc{7});
}

}  // namespace
}  // namespace skep
