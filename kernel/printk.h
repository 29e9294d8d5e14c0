// What programs of this thread print by bpf_printk: lines of the kernel's trace, from a tracefs
// that is mounted. Reading takes nothing away from other readers. The trace keeps the latest only:
// what overflowed it is not seen. One thread at a time. Tested by
// tests/kernel/printk_test.cpp and tests/tools/engine_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isa/result.h"

namespace skep {

class PrintkReader {
 public:
  // Begins after what is in the trace. Fails with no_kernel where there is no trace to read.
  static Result<PrintkReader> open();
  // What was printed since then, or since the last read: each a whole text, without the newline
  // that the trace ends it with.
  Result<std::vector<std::string>> read();

 private:
  explicit PrintkReader(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::size_t seen_ = 0;
};

// The texts that the thread printed, of a trace as tracefs gives it.
std::vector<std::string> printed_by(std::string_view trace, int thread);

}  // namespace skep
