// Random programs that a kernel's verifier accepts, and that say much when they go wrong.
//
// Pointers stay in registers of fixed roles (r6 context, r7 packet, r9 map value), all else are
// scalars that are initialised before use. Statements come from a grammar: arithmetic of every
// form, memory of every size, branches, loops of a known number of turns, helpers, local calls,
// fields of the context, callbacks, tail calls. At the end all scalars, stack slots, and memory
// read back are folded into r0, so that one wrong bit anywhere comes out. Equal seeds give equal
// programs. generator_calls.cpp has the table of helper calls, generator_image.cpp that of maps.
// Used by tests/agree/agree.cpp, whose report counts what the programs reach.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "helpers/spec/image.h"

namespace skep::test {

struct GeneratorOptions {
  ProgramType type = ProgramType::xdp;
  u32 statements = 30;  // of the main function
};

inline constexpr u32 kGeneratorValueSize = 32;  // of maps whose values are bytes, but for kText
inline constexpr u32 kLockAt = 8;               // in the values of kLocked and kLockedHash

// The maps that every program may use; indices as below. The prog array's slots name the program
// "target", none, and the program "generated" itself; maps of maps have kArray or kHash inside.
std::vector<MapSpec> generator_maps();
enum GeneratorMap : u32 {
  kArray,
  kHash,
  kPerCpuArray,
  kLpm,
  kRing,
  kProgs,
  kText,    // read-only: what helpers want as constant strings
  kGlobal,  // an array of one value, reached by its address
  kPerCpuHash,
  kLru,  // with more room than there are keys: nothing is thrown out
  kLruPerCpu,
  kQueue,
  kStack,
  kBloom,
  kLocked,  // as kGlobal, with a lock in it
  kLockedHash,
  kArrayOfMaps,
  kHashOfMaps,
  kEvents,
  kUnreadEvents,  // nobody opened a ring for them
  kStacks,
  kCgroups,
  kDevices,
  kDeviceHash,
  kCpus,
  kSockets,
  kGeneratorMaps  // how many there are
};

// The same images, sharing the maps of the first: those that none of them uses are as small as can
// be, since many programs are loaded.
std::vector<std::shared_ptr<const Image>> with_maps_in_use(
    std::span<const std::shared_ptr<const Image>> images);

// What the host puts into maps before a run: key and value.
struct GeneratorElement {
  GeneratorMap map;
  u32 key, value;
};
std::span<const GeneratorElement> generator_elements();

// Memory of the user's that programs read: generator_user_bytes() must be there in the process
// and in the Env.
inline constexpr u64 kUserMemory = 0x20000000;
std::vector<u8> generator_user_bytes();    // a page
inline constexpr u32 kContextMemory = 64;  // bytes of the context, where it is memory

// A generated program: its insns, main first, and its functions.
struct Generated {
  std::vector<Insn> insns;
  u64 seed = 0;
};
Generated generate(u64 seed, const GeneratorOptions& options);

// An image of it, with the BTF that kernels want of callbacks. Null if the insns are no program.
std::shared_ptr<const Image> image_of_insns(std::vector<Insn> insns, ProgramType type,
                                            std::string name = "generated");

// The image with BTF that names its functions, as the kernel wants it of callbacks; null if the
// BTF can't be made.
std::shared_ptr<const Image> with_function_types(const Image& image);

// Takes insns out and makes operands simpler as long as `still_wrong` holds, until nothing more
// goes. Jumps and calls follow what moves. `still_wrong` is shown well-formed programs only.
std::vector<Insn> minimise(std::vector<Insn> insns,
                           const std::function<bool(const std::vector<Insn>&)>& still_wrong);

// The same program with its frames cleared at the start of each function, as far as generated
// programs use them: the kernel's stack holds what was there before, ours is zeros.
std::vector<Insn> with_cleared_frames(const std::vector<Insn>& insns);

}  // namespace skep::test
