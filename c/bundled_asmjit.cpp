// What asmjit calls when an assertion of its own fails, and its words for errors, for libskep.so.
// Debian's libasmjit.a has them in an object that reads `stderr` in a way that no shared library
// can; with these the linker leaves that object out. A failed assertion is a fault of ours in what
// was given to asmjit: it stops here, before any such code runs, and prints nothing.
// Linking libskep.so without undefined symbols is the test, and tests/outside/installed.

#include <asmjit/core/globals.h>

ASMJIT_BEGIN_NAMESPACE

const char* DebugUtils::errorAsString(Error) noexcept {
  return "refused by the assembler";
}

void DebugUtils::debugOutput(const char*) noexcept {}

void DebugUtils::assertionFailed(const char*, int, const char*) noexcept {
  __builtin_trap();
}

ASMJIT_END_NAMESPACE
