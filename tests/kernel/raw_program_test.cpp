// Programs of type raw in the kernel: as they are, over memory in a map.
#include "kernel/raw_program.h"

#include <gtest/gtest.h>

#include "helpers/contexts/frames.h"
#include "kernel/backend.h"
#include "tests/support/image.h"
#include "tests/support/run_on_zeros.h"
#include "vm/vm.h"

namespace skep {
namespace {

using test::image_of;

struct RawCase {
  const char* name;
  const char* text;
  std::vector<u8> memory;
  u32 r0;
};

const RawCase kCases[] = {
    {"Length", "r0 = r2\nexit\n", std::vector<u8>(100), 100},
    {"NoMemory", "r0 = r2\nr0 += 7\nexit\n", {}, 7},
    {"Bytes", "r0 = *(u32 *)(r1 + 4)\nexit\n", {0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12}, 0x12345678},
    {"VariableIndex",
     "r3 = *(u8 *)(r1 + 0)\nr3 &= 7\nr1 += r3\nr0 = *(u8 *)(r1 + 0)\nexit\n",
     {5, 0, 0, 0, 0, 42, 0, 0},
     42},
    {"BackToTheFirstInsn", "again:\nr2 -= 1\nif r2 s> 3 goto again\nr0 = r2\nexit\n",
     std::vector<u8>(9), 3},
    {"LocalCall", "call twice\nexit\ntwice:\nr0 = *(u8 *)(r1 + 1)\nr0 += r0\nexit\n", {0, 21}, 42},
};

class RawPrograms : public testing::TestWithParam<RawCase> {};

TEST_P(RawPrograms, GiveTheSameInTheKernel) {
  if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  const RawCase& test = GetParam();
  const auto raw = image_of(test.text, ProgramType::raw);
  const auto image = as_kernel_program(*raw, test.memory);
  ASSERT_TRUE(image) << image.error().text;
  EXPECT_EQ((*image)->program.size(), raw->program.size() + kRawPrologue);
  EXPECT_EQ((*image)->maps->size(), 1u);
  Vm vm;
  const auto backend = make_kernel_backend();
  const auto instance = vm.load({{*image}}, *backend);
  ASSERT_TRUE(instance) << instance.error().text;
  const InstanceProgram& program = (*instance)->programs()[0];
  ASSERT_NE(program.loaded, nullptr) << program.error->text;
  const RunResult result = test::run_on_zeros(*program.loaded, ProgramType::xdp);
  EXPECT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.r0, test.r0);
}

INSTANTIATE_TEST_SUITE_P(All, RawPrograms, testing::ValuesIn(kCases),
                         [](const auto& p) { return std::string(p.param.name); });

TEST(RawProgram, MemoryThatNoMapHoldsIsAnError) {
  const auto raw = image_of("r0 = 0\nexit\n", ProgramType::raw);
  // Never read: the size alone decides, before anything is copied.
  const u8 byte = 0;
  EXPECT_FALSE(as_kernel_program(*raw, {&byte, std::size_t{1} << 40}));
}

TEST(RawProgram, LinesAndFunctionsMoveAlong) {
  const auto raw = image_of("call f\nexit\nf:\nr0 = 1\nexit\n", ProgramType::raw);
  const auto image = as_kernel_program(*raw, {});
  ASSERT_TRUE(image) << image.error().text;
  const auto functions = (*image)->program.subprograms();
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].first.value, 0u);
  EXPECT_EQ(functions[1].first.value, 2 + kRawPrologue);
  EXPECT_EQ(functions[1].end.value, (*image)->program.size());
}

TEST(RawProgram, EmptyProgramsDoNothing) {
  const auto image = empty_program(ProgramType::sched_cls);
  ASSERT_TRUE(image) << image.error().text;
  EXPECT_EQ((*image)->program.size(), 2u);
  EXPECT_EQ((*image)->type, ProgramType::sched_cls);
}

}  // namespace
}  // namespace skep
