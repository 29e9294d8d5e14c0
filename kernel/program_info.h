// What the kernel tells of a program that it holds, and which object a descriptor is of.
// Thread-safe. Tested by tests/kernel/program_info_test.cpp.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "helpers/spec/program_type.h"
#include "isa/diagnostic.h"

namespace skep {

struct ProgramInfo {
  u32 id = 0;
  ProgramType type{};
  std::string name;         // at most 15 characters
  std::array<u8, 8> tag{};  // a hash of the instructions, which equal programs share
  std::vector<u32> map_ids;
  u32 btf_id = 0;  // of the object's types; 0: none
  bool gpl = false;
  u32 insns = 0;           // after the verifier's rewriting, in slots
  u32 jited_bytes = 0;     // 0: interpreted
  u32 verified_insns = 0;  // that the verifier processed; 0 before Linux 5.16
  u64 loaded_at = 0;       // ns since boot
  u32 loaded_by = 0;       // user id
  u64 runs = 0;            // counted while BPF_ENABLE_STATS or kernel.bpf_stats_enabled is on
  u64 run_nanoseconds = 0;
};

// Of a descriptor; an error if it is not a program's.
Result<ProgramInfo> program_info(int fd);

// An error unless the descriptor is of this kind of object: "bpf-prog", "bpf-map".
Status check_object(int fd, std::string_view kind);

}  // namespace skep
