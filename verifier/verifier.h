// The verifier: is a program safe to run, whatever its input? Abstract interpretation of all paths,
// with states that are compared where paths meet.
//
//   const Verdict verdict = verify(*image, KernelProfile{});
//   if (!verdict.accepted()) ... verdict.finding->text ...
//
// What is accepted faults nowhere: every access lies in memory that the program may touch, every
// call has arguments that its helper takes, what was acquired is released, and every loop ends.
// What the verifier does not know (yet) is refused as Unsupported, never accepted. It is bounded in
// work and memory: no program hangs it. Tested by tests/verifier/verify_test.cpp.
#pragma once

#include <functional>
#include <optional>

#include "helpers/spec/image.h"
#include "helpers/spec/profile.h"
#include "isa/diagnostic.h"

namespace skep {

// Past any of these the answer is Undecided.
struct VerifyBudget {
  u64 visits = 8'000'000;       // insns judged, all paths together
  u64 memory = u64{512} << 20;  // bytes of states and values
  u64 milliseconds = 60'000;    // of this thread's time
};

namespace abstract {
class StateView;
}

struct VerifyOptions {
  VerifyBudget budget = {};
  bool strict_alignment = false;  // as BPF_F_STRICT_ALIGNMENT: of all accesses
  u64 memory_bytes = 0;           // `raw` programs: how much memory r1 points to, which is r2
  // Whether a kernel of the profile would have it, which gives up after a number of insns: where
  // that may be, the answer is Undecided.
  bool as_kernel = false;
  const Btf* kernel_types = nullptr;  // of the kernel that the profile means; null: not known
  // Called with each state that is kept, at insns where paths meet: a run that gets to such an insn
  // is inside of one of them. For tests.
  std::function<void(const abstract::StateView&)> on_state = {};
};

enum class Outcome : u8 {
  Accepted,
  Rejected,     // it breaks a rule on some path
  Unsupported,  // it uses something that the verifier does not know yet
  Undecided,    // the budget was not enough
};
std::string_view name(Outcome outcome);

// Why a program is not accepted.
struct Finding {
  Code code{};
  Pc pc;
  std::string text;   // complete for a person: what is needed and what is known
  std::string place;  // "file.c:12", "" if not known
  std::string line;   // the source line's text
};

struct VerifyStats {
  u64 visits = 0;  // insns judged, all paths together
  u64 states = 0;  // kept for comparison
  u64 pruned = 0;  // paths that ended at a state which covers them
  u64 joins = 0;   // states that were made one
  u64 peak_bytes = 0;
  u64 nanoseconds = 0;
  u32 stack_bytes = 0;  // of the deepest chain of calls
};

struct Verdict {
  Outcome outcome = Outcome::Undecided;
  std::optional<Finding> finding;  // none if accepted
  VerifyStats stats;

  bool accepted() const { return outcome == Outcome::Accepted; }
};

// Judges the program with its maps, type and attach type, as a kernel of that profile would have
// it. Safe for many threads at once on the same image.
Verdict verify(const Image& image, const KernelProfile& profile, const VerifyOptions& options = {});

}  // namespace skep
