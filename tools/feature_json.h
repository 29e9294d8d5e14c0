// KernelFacts as JSON: written by `skep feature -j`, read again, and read from what `bpftool
// feature probe -j` prints. Tested by tests/tools/feature_test.cpp.
#pragma once

#include "helpers/spec/kernel_facts.h"
#include "tools/output.h"

namespace skep {

Json facts_to_json(const KernelFacts& facts);
// Either form; `place` is named in failures. bpftool does not say which kernel it asked: the
// version is then the newest that the tables have of what the kernel has.
KernelFacts facts_from_json(const Json& json, const std::string& place);

}  // namespace skep
