// The benchmark programs give the results that programs.def says: their bodies compiled for this
// machine do, so what an engine has to give is known from outside of skep; and the interpreter
// does, with the objects that clang makes of them.
#include "bench/programs/table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "loader/loader.h"
#include "vm/vm.h"

namespace skep {
namespace {

class BenchPrograms : public testing::TestWithParam<BenchProgram> {};

TEST_P(BenchPrograms, NativeResult) {
  const BenchProgram& program = GetParam();
  std::vector<u64> words((program.size + 7) / 8);
  u8* memory = reinterpret_cast<u8*>(words.data());
  fill(program, {memory, program.size});
  EXPECT_EQ(program.native(memory, program.size), program.expected);
  EXPECT_EQ(program.native(memory, program.size), program.expected) << "a second run differs";
}

TEST_P(BenchPrograms, ShortMemoryGivesZero) {
  const BenchProgram& program = GetParam();
  EXPECT_EQ(program.native(nullptr, program.size - 1), 0u);
}

RunResult run_in(const std::shared_ptr<const Image>& image, Mode mode, std::span<u8> memory) {
  auto loaded = make_interpreter({.mode = mode})->load(image, {});
  if (!loaded) {
    ADD_FAILURE() << loaded.error().text;
    return {};
  }
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory.data();
  frame.size = memory.size();
  Env env = Env::deterministic(1);
  return (*loaded)->run(frame, {.env = &env});
}

TEST_P(BenchPrograms, InterpretedResult) {
  const BenchProgram& program = GetParam();
  std::ifstream file(std::string(SKEP_PROGRAM_DIR "/").append(program.name) + ".bpf.o",
                     std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto object = load({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(object) << object.error().text;
  const auto image = object->image(program.name);
  ASSERT_TRUE(image) << image.error().text;
  std::set<u64> insns;
  for (const Mode mode : {Mode::Checked, Mode::Trusted, Mode::Proved}) {
    std::vector<u64> words((program.size + 7) / 8);
    const std::span memory(reinterpret_cast<u8*>(words.data()), program.size);
    fill(program, memory);
    const RunResult result = run_in(*image, mode, memory);
    EXPECT_TRUE(result.ok()) << result.message;
    EXPECT_EQ(result.r0, program.expected) << result.message;
    insns.insert(result.insns);
  }
  EXPECT_EQ(insns.size(), 1u) << "modes count differently";
}

INSTANTIATE_TEST_SUITE_P(All, BenchPrograms, testing::ValuesIn(bench_programs()),
                         [](const auto& p) { return std::string(p.param.name); });

TEST(BenchTable, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const BenchProgram& program : bench_programs()) {
    EXPECT_TRUE(names.insert(program.name).second) << program.name;
  }
}

}  // namespace
}  // namespace skep
