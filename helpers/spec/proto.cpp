// Look-ups in the helpers' rows, and who may call which when.

#include "helpers/spec/proto.h"

#include <iterator>

namespace skep {
namespace {

struct Variant {
  u32 id;
  TypeSet where;
  HelperProto proto;  // the helper's own row with other arguments
};

struct Later {
  u32 id;
  Version since;
  TypeSet where;
};

struct Attached {
  u32 id;
  ProgramType type;
  AttachType attach_type;
};

constexpr Attached kAttached[] = {
#define ATTACHED(id, type, attach_type) {id, ProgramType::type, AttachType::attach_type},
#include "helpers/spec/helpers.def"
};

bool is_attached_so(u32 id, ProgramType type, AttachType attach_type) {
  bool limited = false;
  for (const Attached& row : kAttached) {
    if (row.id != id || row.type != type) continue;
    if (row.attach_type == attach_type) return true;
    limited = true;
  }
  return !limited;
}

}  // namespace

// Inside, the words of the rows hide what else has these names in skep.
namespace helper_words {

constexpr auto kVariants = [] {
  using namespace where;
  return std::to_array<Variant>({
#define VARIANT(id, types, returns, ...) \
  {id,                                   \
   types,                                \
   {id,                                  \
    kRows[id].name,                      \
    kRows[id].since,                     \
    types,                               \
    helper_returns::returns,             \
    {__VA_ARGS__},                       \
    kRows[id].flags}},
#include "helpers/spec/helpers.def"
  });
}();

constexpr auto kLater = [] {
  using namespace where;
  return std::to_array<Later>({
#define LATER(id, since, types) {id, since, types},
#include "helpers/spec/helpers.def"
  });
}();

}  // namespace helper_words

std::span<const HelperProto> helpers() {
  return std::span(helper_words::kRows).subspan(1);
}

const HelperProto* find_helper(u32 id, ProgramType type) {
  for (const Variant& variant : helper_words::kVariants) {
    if (variant.id == id && variant.where.has(type)) return &variant.proto;
  }
  return find_helper(id);
}

bool may_call(const HelperProto& helper, ProgramType type, AttachType attach_type,
              const KernelProfile& profile) {
  if (!helper.where.has(type) || !profile.knows(helper.since)) return false;
  for (const Later& later : helper_words::kLater) {
    if (later.id == helper.id && later.where.has(type) && !profile.knows(later.since)) return false;
  }
  return is_attached_so(helper.id, type, attach_type);
}

}  // namespace skep
