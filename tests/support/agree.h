// Engines side by side: the same programs on the same inputs, and what came out, to be compared.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vm/vm.h"

namespace skep::test {

// All that a run leaves behind that does not depend on addresses, time or order.
struct Outcome {
  bool ran = false;      // false: `trouble` says why, and nothing else counts
  std::string trouble;   // could not load, or the run was ended
  bool refused = false;  // could not load
  u64 r0 = 0;
  std::vector<u8> packet;
  std::map<std::string, std::map<std::vector<u8>, std::vector<u8>>> maps;  // by name: key to value
  std::vector<std::vector<u8>> records;                                    // of ring buffers

  // What differs, a line; "" if nothing does.
  static std::string difference(const Outcome& a, const Outcome& b);
};

// Loads `images` (the first is the program, all share maps) on the backend, and runs it once on a
// packet of these bytes. Values of per-CPU maps are summed up byte by byte over CPUs that ran.
Outcome run_on(Backend& backend, std::span<const std::shared_ptr<const Image>> images,
               std::span<const u8> packet, RunOptions options = {});

}  // namespace skep::test
