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

// The body of a helper, or null for one that is not emulated. bpf_tail_call has none: it is part
// of the engines.
HelperEntry helper_entry(u32 id);

// Discards the ring buffer records that the run still holds, so that they don't block their rings.
// Engines call it when a run ends and before a tail call changes the run's maps.
void discard_records(Run& run);

}  // namespace skep
