// The structure of a program: what is wrong with it whatever its states are, and where states are
// to be compared. Tested by tests/verifier/verify_test.cpp.
#pragma once

#include <optional>

#include "verifier/judge.h"

namespace skep::abstract {

// Insns that cannot be reached, loops and instructions that the kernel does not know, program types
// that are not judged.
std::optional<Error> check_shape(const Image& image, const KernelProfile& profile);

// Calls nested too deep and stacks too large, along every chain of calls; after exploration, which
// says what each function uses. Gives the deepest chain's bytes.
std::optional<Error> check_chains(const Judge& judge, u32& stack_bytes);

// Insns at which paths meet, by pc: those with several ways in.
enum class Meet : u8 {
  None,
  Join,
  LoopHead,
};
std::vector<Meet> find_meets(const Program& program);

}  // namespace skep::abstract
