// The conformance suite's own files, where they are at hand (SKEP_CONFORMANCE_DIR): assembling
// each gives exactly what the suite's assembler gave, which is in tests/data/conformance.tsv.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "isa/asm.h"
#include "tests/support/conformance.h"
#include "tools/conformance_data.h"

namespace skep {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

TEST(ConformanceSuite, AssemblesToTheSuitesBytes) {
  std::map<std::string, ConformanceRow> rows;
  for (ConformanceRow& row : conformance_rows(SKEP_SOURCE_DIR)) rows[row.file] = std::move(row);
  const auto files = conformance_files(SKEP_CONFORMANCE_DIR);
  EXPECT_EQ(files.size(), rows.size());
  for (const std::string& path : files) {
    const auto test = parse_conformance(read_file(path), path);
    ASSERT_TRUE(test) << test.error().text;
    const ConformanceRow& row = rows[path.substr(path.rfind('/') + 1)];
    const auto out = assemble(test->assembly, {.file = path, .first_line = test->assembly_line});
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_EQ(out->insns, row.insns) << path;
    const auto code = conformance_code(*test);
    ASSERT_TRUE(code) << code.error().text;
    EXPECT_EQ(*code, row.insns) << path;
    EXPECT_EQ(test->memory, row.memory) << path;
    EXPECT_EQ(test->result, row.expected_r0) << path;
  }
}

}  // namespace
}  // namespace skep
