// `skep jit`: the stages that it shows, of a program small enough to know them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/cli_support.h"
#include "tools/output.h"

namespace skep {
namespace {

constexpr const char* kProgram =
    "; run: type=raw\nr0 = 6\nr0 *= 7\n*(u64 *)(r10 - 8) = r0\nr0 = *(u64 *)(r10 - 8)\nexit\n";

Json dump(const std::string& arguments) {
  write_file("small.s", kProgram);
  const Ran ran = run_shell("skep jit small.s -j " + arguments);
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  return Json::parse(ran.out)["programs"][0];
}

TEST(JitCommand, ShowsTheRepresentation) {
  const Json program = dump("--dump ir:lifted,ir");
  const std::string lifted = program["ir"]["lifted"], last = program["ir"]["last"];
  EXPECT_NE(lifted.find("mul64"), std::string::npos) << lifted;
  EXPECT_NE(lifted.find("store 8"), std::string::npos) << lifted;
  EXPECT_NE(last.find("const 42"), std::string::npos) << last;
  EXPECT_EQ(last.find("store"), std::string::npos) << last;
}

TEST(JitCommand, ShowsCodeOfBothMachines) {
  for (const std::string target : {"x64", "a64"}) {
    const Json program = dump("--dump code,stats --target " + target);
    EXPECT_NE(program["code"].get<std::string>().find(target == "x64" ? "ret" : "ret x30"),
              std::string::npos)
        << program["code"];
    EXPECT_GT(program["stats"]["code_bytes"], 0);
  }
}

TEST(JitCommand, LevelsDiffer) {
  const u32 plain = dump("--dump stats --level O0")["stats"]["insts"];
  const u32 optimised = dump("--dump stats")["stats"]["insts"];
  EXPECT_LT(optimised, plain);
}

TEST(JitCommand, NamesThePasses) {
  write_file("small.s", kProgram);
  const Ran ran = run_shell("skep jit small.s --dump ir:nothing");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("lifted, params"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace skep
