// The engines that skep_bench compares: one way each to run a program of bench/programs.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/programs/table.h"
#include "helpers/spec/image.h"

namespace skep::bench {

// A program made ready on an engine.
class Runner {
 public:
  virtual ~Runner() = default;
  // Runs it `repeat` times on the same memory; gives the last r0.
  virtual u64 run(std::span<u8> memory, u32 repeat) = 0;
  // Instructions that one run executes; 0 where the engine does not count them.
  virtual u64 insns(std::span<u8>) { return 0; }
};

struct Engine {
  std::string name;
  std::unique_ptr<Runner> (*make)(const std::shared_ptr<const Image>& image);
};
const std::vector<Engine>& engines();

// A program as the loader makes it of the object that clang made.
std::shared_ptr<const Image> load_image(const BenchProgram& program);

}  // namespace skep::bench
