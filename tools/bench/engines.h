// The engines that `skep bench` can compare, by the names that its --engine takes, and a program
// made ready on one of them. See docs/command.md for what a native library is.
// Tested by tests/tools/bench_test.cpp.
#pragma once

#include "tools/bench/rounds.h"
#include "tools/run_arguments.h"

namespace skep::bench {

// One program with its input.
struct Entry {
  std::string name;
  std::string group;
  std::shared_ptr<const Object> object;
  std::shared_ptr<const Image> image;
  Buffer data;
  RunArguments arguments;  // maps and files that fill them
  std::string folder;      // where a native library is looked for
  std::optional<u64> r0;
};

// A program on an engine, or why the engine refuses it.
struct Ready {
  std::unique_ptr<Contender> contender;
  std::shared_ptr<Contender> base;
  std::string refused;
};

// An engine as it was asked for.
class Lineup {
 public:
  virtual ~Lineup() = default;
  virtual Ready make(const Entry& entry) = 0;
  std::string name;    // its column's
  std::string absent;  // why it can't run anything; "" if it can
};

// "interpreter", "interpreter:trusted", "jit", "kernel", "native", "native:LIBRARY", "ubpf",
// "ubpf:jit". `folder` is where "native" finds libnative.so. A usage error for anything else.
std::unique_ptr<Lineup> make_lineup(const std::string& what, const std::string& folder);

std::unique_ptr<Lineup> make_native_lineup(const std::string& library);
std::unique_ptr<Lineup> make_ubpf_lineup(bool jit);  // absent where the build has no ubpf

// The entry's program with its maps, filled, on an engine. Failure if it can't be loaded.
std::unique_ptr<Session> open_session(const Entry& entry, const Engine& engine,
                                      const EngineOptions& options = {});
// A word-aligned copy of the input, which each sample begins with.
class Memory {
 public:
  explicit Memory(std::span<const u8> bytes);
  std::span<u8> reset();

 private:
  std::span<const u8> bytes_;
  std::vector<u64> words_;
};

}  // namespace skep::bench
