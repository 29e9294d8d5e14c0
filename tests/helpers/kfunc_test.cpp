// The rows of kernel functions: names once each, and who may call which when.
#include "helpers/spec/kfunc.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace skep {
namespace {

TEST(Kfuncs, HaveOneRowEach) {
  std::set<std::string_view> names;
  for (const KfuncRow& row : kfuncs()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(find_kfunc(row.name), &row);
    EXPECT_GE(row.since, 5.13_v) << row.name;
    EXPECT_NE(row.where, where::None) << row.name;
  }
  EXPECT_EQ(names.size(), 318u);
  EXPECT_EQ(find_kfunc("no_such_function"), nullptr);
}

TEST(Kfuncs, IteratorsComeInThrees) {
  int made = 0, moved = 0, destroyed = 0;
  for (const KfuncRow& row : kfuncs()) {
    made += row.has(kfunc_flags::IteratorNew);
    moved += row.has(kfunc_flags::IteratorNext);
    destroyed += row.has(kfunc_flags::IteratorDestroy);
  }
  EXPECT_EQ(made, 9);
  EXPECT_EQ(moved, made);
  EXPECT_EQ(destroyed, made);
}

struct CallCase {
  const char* name;
  const char* kfunc;
  ProgramType type;
  KernelProfile profile;
  bool may;
};

class WhoMayCallKfuncs : public testing::TestWithParam<CallCase> {};

TEST_P(WhoMayCallKfuncs, FollowsTheRows) {
  const KfuncRow* row = find_kfunc(GetParam().kfunc);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(may_call(*row, GetParam().type, GetParam().profile), GetParam().may);
}

const KernelProfile kNew{6, 18};

INSTANTIATE_TEST_SUITE_P(
    All, WhoMayCallKfuncs,
    testing::Values(
        CallCase{"anyone", "bpf_iter_num_new", ProgramType::xdp, kNew, true},
        CallCase{"not_yet", "bpf_iter_num_new", ProgramType::xdp, {6, 3}, false},
        CallCase{"xdp_only", "bpf_xdp_metadata_rx_hash", ProgramType::xdp, kNew, true},
        CallCase{"not_tc", "bpf_xdp_metadata_rx_hash", ProgramType::sched_cls, kNew, false},
        CallCase{"tracing", "bpf_task_acquire", ProgramType::tracing, {6, 2}, true},
        CallCase{"tracepoint", "bpf_task_acquire", ProgramType::tracepoint, kNew, true},
        CallCase{"tracepoint_early", "bpf_task_acquire", ProgramType::tracepoint, {6, 11}, false},
        CallCase{"tracepoint_common", "bpf_iter_num_new", ProgramType::tracepoint, {6, 4}, true},
        CallCase{"still", "hid_bpf_get_data", ProgramType::tracing, {6, 10}, true},
        CallCase{"no_more", "hid_bpf_get_data", ProgramType::tracing, {6, 11}, false},
        CallCase{"instead", "hid_bpf_get_data", ProgramType::struct_ops, {6, 11}, true},
        CallCase{"backported", "bpf_task_acquire", ProgramType::tracepoint,
                 KernelProfile(6, 11).with(Feature::kfuncs_in_tracepoints), true}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
