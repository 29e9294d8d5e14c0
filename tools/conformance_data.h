// The .data files of the bpf_conformance suite: a program, its input and the result it must give.
//
// Needs isa alone, so that the assembler's tests can include it. The format: lines holding `--`
// start a section, named by a word in that line; `#` begins a comment everywhere.
// Tested by tests/tools/conformance_data_test.cpp and tests/isa/suite/suite_test.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isa/insn.h"

namespace skep {

struct ConformanceCase {
  std::string file;           // as given to parse_conformance
  std::string assembly;       // -- asm
  u32 assembly_line = 1;      // number of its first line
  std::vector<Insn> raw;      // -- raw: used instead of the assembly, if there is any
  std::vector<u8> memory;     // -- mem: bytes at r1, their count in r2
  std::optional<u64> result;  // -- result: r0
  std::string error;          // -- error: the failure that is expected instead
};

Result<ConformanceCase> parse_conformance(std::string_view text, std::string_view file);

// The program: raw slots, or the assembled text.
Result<std::vector<Insn>> conformance_code(const ConformanceCase& test);

// All .data files in `dir` and in dir/tests, sorted by name; empty if there is no such folder.
std::vector<std::string> conformance_files(const std::string& dir);

}  // namespace skep
