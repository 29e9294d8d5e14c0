// Accesses to contexts that are read through fields (xdp_md, __sk_buff), by the rows of
// helpers/spec/contexts.def: what the kernel does by rewriting instructions.
// Tested by tests/helpers/access_test.cpp and tests/helpers/mark_context_test.cpp.
#pragma once

#include <memory>

#include "helpers/contexts/frames.h"
#include "helpers/spec/image.h"

namespace skep {

// Loads `size` bytes at `offset` of run's context, extended to 64 bits as asked. False, with
// nothing changed, where the rows do not allow that access.
bool context_load(Run& run, u64 offset, u32 size, bool sign_extend, u64& value);
// Stores the low `size` bytes of `value`; the same.
bool context_store(Run& run, u64 offset, u32 size, u64 value);

// Whether an instruction's memory access is to the context, or to memory of the kernel.
struct ContextUse {
  enum class Kind : u8 {
    No,       // certainly not, or no memory access at all
    Certain,  // certainly, at `offset`
    Maybe,    // can't be told: some paths, or an offset that is not a constant
  };
  Kind kind = Kind::No;
  i32 offset = 0;  // of the access, the instruction's own offset included
  // It may go through a pointer that the kernel gave: an argument of a program that gets the
  // kernel's own structures, the result of a helper that gives one, or what was loaded through such
  // a pointer. The kernel makes loads of these read 0 where nothing is mapped (its BPF_PROBE_MEM).
  bool kernel = false;
};

// For each pc, whether its load, store or atomic has the context as its base. A forward pass that
// follows entry r1 through copies, constant additions, stack slots, local calls and callbacks; what
// it can't follow is Maybe. Kind is No throughout for types whose context is plain memory.
Result<std::unique_ptr<ContextUse[]>> mark_context(const Image& image);

// A host's view of the fields by name ("mark", "ingress_ifindex", "cb[2]", "di"): whatever the row
// allows programs. Pointers and lengths of the packet can't be set.
Status set_field(Frame& frame, std::string_view field, u64 value);
Result<u64> get_field(const Frame& frame, std::string_view field);

}  // namespace skep
