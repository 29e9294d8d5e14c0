// Where helpers read memory that a program names by number alone: its own regions, and what the
// host mapped. Everything else is not there, whatever this process has at that address. Tested by
// tests/helpers/probe_test.cpp.
#pragma once

#include "helpers/bodies/env.h"
#include "isa/run.h"

namespace skep {

enum class Space : u8 {
  User,    // user memory of Env
  Kernel,  // kernel memory of Env, and the program's own regions
  Any,     // where bpf_probe_read looks: user memory first
};

// Reads `size` bytes, all or none.
bool read_memory(Run& run, Space space, u64 address, u8* to, u64 size);

// Copies a string of at most size - 1 bytes and ends it with a zero. The number of bytes written,
// the zero included; -EFAULT, with nothing but a zero written, if memory ends before the string
// does.
i64 read_string(Run& run, Space space, u64 address, u8* to, u64 size);

}  // namespace skep
