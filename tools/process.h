// Other programs, run to their end. Failures are of type Failure (tools/output.h).
// Tested by tests/tools/guest_test.cpp.
#pragma once

#include <string>
#include <vector>

namespace skep {

struct ProcessFiles {
  std::string in = "/dev/null";
  std::string out = "/dev/null";
  std::string err;  // "": where ours goes
};

// Runs a program, looked for in PATH: its exit code, or 128 and the signal that ended it. One that
// takes longer is killed: -1. A program that can't be started is a Failure that says why.
int run_process(const std::vector<std::string>& words, const ProcessFiles& files, unsigned seconds);

// A folder of our own that goes with this.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace skep
