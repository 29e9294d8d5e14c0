// Programs of skep's own type `raw`, r1 = memory and r2 = its length, as the kernel takes them: the
// same instructions, as an XDP program that first points r1 to the value of a map which holds the
// memory. So the kernel's verifier knows the memory's bounds, whatever the program computes.
// Tested by tests/kernel/raw_program_test.cpp.
#pragma once

#include <span>

#include "helpers/spec/image.h"

namespace skep {

// Slots that stand before the program's own.
inline constexpr u32 kRawPrologue = 3;

// `raw` over this memory, as an XDP program; its maps with one more, the last, "skep_memory". What
// helpers of `raw` alone take (r1 as a context) the kernel will refuse. Fails for memory that no
// map can hold.
Result<std::shared_ptr<const Image>> as_kernel_program(const Image& raw,
                                                       std::span<const u8> memory);

// A program of this type that does nothing: what a run costs without a program.
Result<std::shared_ptr<const Image>> empty_program(ProgramType type, u32 attach_type = 0);

}  // namespace skep
