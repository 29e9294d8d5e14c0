// Map: the interface of every running map. One file a family implements it; nothing switches on
// the type of a map.
//
// All functions are safe to call from many threads at once, for programs and host alike. Errors
// are negative Linux error numbers (helpers/spec/errno.h), as the kernel gives them.
// Keys are spec().key_size bytes, values spec().value_size bytes; the caller has checked that they
// can be read. Memory that lookup() or reserve() gave stays memory of its map as long as the map
// lives, so that a program can never reach anything else through it.
//
// Who may do what (BPF_F_RDONLY_PROG, a frozen map, ...) is decided here, in the public functions;
// the families implement the do_ functions.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "helpers/maps/active_runs.h"
#include "helpers/spec/errno.h"
#include "helpers/spec/map_spec.h"
#include "isa/allocator.h"
#include "isa/run.h"

namespace skep {

class Map : public std::enable_shared_from_this<Map> {
 public:
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  virtual ~Map() = default;

  // What it was made of, without `initial` and `slots`.
  const MapSpec& spec() const { return spec_; }
  // The number by which a MapTable knows it, 0 for maps that are in none. Set before it is shared.
  u32 table_id() const { return table_id_; }
  void set_table_id(u32 id) { table_id_ = id; }

  // ---- for programs -------------------------------------------------------------------------
  // The value in place (of this CPU, for per-CPU maps), or null.
  virtual u8* lookup(const u8* /*key*/, u32 /*cpu*/) { return nullptr; }
  // The same for walks over all elements: nothing counts as used by it.
  virtual u8* visit(const u8* key, u32 cpu) { return lookup(key, cpu); }
  int update(const u8* key, const u8* value, u64 flags, u32 cpu) {
    return program_writes() ? do_update(key, value, flags, cpu) : kEACCES;
  }
  int remove(const u8* key) { return program_writes() ? do_remove(key) : kEACCES; }
  int push(const u8* value, u64 flags) {
    return program_writes() ? do_push(value, flags) : kEACCES;
  }
  int pop(u8* value) { return program_writes() ? do_pop(value) : kEACCES; }
  int peek(u8* value) { return do_peek(value); }
  // Ring buffers. commit() ends a reservation that reserve() gave.
  virtual u8* reserve(u64 /*size*/) { return nullptr; }
  virtual void commit(u8* /*record*/, bool /*discard*/, u64 /*flags*/) {}
  virtual int output(std::span<const u8> /*record*/, u64 /*flags*/) { return kEOPNOTSUPP; }
  virtual u64 query(u64 /*what*/) { return 0; }
  // Stack traces: stores a trace, the innermost address first, if it is new; its id or an error.
  virtual i64 add_stack(std::span<const u64> /*trace*/, u64 /*flags*/) { return kEOPNOTSUPP; }
  // Perf event arrays: a record into the ring of slot `index`, by a program on `cpu`.
  virtual int emit(u32 /*index*/, u32 /*cpu*/, std::span<const u8> /*record*/) {
    return kEOPNOTSUPP;
  }
  // Prog arrays: the program in a slot, or null. It stays as long as the run has its
  // ActiveRuns::Run.
  virtual const Callable* target(u32 /*index*/) { return nullptr; }
  // Maps of maps: the inner map, or null. It stays as long as the run has its ActiveRuns::Run.
  virtual Map* inner(const u8* /*key*/) { return nullptr; }

  // ---- for engines --------------------------------------------------------------------------
  // The region of the value or record that `address` lies in: false if none of this map.
  virtual bool region_of(u64 /*address*/, Region& /*found*/) { return false; }
  virtual MapLayout layout() const { return {}; }
  // Where runs of programs that use this map must be counted; null if they need not be.
  virtual ActiveRuns* active_runs() { return nullptr; }

