// CO-RE relocations: adjusts instructions that depend on the layout of a kernel's types.
//
// A relocation names a type of the program, an access string ("0:3:1", indices of members and
// array elements) and a question (offset, size, existence, ...). The relocator describes the
// access by names, finds the same names in the types of the target, and writes the answer into the
// instruction. What is not found is not an error by itself: programs guard such accesses. The
// instruction becomes a call of a helper that does not exist (a "poisoned" one), which only
// matters when it can be reached, and the failure is recorded.
// Rules: those of libbpf 1.5, with the one correction of 1.6 (the access size of an array member
// is that of its element). Tested by tests/loader/core_relocate_test.cpp, core_fields_test.cpp.
#pragma once

#include <map>

#include "isa/insn.h"
#include "loader/core_spec.h"
#include "loader/core_target.h"

namespace skep {

// imm of the call that a poisoned instruction becomes; libbpf's, so that logs read the same.
inline constexpr i32 kCorePoison = 0xbad2310;

struct CoreFailure {
  Pc pc;  // of the instruction, counted from the first one of the span
  CoreKind kind{};
  bool poisoned = false;  // else 0 was written: TYPE_SIZE and TYPE_ID_TARGET of a missing type
  std::string path;       // "struct task_struct.foo.bar[3]", "enum foo::BAR"
  std::string reason;     // "the target has no struct 'foo'"
};

struct CoreResult {
  u32 applied = 0;      // relocations that found what they ask for, or that may find nothing
  u32 unsatisfied = 0;  // the others,
  std::vector<CoreFailure> failed;  // of which the first ones are kept
};

// Relocates the programs of one object. Keeps what was found for a type between calls, as libbpf
// does, which goes through the sections in the order of BtfExt::relocation_section().
class CoreRelocator {
 public:
  // Both must outlive the relocator.
  CoreRelocator(const Btf& local, const CoreTarget& target) : local_(local), target_(target) {}

  // Applies the relocations that lie in `insns`, which begins `first` slots after the start of
  // its section; the others are passed over. Adds to `result`. Fails where libbpf refuses the
  // object: a relocation that contradicts the instruction or the types, an ambiguous target.
  // Instructions are then in part relocated.
  Status relocate(std::span<Insn> insns, std::span<const CoreRelo> relocations, CoreResult& result,
                  u32 first = 0);

  static constexpr u32 kMaxCandidates = 1024;  // types of one essential name
  static constexpr u32 kMaxFailures = 1000;    // recorded, with all their text cut

 private:
  // The answer of one type, for the program's side and the target's.
  struct Answer {
    u64 old_value = 0;
    u64 new_value = 0;
    bool poison = false;
    bool validate = true;   // the instruction must hold old_value
    bool bad_size = false;  // the access sizes differ in a way that a load or store can't bridge
    u32 old_size = 0;       // of the access, or 0
    u32 new_size = 0;
  };
  using Candidates = std::vector<CoreTarget::Candidate>;

  core::Core<Candidates*> candidates_of(u32 local_type);
  core::Core<Answer> resolve(const core::Spec& spec, CoreFailure& failure);
  core::Core<Answer> resolve_among(const core::Spec& spec, Candidates& candidates,
                                   CoreFailure& failure);
  core::Core<bool> apply(std::span<Insn> insns, const CoreRelo& relocation, CoreFailure& failure);
  static core::Core<Answer> answer(const core::Spec& local, const core::Spec* found);
  static core::Core<bool> patch(std::span<Insn> insns, Pc pc, const Answer& answer);

  const Btf& local_;
  const CoreTarget& target_;
  std::map<u32, Candidates> cache_;  // by the program's type
  core::Work work_;
};

// "struct task_struct.foo.bar[3]": what a relocation is about, for reports; needs no target.
std::string describe(const CoreRelo& relocation, const Btf& local);

}  // namespace skep
