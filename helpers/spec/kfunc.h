// Kernel functions that programs may call, by name. What they take and give is in the kernel's BTF;
// who may call them and what is particular about them is in helpers/spec/kfuncs.def.
// Tested by tests/helpers/kfunc_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "helpers/spec/profile.h"
#include "helpers/spec/program_type.h"

namespace skep {

// As the kernel registers them: Linux include/linux/btf.h, KF_*.
namespace kfunc_flags {
inline constexpr u32 NoFlags = 0, Acquires = 1 << 0, Releases = 1 << 1, MayReturnNull = 1 << 2,
                     TrustedArgs = 1 << 3, MaySleep = 1 << 4, Destructive = 1 << 5,
                     RcuArgs = 1 << 6, IteratorNew = 1 << 7, IteratorNext = 1 << 8,
                     IteratorDestroy = 1 << 9, InRcu = 1 << 10, KeepsRegisters = 1 << 11,
                     ImplicitArgs = 1 << 12, ReturnsArena = 1 << 13, ArenaArg2 = 1 << 14;
}

struct KfuncRow {
  std::string_view name;
  Version since;
  TypeSet where;
  u32 flags;

  constexpr bool has(u32 flag) const { return (flags & flag) != 0; }
};

std::span<const KfuncRow> kfuncs();
const KfuncRow* find_kfunc(std::string_view name);
bool may_call(const KfuncRow& kfunc, ProgramType type, const KernelProfile& profile);

}  // namespace skep
