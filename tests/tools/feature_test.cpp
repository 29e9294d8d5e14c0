// `skep feature`: its own JSON read again, bpftool's, and what is neither.
#include <gtest/gtest.h>
#include <unistd.h>

#include "helpers/spec/proto.h"
#include "tests/tools/cli_support.h"
#include "tools/feature_json.h"

namespace skep {
namespace {

TEST(Feature, ReadsWhatItWrote) {
  KernelFacts facts;
  facts.release = "6.12.1-test";
  facts.version = {6, 12};
  TypeFacts type;
  type.type = ProgramType::xdp;
  type.attach_type = AttachType::xdp_devmap;
  type.loads = type.helpers_asked = type.contexts_asked = true;
  type.helpers = {1, 44};
  type.accesses = {{0, 4, true, false}};
  facts.types.push_back(type);
  TypeFacts refused;
  refused.type = ProgramType::lsm;
  refused.error = 1;
  refused.why = "EPERM";
  facts.types.push_back(refused);
  facts.maps = {{MapType::hash, true}, {MapType::rhash, false}};
  facts.features = {{Feature::may_goto, false}};
  facts.limits = {{Limit::frames, 8}};
  facts.unasked = {"map type devmap: EPERM"};
  const Json json = facts_to_json(facts);
  EXPECT_EQ(json["profile"], "6.12-may_goto");
  const KernelFacts again = facts_from_json(json, "test");
  EXPECT_EQ(facts_to_json(again), json);
  EXPECT_EQ(again.types.at(0).attach_type, AttachType::xdp_devmap);
  EXPECT_EQ(again.types.at(0).helpers, type.helpers);
  EXPECT_FALSE(again.types.at(1).helpers_asked);
  EXPECT_EQ(again.types.at(1).why, "EPERM");
  EXPECT_EQ(again.types.at(0).accesses, type.accesses);
}

TEST(Feature, ReadsBpftool) {
  const Json json =
      Json::parse(R"({"system_config": {}, "syscall_config": {"have_bpf_syscall": true},
    "program_types": {"have_xdp_prog_type": true, "have_netfilter_prog_type": false},
    "map_types": {"have_hash_map_type": true, "have_arena_map_type": false},
    "helpers": {"xdp_available_helpers": ["bpf_map_lookup_elem", "bpf_redirect_map", "bpf_from_afar"]},
    "misc": {"have_bounded_loops": true}})");
  const KernelFacts facts = facts_from_json(json, "test");
  ASSERT_EQ(facts.types.size(), 2u);
  EXPECT_EQ(facts.types[0].helpers, (std::vector<u32>{1, 51}));
  EXPECT_FALSE(facts.types[1].loads);
  EXPECT_EQ(facts.maps.size(), 2u);
  EXPECT_EQ(facts.version, (Version{4, 14}));  // that brought bpf_redirect_map
  // Helpers that it lists nowhere, it did not ask for.
  EXPECT_TRUE(facts.types[0].helpers_asked);
  EXPECT_EQ(facts.helpers_unasked.size(), kHelperCount - 2);
}

// One that knows only the words in which older kernels refuse lists every helper everywhere.
TEST(Feature, DistrustsABpftoolThatTakesAllForAllowed) {
  const Json json = Json::parse(R"({"system_config": {}, "program_types":
    {"have_xdp_prog_type": true, "have_socket_filter_prog_type": true}, "map_types": {},
    "helpers": {"xdp_available_helpers": ["bpf_xdp_adjust_head", "bpf_skb_load_bytes"],
                "socket_filter_available_helpers": ["bpf_xdp_adjust_head", "bpf_skb_load_bytes"]}})");
  const KernelFacts facts = facts_from_json(json, "test");
  for (const TypeFacts& type : facts.types) EXPECT_FALSE(type.helpers_asked);
  EXPECT_EQ(facts.unasked.size(), 1u);
  EXPECT_EQ(facts.version, (Version{4, 8}));  // that brought XDP
}

TEST(Feature, AsksTheRunningKernel) {
  const Ran asked = run_shell("skep feature -j > here.json && skep feature --from here.json -j");
  if (asked.code == 4) GTEST_SKIP() << "needs permission: " << asked.err;
  ASSERT_EQ(asked.code, 0) << asked.err;
  const Json again = Json::parse(asked.out);
  EXPECT_EQ(again, Json::parse(read_file("here.json")));
  EXPECT_EQ(again["map_types"]["hash"], true);
  const Ran shown = run_shell("skep feature --from here.json");
  EXPECT_NE(shown.out.find("\n  cgroup_sock_addr         cgroup_inet4_bind "), std::string::npos)
      << shown.out;
}

TEST(Feature, SaysWhatIsMissing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs permission: to give up those of root";
  const Ran ran = run_shell("setpriv --bounding-set=-all -- " SKEP_COMMAND " feature");
  EXPECT_EQ(ran.code, 4);
  EXPECT_NE(ran.err.find("[no_kernel]"), std::string::npos) << ran.err;
  if (ran.err.find("EPERM") != std::string::npos) {
    EXPECT_NE(ran.err.find("this process lacks CAP_BPF"), std::string::npos) << ran.err;
  }
}

TEST(Feature, RefusesWhatIsNeither) {
  for (const char* text :
       {"[]", "{}", "{\"kernel\": 6}", "{\"kernel\": \"six\"}",
        "{\"kernel\": \"6.1\", \"map_types\": {\"hash\": 1}}",
        "{\"kernel\": \"6.1\", \"program_types\": [7]}",
        "{\"kernel\": \"6.1\", \"program_types\": {}}", R"({"kernel": "6.1", "unasked": [1]})",
        R"({"kernel": "6.1", "program_types":
                              [{"type": "xdp", "loads": true, "attach_type": "lsm_mac"}]})"}) {
    write_file("bad.json", text);
    const Ran ran = run_shell("skep feature --from bad.json");
    EXPECT_EQ(ran.code, 3) << text;
    EXPECT_NE(ran.err.find("[bad_probe]"), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace skep
