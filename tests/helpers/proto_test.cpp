// The helpers' rows: numbers, names, arguments in a form that checks can rely on, and who may call.
// All 211 rows were compared once with what kernels 6.1, 6.12 and 6.18 answer for 38 kinds of
// program; they differ only where the kernels' configuration leaves a helper out.
#include "helpers/spec/proto.h"

#include <gtest/gtest.h>

#include <string>

namespace skep {
namespace {

TEST(Helpers, AreAllThereByIdAndName) {
  EXPECT_EQ(kHelperCount, 211u);
  u32 expected = 1;
  for (const HelperProto& helper : helpers()) {
    EXPECT_EQ(helper.id, expected++);
    EXPECT_EQ(find_helper(helper.id), &helper);
    EXPECT_EQ(find_helper(helper.name), &helper);
    EXPECT_EQ(find_helper("bpf_" + std::string(helper.name)), &helper);
    EXPECT_NE(helper.where, where::None) << helper.name;
    EXPECT_GE(helper.since, 3.18_v) << helper.name;
    EXPECT_LE(helper.since, 6.18_v) << helper.name;
  }
  EXPECT_EQ(find_helper(0u), nullptr);
  EXPECT_EQ(find_helper(212u), nullptr);
  EXPECT_EQ(find_helper(~0u), nullptr);
  EXPECT_EQ(find_helper("nothing"), nullptr);
}

TEST(Helpers, VersionsNeverGoBackWithTheId) {
  for (u32 id = 2; id <= kHelperCount; ++id) {
    EXPECT_LE(find_helper(id - 1)->since, find_helper(id)->since) << find_helper(id)->name;
  }
}

bool wants_size(ArgKind kind) {
  return kind == ArgKind::Mem || kind == ArgKind::MemOrNull || kind == ArgKind::WriteMem ||
         kind == ArgKind::WriteMemOrNull || kind == ArgKind::UninitMem;
}
bool is_size(ArgKind kind) {
  return kind == ArgKind::Size || kind == ArgKind::SizeOrZero;
}
bool wants_map(ArgKind kind) {
  return kind == ArgKind::MapKey || kind == ArgKind::MapValue || kind == ArgKind::UninitMapValue;
}
bool has_detail(ArgKind kind) {
  return kind == ArgKind::FixedMem || kind == ArgKind::WriteFixedMem ||
         kind == ArgKind::UninitFixedMem;
}

TEST(Helpers, ArgumentsThatBelongTogetherAreTogether) {
  for (const HelperProto& helper : helpers()) {
    SCOPED_TRACE(helper.name);
    u32 maps = 0, releases = 0;
    for (u32 i = 0; i < helper.args.size(); ++i) {
      const Arg& arg = helper.args[i];
      if (i >= helper.arg_count()) {
        EXPECT_EQ(arg.kind, ArgKind::None) << "a gap";
      }
      maps += arg.kind == ArgKind::Map;
      releases += arg.releases;
      const bool size_follows = i + 1 < helper.args.size() && is_size(helper.args[i + 1].kind);
      EXPECT_EQ(wants_size(arg.kind), size_follows) << "argument " << i + 1;
      if (wants_map(arg.kind)) {
        EXPECT_EQ(maps, 1u) << "argument " << i + 1;
      }
      if (has_detail(arg.kind)) {
        EXPECT_GT(arg.detail, 0u) << "argument " << i + 1;
      }
    }
    EXPECT_LE(releases, 1u);
  }
}

struct CallCase {
  const char* name;
  const char* helper;
  ProgramType type;
  AttachType attach_type;
  KernelProfile profile;
  bool may;
};

class WhoMayCall : public testing::TestWithParam<CallCase> {};

TEST_P(WhoMayCall, FollowsTheRows) {
  const CallCase& test = GetParam();
  const HelperProto* helper = find_helper(test.helper);
  ASSERT_NE(helper, nullptr);
  EXPECT_EQ(may_call(*helper, test.type, test.attach_type, test.profile), test.may);
}

constexpr auto kNone = AttachType::none;
constexpr auto kSockAddr = ProgramType::cgroup_sock_addr;

INSTANTIATE_TEST_SUITE_P(
    All, WhoMayCall,
    testing::Values(
        CallCase{"since", "ringbuf_output", ProgramType::xdp, kNone, {5, 8}, true},
        CallCase{"before", "ringbuf_output", ProgramType::xdp, kNone, {5, 7}, false},
        CallCase{"other_type", "xdp_adjust_head", ProgramType::sched_cls, kNone, {6, 18}, false},
        CallCase{"later", "get_current_pid_tgid", ProgramType::xdp, kNone, {6, 10}, true},
        CallCase{"not_yet", "get_current_pid_tgid", ProgramType::xdp, kNone, {6, 9}, false},
        CallCase{"earlier", "get_current_pid_tgid", ProgramType::kprobe, kNone, {4, 2}, true},
        CallCase{"attached", "bind", kSockAddr, AttachType::cgroup_inet4_connect, {6, 1}, true},
        CallCase{"not_so", "bind", kSockAddr, AttachType::cgroup_inet4_bind, {6, 1}, false},
        CallCase{
            "infrared_has_few", "ringbuf_output", ProgramType::lirc_mode2, kNone, {6, 18}, false},
        CallCase{
            "infrared_has_maps", "map_lookup_elem", ProgramType::lirc_mode2, kNone, {6, 18}, true}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Helpers, SomeHaveVariants) {
  const HelperProto* of_packet = find_helper(46, ProgramType::sched_cls);
  const HelperProto* of_socket = find_helper(46, ProgramType::tracing);
  EXPECT_EQ(of_packet, find_helper(46));
  EXPECT_EQ(of_packet->args[0].kind, ArgKind::Context);
  EXPECT_EQ(of_socket->args[0].kind, ArgKind::BtfSockCommonOrNull);
  EXPECT_EQ(of_socket->name, "get_socket_cookie");
  EXPECT_EQ(find_helper(1, ProgramType::tracing), find_helper(1));
  EXPECT_EQ(find_helper(999, ProgramType::tracing), nullptr);
}

}  // namespace
}  // namespace skep
