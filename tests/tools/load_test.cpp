// `skep load` with real packets: a pair of devices between two network namespaces, the firewall of
// the examples on one end, a capture sent into the other. What the firewall counted in the kernel
// is what it counts in an emulated run over the same capture.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/support/veth.h"
#include "tests/tools/cli_support.h"
#include "tools/io.h"
#include "tools/output.h"
#include "tools/pcap_file.h"

namespace skep {
namespace {

const std::string kExamples = SKEP_SOURCE_DIR "/examples/";
const std::string kFirewall = SKEP_BINARY_DIR "/bpf/examples/xdp_firewall.bpf.o";
const std::string kPlace = std::string("--attach xdp:") + test::kNearDevice;

// The command running beside the test, in the namespaces of the calling thread.
class Running {
 public:
  explicit Running(const std::string& arguments) {
    const std::string command = "exec " SKEP_COMMAND " " + arguments;
    const std::string folder = work_folder();
    write_file("running.out", "");  // before it runs: what an earlier one wrote is not its own
    write_file("running.err", "");
    child_ = fork();
    if (child_ != 0) return;
    if (chdir(folder.c_str()) != 0) _exit(126);
    dup2(open("running.out", O_CREAT | O_TRUNC | O_WRONLY, 0600), STDOUT_FILENO);
    dup2(open("running.err", O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
    execl("/bin/bash", "bash", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  ~Running() {
    if (child_ > 0) stop(SIGKILL);
  }

  std::string out() const { return read_file("running.out"); }
  std::string err() const { return read_file("running.err"); }
  // Until `count` lines of the output have `text`; false if that takes too long, or it ended.
  bool wait_for(const std::string& text, std::size_t count) {
    for (int turn = 0; turn < 1500; ++turn) {
      std::size_t found = 0;
      const std::string all = out();
      for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++found;
      if (found >= count) return true;
      if (waitpid(child_, &status_, WNOHANG) == child_) {
        child_ = 0;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  // Its exit code; 128 + signal if it was killed.
  int stop(int signal) {
    if (child_ > 0) {
      kill(child_, signal);
      waitpid(child_, &status_, 0);
      child_ = 0;
    }
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }

 private:
  pid_t child_ = 0;
  int status_ = -1;
};

// Of each index of a per-CPU map: what it has over all CPUs.
std::map<u32, std::pair<u64, u64>> sums(const Json& map) {
  std::map<u32, std::pair<u64, u64>> sums;
  for (const Json& entry : map) {
    auto& sum = sums[entry["key"].get<u32>()];
    for (const Json& value : entry["values"]) {
      sum.first += value["value"]["packets"].get<u64>();
      sum.second += value["value"]["bytes"].get<u64>();
    }
  }
  return sums;
}

std::string without_time(const Json& record) {
  return record.get<std::string>().substr(16);
}

// The committed capture, but for frames that are no Ethernet frames, and with one more at the end
// that is dropped: when its record has come, all before it have been judged.
std::vector<Buffer> frames_to_send(const std::string& file) {
  const Capture capture = read_capture(kExamples + "mixed.pcap");
  const Ran ran = run_shell("skep run " + kFirewall + " --pcap " + kExamples +
                            "mixed.pcap --maps " + kExamples + "firewall_rules.json --packets -j");
  const Json each = Json::parse(ran.out)["each"];
  std::vector<Buffer> frames;
  Buffer dropped;
  for (std::size_t i = 0; i < capture.packets.size(); ++i) {
    const auto& bytes = capture.packets[i].bytes;
    if (bytes.size() < 14) continue;
    frames.emplace_back(bytes.begin(), bytes.end());
    if (each[i]["verdict"] == "XDP_DROP") dropped = frames.back();
  }
  frames.push_back(dropped);
  CaptureWriter writer(file, false);
  for (const Buffer& frame : frames) writer.write(0, frame);
  writer.close();
  return frames;
}

TEST(Load, FirewallCountsRealPacketsAsItCountsACapture) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const std::string file = work_folder() + "/sent.pcap";
  const std::vector<Buffer> frames = frames_to_send(file);
  ASSERT_EQ(frames.size(), 221u);
  const std::string maps = " --maps " + kExamples + "firewall_rules.json --dump-maps -j";
  const Json emulated =
      Json::parse(run_shell("skep run " + kFirewall + " --pcap " + file + maps).out);
  std::multiset<std::string> wanted, records;
  for (const Json& record : emulated["maps"]["events"]) wanted.insert(without_time(record));

  const std::string skip = test::on_a_wire([&](const test::Wire& wire) {
    Running load("load " + kFirewall + " " + kPlace + maps);
    ASSERT_TRUE(load.wait_for("\"attached\"", 1)) << load.err();
    for (const Buffer& frame : frames) ASSERT_EQ(wire.send(frame), 0);
    EXPECT_TRUE(load.wait_for("\"event\":\"record\"", wanted.size()));
    EXPECT_EQ(load.stop(SIGINT), 0) << load.err();
    std::istringstream lines(load.out());
    Json last;
    for (std::string line; std::getline(lines, line);) {
      last = Json::parse(line);
      if (last["event"] == "record") records.insert(without_time(last["record"]));
    }
    ASSERT_EQ(last["event"], "end");
    EXPECT_EQ(sums(last["maps"]["by_reason"]), sums(emulated["maps"]["by_reason"]));
    EXPECT_EQ(sums(last["maps"]["by_rule"]), sums(emulated["maps"]["by_rule"]));
    EXPECT_EQ(sums(last["maps"]["by_reason"])[3].first, 63u);  // with the last one
  });
  if (!skip.empty()) GTEST_SKIP() << skip;
  EXPECT_EQ(records, wanted);
  EXPECT_EQ(records.size(), 127u);
}

class Ends : public testing::TestWithParam<int> {};

// The second one can attach only if the first has detached.
TEST_P(Ends, BySignalsAndDetaches) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const std::string skip = test::on_a_wire([&](const test::Wire&) {
    for (int turn = 0; turn < 2; ++turn) {
      Running load("load probe.s " + kPlace);
      ASSERT_TRUE(load.wait_for("attached to xdp:", 1)) << load.err();
      const Ran second = run_shell("skep load probe.s --for 0 " + kPlace);
      EXPECT_EQ(second.code, 1);
      EXPECT_NE(second.err.find("EBUSY"), std::string::npos) << second.err;
      EXPECT_EQ(load.stop(GetParam()), 0) << load.err();
    }
  });
  if (!skip.empty()) GTEST_SKIP() << skip;
}

INSTANTIATE_TEST_SUITE_P(Load, Ends, testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& which) { return std::string(sigabbrev_np(which.param)); });

TEST(Load, PinnedItStaysUntilItsFolderGoes) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const std::string skip = test::on_a_wire([&](const test::Wire& wire) {
    const std::string folder = work_folder() + "/bpffs";
    run_shell("mkdir bpffs");
    ASSERT_EQ(mount("bpf", folder.c_str(), "bpf", 0, nullptr), 0);
    const std::string load =
        "skep load " + kFirewall + " --for 0 --maps " + kExamples + "firewall_rules.json " + kPlace;
    const Ran pinned = run_shell(load + " --pin bpffs/wall");
    EXPECT_EQ(pinned.code, 0) << pinned.err;
    EXPECT_NE(pinned.out.find("pinned in bpffs/wall"), std::string::npos) << pinned.out;
    EXPECT_NE(
        run_shell("ls bpffs/wall/programs bpffs/wall/maps bpffs/wall/links").out.find("by_reason"),
        std::string::npos);
    EXPECT_EQ(run_shell(load).code, 1);  // attached still
    // What fails on the way leaves nothing behind.
    EXPECT_NE(run_shell(load + " --pin bpffs/other").code, 0);
    EXPECT_EQ(run_shell("test -e bpffs/other").code, 1);
    EXPECT_EQ(run_shell("rm -r bpffs/wall").code, 0);
    EXPECT_EQ(run_shell(load).code, 0);
    umount(folder.c_str());
    (void)wire;
  });
  if (!skip.empty()) GTEST_SKIP() << skip;
}

struct WrongCase {
  const char* name;
  const char* options;
  int code;
  const char* err;
};

class Wrong : public testing::TestWithParam<WrongCase> {};

TEST_P(Wrong, SaysWhatIsWrong) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_file("bad.s", "; run: type=xdp\nr0 = *(u64 *)(r1 + 9999)\nexit\n");
  const Ran ran = run_shell(std::string("skep load ") + GetParam().options);
  EXPECT_EQ(ran.code, GetParam().code) << ran.out;
  EXPECT_NE(ran.err.find(GetParam().err), std::string::npos) << ran.err;
}

INSTANTIATE_TEST_SUITE_P(
    Load, Wrong,
    testing::Values(WrongCase{"nowhere", "probe.s", 2, "no section says where"},
                    WrongCase{"no_kind", "probe.s --attach xpd:lo", 2, "[bad_where]"},
                    WrongCase{"no_device", "probe.s --attach xdp:nosuchdevice", 1, "nosuchdevice"},
                    WrongCase{"no_program", "probe.s --attach other=xdp:lo", 2,
                              "no program 'other'"},
                    WrongCase{"no_operations", "probe.s --attach struct_ops:ops", 2, "no such map"},
                    WrongCase{"refused", "bad.s --attach xdp:lo", 1, "invalid bpf_context access"},
                    WrongCase{"no_folder", "probe.s --pin /nosuchfolder/x", 1, "bpf file system"}),
    [](const auto& which) { return std::string(which.param.name); });

}  // namespace
}  // namespace skep
