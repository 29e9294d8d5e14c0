// Backend and Loaded: interpreter, JIT and kernel are the same to the caller, the tests and the
// benchmarks.
#pragma once

#include <cstring>
#include <memory>
#include <span>

#include "helpers/maps/map.h"
#include "helpers/spec/image.h"

namespace skep {

struct Frame;

struct RunOptions {
  Env* env = nullptr;      // required
  u32 cpu = 0;             // kAnyCpu: a free one of Env::slots; the run fails if there is none
  i64 budget = INT64_MAX;  // insns, charged a basic block at a time
  u32 repeat = 1;          // runs over the same frame; the last one's result counts
  // Called before each insn with all registers, if the program was loaded to be traced.
  void (*trace)(void* user, Pc pc, const Image& image, const u64 (&regs)[kRegs]) = nullptr;
  void* trace_user = nullptr;
};

struct RunResult {
  u64 r0 = 0;
  u64 insns = 0;                 // executed: the sum of what was charged, all repeats
  u64 nanoseconds = 0;           // of all repeats
  Fault fault;                   // set if the run was ended
  std::string message;           // of the fault: insn, source line, address class, bounds
  const Image* image = nullptr;  // of the program that the fault is in, a tail-called one perhaps
  bool ok() const { return !fault.set; }
};

class Loaded {
 public:
  virtual ~Loaded() = default;
  // Runs on the frame, whose packet is changed in place. Safe for many threads at once, each with
  // its own frame and CPU.
  virtual RunResult run(Frame& frame, const RunOptions& options) = 0;
  // What tail calls enter; null if this engine can't be entered so. Lives as long as this.
  virtual const Callable* callable() const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // A map of the image's object, as this backend's programs take it.
  virtual Result<std::unique_ptr<Map>> create_map(const MapSpec& spec, const MapWorld& world,
                                                  const Image& /*image*/) {
    return skep::create_map(spec, world);
  }
  // First contents of a prog array (the program) or of a map of maps (the inner map, which a
  // shared_ptr owns). The program outlives the map; the one that does not apply is null.
  virtual Status fill_slot(Map& map, const MapSlot& slot, Loaded* program, Map* inner) {
    if (inner != nullptr) return fill_with_map(map, slot, *inner);
    if (program == nullptr || program->callable() == nullptr) return {};
    // The instance owns the program; the map only borrows it.
    map.set_target(slot.index,
                   std::shared_ptr<const Callable>(std::shared_ptr<void>(), program->callable()));
    return {};
  }
  // An index is the key of a map of maps, as libbpf writes it.
  static Status fill_with_map(Map& map, const MapSlot& slot, Map& inner) {
    u8 key[8] = {};
    std::memcpy(key, &slot.index, sizeof slot.index);
    int error = kEINVAL;
    if (map.spec().key_size <= sizeof key) {
      error = map.set_inner(key, inner.weak_from_this().lock(), update_flags::kAny);
    }
    if (error == 0) return {};
    return fail<Code::map_refused>(
        map.spec().name, fmt::format("slot {} with map '{}'", slot.index, inner.spec().name),
        error == kEINVAL ? "it is not of the inner maps' shape" : fmt::format("error {}", error));
  }
  // `maps[i]` is image.maps[i] brought to life; the maps outlive the result.
  virtual Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                               std::span<Map* const> maps) = 0;
};

// The interpreter as a Backend. In Mode::Trusted and Mode::Proved no memory access is checked: for
// programs that the caller vouches for. `trace` makes RunOptions::trace work, at a price.
struct InterpreterOptions {
  Mode mode = Mode::Checked;
  bool trace = false;
};
std::unique_ptr<Backend> make_interpreter(InterpreterOptions options = {});

}  // namespace skep
