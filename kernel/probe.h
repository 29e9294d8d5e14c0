// The running kernel, asked what it has: by loading tiny programs, creating small maps and giving
// it bits of BTF, and seeing what is accepted. Some 40,000 system calls, about two seconds.
// Needs the permission to load programs. What more than that is missing for, the facts tell: a
// type's `why`, and `unasked`.
// Tested by tests/kernel/probe_test.cpp.
#pragma once

#include "helpers/spec/kernel_facts.h"

namespace skep {

struct ProbeOptions {
  bool contexts = true;  // ask for each access to each context: most of the time
};
Result<KernelFacts> probe_kernel(const ProbeOptions& options = {});

// A spec that a kernel which has the map type accepts, if it is given the BTF of probe_btf() and,
// for maps of maps, an array as the inner map; sizes 0 where none will do.
MapSpec least_map(MapType type);
// Bytes of BTF with `int` as type 1.
std::vector<u8> probe_btf();

}  // namespace skep
