// Every program of the conformance suite is a Program, and survives the disassembler.
#include <gtest/gtest.h>

#include "isa/asm.h"
#include "isa/disasm.h"
#include "tests/support/conformance.h"

namespace skep {
namespace {

TEST(Conformance, AllProgramsDecodeAndRoundTrip) {
  const auto rows = conformance_rows(SKEP_SOURCE_DIR);
  EXPECT_EQ(rows.size(), 313u);
  for (const ConformanceRow& row : rows) {
    ASSERT_FALSE(row.insns.empty()) << row.file << ": the table's line contradicts itself";
    const auto program = Program::make(row.insns);
    ASSERT_TRUE(program) << row.file << ": " << program.error().text;
    const std::string text = disassemble(*program);
    const auto back = assemble(text);
    ASSERT_TRUE(back) << row.file << ": " << back.error().text << "\n" << text;
    EXPECT_EQ(back->insns, row.insns) << row.file;
  }
}

}  // namespace
}  // namespace skep
