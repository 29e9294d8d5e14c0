// Run: the state of one run of a program, shared by the interpreter, emitted code, helpers and
// callbacks. Standard layout, so that emitted code can read it; nothing is thread-local.
//
// Programs see real addresses of the memory they may touch, and made-up addresses, which no
// machine ever maps, for what they may only hold: the context of a type with fields, maps,
// functions. An access is legal if it lies inside one Region with the permission it needs.
#pragma once

#include <string_view>

#include "isa/result.h"

namespace skep {

class Map;
class Program;
struct Env;
struct Image;
struct Run;

// What an address points into. Named in every memory fault.
enum class AddressClass : u8 {
  None,  // nothing that the program may touch
  Stack,
  Context,
  Packet,
  MapValue,
  ReadOnly,  // a map value that programs can't write: .rodata and the like
  Record,    // a reserved ring buffer record
  Memory,    // memory that the host lent to the run: `raw` input
  Map,       // a map handle: to be held, not to be read
  Function,  // a callback
};
std::string_view name(AddressClass cls);

enum Access : u8 { kRead = 1, kWrite = 2 };

// Bytes that belong together. One byte past it faults, whatever lies there.
struct Region {
  u64 base = 0;
  u64 size = 0;
  AddressClass cls = AddressClass::None;
  u8 access = 0;  // Access bits

  // Whether [address, address + bytes) lies inside; no overflow for any input.
  bool holds(u64 address, u64 bytes) const {
    return address - base <= size && bytes <= size - (address - base);
  }
};

// Made-up addresses: bits 63 and 62 differ, so they are canonical on no x86-64 or arm64.
inline constexpr u64 kContextBase = 0x5ec0'0000'0000'0000;   // contexts read through fields
inline constexpr u64 kMapBase = 0x5ec1'0000'0000'0000;       // + index of the map in its image
inline constexpr u64 kFunctionBase = 0x5ec2'0000'0000'0000;  // + pc of the subprogram
inline constexpr u64 kKernelBase = 0x5ec3'0000'0000'0000;    // + offset: kernel variables (.ksyms)
inline constexpr u64 kInnerMapBase = 0x5ec4'0000'0000'0000;  // + index of a map the run looked up

// The bytes of a packet and the room around it: headroom <= meta <= data <= end <= limit.
struct Packet {
  u8* room = nullptr;  // first byte that adjust_head may give
  u8* meta = nullptr;  // start of metadata; data where there is none
  u8* data = nullptr;
  u8* end = nullptr;
  u8* limit = nullptr;  // end of what adjust_tail may give
};

// How memory accesses are judged. Same results in all three where nothing faults.
enum class Mode : u8 {
  Checked,  // each access against the run's regions
  Trusted,  // no checks: the embedder vouches for the program
  Proved,   // no checks, and stacks are not zeroed: a verifier vouches for it
};

// Why and where a run was ended. `code` is ok (0) while there is none.
struct Fault {
  Code code{};
  bool set = false;
  Pc pc;
  AddressClass cls = AddressClass::None;  // the region that was missed
  u64 address = 0;
  u64 size = 0;   // bytes of the access; of a spent budget its insns
  u8 access = 0;  // Access wanted
  u64 base = 0;   // bounds of the region that was missed, both 0 if none
  u64 bound = 0;
};

// A program that can be entered by a tail call, of any engine.
struct Callable {
  u64 (*enter)(Run& run, const Callable& self) = nullptr;  // runs it on run.context; gives r0
  const Image* image = nullptr;
};

inline constexpr u32 kMaxRecords = 64;  // ring buffer records held at once by one run

// The maps that a run got out of maps of maps. They live as long as the run, and so do their
// handles, kInnerMapBase + index. Kept by helpers/bodies/inner_maps.cpp.
struct InnerMaps {
  Map** maps = nullptr;
  u32 count = 0;
  u32 capacity = 0;
  u32* places = nullptr;  // hash table of 2 * capacity: index + 1 in `maps`, 0 for none
};

struct Run {
  i64 budget = 0;      // insns that may still be charged
  u32 tail_calls = 0;  // made so far
  u32 depth = 0;       // frames in use, callbacks included
  u32 cpu = 0;         // the CPU slot that the run holds
  Mode mode = Mode::Checked;
  Fault fault;

  u64 context = 0;           // r1 at entry
  u64 argument2 = 0;         // r2 at entry; 0 but for `raw`
  Region context_region;     // base 0 where the context is read through fields
  void* frame = nullptr;     // the native context (helpers/contexts/frames.h) behind the fields
  Packet* packet = nullptr;  // null where the program type has none

  u8* stack = nullptr;  // kMaxFrames frames of kStackSize, the first frame lowest
  // Bytes at the low end of each frame that an engine left uncleared, since no access without a
  // look up goes there; probe() clears them when one with a look up does.
  u16 unclear[kMaxFrames] = {};
  Region* records = nullptr;  // kMaxRecords places: records reserved and not yet submitted
  u32 record_count = 0;

  const Image* image = nullptr;  // of the program that runs now; a tail call changes it
  Map* const* maps = nullptr;    // image->maps brought to life, in their order; the handle of
  u32 map_count = 0;             // map i is kMapBase + i. A program reaches no other maps
  InnerMaps inner_maps;          // but those that it finds in maps of maps.
  u8* spin_lock = nullptr;       // the bpf_spin_lock that it holds
  Env* env = nullptr;
  Pc pc;  // of the helper call under way, for faults and messages

  // Set by the engine.
  // probe: the region that holds all of [address, address + size) with `access`; false if none.
  // Judges in every mode and records nothing: what probe_read asks.
  bool (*probe)(Run& run, u64 address, u64 size, u8 access, Region& found) = nullptr;
  // invoke: runs the callback at `function` and gives its r0; afterwards look at faulted().
  u64 (*invoke)(Run& run, u64 function, const u64 (&args)[5]) = nullptr;
  // forget: must be called whenever a region dies or moves: packets adjusted, records submitted.
  void (*forget)(Run& run) = nullptr;
  void* engine = nullptr;

  // What a helper asks before it touches memory that a program named: as probe(), but without
  // judging unless the mode is Checked, and a miss is the run's fault. `size` 0 is always fine.
  bool find(u64 address, u64 size, u8 access, Region& found);
  // Ends the run with `code`, at the call under way, unless a fault is already there.
  void set_fault(Code code, u64 address = 0, u64 size = 0, u8 access = 0);

  // The map of a handle, or null for anything that is not one.
  Map* map(u64 handle) const {
    const u64 id = handle - kMapBase;
    if (id < map_count) return maps[id];
    const u64 inner = handle - kInnerMapBase;
    return inner < inner_maps.count ? inner_maps.maps[inner] : nullptr;
  }
  bool faulted() const { return fault.set; }
};

// A helper as engines call it: arguments as in r1 to r5, result to r0.
using HelperEntry = u64 (*)(Run& run, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

}  // namespace skep
