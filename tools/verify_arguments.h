// What `skep verify` is asked for. Shared by cmd_verify.cpp, verify_skep.cpp and verify_kernel.cpp,
// which exists where the kernel backend is built.
#pragma once

#include <span>

#include "tools/run_arguments.h"

namespace skep {

struct VerifyArguments {
  RunArguments run;   // program, --prog, --type, --set; the engine is who judges
  u32 log_level = 0;  // --log: 0: the log is not shown
  bool stats = false;
  bool compare = false;
  u64 memory = 0;  // --memory: bytes that `raw` programs are given; 0: not known
};

// What a kernel said of one program.
struct KernelAnswer {
  std::string program;
  bool accepted = false;
  std::string why;  // it was rejected
  u64 processed_insns = 0;
  u64 microseconds = 0;
};

// Each program's verdict by skep: Bad if one is rejected, Unsupported if one is left open.
Exit verify_by_skep(const VerifyArguments& arguments, Output& output);
// Skep's verdicts beside a kernel's: Bad if one differs.
Exit compare_verdicts(const VerifyArguments& arguments, Output& output,
                      std::span<const KernelAnswer> answers);
// Each program's verdict by the running kernel's verifier: Bad if one is rejected.
Exit verify_by_kernel(const VerifyArguments& arguments, Output& output);
std::vector<KernelAnswer> ask_kernel(const VerifyArguments& arguments);

}  // namespace skep
