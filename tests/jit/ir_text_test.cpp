// The text form: what print() writes parse() reads to the same, for random programs as lifted and
// for every operation there is; what is no text is refused at its line.
#include "jit/ir_text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/jit/modules.h"
#include "tests/support/wild_programs.h"

namespace skep::ir {
namespace {

TEST(IrText, RandomProgramsComeBack) {
  for (u64 seed = 0; seed < 200; ++seed) {
    const Module module = test::lifted(test::wild_program(seed));
    const std::string text = print(module);
    const auto again = parse(text);
    ASSERT_TRUE(again) << again.error().text << "\n" << text;
    ASSERT_EQ(print(*again), text);
    EXPECT_EQ(validate(*again), "");
  }
}

// One line an operation at least, each form of its operands.
constexpr std::string_view kEverything = R"(function 3 @7 cleared=2 leaks {
b0(v0, v1, v2, v3, v4) @7:
  charge 4
  v5 = const -9223372036854775808
  v6 = frame -16
  v7 = run 4 at 16
  v8 = add32 v0, v1
  v9 = sub64 v0, -5
  v10 = mulh64 v8, v9
  v11 = neg32 v10
  v12 = sext32 1 v11
  v13 = zext64 4 v12
  v14 = bswap64 8 v13
  v15 = rotl64 v14, 7
  v16 = address [v15 + v14 * 8 - 4]
  v17 = compare64 v16 s> v15
  v18 = select32 v17 & 1, v16, v15
  v19 = load 2 [v0 + v18 * 2 + 8] signed checked r1
  store 4 [v6 - 4], v19 checked r10 context
  store 1 [v6], 255
  v20 = load_acquire 8 [v6]
  store_release 4 [v6 + 4], v20
  v21 = atomic 8 CmpXchg [v6 + 8], v20, v19 @9
  v22 = atomic 4 AtomicAdd [v6 + 8], v20, _
  v23 = load_context 4 at 16 signed
  store_context 4 at 8, 7
  store_context 4 at 8, v23
  v24 = load_kernel 8 [v23 + 24]
  v25 = load_packet 2 _, 12
  v26 = load_packet 2 v25, 0
  guard [v0 + 4] r1, read 4 at 4 @9, write 2 at 10 @11
  v27 = div64 v26, v25 nonzero
  check_code v27
  check_depth 1
  v28 = call_helper 1 (v0, v1, _, _, _) bounded
  v29 = call_local 2 (v0, v1, v2, v3, v4)
  v30 = callx (v29, v0, v1, v2, v3, v4)
  v31 = tail_call v30, v29
  branch64 v31 s<= -3, b1(v5), b2
b1(v32) @12 cold:
  fault bad_access v32, 8, 3
b2 @13:
  branch32 v31 == v30, b3, b4
b3 @14:
  jump b4
b4 @15:
  exit v31
}
)";

TEST(IrText, EveryOperation) {
  const auto module = parse(kEverything);
  ASSERT_TRUE(module) << module.error().text;
  EXPECT_EQ(print(*module), kEverything);
  std::vector<bool> seen(kOps, false);
  for (const Inst& inst : module->functions[0].insts)
    seen[static_cast<std::size_t>(inst.op)] = true;
  std::vector<Shape> shapes;
  for (int i = 0; i < kOps; ++i) {
    if (seen[static_cast<std::size_t>(i)]) shapes.push_back(row(static_cast<Op>(i)).shape);
  }
  for (int i = 0; i < kOps; ++i) {
    const OpRow& op = row(static_cast<Op>(i));
    EXPECT_NE(std::ranges::find(shapes, op.shape), shapes.end()) << op.name;
  }
}

struct Bad {
  const char* name;
  const char* text;
  const char* complaint;
};
class BadText : public testing::TestWithParam<Bad> {};
TEST_P(BadText, IsRefused) {
  const auto module = parse(GetParam().text);
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().text.find(GetParam().complaint), std::string::npos)
      << module.error().text;
}

const Bad kBad[] = {
    {"no_function", "block", "line 1: expected 'function'"},
    {"no_block", "function 0 @0 {\n  v0 = const 1\n}", "line 2: expected a block"},
    {"no_operation", "function 0 @0 {\nb0 @0:\n  v0 = frobnicate 1\n}",
     "line 3: expected an operation"},
    {"no_number", "function 0 @0 {\nb0 @0:\n  v0 = const x\n}", "line 3: expected a number"},
    {"no_definition", "function 0 @0 {\nb0 @0:\n  exit v9\n}", "expected a definition of v9"},
    {"no_end", "function 0 @0 {\nb0 @0:\n", "expected"},
    {"no_code", "function 0 @0 {\nb0 @0:\n fault nonsense 1, 2, 3\n}", "expected a code"},
    {"no_condition", "function 0 @0 {\nb0(v0) @0:\n branch64 v0 ~~ 3, b0, b0\n}",
     "expected a condition"},
    {"too_large", "function 0 @0 {\nb0 @0:\n v1 = const 99999999999999999999\n}",
     "expected a number"},
};
INSTANTIATE_TEST_SUITE_P(IrText, BadText, testing::ValuesIn(kBad),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace skep::ir