  // ---- for the host -------------------------------------------------------------------------
  // Bytes of one element's value to the host: per-CPU maps give each CPU's, padded to 8.
  virtual u32 host_value_size() const { return spec_.value_size; }
  // `flags`: kLock, where values have a bpf_spin_lock. The key of a map without keys is null: of a
  // queue or a stack read() gives what comes out next, write() puts in, read_and_erase() takes out;
  // of a bloom filter read() asks whether `value` was put in.
  int read(const u8* key, u8* value, u64 flags = 0) {
    if ((flags & ~update_flags::kLock) != 0) return kEINVAL;
    return host_reads() ? do_read(key, value, flags) : kEPERM;
  }
  int write(const u8* key, const u8* value, u64 flags) {
    return host_writes() ? do_write(key, value, flags) : kEPERM;
  }
  int erase(const u8* key) { return host_writes() ? do_erase(key) : kEPERM; }
  // Both at once: nobody else gets the value, nor changes it in between.
  int read_and_erase(const u8* key, u8* value, u64 flags = 0) {
    if ((flags & ~update_flags::kLock) != 0) return kEINVAL;
    return host_reads() && host_writes() ? do_read_and_erase(key, value, flags) : kEPERM;
  }
  // The key after `key`, or the first for null or for a key that is not there; -ENOENT after the
  // last.
  int next_key(const u8* key, u8* next) { return host_reads() ? do_next_key(key, next) : kEPERM; }
  // The same for bpf_for_each_map_elem, which the host's rights do not concern.
  int next_key_unchecked(const u8* key, u8* next) { return do_next_key(key, next); }
  // Takes the records written so far, oldest first, up to one that is not finished; returns how
  // many. One consumer at a time: another one, and the sink itself, is given none. The sink must
  // not throw.
  using Sink = std::function<void(std::span<const u8> record)>;
  virtual u64 consume(const Sink& /*sink*/) { return 0; }
  // Perf event arrays: records that found no room, as far as consume() has come: one learns of
  // them with the next record that was written to the same ring.
  virtual u64 lost_events() const { return 0; }
  // Called by the thread that writes a record, when the kernel would wake up who polls the ring
  // buffer: the consumer has taken all records before, and BPF_RB_NO_WAKEUP is not given, or
  // BPF_RB_FORCE_WAKEUP is. `waker` lives as long as it is set; null for none.
  struct Waker {
    void (*wake)(void* user);
    void* user;
  };
  virtual void set_waker(const Waker* /*waker*/) {}
  // Prog arrays: puts a program, or none, into a slot; `id` is what the host reads there. -EBUSY if
  // too many replaced programs wait for runs that go on (active_runs.h): try again later.
  virtual int set_target(u32 /*index*/, std::shared_ptr<const Callable> /*program*/,
                         u32 /*id*/ = 0) {
    return kEOPNOTSUPP;
  }
  // Maps of maps: puts a map, or none, into a slot. -EINVAL if it is not of the inner maps' shape,
  // -EBUSY as set_target().
  virtual int set_inner(const u8* /*key*/, std::shared_ptr<Map> /*inner*/, u64 /*flags*/) {
    return kEOPNOTSUPP;
  }

 protected:
  explicit Map(const MapSpec& spec) : spec_(without_contents(spec)) {}

  // What map.h's users call without do_. Erasing is what programs' removing is, unless a family
  // says so.
  virtual int do_update(const u8* /*key*/, const u8* /*value*/, u64 /*flags*/, u32 /*cpu*/) {
    return kEOPNOTSUPP;
  }
  virtual int do_remove(const u8* /*key*/) { return kEOPNOTSUPP; }
  virtual int do_push(const u8* /*value*/, u64 /*flags*/) { return kEOPNOTSUPP; }
  virtual int do_pop(u8* /*value*/) { return kEOPNOTSUPP; }
  virtual int do_peek(u8* /*value*/) { return kEOPNOTSUPP; }
  // `flags` is 0 or kLock.
  virtual int do_read(const u8* /*key*/, u8* /*value*/, u64 /*flags*/) { return kEOPNOTSUPP; }
  virtual int do_read_and_erase(const u8* /*key*/, u8* /*value*/, u64 flags) {
    return flags != 0 ? kEINVAL : kENOTSUPP;
  }
  virtual int do_write(const u8* /*key*/, const u8* /*value*/, u64 /*flags*/) {
    return kEOPNOTSUPP;
  }
  virtual int do_erase(const u8* key) { return do_remove(key); }
  virtual int do_next_key(const u8* /*key*/, u8* /*next*/) { return kEOPNOTSUPP; }

  // The region of a value at `base`, with the access that programs have.
  Region value_region(u64 base) const {
    const bool writes = program_writes();
    const bool reads = (spec_.flags & map_flags::kWronlyProg) == 0;
    return {base, spec_.value_size, writes ? AddressClass::MapValue : AddressClass::ReadOnly,
            static_cast<u8>((reads ? kRead : 0) | (writes ? kWrite : 0))};
  }

 private:
  bool program_writes() const { return (spec_.flags & map_flags::kRdonlyProg) == 0; }
  bool host_reads() const { return (spec_.flags & map_flags::kWronly) == 0; }
  bool host_writes() const { return !spec_.frozen && (spec_.flags & map_flags::kRdonly) == 0; }

  MapSpec spec_;
  u32 table_id_ = 0;
};

// Gives ids that the host writes into prog arrays a meaning.
struct ProgramIds {
  std::shared_ptr<const Callable> (*find)(void* user, u32 id);  // null if there is none
  void* user;
};

// The same for ids that it writes into maps of maps.
struct MapIds {
  std::shared_ptr<Map> (*find)(void* user, u32 id);  // null if there is none
  void* user;
};

// What a map needs to know of its world. What it points to outlives the map.
struct MapWorld {
  u32 cpus = 1;  // values that per-CPU maps have
  u64 seed = 0;  // of hash functions: give a random one where keys come from strangers
  ActiveRuns* runs = nullptr;  // null: replaced programs and maps are not kept for runs under way
  const ProgramIds* programs = nullptr;  // null: no ids, the host can only set_target()
  const MapIds* maps = nullptr;          // null: no ids, the host can only set_inner()
  Allocator memory = {};                 // of elements, indexes and rings
};

// Creates the map of a spec, which it checks, with its first contents (but for slots, which name
// programs and maps that the caller knows). Fails with no_memory rather than to abort.
Result<std::unique_ptr<Map>> create_map(const MapSpec& spec, const MapWorld& world);

}  // namespace skep
