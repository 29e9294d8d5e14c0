// Our tables against the public record of who may use what: helpers by program and attach type
// (tests/data/linux-helper-relations.tsv), helpers by map type (the same file), kernel functions by
// program type and with their flags (tests/data/linux-kfunc-sets.tsv). Kernels' own answers, which
// count more, are in matrix_test.cpp. What differs is in a list here, with its reason.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "helpers/spec/kfunc.h"
#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"
#include "isa/insn.h"
#include "tests/support/explained.h"
#include "tests/support/facts_table.h"

namespace skep {
namespace {

using test::Explanation;
using test::split;
using test::upper;

const KernelProfile kNewest{7, 2};

const char* word(bool yes) {
  return yes ? "yes" : "no";
}

// ---- helpers

// Where the record lets a helper be called.
struct Permission {
  Version since;
  std::vector<std::string> attach_types;  // none: any

  bool has(const std::string& attach_type) const {
    return attach_types.empty() ||
           std::ranges::find(attach_types, attach_type) != attach_types.end();
  }
};
using Members = std::map<std::string, Permission>;

struct Row {
  std::string holder;
  Permission permission;
  std::vector<std::string> members;
};

const std::vector<Row>& rows() {
  static const auto all = [] {
    std::vector<Row> rows;
    for (const auto& cells :
         test::facts(SKEP_SOURCE_DIR "/tests/data/linux-helper-relations.tsv")) {
      Permission permission{test::version(cells[1] == "0" ? "0.0" : cells[1]), {}};
      if (cells[2] != "-") permission.attach_types = split(cells[2], ',');
      rows.push_back({cells[0], permission, split(cells[3], ',')});
    }
    return rows;
  }();
  return all;
}

void add(Members& members, const std::string& name, const Permission& permission) {
  const auto [known, added] = members.try_emplace(name, permission);
  if (added) return;
  auto& attach_types = known->second.attach_types;
  known->second.since = std::min(known->second.since, permission.since);
  if (attach_types.empty() || permission.attach_types.empty()) {
    attach_types.clear();
  } else {
    attach_types.insert(attach_types.end(), permission.attach_types.begin(),
                        permission.attach_types.end());
  }
}

// The helpers of a holder, those of its groups among them.
Members members_of(const std::string& holder) {
  Members members;
  std::vector<std::string> excluded;
  for (const Row& row : rows()) {
    if (row.holder != holder) continue;
    for (const std::string& member : row.members) {
      if (member.starts_with('!')) {
        excluded.push_back(member.substr(1));
      } else if (member.starts_with('@')) {
        for (auto [name, permission] : members_of("group " + member.substr(1))) {
          permission.since = std::max(permission.since, row.permission.since);
          if (!row.permission.attach_types.empty())
            permission.attach_types = row.permission.attach_types;
          add(members, name, permission);
        }
      } else if (!member.empty()) {
        add(members, member, row.permission);
      }
    }
  }
  for (const std::string& name : excluded) members.erase(name);
  return members;
}

std::vector<AttachType> attach_types_of(ProgramType type) {
  std::vector<AttachType> all;
  for (const AttachRow& row : attach_rows()) {
    if (row.type == type) all.push_back(row.attach_type);
  }
  if (all.empty()) all.push_back(AttachType::none);
  return all;
}

// The first kernel on which our tables let the helper be called.
Version earliest(const HelperProto& helper, ProgramType type, AttachType attach_type) {
  for (u16 major = 3; major < 8; ++major) {
    for (u16 minor = 0; minor < 21; ++minor) {
      if (may_call(helper, type, attach_type, KernelProfile(major, minor))) return {major, minor};
    }
  }
  return {};
}

// Whether a kernel that was asked (tests/data/kernel-helpers.tsv) took the helper in programs of
// the type, attached somehow; nothing where none was asked. `only`: this one, 0 is 6.1; else any.
std::optional<bool> kernels_say(const HelperProto& helper, const ProgramTypeRow& type,
                                std::optional<std::size_t> only = {}) {
  static const auto answers = test::facts(SKEP_SOURCE_DIR "/tests/data/kernel-helpers.tsv");
  std::optional<bool> taken;
  for (const auto& cells : answers) {
    if (split(cells[0], ':')[0] != type.name) continue;
    if (!taken) taken = false;
    const auto kernels = split(cells[1], ' ');
    const bool yes =
        only ? kernels[*only] == "y" : std::ranges::find(kernels, "y") != kernels.end();
    const auto ids = test::ranges(cells[2]);
    if (yes && std::ranges::find(ids, helper.id) != ids.end()) taken = true;
  }
  return taken;
}

// Differences, and how many more there were in which a kernel's own answer is on the table's side.
struct Differences {
  std::vector<std::string> lines;
  u32 decided = 0;
};

// The differences of one helper in one program type: a line where all attach types differ alike, or
// one for each that differs; and a line where the version differs that the record names.
void compare(const HelperProto& helper, const ProgramTypeRow& type, const Members& record,
             Differences& differences) {
  const auto found = record.find(fmt::format("bpf_{}", helper.name));
  std::vector<std::string> lines;
  bool all = true;
  const auto attach_types = attach_types_of(type.type);
  for (const AttachType attach_type : attach_types) {
    const std::string attach = upper(attach_type_name(static_cast<u32>(attach_type)));
    const bool there = found != record.end() && found->second.has("BPF_" + attach);
    const bool table = may_call(helper, type.type, attach_type, kNewest);
    all = all && there != table;
    if (there != table)
      lines.push_back(fmt::format("{} in {}:{}: the table says {}, the record {}", helper.name,
                                  type.name, attach, word(table), word(there)));
    if (!there || !table || found->second.since == Version{}) continue;
    const Version since = std::max({found->second.since, helper.since, type.since});
    const Version ours = std::max(earliest(helper, type.type, attach_type), type.since);
    const bool early = ours <= 6.1_v && since > 6.1_v && kernels_say(helper, type, 0) == true;
    if (since == ours) continue;
    if (early) {
      ++differences.decided;
    } else {
      differences.lines.push_back(fmt::format("{} in {}:{}: the table says {}.{}, the record {}.{}",
                                              helper.name, type.name, attach, ours.major,
                                              ours.minor, since.major, since.minor));
    }
  }
  if (all) {
    const bool table = may_call(helper, type.type, attach_types[0], kNewest);
    if (kernels_say(helper, type) == table) {
      ++differences.decided;
      return;
    }
    lines = {fmt::format("{} in {}: the table says {}, the record {}", helper.name, type.name,
                         word(table), word(!table))};
  }
  differences.lines.insert(differences.lines.end(), lines.begin(), lines.end());
}

constexpr Explanation kHelperExplanations[] = {
    {"setsockopt in cgroup_sock_addr:CGROUP_UNIX_", "", "later than the record's list", 5},
    {"getsockopt in cgroup_sock_addr:CGROUP_UNIX_", "", "later than the record's list", 5},
    {"get_retval in cgroup_sock_addr:", "", "refused to some attach types, which these are not", 8},
    {"set_retval in cgroup_sock_addr:", "", "refused to some attach types, which these are not", 8},
    {"get_cgroup_classid in ", "", "in the list of all types, as 6.18 answered for others", 3},
    {"", " in struct_ops: the table says yes, the record no",
     "in the list of all types, as kernels answered for others", 16},
    {"setsockopt in tracing:TRACE_ITER", "", "iterators over sockets have it", 1},
    {"getsockopt in tracing:TRACE_ITER", "", "iterators over sockets have it", 1},
    {"get_attach_cookie in tracing:TRACE_ITER", "", "it needs a trampoline", 1},
    {"get_attach_cookie in lsm:LSM_CGROUP", "", "it needs a trampoline", 1},
    {"get_func_", "", "these have trampolines too", 3},
    {"", ": the record has none", "not of Linux, or one that takes what it extends for its type",
     3},
};

TEST(Relations, HelpersHaveTheProgramTypesOfTheRecord) {
  Differences differences;
  u32 compared = 0;
  for (const ProgramTypeRow& type : program_types()) {
    const Members record = members_of("program_type BPF_PROG_TYPE_" + upper(type.name));
    if (record.empty()) {
      differences.lines.push_back(fmt::format("{}: the record has none", type.name));
      continue;
    }
    for (const HelperProto& helper : helpers()) compare(helper, type, record, differences);
    compared += kHelperCount;
  }
  EXPECT_EQ(compared, 6541u);
  EXPECT_EQ(differences.decided, 526u);
  test::expect_explained(differences.lines, kHelperExplanations);
}

// ---- maps

// What a map must allow for a helper to take it; no bits if the helper takes none.
u32 ops_of(const HelperProto& helper) {
  for (const Arg& arg : helper.args) {
    if (arg.kind == ArgKind::Map) return arg.detail;
  }
  return kNoOps;
}

constexpr Explanation kMapExplanations[] = {
    {"", " of rhash: the table says yes, the record no", "later than the record", 4},
    {"map_delete_elem of ", "", "programs may call it, and get -EINVAL", 2},
    {"map_lookup_elem of devmap", "", "programs may look it up and read", 2},
    {"ringbuf_", " of ringbuf: the table says no, the record yes", "takes a record, not the map",
     4},
};

TEST(Relations, MapsHaveTheHelpersOfTheRecord) {
  std::vector<std::string> differences;
  u32 compared = 0;
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    const Members record = members_of("map_type BPF_MAP_TYPE_" + upper(kind->name));
    for (const HelperProto& helper : helpers()) {
      const bool there = record.contains(fmt::format("bpf_{}", helper.name));
      const bool table = (kind->ops & ops_of(helper)) != 0;
      ++compared;
      if (there != table)
        differences.push_back(fmt::format("{} of {}: the table says {}, the record {}", helper.name,
                                          kind->name, word(table), word(there)));
    }
  }
  EXPECT_EQ(compared, 7385u);
  test::expect_explained(differences, kMapExplanations);
}

// ---- kernel functions

struct Flag {
  std::string_view name;
  u32 bit;
};
constexpr Flag kFlags[] = {
    {"ACQUIRE", kfunc_flags::Acquires},
    {"RELEASE", kfunc_flags::Releases},
    {"RET_NULL", kfunc_flags::MayReturnNull},
    {"TRUSTED_ARGS", kfunc_flags::TrustedArgs},
    {"SLEEPABLE", kfunc_flags::MaySleep},
    {"DESTRUCTIVE", kfunc_flags::Destructive},
    {"RCU", kfunc_flags::RcuArgs},
    {"ITER_NEW", kfunc_flags::IteratorNew},
    {"ITER_NEXT", kfunc_flags::IteratorNext},
    {"ITER_DESTROY", kfunc_flags::IteratorDestroy},
    {"RCU_PROTECTED", kfunc_flags::InRcu},
    {"FASTCALL", kfunc_flags::KeepsRegisters},
    {"IMPLICIT_ARGS", kfunc_flags::ImplicitArgs},
    {"ARENA_RET", kfunc_flags::ReturnsArena},
    {"ARENA_ARG2", kfunc_flags::ArenaArg2},
};

u32 flag_of(std::string_view name) {
  const auto* found = std::ranges::find(kFlags, name, &Flag::name);
  EXPECT_NE(found, std::end(kFlags)) << name;
  return found == std::end(kFlags) ? 0 : found->bit;
}

std::string names_of(u32 flags) {
  std::string names;
  for (const Flag& flag : kFlags) {
    if ((flags & flag.bit) != 0) names += fmt::format("{}{}", names.empty() ? "" : "+", flag.name);
  }
  return names.empty() ? "none" : names;
}

// The versions in which a type may call a function: from `since` until before `until`.
struct Span {
  Version since, until = kNever;
  bool has(Version version) const { return since <= version && version < until; }
};

struct Function {
  u32 flags = 0;
  std::map<std::string, std::vector<Span>> types;  // UNSPEC: all
  std::vector<std::string> except;                 // of those

