// PerfBuffer: what programs write by bpf_perf_event_output into a perf_event_array, read from one
// ring of memory for each CPU. Records that did not fit are counted, not kept.
//
// One thread at a time. Tested by tests/kernel/perf_buffer_test.cpp.
#pragma once

#include <vector>

#include "kernel/map.h"

namespace skep {

class PerfBuffer {
 public:
  // Opens a ring of `bytes` (rounded up to a power of two of pages) for each CPU that is online and
  // puts it into the map, a perf_event_array. Fails with kernel_refused where perf_event_open(2) is
  // not permitted.
  static Result<PerfBuffer> open(KernelMap& map, u64 bytes);
  PerfBuffer(PerfBuffer&&) = default;
  PerfBuffer& operator=(PerfBuffer&&) = default;

  // Takes the records written so far, CPU by CPU, each CPU's oldest first; returns how many. The
  // kernel pads a record with up to 7 bytes, so that its length plus 4 is a multiple of 8.
  u64 consume(const Map::Sink& sink);
  // Records that were lost: the kernel says so with the first one that fits again.
  u64 lost() const { return lost_; }
  // Readable when there are records: for poll(2).
  std::vector<int> fds() const;

 private:
  struct Ring {
    Fd event;
    Mapping memory;  // a page of positions, then the data
  };

  PerfBuffer() = default;
  u64 consume_ring(const Ring& ring, const Map::Sink& sink);

  std::vector<Ring> rings_;
  std::vector<u8> whole_;  // a record that goes over the end of a ring, put together
  u64 lost_ = 0;
};

}  // namespace skep
