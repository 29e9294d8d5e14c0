// An engine that runs the JIT's intermediate representation as it stands, inst by inst: the oracle
// for the lifter and for each pass, before any machine code. Slow, simple, and strict: bytes of
// frames that nobody was promised to be clear are garbage.
//
// It shares with the other engines what they share (vm/engine.h), and nothing with the emitters.
#pragma once

#include <memory>

#include "jit/pipeline.h"
#include "vm/backend.h"

namespace skep::test {

struct IrEngineOptions {
  Mode mode = Mode::Checked;
  bool metered = true;
  std::vector<const ir::Pass*> passes = {};  // in this order; validated after each
};

std::unique_ptr<Backend> make_ir_engine(IrEngineOptions options);

// The module of an image as the engine runs it; `maps` are those of the image brought to life.
Result<ir::Module> make_module(const Image& image, std::span<Map* const> maps,
                               const IrEngineOptions& options);

}  // namespace skep::test
