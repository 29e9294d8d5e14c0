// The rows of kfuncs.def, and look-ups in them.

#include "helpers/spec/kfunc.h"

#include <algorithm>
#include <array>

namespace skep {
namespace {

constexpr auto kRows = [] {
  using namespace where;
  using namespace kfunc_flags;
  return std::to_array<KfuncRow>({
#define KFUNC(name, since, types, flags) {#name, since, types, flags},
#include "helpers/spec/kfuncs.def"
  });
}();

struct Later {
  std::string_view name;
  Version since;
  TypeSet where;
};

constexpr auto kLater = [] {
  using namespace where;
  return std::to_array<Later>({
#define KFUNC_LATER(name, since, types) {#name, since, types},
#include "helpers/spec/kfuncs.def"
  });
}();

}  // namespace

std::span<const KfuncRow> kfuncs() {
  return kRows;
}

const KfuncRow* find_kfunc(std::string_view name) {
  const auto* found = std::ranges::find(kRows, name, &KfuncRow::name);
  return found == kRows.end() ? nullptr : found;
}

bool may_call(const KfuncRow& kfunc, ProgramType type, const KernelProfile& profile) {
  if (!kfunc.where.has(type) || !profile.knows(kfunc.since)) return false;
  const bool tracepoint = (where::tracepoint | where::perf_event).has(type);
  if (tracepoint && !profile.has(Feature::kfuncs_in_tracepoints)) return false;
  return std::ranges::none_of(kLater, [&](const Later& later) {
    return later.name == kfunc.name && later.where.has(type) && !profile.knows(later.since);
  });
}

}  // namespace skep
