// The examples do what they promise. The firewall's numbers are those of Linux 6.18, which ran the
// same object over the same packets (BPF_PROG_TEST_RUN; it refuses the three packets shorter than
// an Ethernet header, which the firewall calls malformed).
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "isa/types.h"
#include "tests/tools/cli_support.h"

namespace skep {
namespace {

using Json = nlohmann::json;

const std::string kExamples = SKEP_SOURCE_DIR "/examples/";
const std::string kObjects = SKEP_BINARY_DIR "/bpf/examples/";

Json run_firewall(const std::string& options) {
  const Ran ran = run_shell("skep run " + kObjects + "xdp_firewall.bpf.o --pcap " + kExamples +
                            "mixed.pcap --maps " + kExamples + "firewall_rules.json -j " + options);
  EXPECT_EQ(ran.code, 0) << ran.err;
  return Json::parse(ran.out, nullptr, false);
}

// Of each index of a per-CPU map: packets and bytes over all CPUs.
std::map<u32, std::pair<u64, u64>> sums(const Json& map) {
  std::map<u32, std::pair<u64, u64>> sums;
  for (const Json& entry : map) {
    auto& sum = sums[entry["key"]];
    for (const Json& value : entry["values"]) {
      sum.first += value["value"]["packets"].get<u64>();
      sum.second += value["value"]["bytes"].get<u64>();
    }
  }
  return sums;
}

struct ReasonCase {
  const char* name;
  u64 packets;
};

// In the order of enum reason. MALFORMED_ETHERNET: the kernel's 2, and the 3 that it refuses.
constexpr ReasonCase kReasons[] = {
    {"passed", 68},
    {"passed_not_ip", 13},
    {"allowed_source", 13},
    {"blocked_source", 62},
    {"blocked_port", 15},
    {"malformed_ethernet", 5},
    {"malformed_ipv4", 14},
    {"malformed_ipv6", 14},
    {"malformed_transport", 4},
    {"bad_checksum", 2},
    {"tiny_fragment", 5},
    {"too_many_tags", 7},
    {"too_many_extensions", 1},
};

TEST(Firewall, JudgesAsTheKernelDoes) {
  for (const char* mode : {"checked", "trusted"}) {
    const Json answer = run_firewall(std::string("--cpus 3 --dump-maps --mode ") + mode);
    EXPECT_EQ(answer["packets"], 223);
    EXPECT_EQ(answer["verdicts"], Json({{"XDP_DROP", 129}, {"XDP_PASS", 94}}));
    EXPECT_EQ(answer["faults"], 0);
    const auto reasons = sums(answer["maps"]["by_reason"]);
    for (u32 i = 0; i < std::size(kReasons); ++i) {
      EXPECT_EQ(reasons.at(i).first, kReasons[i].packets) << kReasons[i].name;
    }
    EXPECT_EQ(reasons.at(0).second, 4984u);
    EXPECT_EQ(reasons.at(3).second, 4655u);
    EXPECT_EQ(answer["maps"]["events"].size(), 129u);
    EXPECT_EQ(answer["maps"]["xdp_fire.bss"],
              Json::parse(R"([{"key": 0, "value": {"lost_events": 0, "unused_drop_event": 0}}])"));
  }
}

TEST(Firewall, CountsEachRuleAndReportsEachDrop) {
  const Json answer = run_firewall("--dump-maps --records events=drop_event");
  std::map<u32, u64> drops;  // by rule
  for (const Json& event : answer["maps"]["events"]) {
    ++drops[event["rule"]];
    EXPECT_EQ(event["rule"] != 0,
              event["reason"] == "BLOCKED_SOURCE" || event["reason"] == "BLOCKED_PORT")
        << event;
  }
  const auto rules = sums(answer["maps"]["by_rule"]);
  for (const auto& [rule, sum] : rules) {
    const bool allows = rule == 2 || rule == 5;
    if (rule == 0) continue;
    EXPECT_EQ(sum.first, allows ? 13 - rules.at(rule == 2 ? 5 : 2).first : drops[rule]) << rule;
  }
}

TEST(Firewall, TakesItsConfigurationFromRodata) {
  const Json answer = run_firewall("--set verify_checksums=false --dump-map by_reason");
  EXPECT_EQ(sums(answer["maps"]["by_reason"]).at(9).first, 0u);
}

TEST(Firewall, EveryClassOfTrafficIsThere) {
  const Json answer = run_firewall("");
  for (const char* kind :
       {"ARP",           "IPv4 ICMP", "IPv4 TCP",    "IPv4 UDP", "IPv4 fragment", "IPv4 options",
        "IPv4 other",    "IPv6 ESP",  "IPv6 ICMPv6", "IPv6 TCP", "IPv6 UDP",      "IPv6 extensions",
        "IPv6 fragment", "QinQ IPv4", "QinQ IPv6",   "VLAN ARP", "VLAN IPv4",     "VLAN IPv6",
        "VLAN x3+ IPv4", "malformed", "other",       "truncated"}) {
    EXPECT_TRUE(answer["classes"].contains(kind)) << kind << " in " << answer["classes"];
  }
}

TEST(Firewall, PassesOnWhatItPasses) {
  run_firewall("--pcap-out passed.pcap");
  const Ran again =
      run_shell("skep run " + kObjects + "xdp_firewall.bpf.o --pcap passed.pcap --maps " +
                kExamples + "firewall_rules.json -j");
  EXPECT_EQ(Json::parse(again.out, nullptr, false)["verdicts"], Json({{"XDP_PASS", 94}}));
}

TEST(OpenPath, PrintsThePath) {
#if defined(SKEP_HOST_ARM64)
  const std::string machine = "arm64";
#else
  const std::string machine = "x86-64";
#endif
  const std::string run = "skep run " + kObjects + "open_path.bpf.o --machine " + machine;
  EXPECT_TRUE(run_shell(run + " --ctx arg2=@user:/etc/passwd")
                  .out.starts_with("printk: open: /etc/passwd (12 bytes)\nr0 = 0\n"));
  // A bad address is the program's to handle, and no fault; and neither is kernel memory the
  // user's.
  EXPECT_TRUE(run_shell(run + " --ctx arg2=0x1234")
                  .out.starts_with("printk: open: path unreadable: -14\n"));
  EXPECT_TRUE(run_shell(run + " --ctx arg2=@kernel:/etc/passwd")
                  .out.starts_with("printk: open: path unreadable: -14\n"));
}

}  // namespace
}  // namespace skep
