// The kinds of arguments that helpers are asked with, as tests/data/helper-arguments.tsv has them.
#pragma once

#include <string_view>

#include "helpers/spec/proto.h"

namespace skep::test {

// What is passed, a letter each: an answer is a text with one character for each, in this order.
//   e  a register that was never written      x  the context
//   0  a constant 0                           p  the packet, 64 bytes of it checked
//   8  a constant 8                           f  a function
//   n  a number that may be anything          k  a full socket
//   s  64 bytes of the stack, written         t  the task, typed by BTF
//   u  the same, never written                m  a map, an array
//   v  a value of a map, 64 bytes             r  constant data: a value that programs only read
//   o  the same, or null
inline constexpr std::string_view kPassed = "e08nsuvorxpfktm";

}  // namespace skep::test
