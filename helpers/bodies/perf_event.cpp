// Perf events. Output: a record, with the start of the packet behind it if asked, to the event of
// this CPU; what becomes of it is the map's affair. Counters: Env has their values. Semantics:
// Linux 6.12 net/core/filter.c, kernel/trace/bpf_trace.c. Tested by
// tests/helpers/perf_event_test.cpp.

#include <memory>
#include <new>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kIndexMask = 0xffffffff;                // BPF_F_INDEX_MASK
constexpr u64 kCurrentCpu = kIndexMask;               // BPF_F_CURRENT_CPU
constexpr u64 kContextLengthMask = 0xfffffull << 32;  // BPF_F_CTXLEN_MASK
constexpr u64 kMaxRecord = 64 << 10;                  // more than perf takes in one record

i64 read_counter(Run& run, const Map& map, u64 flags, CounterValue& value) {
  if ((flags & ~kIndexMask) != 0) return kEINVAL;
  const u64 index = flags == kCurrentCpu ? run.cpu : flags;
  if (index >= map.spec().max_entries) return kE2BIG;
  return run.env->read_counter(run.env->user, map.spec().name, index, value);
}

i64 give_counter(OutBytes to, const CounterValue& value, i64 error) {
  if (error == 0) {
    copy_shared(to.data, reinterpret_cast<const u8*>(&value), sizeof value);
  } else {
    clear_shared(to.data, to.size);
  }
  return error;
}

}  // namespace

// The counter itself, so that one which says a small negative number looks like an error.
i64 perf_event_read(Run& run, Map* map, u64 flags) {
  CounterValue value;
  const i64 error = read_counter(run, *map, flags, value);
  return error != 0 ? error : static_cast<i64>(value.counter);
}

i64 perf_event_read_value(Run& run, Map* map, u64 flags, OutBytes to) {
  CounterValue value;
  const bool fits = to.size == sizeof value;
  return give_counter(to, value, fits ? read_counter(run, *map, flags, value) : kEINVAL);
}

// The event that the program is attached to has no map; its name is empty.
i64 perf_prog_read_value(Run& run, Frame*, OutBytes to) {
  CounterValue value;
  const bool fits = to.size == sizeof value;
  const i64 error = fits ? run.env->read_counter(run.env->user, {}, 0, value) : kEINVAL;
  return give_counter(to, value, error);
}

i64 perf_event_output(Run& run, Frame* frame, Map* map, u64 flags, Bytes data) {
  const bool packet = run.packet != nullptr;
  const u64 appended = packet ? (flags & kContextLengthMask) >> 32 : 0;
  if ((flags & ~(kIndexMask | (packet ? kContextLengthMask : 0))) != 0) return kEINVAL;
  if (appended != 0 && appended > static_cast<u64>(frame->packet.end - frame->packet.data)) {
    return kEFAULT;
  }
  const u64 index = (flags & kIndexMask) == kCurrentCpu ? run.cpu : flags & kIndexMask;
  if (index >= map->spec().max_entries) return kE2BIG;
  const u32 slot = static_cast<u32>(index);
  if (appended == 0) return map->emit(slot, run.cpu, {data.data, data.size});
  if (data.size + appended > kMaxRecord) return kE2BIG;
  std::unique_ptr<u8[]> record(new (std::nothrow) u8[data.size + appended]);
  if (record == nullptr) return kENOMEM;
  copy_shared(record.get(), data.data, data.size);
  copy_shared(record.get() + data.size, frame->packet.data, appended);
  return map->emit(slot, run.cpu, {record.get(), data.size + appended});
}

}  // namespace skep::body
