// Names of numbers, as people know them: what programs return by their type, helpers, errors.
// Tested by tests/tools/cli_test.cpp.
#pragma once

#include <optional>
#include <string>

#include "helpers/spec/program_type.h"

namespace skep {

// What r0 says: "XDP_DROP", "TC_ACT_OK", "keep 60 bytes"; "" for types that give no verdict.
std::string verdict_name(ProgramType type, u64 r0);
// Whether the packet of such a verdict goes on: not for drops and for what is unknown.
bool packet_survives(ProgramType type, u64 r0);

// "map_lookup_elem" of 1, "" for a number that is no helper's; and back, also with bpf_ in front.
std::string helper_name(i32 id);
std::optional<i32> helper_number(std::string_view name);

// "ENOENT (no such file or directory)" of -2, one of helpers/spec/errno.h.
std::string error_name(int error);

}  // namespace skep
