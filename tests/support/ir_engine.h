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

std::vector<const ir::Pass*> passes_of(ir::Level level);

// The text of an image's module after the passes named, with commas between them, unmetered; maps
// are taken to lie at round addresses, the first at 0x10000. What is wrong, if anything is.
std::string ir_listing(const Image& image, const std::string& passes, Mode mode);

}  // namespace skep::test
