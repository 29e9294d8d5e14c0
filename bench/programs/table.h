// The programs of this folder for C++: name, kind, input and result of each, from programs.def.
// Inputs are made by a small generator, so that they are the same everywhere.
// Tested by tests/bench/programs_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "isa/types.h"

namespace skep {

// How a program's memory is filled.
enum class BenchInput : u8 {
  Random,
  Halves,   // random; the second half repeats the first
  Text,     // the same with letters and a zero at the end of each half
  Packets,  // eight packets in slots of 128 bytes
  Rules,    // an address, and 32 masked rules of which the last matches
};

struct BenchProgram {
  std::string_view name;  // of its file, name.bpf.c, and of its function
  std::string_view group;
  u32 size = 0;  // bytes of memory that it is given
  BenchInput input{};
  u64 expected = 0;                                 // r0
  u64 (*native)(u8* memory, u64 length) = nullptr;  // the same body, compiled for this machine
};

std::span<const BenchProgram> bench_programs();

// Fills `memory`, of `program.size` bytes and aligned to 8, with the program's input.
void fill(const BenchProgram& program, std::span<u8> memory);

}  // namespace skep
