// The text form of the representation, for dumps and tests: print() and its inverse parse().
//
//   function 0 @0 cleared=1 {
//   b0(v0, v1, v2, v3, v4) @0:
//     v5 = const 7
//     jump b1(v5)
//   b1(v6) @1:
//     charge 3
//     v7 = load 4 [v0 + v6 * 8 + 16] signed checked r1 @2
//     v8 = add32 v7, 5
//     branch64 v8 s> 3, b2, b1(v8) @4
//   b2 @5:
//     exit v8
//   }
//
// Values and blocks are numbered as they are met. `@pc` holds for the lines below, too.
// Tested by tests/jit/ir_text_test.cpp.
#pragma once

#include "isa/result.h"
#include "jit/ir.h"

namespace skep::ir {

std::string print(const Function& function);
std::string print(const Module& module);

// Reads functions as print() writes them; comments begin with ';'. Fails with syntax_error at a
// line. What it gives is not validated.
Result<Module> parse(std::string_view text);

}  // namespace skep::ir
