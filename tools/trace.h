// The trace of a run: each instruction with the registers that it changed.
// Tested by tests/tools/cli_test.cpp.
#pragma once

#include "tools/output.h"
#include "vm/backend.h"

namespace skep {

class Trace {
 public:
  Trace(const Image& image, Output& output) : image_(&image), output_(output) {}
  void attach(RunOptions& options);
  // Shows the last instruction, whose outcome nothing else shows.
  void finish(const RunResult& result);
  Json document() const;

 private:
  static void step(void* user, Pc pc, const Image& image, const u64 (&regs)[kRegs]);
  void end_line(const u64 (&regs)[kRegs]);
  std::string text_of(Pc pc) const;
  static constexpr std::size_t kKept = 1'000'000;  // steps of a document

  const Image* image_;  // that runs now: tail calls change it
  Output& output_;
  Json steps_ = Json::array();
  u64 dropped_ = 0;
  bool started_ = false;
  Pc pc_;
  u64 regs_[kRegs] = {};
};

}  // namespace skep
