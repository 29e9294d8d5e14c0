// What `skep bench` is given: an object, or a folder of them. A folder may say in its bench.json
// what its programs are run on (docs/command.md); else each program of each object runs on --data.
// Tested by tests/tools/bench_test.cpp.
#pragma once

#include "tools/bench/engines.h"

namespace skep::bench {

struct Arguments {
  ProgramArguments program;          // the object or folder
  std::string only;                  // --prog: a name, with * and ?
  std::string type;                  // --type
  std::string data;                  // --data
  std::vector<std::string> maps;     // --map
  std::string all_maps;              // --maps
  std::vector<std::string> engines;  // --engine
  std::string reference;             // --reference
  u32 rounds = 25;
  double sample_ms = 2;
  std::string out;      // --out
  std::string html;     // --html
  std::string against;  // --against
  double limit = 15;    // --limit, percent
};

// All that --prog lets through; at least one, or a Failure.
std::vector<Entry> read_entries(const Arguments& arguments);
// Where the entries' files are.
std::string folder_of(const Arguments& arguments);

// Whether the whole name fits: * stands for any text, ? for one character.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace skep::bench
