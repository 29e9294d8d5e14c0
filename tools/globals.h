// Global variables of a program, set before it is loaded: --set NAME=VALUE.
// Tested by tests/tools/cli_test.cpp.
#pragma once

#include "loader/loader.h"

namespace skep {

// Changes the first contents of the data sections among `maps`, which are the object's. NAME may
// be a part of a variable: "limits.rate", "ports[2]". VALUE is JSON, or text as it stands.
void set_globals(const Object& object, const std::vector<std::string>& settings,
                 std::vector<MapSpec>& maps);

// The type of a name in the object's BTF: "event", "struct event", "enum reason", "__u64".
u32 find_type(const Object& object, const std::string& name, const std::string& option);

}  // namespace skep
