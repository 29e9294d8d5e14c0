// Perf event output: a record, with the start of the packet behind it if asked, to the event of
// this CPU. What becomes of it is the map's affair. Semantics: Linux 6.12 net/core/filter.c,
// kernel/trace/bpf_trace.c. Tested by tests/helpers/perf_event_test.cpp.

#include <memory>
#include <new>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kIndexMask = 0xffffffff;                // BPF_F_INDEX_MASK
constexpr u64 kCurrentCpu = kIndexMask;               // BPF_F_CURRENT_CPU
constexpr u64 kContextLengthMask = 0xfffffull << 32;  // BPF_F_CTXLEN_MASK
constexpr u64 kMaxRecord = 64 << 10;                  // more than perf takes in one record

}  // namespace

i64 perf_event_output(Run& run, Frame* frame, Map* map, u64 flags, Bytes data) {
  const bool packet = run.packet != nullptr;
  const u64 appended = packet ? (flags & kContextLengthMask) >> 32 : 0;
  if ((flags & ~(kIndexMask | (packet ? kContextLengthMask : 0))) != 0) return kEINVAL;
  if (appended != 0 && appended > static_cast<u64>(frame->packet.end - frame->packet.data)) {
    return kEFAULT;
  }
  const u64 index = (flags & kIndexMask) == kCurrentCpu ? run.cpu : flags & kIndexMask;
  if (index >= map->spec().max_entries) return kE2BIG;
  if (appended == 0) return map->output({data.data, data.size}, index);
  if (data.size + appended > kMaxRecord) return kE2BIG;
  std::unique_ptr<u8[]> record(new (std::nothrow) u8[data.size + appended]);
  if (record == nullptr) return kENOMEM;
  copy_shared(record.get(), data.data, data.size);
  copy_shared(record.get() + data.size, frame->packet.data, appended);
  return map->output({record.get(), data.size + appended}, index);
}

}  // namespace skep::body
