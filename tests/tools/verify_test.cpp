// `skep verify`: verdicts of skep and of the running kernel on good and bad programs, in text and
// JSON. What other kernels say is in guest_test.cpp.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/tools/cli_support.h"
#include "tools/output.h"

namespace skep {
namespace {

const std::string kObjects = SKEP_BINARY_DIR "/bpf/examples/";

Json verdicts(const std::string& arguments, int code) {
  const Ran ran = run_shell("skep verify " + arguments + " -j");
  EXPECT_EQ(ran.code, code) << ran.out << ran.err;
  return Json::parse(ran.out);
}

TEST(Verify, AcceptsAnObjectByItself) {
  const Json json = verdicts(kObjects + "xdp_firewall.bpf.o", 0);
  ASSERT_EQ(json["programs"].size(), 1u);
  const Json& program = json["programs"][0];
  EXPECT_EQ(json["engine"], "skep");
  EXPECT_EQ(program["name"], "firewall");
  EXPECT_EQ(program["verdict"], "accepted");
  EXPECT_GT(program["visits"], 100);
  const Ran text = run_shell("skep verify " + kObjects + "xdp_firewall.bpf.o --stats");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("1 of 1 accepted by skep"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("insns judged"), std::string::npos) << text.out;
}

TEST(Verify, SaysByItselfWhatIsMissing) {
  write_file("unchecked.s", "; run: type=xdp\nr0 = 0\nr1 = *(u8 *)(r10 + 8)\nexit\n");
  const Json program = verdicts("unchecked.s", 1)["programs"][0];
  EXPECT_EQ(program["verdict"], "rejected");
  EXPECT_EQ(program["code"], "stack_bounds");
  EXPECT_EQ(program["pc"], 1);
  const Ran text = run_shell("skep verify unchecked.s");
  EXPECT_NE(text.out.find("[stack_bounds]"), std::string::npos) << text.out;
  // The size of a raw program's memory is its host's to say.
  write_file("memory.s", "r0 = *(u64 *)(r1 + 8)\nexit\n");
  EXPECT_EQ(run_shell("skep verify memory.s").code, 4);
  EXPECT_EQ(run_shell("skep verify memory.s --memory 16").code, 0);
  EXPECT_EQ(run_shell("skep verify memory.s --memory 8").code, 1);
  // By the rules of an older kernel.
  write_file("loop.s", "; run: type=xdp\nr0 = 0\nr0 += 1\nif r0 < 9 goto -2\nexit\n");
  EXPECT_EQ(run_shell("skep verify loop.s").code, 0);
  EXPECT_EQ(run_shell("skep verify loop.s --kernel 5.2").code, 1);
}

TEST(Verify, ComparesWithTheKernel) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const Json json = verdicts(kObjects + "xdp_firewall.bpf.o --compare", 0);
  EXPECT_EQ(json["different"], 0);
  EXPECT_EQ(json["programs"][0]["kernel"], "accepted");
}

TEST(Verify, AcceptsAnObject) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const Json json = verdicts(kObjects + "xdp_firewall.bpf.o --engine kernel", 0);
  ASSERT_EQ(json["programs"].size(), 1u);
  const Json& program = json["programs"][0];
  EXPECT_EQ(program["name"], "firewall");
  EXPECT_EQ(program["type"], "xdp");
  EXPECT_EQ(program["verdict"], "accepted");
  EXPECT_GT(program["processed_insns"], 100);
  EXPECT_GT(program["total_states"], 1);
  EXPECT_FALSE(program.contains("log"));
  EXPECT_EQ(json["accepted"], 1);
}

TEST(Verify, SaysWhereAndWhyAProgramIsRejected) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_file("bad.s", "; run: type=xdp\nr0 = 0\nr1 = *(u8 *)(r10 + 8)\nexit\n");
  const Json program = verdicts("bad.s --engine kernel", 1)["programs"][0];
  EXPECT_EQ(program["verdict"], "rejected");
  EXPECT_EQ(program["errno"], 13);
  EXPECT_EQ(program["pc"], 1);
  EXPECT_NE(program["message"].get<std::string>().find("invalid read from stack"),
            std::string::npos);
  const Ran text = run_shell("skep verify bad.s --engine kernel --log 1");
  EXPECT_EQ(text.code, 1);
  EXPECT_NE(text.out.find("rejected: "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("insn 1"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("0 of 1 accepted by Linux "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("(71) r1 = *(u8 *)(r10 +8)"), std::string::npos) << text.out;
}

TEST(Verify, SkepsOwnTypesAreNotTheKernels) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  write_file("raw.s", "; run: type=raw\nr0 = 0\nexit\n");
  const Json program = verdicts("raw.s --engine kernel", 1)["programs"][0];
  EXPECT_EQ(program["verdict"], "rejected");
  EXPECT_NE(program["text"].get<std::string>().find("skep's own"), std::string::npos) << program;
}

// One that it rejects does not keep it from the others, and those that the object does not want
// loaded are judged too.
TEST(Verify, JudgesEveryProgram) {
  if (const std::string why = kernel_missing(); !why.empty()) GTEST_SKIP() << why;
  const Json json = verdicts(SKEP_OBJECT_DIR "/verdicts.bpf.o --engine kernel", 1);
  std::map<std::string, std::string> found;
  for (const Json& program : json["programs"]) found[program["name"]] = program["verdict"];
  const std::map<std::string, std::string> expected{
      {"unchecked", "rejected"}, {"checked", "accepted"}, {"unwanted", "accepted"}};
  EXPECT_EQ(found, expected);
  EXPECT_EQ(json["accepted"], 2);
  const Json& unchecked = json["programs"][0];
  EXPECT_NE(unchecked["message"].get<std::string>().find("map_value_or_null"), std::string::npos);
  EXPECT_NE(unchecked["place"].get<std::string>().find("verdicts.bpf.c:"), std::string::npos);
}

TEST(Verify, WrongUse) {
  write_file("good.s", "; run: type=xdp\nr0 = 2\nexit\n");
  const Ran engine = run_shell("skep verify good.s --engine interpreter");
  EXPECT_EQ(engine.code, 2) << engine.err;
  EXPECT_NE(engine.err.find("there are: skep, kernel"), std::string::npos) << engine.err;
  EXPECT_EQ(run_shell("skep verify").code, 2);
  EXPECT_EQ(run_shell("skep verify good.s --log 9").code, 2);
}

TEST(Verify, ObjectsAndProgramsThatAreNotThere) {
  const Ran ran = run_shell("skep verify " + kObjects + "xdp_firewall.bpf.o --prog other");
  EXPECT_EQ(ran.code, 2) << ran.out << ran.err;
  EXPECT_NE(ran.err.find("it has: firewall "), std::string::npos) << ran.err;
  EXPECT_EQ(run_shell("skep verify nothing.o").code, 3);
}

}  // namespace
}  // namespace skep
