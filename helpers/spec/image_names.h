// What the helpers, maps and externs of an image are called, for its text.
// Tested by tests/vm/host_test.cpp and tests/tools/cli_test.cpp.
#pragma once

#include "helpers/spec/image.h"
#include "isa/disasm.h"

namespace skep {

// Options with the names of the image's helpers, a host's among them, maps and externs. The image
// must outlive them.
DisasmOptions names_of(const Image& image);

}  // namespace skep
