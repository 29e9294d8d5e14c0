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

// From or until when some of its types may call a function.
struct Change {
  std::string_view name;
  Version version;
  TypeSet where;
};

constexpr auto kLater = [] {
  using namespace where;
  return std::to_array<Change>({
#define KFUNC_LATER(name, since, types) {#name, since, types},
#include "helpers/spec/kfuncs.def"
  });
}();

constexpr auto kUntil = [] {
  using namespace where;
  return std::to_array<Change>({
#define KFUNC_UNTIL(name, until, types) {#name, until, types},
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
  if (tracepoint && kfunc.where != where::Any && !profile.has(Feature::kfuncs_in_tracepoints))
    return false;
  const auto is_over = [&](std::span<const Change> changes, bool known) {
    return std::ranges::any_of(changes, [&](const Change& change) {
      return change.name == kfunc.name && change.where.has(type) &&
             profile.knows(change.version) == known;
    });
  };
  return !is_over(kLater, false) && !is_over(kUntil, true);
}

}  // namespace skep
