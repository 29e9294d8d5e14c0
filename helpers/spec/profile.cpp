// Features and limits by version, and the text form of profiles.

#include "helpers/spec/profile.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "isa/diagnostic.h"

namespace skep {
namespace {

constexpr FeatureRow kFeatures[] = {
#define FEATURE(name, since, title) {Feature::name, #name, since, title},
#include "helpers/spec/features.def"
};
static_assert(std::size(kFeatures) <= KernelProfile::Features().size());

constexpr LimitRow kLimits[] = {
#define LIMIT(name, since, value) {Limit::name, #name, since, value},
#include "helpers/spec/limits.def"
};

constexpr std::size_t bit(Feature feature) {
  return static_cast<std::size_t>(feature);
}
constexpr Version since(Feature feature) {
  return kFeatures[bit(feature)].since;
}

// Reads a number below 65536 off the front of `text`.
bool take_number(std::string_view& text, u16& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_version(std::string_view& text, Version& version) {
  if (text.starts_with('v')) text.remove_prefix(1);
  if (!take_number(text, version.major) || !text.starts_with('.')) return false;
  text.remove_prefix(1);
  return take_number(text, version.minor) && (text.empty() || text[0] == '+' || text[0] == '-');
}

const FeatureRow* find_feature(std::string_view name) {
  const auto* found = std::ranges::find(kFeatures, name, &FeatureRow::name);
  return found == std::end(kFeatures) ? nullptr : found;
}

}  // namespace

std::span<const FeatureRow> feature_rows() {
  return kFeatures;
}
std::span<const LimitRow> limit_rows() {
  return kLimits;
}

bool KernelProfile::has(Feature feature) const {
  if (removed[bit(feature)]) return false;
  return added[bit(feature)] || knows(since(feature));
}

u64 KernelProfile::limit(Limit limit) const {
  u64 value = 0;
  for (const LimitRow& row : kLimits) {
    if (row.limit == limit && knows(row.since)) value = row.value;
  }
  return value;
}

KernelProfile KernelProfile::with(Feature feature) const {
  KernelProfile profile = *this;
  profile.removed[bit(feature)] = false;
  profile.added[bit(feature)] = !knows(since(feature));
  return profile;
}

KernelProfile KernelProfile::without(Feature feature) const {
  KernelProfile profile = *this;
  profile.added[bit(feature)] = false;
  profile.removed[bit(feature)] = knows(since(feature));
  return profile;
}

Result<KernelProfile> KernelProfile::parse(std::string_view text) {
  KernelProfile profile;
  std::string_view rest = text;
  if (!take_version(rest, profile.version)) return fail<Code::bad_kernel_version>(text);
  while (!rest.empty()) {
    const bool add = rest[0] == '+';
    rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find_first_of("+-"));
    const FeatureRow* row = find_feature(name);
    if (row == nullptr) return fail<Code::unknown_feature>(name);
    profile = add ? profile.with(row->feature) : profile.without(row->feature);
    rest.remove_prefix(name.size());
  }
  return profile;
}

std::string KernelProfile::text() const {
  std::string text = fmt::format("{}.{}", version.major, version.minor);
  for (const FeatureRow& row : kFeatures) {
    if (added[bit(row.feature)]) text += fmt::format("+{}", row.name);
    if (removed[bit(row.feature)]) text += fmt::format("-{}", row.name);
  }
  return text;
}

}  // namespace skep
