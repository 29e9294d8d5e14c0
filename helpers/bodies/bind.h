// Entry points of the helper bodies: ordinary typed functions, bound to the calling convention of
// programs and to their rows in helpers/spec/helpers.def.
//
// A body whose parameters do not match its row does not compile. In Mode::Checked an entry checks
// every pointer argument by the row before the body sees it; what fails is the run's fault, and
// the entry returns 0. Map handles are checked in every mode.
// Tested by tests/helpers/bind_test.cpp.
#pragma once

#include "isa/run.h"

namespace skep {

struct HostHelper;
struct Image;

// The body of a helper, or null for one that is not emulated. bpf_tail_call has none: it is part
// of the engines.
HelperEntry helper_entry(u32 id);

// What a call of a number in a program of the image leads to: a body, or a helper of the host. Both
// null: neither, or, if `forbidden`, one that its type may not call.
struct HelperUse {
  HelperEntry entry = nullptr;
  const HostHelper* host = nullptr;
  bool forbidden = false;
};
HelperUse find_helper_use(const Image& image, u32 id);

// Calls a helper of the host on r1 to r5 = args; gives r0. Checks program type, map handles, and in
// Mode::Checked every pointer by the row, as entries do; what fails is the run's fault, and the
// result is 0.
u64 call_host_helper(Run& run, const HostHelper& helper, const u64 (&args)[5]);

// Gives back what the program still holds, so that nobody waits for it: ring buffer records, which
// are discarded, and a lock. Engines call it when a run ends and before a tail call changes the
// run's maps, if holds_something(), which costs less.
void release_held(Run& run);
inline bool holds_something(const Run& run) {
  return run.record_count != 0 || run.spin_lock != nullptr;
}
// Forgets the inner maps that a run got. Engines call it when a run ends, while it still counts as
// active, if run.inner_maps.maps is not null.
void forget_inner_maps(Run& run);

}  // namespace skep
