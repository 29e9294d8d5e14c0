// `skep bench` over the project's own programs: every engine gives the result that programs.def
// says, and native code, compiled from the same bodies, says the same from outside of skep. Times
// are not looked at.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "isa/types.h"
#include "tests/tools/cli_support.h"

namespace skep {
namespace {

using Json = nlohmann::json;

const std::string kPrograms = SKEP_BINARY_DIR "/bpf/programs";
const std::string kNative = "native:" + kPrograms + "/libnative-check.so";
constexpr const char* kShort = " --rounds 1 --sample 0.001 -j ";

Json bench(const std::string& arguments, int code = 0) {
  const Ran ran = run_shell("skep bench " + arguments + kShort);
  EXPECT_EQ(ran.code, code) << ran.err << ran.out;
  return Json::parse(ran.out, nullptr, false);
}

// The cells of one engine: how many ran, were refused, are errors (shown).
struct Counts {
  u32 ran = 0, refused = 0, wrong = 0;
};
Counts count(const Json& document, const std::string& engine) {
  Counts counts;
  for (const Json& program : document["programs"]) {
    const Json& cell = program["engines"].value(engine, Json::object());
    counts.ran += cell.contains("min_ns") ? 1 : 0;
    counts.refused += cell.contains("refused") ? 1 : 0;
    if (!cell.contains("error")) continue;
    ++counts.wrong;
    ADD_FAILURE() << program["name"] << " on " << engine << ": " << cell["error"];
  }
  return counts;
}

TEST(Bench, EveryProgramGivesItsResultOnEveryEngineInUserSpace) {
  const Json document = bench(kPrograms + " --engine interpreter,interpreter:trusted," + kNative);
  const std::size_t programs = document["programs"].size();
  EXPECT_GE(programs, 28u);
  for (const char* engine : {"interpreter", "interpreter:trusted", "native-check"}) {
    const Counts counts = count(document, engine);
    EXPECT_EQ(counts.ran, programs) << engine;
    EXPECT_EQ(counts.refused, 0u) << engine;
  }
  std::set<std::string> names;
  for (const Json& program : document["programs"]) {
    EXPECT_GE(program["insns"].get<u64>(), 2u) << program["name"];
    EXPECT_TRUE(names.insert(program["name"]).second) << program["name"];
  }
  EXPECT_EQ(document["reference"], "native-check");
}

// Some of each sort: others keep the verifier busy for seconds.
TEST(Bench, TheKernelGivesTheSameResults) {
  for (const char* names : {"m*", "h*", "t*"}) {
    const Json document = bench(kPrograms + " --prog '" + names + "' --engine interpreter,kernel");
    const Json& column = document["engines"][1];
    if (!column["present"].get<bool>()) GTEST_SKIP() << "needs permission: " << column["reason"];
    EXPECT_GE(document["programs"].size(), 1u) << names;
    EXPECT_EQ(count(document, "kernel").ran, document["programs"].size()) << document.dump(1);
  }
}

TEST(Bench, AbsentEnginesAreShownAsAbsent) {
  const Json document = bench(kPrograms + " --prog fnv --engine interpreter,jit,native:nowhere.so");
  EXPECT_EQ(document["engines"][0]["present"], true);
  EXPECT_EQ(document["engines"][2]["present"], false);
  EXPECT_NE(document["engines"][2]["reason"], "");
  EXPECT_EQ(document["reference"], "");
}

TEST(Bench, OneObjectOnDataOfTheCommandLine) {
  const std::string object = kPrograms + "/csum20.bpf.o ";
  const Json document = bench(
      object + "--data 4500003c1c4640004006b1e6ac100a63ac100a0c --engine interpreter," + kNative);
  ASSERT_EQ(document["programs"].size(), 1u);
  EXPECT_EQ(document["programs"][0]["name"], "csum20");
  EXPECT_TRUE(document["programs"][0]["engines"]["native-check"].contains("ratio"));
  // Packets of a program for packets: 64 zero bytes if nothing is given.
  const Json packets = bench(kPrograms + "/headers.bpf.o --engine interpreter");
  EXPECT_EQ(packets["programs"][0]["r0"], 1);
}

TEST(Bench, AnotherResultIsAnErrorAndExitCode1) {
  const std::filesystem::path folder = std::filesystem::path(work_folder()) / "wrong_result";
  std::filesystem::create_directories(folder);
  std::filesystem::copy(kPrograms + "/fnv.bpf.o", folder,
                        std::filesystem::copy_options::overwrite_existing);
  write_file(
      "wrong_result/bench.json",
      R"({"programs": [{"name": "hash", "object": "fnv.bpf.o", "program": "fnv", "r0": 5}]})");
  const Json document = bench("wrong_result --engine interpreter", 1);
  const Json& cell = document["programs"][0]["engines"]["interpreter"];
  EXPECT_EQ(cell["error"], "r0 is 0x0, not 0x5");
  EXPECT_FALSE(cell.contains("min_ns"));
}

TEST(Bench, FilesAndComparison) {
  const std::string what = kPrograms + " --prog 'csum*' --engine interpreter," + kNative;
  bench(what + " --out before.json --html page.html");
  EXPECT_EQ(Json::parse(read_file("before.json"))["programs"].size(), 2u);
  EXPECT_NE(read_file("page.html").find("csum1500"), std::string::npos);
  const Json document = bench(what + " --against before.json --limit 10000");
  EXPECT_EQ(document["against"].size(), 2u);
}

TEST(Bench, WrongUse) {
  write_file("no_result.json", "{}");
  const struct {
    const char* arguments;
    int code;
  } kCases[] = {
      {"--engine nothing", 2},
      {"--engine interpreter,interpreter", 2},
      {"--engine interpreter --reference kernel", 2},
      {"--engine interpreter --prog nothing", 2},
      {"--engine interpreter --against no_result.json", 3},
      {"--engine interpreter --against not_there.json", 3},
      {"--rounds 0", 2},
  };
  for (const auto& test : kCases) {
    const Ran ran = run_shell("skep bench " + kPrograms + " " + test.arguments);
    EXPECT_EQ(ran.code, test.code) << test.arguments << "\n" << ran.err;
  }
}

}  // namespace
}  // namespace skep
