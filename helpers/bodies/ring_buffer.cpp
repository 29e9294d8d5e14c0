// Ring buffers. A reserved record is a region of the run until it is submitted or discarded.
// Semantics: Linux 6.12 kernel/bpf/ringbuf.c. Tested by tests/helpers/ring_buffer_bodies_test.cpp.

#include "helpers/bodies/bind.h"
#include "helpers/bodies/bodies.h"
#include "helpers/bodies/lock.h"

namespace skep {
namespace {

// Ends a reservation. Which ring it is in follows from its address: no other map knows it.
void commit_record(Run& run, u32 index, bool discard, u64 flags) {
  const Region record = run.records[index];
  run.records[index] = run.records[--run.record_count];
  run.forget(run);
  u8* const memory = reinterpret_cast<u8*>(record.base);
  for (u32 i = 0; i < run.map_count; ++i) {
    if (run.maps[i] != nullptr) run.maps[i]->commit(memory, discard, flags);
  }
  for (u32 i = 0; i < run.inner_maps.count; ++i) {
    run.inner_maps.maps[i]->commit(memory, discard, flags);
  }
}

}  // namespace

void release_held(Run& run) {
  release_lock(run);
  for (u32 i = run.record_count; i-- > 0;) {
    if (run.records[i].cls == AddressClass::Record) commit_record(run, i, true, 0);
  }
}

namespace body {

i64 ringbuf_output(Run&, Map* map, Bytes record, u64 flags) {
  return map->output({record.data, record.size}, flags);
}

u64 ringbuf_reserve(Run& run, Map* map, u64 size, u64 flags) {
  if (flags != 0 || run.record_count == kMaxRecords) return 0;
  u8* record = map->reserve(size);
  if (record == nullptr) return 0;
  run.records[run.record_count++] = {reinterpret_cast<u64>(record), size, AddressClass::Record,
                                     kRead | kWrite};
  return reinterpret_cast<u64>(record);
}

void ringbuf_submit(Run& run, HeldRecord record, u64 flags) {
  commit_record(run, record.index, false, flags);
}

void ringbuf_discard(Run& run, HeldRecord record, u64 flags) {
  commit_record(run, record.index, true, flags);
}

u64 ringbuf_query(Run&, Map* map, u64 what) {
  return map->query(what);
}

}  // namespace body
}  // namespace skep
