// KernelProfile: which kernel to be. A version, with features switched on or off one by one, for
// distributions that backport. Code asks has(Feature::x) or knows(row.since); nothing else compares
// versions. The rows are helpers/spec/features.def and limits.def.
// Tested by tests/helpers/profile_test.cpp.
#pragma once

#include <bitset>
#include <span>
#include <string>
#include <string_view>

#include "isa/result.h"

namespace skep {

enum class Feature : u8 {
#define FEATURE(name, since, title) name,
#include "helpers/spec/features.def"
};

struct FeatureRow {
  Feature feature;
  std::string_view name;
  Version since;
  std::string_view title;
};
std::span<const FeatureRow> feature_rows();

enum class Limit : u8 {
  insns,
  insns_unprivileged,
  insns_verified,
  pending_branches,
  stack_bytes,
  frames,
  functions,
  tail_calls,
  maps,
  btfs,
  kfuncs,
  loop_rounds,
  packet_offset,
  variable_size,
  context_arguments,
  function_arguments,
};

struct LimitRow {
  Limit limit;
  std::string_view name;
  Version since;
  u64 value;
};
std::span<const LimitRow> limit_rows();

struct KernelProfile {
  Version version{6, 18};
  using Features = std::bitset<128>;  // by Feature
  Features added;                     // which the version has not
  Features removed;                   // which it has

  KernelProfile() = default;
  explicit KernelProfile(Version of) : version(of) {}
  KernelProfile(u16 major, u16 minor) : version{major, minor} {}

  bool has(Feature feature) const;
  // Whether a row with this `since` is part of the kernel.
  bool knows(Version since) const { return since <= version; }
  // 0 where the kernel has no such thing yet.
  u64 limit(Limit limit) const;

  KernelProfile with(Feature feature) const;
  KernelProfile without(Feature feature) const;

  // "6.12", "v5.15", and with switches "5.14+kfuncs-timers". The inverse of text().
  static Result<KernelProfile> parse(std::string_view text);
  std::string text() const;

  friend bool operator==(const KernelProfile&, const KernelProfile&) = default;
};

}  // namespace skep
