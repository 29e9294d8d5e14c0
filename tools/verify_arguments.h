// What `skep verify` is asked for. Shared by cmd_verify.cpp and verify_kernel.cpp, which exists
// where the kernel backend is built.
#pragma once

#include "tools/run_arguments.h"

namespace skep {

struct VerifyArguments {
  RunArguments run;   // program, --prog, --type, --set; the engine is who judges
  u32 log_level = 0;  // --log: 0: the log is not shown
};

// Each program's verdict by the running kernel's verifier: Bad if one is rejected.
Exit verify_by_kernel(const VerifyArguments& arguments, Output& output);

}  // namespace skep
