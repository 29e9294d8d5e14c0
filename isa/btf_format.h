// BTF types as C: names for messages, and definitions of structs and enums.
//
// Types of a hostile file may be nested without end; what is printed is cut at kMaxDepth levels,
// kMaxParts declarations or kMaxText bytes, and says "..." there. Tested by
// tests/isa/btf_format_test.cpp.
#pragma once

#include <string>

#include "isa/btf.h"

namespace skep {

namespace btf_format {
inline constexpr u32 kMaxDepth = 8;
inline constexpr u32 kMaxParts = 4096;
inline constexpr std::size_t kMaxText = 64u << 10;
}  // namespace btf_format

// "unsigned int", "struct foo *", "const char[16]", "int (*)(void *, int)". With `declared`, the
// declaration of that name: "int (*compare)(void *, int)". Functions and variables have theirs:
// "int main(void)", "u64 counter[4]".
std::string type_name(const Btf& btf, u32 id, std::string_view declared = {});

// What C would say to define a struct, union, enum or typedef, over several lines; other types as
// type_name() has them. Anonymous members are defined in place.
std::string type_definition(const Btf& btf, u32 id);

}  // namespace skep
