// The same objects by --engine interpreter and --engine kernel: the same answers. Skipped where the
// kernel can't be asked, but for what does not need it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "isa/types.h"
#include "tests/tools/cli_support.h"
#include "tools/engine.h"

namespace skep {
namespace {

const std::string kExamples = SKEP_SOURCE_DIR "/examples/";
const std::string kObjects = SKEP_BINARY_DIR "/bpf/examples/";

// Both answers without what may differ: speed, counts of insns, who answered, where the packet
// went.
Json answer(const std::string& command, const std::string& engine) {
  const Ran ran = run_shell(command + " -j --engine " + engine);
  Json json = Json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << ran.out << ran.err;
  EXPECT_EQ(json.value("engine", ""), engine) << ran.err;
  for (const char* key : {"engine", "insns", "nanoseconds", "redirect", "clones"}) json.erase(key);
  return json;
}

struct SameCase {
  const char* name;
  const char* command;  // run in the folder of write_programs()
};

void write_programs() {
  write_file("counts.s",
             "; run: type=xdp\n; map h: array key=4 value=8 entries=2\n*(u32 *)(r10 - 4) = 1\nr2 = "
             "r10\nr2 += -4\nr1 = map[h]\ncall map_lookup_elem\nif r0 == 0 goto out\n"
             "r1 = *(u64 *)(r0 + 0)\nr1 += 5\n*(u64 *)(r0 + 0) = r1\nout: r0 = 2\nexit\n");
  write_file("marks.s",
             "; run: type=sched_cls\nr2 = *(u32 *)(r1 + 8)\nr2 += 1\n*(u32 *)(r1 + 8) = r2\n"
             "*(u32 *)(r1 + 48) = 77\nr0 = *(u32 *)(r1 + 0)\nexit\n");
  write_file("protocol.s", "; run: type=socket_filter\nr0 = *(u32 *)(r1 + 16)\nexit\n");
  write_file("tc_protocol.s", "; run: type=sched_cls\nr0 = *(u32 *)(r1 + 16)\nexit\n");
  write_file("type.s", "; run: type=sched_cls\nr0 = *(u32 *)(r1 + 4)\nexit\n");
  write_file("version.s", "; run: type=cgroup_skb\nr0 = *(u32 *)(r1 + 16)\nr0 &= 1\nexit\n");
  write_file("shrinks.s",
             "; run: type=xdp\nr6 = r1\nr2 = 4\ncall xdp_adjust_head\nr1 = r6\nr2 = -10\n"
             "call xdp_adjust_tail\nr0 = 2\nexit\n");
  write_file("arguments.s",
             "; run: type=syscall\nr0 = *(u64 *)(r1 + 0)\n*(u64 *)(r1 + 8) = 7\nexit\n");
  write_file(
      "percpu.s",
      "; run: type=xdp\n; map h: percpu_array key=4 value=8 entries=1\n"
      "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[h]\ncall map_lookup_elem\n"
      "if r0 == 0 goto out\ncall get_smp_processor_id\nr6 = r0\nr6 += 3\nr2 = r10\nr2 += -4\n"
      "r1 = map[h]\ncall map_lookup_elem\nif r0 == 0 goto out\n*(u64 *)(r0 + 0) = r6\n"
      "out: r0 = 2\nexit\n");
  write_file("h.json", R"([{"key": 1, "value": "0100000000000000"}])");
}

// The rest of a header: the kernel takes no IP packet without one.
#define IPV4_REST "001400000000400600007f0000017f000001"
#define IPV4_FIRST "4500" IPV4_REST
constexpr SameCase kSame[] = {
    {"maps", "skep run counts.s --map h=h.json --dump-maps"},
    {"repeat", "skep run counts.s --dump-maps --repeat 100"},
    {"context", "skep run marks.s --ctx mark=41 --ctx priority=3"},
    {"context_of_packet", "skep run marks.s --data 000102030405060708090a0b08004500" IPV4_REST},
    {"protocol", "skep run protocol.s --data 00000000000000000000000008004500" IPV4_REST},
    {"protocol_of_length", "skep run protocol.s --data 000000000000000000000000002045000000"},
    {"protocol_of_raw_length",
     "skep run tc_protocol.s --data 0000000000000000000000000020ffff0000"},
    {"packet_type_of_host", "skep run type.s --data 0000000000000000000000000800" IPV4_FIRST},
    {"packet_type_of_others", "skep run type.s --data 0202020202020000000000000800" IPV4_FIRST},
    {"packet_type_of_multicast", "skep run type.s --data 0100000000010000000000000800" IPV4_FIRST},
    {"packet_type_of_broadcast", "skep run type.s --data ffffffffffff0000000000000800" IPV4_FIRST},
    {"version", "skep run version.s --data 4500000000000000000000000000000000000000"},
    {"packet", "skep run shrinks.s"},
    {"arguments", "skep run arguments.s --data 05000000000000000600000000000000"},
    {"arguments_repeat", "skep run arguments.s --data 05000000000000000600000000000000 --repeat 3"},
};

class Same : public testing::TestWithParam<SameCase> {};

TEST_P(Same, OnBothEngines) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_programs();
  EXPECT_EQ(answer(GetParam().command, "interpreter"), answer(GetParam().command, "kernel"));
}

INSTANTIATE_TEST_SUITE_P(Engines, Same, testing::ValuesIn(kSame),
                         [](const auto& which) { return std::string(which.param.name); });
#undef IPV4_FIRST
#undef IPV4_REST

// The kernel has the CPUs that there are; programs see the one that they run on.
TEST(Engines, TheKernelsCpusAreThisMachines) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_programs();
  const Json kernel = answer("skep run percpu.s --dump-maps", "kernel");
  const std::string cpus = std::to_string(kernel["maps"]["h"][0]["values"].size());
  EXPECT_EQ(kernel["maps"]["h"][0]["values"][0]["value"], "0300000000000000");
  EXPECT_EQ(kernel, answer("skep run percpu.s --dump-maps --cpus " + cpus, "interpreter"));
  EXPECT_EQ(kernel, answer("skep run percpu.s --dump-maps --cpus " + cpus, "kernel"));
  EXPECT_NE(run_shell("skep run percpu.s --engine kernel --cpu 1000").err.find("engine_cannot"),
            std::string::npos);
}

