// Where a function lies in an executable file: what a uprobe wants.
#pragma once

#include <string>

#include "isa/diagnostic.h"

namespace skep {

// The file offset of `symbol` in the ELF file at `path`; "0x..." is an offset already.
Result<u64> symbol_offset(const std::string& path, const std::string& symbol);

}  // namespace skep
