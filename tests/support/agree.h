// Engines side by side: the same programs on the same inputs, and what came out, to be compared.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vm/vm.h"

namespace skep::test {

// All that a run leaves behind that does not depend on addresses, time or order.
struct Outcome {
  bool ran = false;        // false: `trouble` says why, and nothing else counts
  std::string trouble;     // could not load, or the run was ended
  bool refused = false;    // could not load
  u64 r0 = 0;              // its low half: all that a test run in the kernel gives
  u64 whole_r0 = 0;        // of engines of ours
  u64 insns = 0;           // the same: what was charged
  Fault fault;             // the same: why the run was ended
  std::vector<u8> packet;  // or the memory of types without one
  std::map<std::string, std::map<std::vector<u8>, std::vector<u8>>> maps;  // by name: key to value
  std::vector<std::vector<u8>> records;  // of ring buffers and perf events

  // What differs, a line; "" if nothing does.
  static std::string difference(const Outcome& a, const Outcome& b);
};

// What one run is given, and which program of the images runs.
struct RunInput {
  // A packet with its Ethernet header, or the memory of types without a packet. Laid out as
  // BPF_PROG_TEST_RUN does: at least 14 bytes, and for types that begin at the network header
  // without the first 14, which are then zeros but for the Ethernet type.
  std::vector<u8> bytes;
  std::size_t program = 0;
  struct Element {
    std::string map;
    std::vector<u8> key, value;
  };
  std::vector<Element> elements = {};                    // put into the maps before
  std::vector<std::pair<std::string, u64>> fields = {};  // of the context, set before
  std::vector<std::string> unread = {};                  // perf event arrays that have no rings
};

// Loads `images`, which share all maps, on the backend, and runs one of them once. The Env is
// deterministic unless `options` has one. Per-CPU maps have values for all possible CPUs; the run
// is on CPU options.cpu, which the caller makes sure of where the engine does not.
Outcome run_on(Backend& backend, std::span<const std::shared_ptr<const Image>> images,
               const RunInput& input, RunOptions options = {});

// Keeps this thread on one CPU, so that the kernel's per-CPU values are that CPU's: its number.
u32 stay_on_one_cpu();

}  // namespace skep::test
