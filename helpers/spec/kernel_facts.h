// KernelFacts: what one kernel answered when it was asked: program types with their helpers and
// context accesses, map types, features, limits. The running kernel's are asked by kernel/probe.h;
// others come from files. A KernelProfile follows from them, and the tables of this folder can be
// compared with them.
// Tested by tests/helpers/kernel_facts_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "helpers/spec/map_spec.h"
#include "helpers/spec/profile.h"
#include "helpers/spec/program_type.h"

namespace skep {

struct ContextAccess {
  u16 offset = 0;
  u8 size = 0;
  bool read = false;
  bool write = false;
  friend bool operator==(const ContextAccess&, const ContextAccess&) = default;
};

// One program type under one attach type, where that is looked at when the program is loaded.
struct TypeFacts {
  ProgramType type{};
  AttachType attach_type = AttachType::none;
  bool loads = false;
  int error = 0;                        // errno of the load that was refused
  std::string why;                      // it was refused, as far as that can be told
  bool helpers_asked = false;           // else `helpers` says nothing
  bool contexts_asked = false;          // else `accesses` says nothing
  std::vector<u32> helpers;             // ids, ascending
  std::vector<ContextAccess> accesses;  // those that are allowed, by offset and size
};

struct KernelFacts {
  std::string release;  // as uname(2) has it, "" if not known
  Version version;
  std::vector<TypeFacts> types;
  std::vector<std::pair<MapType, bool>> maps;      // those that were asked
  std::vector<std::pair<Feature, bool>> features;  // those that were asked
  std::vector<std::pair<Limit, u64>> limits;       // those that were measured
  std::vector<u32> helpers_unasked;                // ids that no type was asked for, ascending
  std::vector<std::string> unasked;                // what could not be asked, and what was missing

  // The version, with the features switched that were asked and are otherwise.
  KernelProfile profile() const;
};

// "6.18.5-foo" to 6.18; bad_kernel_version if that is none.
Result<Version> version_of_release(std::string_view release);

// Where the tables, for that version, say something else than the kernel, a line each. Nothing is
// said of what was not asked, or was forbidden to ask (EPERM).
std::vector<std::string> differences(const KernelFacts& facts);

}  // namespace skep