  bool has(const std::string& type, Version version) const {
    if (std::ranges::find(except, type) != except.end()) return false;
    return std::ranges::any_of(types, [&](const auto& of) {
      return (of.first == type || of.first == "UNSPEC") &&
             std::ranges::any_of(of.second, [&](const Span& span) { return span.has(version); });
    });
  }
};

// "TRACING@6.3^6.11" taken apart.
std::pair<std::string, Span> parse_type(std::string_view text) {
  Span span;
  if (const auto at = text.find('^'); at != text.npos) {
    span.until = test::version(text.substr(at + 1));
    text = text.substr(0, at);
  }
  if (const auto at = text.find('@'); at != text.npos) {
    span.since = test::version(text.substr(at + 1));
    text = text.substr(0, at);
  }
  return {std::string(text), span};
}

std::map<std::string, Function> functions() {
  std::map<std::string, Function> all;
  for (const auto& cells : test::facts(SKEP_SOURCE_DIR "/tests/data/linux-kfunc-sets.tsv")) {
    for (const std::string& text : split(cells[2], ',')) {
      const auto without = split(text, '!');
      const auto flags = split(without[0], '+');
      Function& function = all[flags[0]];
      for (std::size_t i = 1; i < flags.size(); ++i) function.flags |= flag_of(flags[i]);
      function.except.assign(without.begin() + 1, without.end());
      for (const std::string& type : split(cells[1], ',')) {
        const auto [name, span] = parse_type(type);
        function.types[name].push_back(span);
      }
    }
  }
  return all;
}

constexpr const char* kNoSuchMap =
    "such programs may call it, and have no map with what it takes: check_map_prog_compatibility";
constexpr Explanation kFunctionExplanations[] = {
    {"bpf_list_", "", kNoSuchMap, 44},
    {"bpf_rbtree_", "", kNoSuchMap, 30},
    {"bpf_res_spin_", "", kNoSuchMap, 72},
    {"bpf_wq_", "", kNoSuchMap, 80},
};

TEST(Relations, KernelFunctionsHaveTheProgramTypesAndFlagsOfTheRecord) {
  constexpr Version kAsked[] = {{6, 1}, {6, 6}, {6, 10}, {6, 12}, {6, 15}, {6, 18}, {7, 2}};
  std::vector<std::string> differences;
  u32 compared = 0;
  for (const auto& [name, function] : functions()) {
    const KfuncRow* row = find_kfunc(name);
    if (row == nullptr) {
      differences.push_back(fmt::format("{}: the table has none", name));
      continue;
    }
    if (row->flags != function.flags)
      differences.push_back(fmt::format("{}: the table says {}, the record {}", name,
                                        names_of(row->flags), names_of(function.flags)));
    for (const ProgramTypeRow& type : program_types()) {
      if (type.type == ProgramType::unspec || type.since == kNever) continue;
      for (const Version version : kAsked) {
        if (version < row->since) continue;
        const bool there = function.has(upper(type.name), version);
        const bool table = may_call(*row, type.type, KernelProfile(version));
        ++compared;
        if (there != table)
          differences.push_back(fmt::format("{} in {} of {}.{}: the table says {}, the record {}",
                                            name, type.name, version.major, version.minor,
                                            word(table), word(there)));
      }
    }
  }
  EXPECT_EQ(compared, 43168u);
  test::expect_explained(differences, kFunctionExplanations);
}

}  // namespace
}  // namespace skep