// What a program prints comes from the kernel's trace, mounted here for this test alone.
TEST(Engines, PrintAlike) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_file("prints.s",
             "; run: type=sched_cls\nr6 = *(u32 *)(r1 + 0)\nr1 = 0x6c250a3d6c616d73 ll\n"
             "*(u64 *)(r10 - 16) = r1\n*(u32 *)(r10 - 8) = 0x75\nr1 = r10\nr1 += -16\n"
             "r2 = 10\nr3 = r6\ncall trace_printk\nr0 = 0\nexit\n");
  const std::string mounted =
      "unshare -m sh -c 'mount -t tracefs none /sys/kernel/tracing && exec \"$@\"' sh ";
  if (const Ran mount = run_shell(mounted + "true"); mount.code != 0)
    GTEST_SKIP() << "needs permission: " << mount.err;
  const std::string command = "run prints.s --data 000102030405060708090a0b0c0d0e0f1011121314 -j";
  const Ran ours = run_shell("skep " + command);
  const Ran theirs = run_shell(mounted + SKEP_COMMAND " " + command + " --engine kernel");
  const Json expected = Json::parse(ours.out), found = Json::parse(theirs.out);
  ASSERT_EQ(expected["printk"].size(), 1u) << ours.out;
  EXPECT_EQ(expected["printk"][0], "smal=\n21");
  EXPECT_EQ(found["printk"], expected["printk"]) << theirs.out << theirs.err;
}

// Records begin with a time.
std::multiset<std::string> without_times(const Json& records) {
  std::multiset<std::string> rest;
  for (const Json& record : records) rest.insert(record.get<std::string>().substr(16));
  return rest;
}

// Packets, and per-CPU counts, of the firewall over the committed capture.
TEST(Engines, JudgeACaptureAlike) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_programs();
  const std::size_t cpus =
      answer("skep run percpu.s --dump-maps", "kernel")["maps"]["h"][0]["values"].size();
  const std::string command =
      "skep run " + kObjects + "xdp_firewall.bpf.o --pcap " + kExamples + "mixed.pcap --maps " +
      kExamples + "firewall_rules.json --packets --dump-maps --cpus " + std::to_string(cpus);
  const Json ours = answer(command, "interpreter"), theirs = answer(command, "kernel");
  ASSERT_EQ(ours["each"].size(), 223u);
  ASSERT_EQ(theirs["each"].size(), 223u);
  std::size_t refused = 0;
  for (std::size_t i = 0; i < ours["each"].size(); ++i) {
    if (ours["each"][i]["length"] < 14) {  // the kernel takes none shorter than its header
      EXPECT_EQ(theirs["each"][i]["verdict"], "fault");
      ++refused;
    } else {
      EXPECT_EQ(ours["each"][i]["verdict"], theirs["each"][i]["verdict"]) << i;
    }
  }
  EXPECT_EQ(refused, 3u);
  EXPECT_EQ(theirs["faults"], 3);
  const auto our_events = without_times(ours["maps"]["events"]),
             their_events = without_times(theirs["maps"]["events"]);
  EXPECT_EQ(their_events.size(), 126u);
  EXPECT_TRUE(std::ranges::includes(our_events, their_events));
}

struct RefusedCase {
  const char* name;
  const char* options;
};
constexpr RefusedCase kRefused[] = {
    {"trace", "--trace"},
    {"budget", "--budget 100"},
    {"trusted", "--mode trusted"},
    {"seed", "--seed 1"},
    {"task", "--task pid=7"},
    {"machine", "--machine arm64"},
    {"cpus", "--cpus 1000"},
    {"memory", "--ctx ingress_ifindex=@user:text"},
    {"field", "--ctx egress_ifindex=7"},
};

class Refused : public testing::TestWithParam<RefusedCase> {};

// Before the kernel is asked for anything, so this needs no permission.
TEST_P(Refused, ByTheKernel) {
  write_programs();
  const Ran ran = run_shell(std::string("skep run counts.s --engine kernel ") + GetParam().options);
  EXPECT_EQ(ran.code, 4) << ran.out;
  EXPECT_NE(ran.err.find("[engine_cannot]"), std::string::npos) << ran.err;
  if (ran.err.find("not in this build") != std::string::npos)
    GTEST_SKIP() << "needs kernel feature: " << ran.err;
  const std::string option(GetParam().options, std::strcspn(GetParam().options, " "));
  EXPECT_NE(ran.err.find(option), std::string::npos) << ran.err;
}

INSTANTIATE_TEST_SUITE_P(Engines, Refused, testing::ValuesIn(kRefused),
                         [](const auto& which) { return std::string(which.param.name); });

TEST(Engines, AreNamedInTheTable) {
  EXPECT_EQ(std::string(find_engine("interpreter").name), "interpreter");
  EXPECT_TRUE(find_engine("interpreter").emulates);
  EXPECT_TRUE(find_engine("interpreter").traces);
  EXPECT_TRUE(find_engine("jit:O0").emulates);
  EXPECT_FALSE(find_engine("jit").traces);
  try {
    find_engine("jet");
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.error.code, Code::usage);
    EXPECT_NE(failure.error.text.find("kernel"), std::string::npos);
  }
}

}  // namespace
}  // namespace skep
