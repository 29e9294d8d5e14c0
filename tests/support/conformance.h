// The table of conformance programs, tests/data/conformance.tsv: bytecode, input and expected r0
// of each, for whatever decodes or runs programs. Its first lines say where the facts are from.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "isa/wire.h"

namespace skep {

struct ConformanceRow {
  std::string file;
  std::string cpu_version;  // least -mcpu
  std::string groups;       // of RFC 9669, with commas
  u64 expected_r0 = 0;
  std::vector<u8> memory;
  std::vector<Insn> insns;
};

// Empty if the table is not where it belongs: tests check that.
inline std::vector<ConformanceRow> conformance_rows(const std::string& source_dir) {
  std::vector<ConformanceRow> rows;
  std::ifstream in(source_dir + "/tests/data/conformance.tsv");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#' || line.starts_with("file\t")) continue;
    std::istringstream columns(line);
    ConformanceRow row;
    std::string slots, mem_bytes, expected, memory, bytecode;
    columns >> row.file >> row.cpu_version >> row.groups >> slots >> mem_bytes >> expected >>
        memory >> bytecode;
    row.expected_r0 = std::stoull(expected, nullptr, 0);
    if (memory != "-") row.memory = from_hex(memory).value_or(std::vector<u8>());
    const auto bytes = from_hex(bytecode);
    if (bytes) row.insns = from_bytes(*bytes).value_or(std::vector<Insn>());
    if (row.insns.size() != std::stoul(slots) || row.memory.size() != std::stoul(mem_bytes)) {
      row.insns.clear();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace skep
