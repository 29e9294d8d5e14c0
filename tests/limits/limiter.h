// Runs something in a child process that gets no more than so much memory, and says how it ended:
// the library must give an error then, never abort.
//
// Two ways to limit. AddressSpace is the real thing, RLIMIT_AS: it works on a plain build on the
// machine's own kernel. Allocator counts what operator new and calloc (replaced in this binary)
// hand out, so it also works under sanitizers and under qemu-user, where the address space can't be
// limited; and it tells an allocation that throws from one that may fail. Tested by
// limiter_test.cpp, with operations that behave and ones that don't.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace skep::test {

enum class Limiter { AddressSpace, Allocator };

enum class Outcome {
  Done,      // it succeeded
  NoMemory,  // it said that there is no memory
  Wrong,     // it gave any other error
  Died,      // the process ended otherwise: by abort, by an exception, by a signal
};

// What is tried: does its work and says how it ended; the error's text goes into `text`.
using Operation = std::function<Outcome(std::string& text)>;

struct Trial {
  Outcome outcome{};
  std::string text;  // the error, or how the process died
};

// `extra` bytes beyond what the process has when the operation starts. Small allocations, up to
// some megabytes in all, are possible in any case: a process that can't make a string can't report
// an error either.
Trial run_limited(Limiter limiter, std::size_t extra, const Operation& operation);

// Whether RLIMIT_AS binds on this system; sanitizers and qemu-user make it useless.
bool address_space_can_be_limited();

}  // namespace skep::test
