// What `skep load` is asked for. Shared by cmd_load.cpp and the files load_*.cpp, which exist where
// the kernel backend is built.
#pragma once

#include "tools/run_arguments.h"

namespace skep {

struct LoadArguments {
  RunArguments run;                 // program, maps, reports
  std::vector<std::string> attach;  // --attach [PROGRAM=]KIND:TARGET
  std::string pin;                  // --pin FOLDER
  std::optional<double> seconds;    // --for
};

// Loads, attaches, shows events until a signal or the end of --for, detaches.
Exit run_load(const LoadArguments& arguments, Output& output);

}  // namespace skep
