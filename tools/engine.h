// Engines by the names that --engine takes: the one place that knows which there are, which of them
// this build has, and what each can be told and can tell. For every verb that runs programs.
// Tested by tests/tools/engine_test.cpp.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "helpers/spec/program_type.h"
#include "tools/output.h"
#include "vm/backend.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace skep {

struct EngineOptions {
  bool trusted = false;  // no memory access is checked
  bool trace = false;    // RunOptions::trace will be used
};

struct Engine {
  const char* name;
  const char* summary;
  // Whether it runs in a world of ours: the clock, task, CPUs and memory of an Env, every field of
  // a frame, a budget, a count of insns, a trace. The kernel has a world of its own.
  bool emulates;
  bool traces;  // can show single insns: RunOptions::trace
  std::unique_ptr<Backend> (*make)(const EngineOptions& options);  // null: not in this build
};

std::span<const Engine> engines();
// By name; a usage error if there is no such engine, `no_kernel` or `engine_cannot` if this build
// lacks it.
const Engine& find_engine(std::string_view name);
// --engine NAME, one of engines(), or kernel:VERSION (tools/guest.h), which is the verb's to
// handle. `name` keeps its value, "interpreter" say, if it is not given.
CLI::Option* add_engine_option(CLI::App& app, std::string& name);

// CPUs of the engine's machine: of an emulated one as many as asked for, at least 1.
u32 engine_cpus(const Engine& engine, u32 wanted);
// Puts this thread on a CPU, where the engine's programs run on the caller's.
void take_cpu(const Engine& engine, u32 cpu);
// Readies a map's records for reading, where that is not done by making it.
void open_events(const Engine& engine, Map& map);
// Reads what the engine's programs have printed since the last call, where that does not go to
// Env::print by itself; null if it does. Failure if it can't be read.
using Prints = std::function<std::vector<std::string>()>;
Prints open_prints(const Engine& engine);
// Whether a run can be given this field of the context: "mark", "cb[2]".
bool takes_field(const Engine& engine, ProgramType type, std::string_view field);

}  // namespace skep
