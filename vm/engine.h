// What engines of ours do alike: the set-up and the end of a run, which program a tail call goes
// to, loads from packets and through pointers that the kernel may have given. Tested by
// tests/filetests/run/entry.test, tail_calls.test and packet_loads.test.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "vm/backend.h"
#include "vm/memory.h"

namespace skep {

// A program with its maps, as engines hold it.
class EngineProgram {
 public:
  EngineProgram() = default;
  EngineProgram(std::shared_ptr<const Image> image, std::span<Map* const> maps, Mode mode);

  const Image& image() const { return *image_; }
  std::span<Map* const> maps() const { return maps_; }
  Mode mode() const { return mode_; }
  ActiveRuns* active_runs() const { return active_runs_; }
  // Makes this the program that `run` runs: its image and its maps.
  void become_current(Run& run) const;

 private:
  std::shared_ptr<const Image> image_;
  std::vector<Map*> maps_;
  ActiveRuns* active_runs_ = nullptr;  // of its prog arrays, if it has any
  Mode mode_ = Mode::Checked;
};

// Loaded::run: enters the program as often as asked, by `enter`, which gives r0. The engine has set
// run.engine, invoke and forget; the rest is set here.
using Enter = u64 (*)(Run& run, const EngineProgram& program, void* user);
RunResult run_program(Run& run, Frame& frame, const RunOptions& options,
                      const EngineProgram& program, Enter enter, void* user);

inline constexpr i64 kTailCallHelper = 12;  // bpf_tail_call, enum bpf_func_id
inline constexpr u64 kTailCallFailed =
    static_cast<u64>(-2);  // r0 of one that did not happen: ENOENT
// libbpf's mark of a failed CO-RE relocation, as a helper number
inline constexpr u64 kPoisonedHelper = 0xbad2310;

// Accesses through r10 that need no check: they lie in the function's own frame.
bool on_own_frame(u8 base, const Decoded& insn);

// The program that a tail call goes to, counted and with what was held released; or null: the call
// then fails and the program goes on, unless it is the run's fault.
const Callable* tail_target(Run& run, u64 handle, u64 index);

// Contexts with fields lie at addresses that no region has.
inline constexpr u64 kContextSpan = 0x10000;  // where offsets into a context end
inline bool in_context(const Run& run, u64 address) {
  return run.context == kContextBase && address - kContextBase < kContextSpan;
}

// A checked access whose region is not known yet: looked up, judged and made. `may_be_context`:
// the address may be one of a context that is read through fields. `found` is where it lies, of
// size 0 for a context. False, with a fault at run.pc, if it may not be made.
bool load_checked(Run& run, u64 address, u32 size, bool sign_extend, bool may_be_context,
                  u64& value, Region& found);
bool store_checked(Run& run, u64 address, u32 size, bool may_be_context, u64 value, Region& found);

// What a load of `size` bytes gives whose address may be the kernel's: its mapped memory, and 0
// where none is mapped, as the kernel's own loads through such pointers do (Linux 6.12
// arch/x86/net/bpf_jit_comp.c, BPF_PROBE_MEM). False, with a fault at run.pc: it runs past what the
// program itself has, or goes through an address that skep made up.
bool load_through_kernel(Run& run, u64 address, u32 size, bool sign_extend, u64& value);

// LD_ABS and LD_IND: big-endian packet data at `offset`. Negative offsets name headers (Linux
// include/uapi/linux/filter.h: SKF_LL_OFF, SKF_NET_OFF). False: past the packet.
bool load_packet(const Run& run, i32 offset, u32 size, u64& value);

}  // namespace skep
