// The contents of maps: filled from JSON before a run, shown afterwards. The form is bpftool's:
// a list of {"key": ..., "value": ...}, of per-CPU maps {"key": ..., "values": [{"cpu": 0, "value":
// ...}]}. Tested by tests/tools/cli_test.cpp.
#pragma once

#include "tools/run_arguments.h"

namespace skep {

// What --map and --maps name.
void fill_maps(Session& session, const RunArguments& arguments);

// One map's contents; of ring buffers and perf event arrays the records, of queues and stacks the
// values, which are taken by it.
Json dump_map(Session& session, Map& map);
// The same for people, a line an entry.
std::string map_text(const Map& map, const Json& contents);

}  // namespace skep
