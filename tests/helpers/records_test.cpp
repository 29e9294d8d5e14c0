// The `since` of our rows against the public record of when Linux got what
// (tests/data/linux-versions.tsv): helpers, kernel functions, map types, program types, attach
// types, and the features that have a name there. What differs is in a list here, with its reason;
// one that is no difference any more fails.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "helpers/spec/kfunc.h"
#include "helpers/spec/map_spec.h"
#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"
#include "isa/insn.h"
#include "tests/support/facts_table.h"

namespace skep {
namespace {

using test::upper;

// The record: by kind and name as Linux has it, "helper bpf_loop".
const std::map<std::string, Version>& record() {
  static const auto all = [] {
    std::map<std::string, Version> versions;
    for (const auto& row : test::facts(SKEP_SOURCE_DIR "/tests/data/linux-versions.tsv")) {
      for (const std::string& name : test::split(row[2], ','))
        versions[row[0] + " " + name] = test::version(row[1]);
    }
    return versions;
  }();
  return all;
}

struct Explanation {
  std::string_view line, reason;
};
constexpr const char* kNoAttach = "the record leaves it out; a running 6.18 knows it";
constexpr Explanation kExplanations[] = {
    {"helper bpf_get_prandom_u32: the table says 4.1, the record 4.17",
     "the record lost a letter: commit 03e69b508b6f is in 4.1"},
    {"kfunc bpf_dynptr_is_rdonly: the table says 6.5, the record 5.19",
     "5.19 had it for the kernel itself; programs got it with bpf_dynptr_is_null"},
    {"kfunc bpf_strnlen: the record has none",
     "it came with bpf_strlen, and the BTF of a running 6.18 has it"},
    {"map_type BPF_MAP_TYPE_RHASH: the record has none", "later than the record"},
    {"attach_type BPF_STRUCT_OPS: the record has none", kNoAttach},
    {"attach_type BPF_NETFILTER: the record has none", kNoAttach},
    {"attach_type BPF_TRACE_UPROBE_MULTI: the record has none", kNoAttach},
    {"attach_type BPF_CGROUP_UNIX_CONNECT: the record has none", kNoAttach},
    {"attach_type BPF_CGROUP_UNIX_SENDMSG: the record has none", kNoAttach},
    {"attach_type BPF_CGROUP_UNIX_RECVMSG: the record has none", kNoAttach},
    {"attach_type BPF_CGROUP_UNIX_GETPEERNAME: the record has none", kNoAttach},
    {"attach_type BPF_CGROUP_UNIX_GETSOCKNAME: the record has none", kNoAttach},
    {"attach_type BPF_TRACE_UPROBE_SESSION: the record has none", kNoAttach},
};

// Features that came with something that the record has.
struct Named {
  Feature feature;
  const char* name;
};
constexpr Named kNamed[] = {
    {Feature::spin_locks, "helper bpf_spin_lock"},
    {Feature::timers, "helper bpf_timer_init"},
    {Feature::dynptrs, "helper bpf_dynptr_read"},
    {Feature::kptrs, "helper bpf_kptr_xchg"},
    {Feature::callbacks, "helper bpf_for_each_map_elem"},
    {Feature::packet_dynptrs, "kfunc bpf_dynptr_from_xdp"},
    {Feature::open_coded_iterators, "kfunc bpf_iter_num_new"},
    {Feature::exceptions, "kfunc bpf_throw"},
    {Feature::local_objects, "kfunc bpf_obj_new_impl"},
    {Feature::trees, "kfunc bpf_rbtree_first"},
    {Feature::workqueues, "kfunc bpf_wq_init"},
    {Feature::resilient_locks, "kfunc bpf_res_spin_lock"},
    {Feature::rcu_sections, "kfunc bpf_rcu_read_lock"},
    {Feature::preemption, "kfunc bpf_preempt_disable"},
    {Feature::arenas, "map_type BPF_MAP_TYPE_ARENA"},
    {Feature::jump_tables, "map_type BPF_MAP_TYPE_INSN_ARRAY"},
    {Feature::extensions, "program_type BPF_PROG_TYPE_EXT"},
    {Feature::btf, "command BPF_BTF_LOAD"},
    {Feature::frozen_maps, "command BPF_MAP_FREEZE"},
    {Feature::tokens, "command BPF_TOKEN_CREATE"},
    {Feature::mapped_arrays, "flag BPF_F_MMAPABLE"},
    {Feature::sleepable, "flag BPF_F_SLEEPABLE"},
    {Feature::fragmented_packets, "flag BPF_F_XDP_HAS_FRAGS"},
};

class Comparison {
 public:
  void compare(const std::string& name, Version since) {
    const auto found = record().find(name);
    ++rows_;
    if (found == record().end())
      lines_.push_back(fmt::format("{}: the record has none", name));
    else if (found->second != since)
      lines_.push_back(fmt::format("{}: the table says {}.{}, the record {}.{}", name, since.major,
                                   since.minor, found->second.major, found->second.minor));
  }

  void expect_explained() const {
    std::vector<bool> used(std::size(kExplanations));
    for (const std::string& line : lines_) {
      const auto* found = std::ranges::find(kExplanations, line, &Explanation::line);
      if (found == std::end(kExplanations))
        ADD_FAILURE() << line;
      else
        used[static_cast<std::size_t>(found - kExplanations)] = true;
    }
    for (std::size_t i = 0; i < used.size(); ++i)
      EXPECT_TRUE(used[i]) << "no difference: " << kExplanations[i].line << ": "
                           << kExplanations[i].reason;
  }
  u32 rows() const { return rows_; }

 private:
  std::vector<std::string> lines_;
  u32 rows_ = 0;
};

// The earliest version of an attach type in any program type.
Version earliest(u32 attach_type) {
  Version since = kNever;
  for (const AttachRow& row : attach_rows()) {
    if (static_cast<u32>(row.attach_type) == attach_type) since = std::min(since, row.since);
  }
  return since;
}

TEST(Records, SayTheSameVersions) {
  Comparison comparison;
  for (const HelperProto& helper : helpers())
    comparison.compare(fmt::format("helper bpf_{}", helper.name), helper.since);
  for (const KfuncRow& kfunc : kfuncs())
    comparison.compare(fmt::format("kfunc {}", kfunc.name), kfunc.since);
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id)
    comparison.compare("map_type BPF_MAP_TYPE_" + upper(kind->name), kind->since);
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type != ProgramType::unspec && row.since != kNever)
      comparison.compare("program_type BPF_PROG_TYPE_" + upper(row.name), row.since);
  }
  for (u32 id = 0; !attach_type_name(id).empty(); ++id)
    comparison.compare("attach_type BPF_" + upper(attach_type_name(id)), earliest(id));
  for (const Named& named : kNamed)
    comparison.compare(named.name, feature_rows()[static_cast<std::size_t>(named.feature)].since);
  EXPECT_EQ(comparison.rows(), 677u);
  comparison.expect_explained();
}

// And the other way round: what the record has, a row has.
TEST(Records, HaveNothingThatNoRowHas) {
  for (const auto& [name, since] : record()) {
    const auto parts = test::split(name, ' ');
    if (parts[0] == "helper") {
      EXPECT_NE(find_helper(parts[1]), nullptr) << name;
    } else if (parts[0] == "kfunc") {
      EXPECT_NE(find_kfunc(parts[1]), nullptr) << name;
    }
  }
}

}  // namespace
}  // namespace skep
