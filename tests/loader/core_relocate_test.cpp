// CO-RE relocations of types and enumerators, malformed and ambiguous ones, and the relocator's
// state. Those of fields are in core_fields_test.cpp.
#include "tests/support/core_case.h"

namespace skep {
namespace {

using namespace test::core;

u32 enum_ab(B& b) {
  return b.enumeration("e", {{"A", 1}, {"B", 2}});
}
u32 enum_b5(B& b) {
  return b.enumeration("e", {{"X", 0}, {"B___new", 5}});
}
u32 enum_negative(B& b) {
  return b.enumeration("e", {{"A", 0}, {"B", static_cast<u32>(-7)}}, 4, true);
}
u32 enum64_b(B& b) {
  return b.enumeration64("e", {{"B", 0x1234567890}});
}
u32 enum64_ab(B& b) {
  return b.enumeration64("e", {{"A", 1}, {"B", 0xffffffffffff}});
}
u32 typedef_of_enum(B& b) {
  return b.alias("e_t", b.enumeration("", {{"A", 1}, {"B", 2}}));
}
u32 typedef_of_enum_b9(B& b) {
  return b.alias("e_t", b.enumeration("", {{"B", 9}}));
}

u32 typedef_of_struct(B& b) {
  return b.alias("s_t", plain(b));
}
u32 anonymous(B& b) {
  return b.structure("", 4, {{"a", u32_type(b), 0}});
}

const Case kTypes[] = {
    {"id_here", plain, nothing, "0", TypeIdLocal, mov(77), mov(3)},
    {"id_here_anonymous", anonymous, nothing, "0", TypeIdLocal, mov(77), mov(2)},
    {"id_there", plain, as_target<flavoured>, "0", TypeIdTarget, mov(77), mov(3)},
    {"id_there_missing", plain, nothing, "0", TypeIdTarget, mov(77), mov(0),
     "struct s: the target has no struct 's'"},
    {"exists", plain, moved, "0", TypeExists, mov(1), mov(1)},
    {"exists_not", plain, nothing, "0", TypeExists, mov(1), mov(0)},
    {"union_does_not_count", plain, as_target<union_s>, "0", TypeExists, mov(1), mov(0)},
    {"typedef_exists", typedef_of_struct, as_target<typedef_of_struct>, "0", TypeExists, mov(1),
     mov(1)},
    {"typedef_is_no_struct", typedef_of_struct, moved, "0", TypeExists, mov(1), mov(0)},
    {"size", plain, moved, "0", TypeSize, mov(8), mov(24)},
    {"size_missing", plain, nothing, "0", TypeSize, mov(8), mov(0),
     "struct s: the target has no struct 's'"},
    {"size_of_typedef", typedef_of_struct, as_target<typedef_of_struct>, "0", TypeSize, lddw(8),
     lddw(8)},
    {"matches", plain, as_target<plain>, "0", TypeMatches, mov(1), mov(1)},
    {"matches_with_more_members", with_u32,
     [](B& b) {
       b.structure("s", 64,
                   {{"more", u32_type(b), 0}, {"f", u32_type(b), 32}, {"pad", u32_type(b), 64}});
     },
     "0", TypeMatches, mov(1), mov(1)},
    {"matches_not", plain, without_b, "0", TypeMatches, mov(1), mov(0)},
    {"another_value",
     plain,
     moved,
     "0",
     TypeExists,
     mov(2),
     {},
     "the instruction has 2 where the program's types give 1"},
    {"anonymous",
     anonymous,
     as_target<anonymous>,
     "0",
     TypeExists,
     mov(1),
     {},
     "a type without a name can't be found in the target"},
};

const Case kEnumerators[] = {
    {"value", enum_ab, as_target<enum_b5>, "1", EnumvalValue, mov(2), mov(5)},
    {"value_lddw", enum_ab, as_target<enum_b5>, "1", EnumvalValue, lddw(2), lddw(5)},
    {"value_negative", enum_ab, as_target<enum_negative>, "1", EnumvalValue, mov(2), mov(-7)},
    {"value_negative_lddw", enum_ab, as_target<enum_negative>, "1", EnumvalValue, lddw(2),
     lddw(static_cast<u64>(-7))},
    {"value_negative_here", enum_negative, as_target<enum_ab>, "1", EnumvalValue, mov(-7), mov(2)},
    {"value_of_64_bits", enum_ab, as_target<enum64_ab>, "1", EnumvalValue, lddw(2),
     lddw(0xffffffffffff)},
    {"value_of_64_bits_here", enum64_b, as_target<enum_ab>, "0", EnumvalValue, lddw(0x1234567890),
     lddw(2)},
    {"value_through_typedef", typedef_of_enum, as_target<typedef_of_enum_b9>, "1", EnumvalValue,
     mov(2), mov(9)},
    {"value_missing", enum_ab, as_target<enum_b5>, "0", EnumvalValue, mov(1), poison(),
     "enum e::A: the target's enum has no 'A'"},
    {"value_missing_lddw", enum_ab, as_target<enum_b5>, "0", EnumvalValue, lddw(1), poison(2),
     "enum e::A: the target's enum has no 'A'"},
    {"value_missing_enum", enum_ab, nothing, "0", EnumvalValue, mov(1), poison(),
     "enum e::A: the target has no enum 'e'"},
    {"exists", enum_ab, as_target<enum_b5>, "1", EnumvalExists, mov(1), mov(1)},
    {"exists_not", enum_ab, as_target<enum_b5>, "0", EnumvalExists, mov(1), mov(0)},
    {"exists_no_enum", enum_ab, nothing, "0", EnumvalExists, mov(1), mov(0)},
};

const Case kMalformed[] = {
    {"no_access",
     plain,
     moved,
     "",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"colon_first",
     plain,
     moved,
     ":0",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"colon_last",
     plain,
     moved,
     "0:",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"two_colons",
     plain,
     moved,
     "0::1",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"negative",
     plain,
     moved,
     "0:-1",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"letter",
     plain,
     moved,
     "0:1x",
     FieldByteOffset,
     mov(4),
     {},
     "the access string is not numbers between colons"},
    {"huge",
     plain,
     moved,
     "0:2147483648",
     FieldByteOffset,
     mov(4),
     {},
     "an index of the access string is too large"},
    {"long",
     plain,
     moved,
     "0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:"
     "0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0",
     FieldByteOffset,
     mov(4),
     {},
     "the access string has more than 64 numbers"},
    {"no_such_member", plain, moved, "0:2", FieldByteOffset, mov(4), {}, "type 3 has no member 2"},
    {"no_such_element",
     with_u8_array,
     moved,
     "0:1:8",
     FieldByteOffset,
     mov(4),
     {},
     "array type 2 has no element 8"},
    {"into_an_int",
     plain,
     moved,
     "0:1:0",
     FieldByteOffset,
     mov(4),
     {},
     "number 2 of the access string enters type 2 (int)"},
    {"of_a_function",
     [](B& b) { return b.prototype(0, {}); },
     moved,
     "0",
     FieldByteOffset,
     mov(4),
     {},
     "type 1 (func_proto) has no size"},
    {"type_with_path",
     plain,
     moved,
     "0:1",
     TypeExists,
     mov(1),
     {},
     "the access string of a type is not \"0\""},
    {"enumerator_with_path",
     enum_ab,
     as_target<enum_ab>,
     "0:1",
     EnumvalValue,
     mov(1),
     {},
     "the access string is not one number"},
    {"no_such_enumerator",
     enum_ab,
     as_target<enum_ab>,
     "2",
     EnumvalValue,
     mov(1),
     {},
     "enum type 1 has no enumerator 2"},
    {"enumerator_of_struct", plain, moved, "0", EnumvalValue, mov(1), {}, "type 3 is not an enum"},
    {"unknown_kind",
     plain,
     moved,
     "0",
     static_cast<CoreKind>(13),
     mov(1),
     {},
     "the kind of relocation is not known"},
};

const Case kAmbiguous[] = {
    {"same_answer", plain,
     [](B& b) { moved(b), as_target<flavoured>(b), b.structure("s___3", 24, {}); }, "0:0",
     FieldByteOffset, ldx(kW, 0), ldx(kW, 0)},
    {"other_offset",
     plain,
     [](B& b) { moved(b), as_target<flavoured>(b); },
     "0:1",
     FieldByteOffset,
     ldx(kW, 4),
     {},
     "two types of the target fit, with the field at bit 128 and at bit 32"},
    // Also when only the existence is asked: libbpf compares where the field is.
    {"other_offset_exists",
     plain,
     [](B& b) { moved(b), as_target<flavoured>(b); },
     "0:1",
     FieldExists,
     mov(1),
     {},
     "two types of the target fit, with the field at bit 128 and at bit 32"},
    {"other_size",
     plain,
     [](B& b) { moved(b), as_target<flavoured>(b); },
     "0",
     TypeSize,
     mov(8),
     {},
     "two types of the target fit, with the answers 24 and 8"},
    {"other_id",
     plain,
     [](B& b) { moved(b), as_target<flavoured>(b); },
     "0",
     TypeIdTarget,
     mov(8),
     {},
     "two types of the target fit, with the answers 3 and 6"},
    {"one_has_it", plain, [](B& b) { moved(b), without_b(b); }, "0:1", FieldByteOffset, ldx(kW, 4),
     ldx(kW, 16)},
};

class CoreRelocate : public testing::TestWithParam<Case> {};
TEST_P(CoreRelocate, Patches) {
  run(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Types, CoreRelocate, testing::ValuesIn(kTypes), case_name);
INSTANTIATE_TEST_SUITE_P(Enumerators, CoreRelocate, testing::ValuesIn(kEnumerators), case_name);
INSTANTIATE_TEST_SUITE_P(Malformed, CoreRelocate, testing::ValuesIn(kMalformed), case_name);
INSTANTIATE_TEST_SUITE_P(Ambiguous, CoreRelocate, testing::ValuesIn(kAmbiguous), case_name);

// Types that turned out not to fit are out for the relocations that follow, as in libbpf.
TEST(CoreRelocator, ForgetsTypesWithoutTheField) {
  B local, target;
  const u32 root = plain(local);
  moved(target);
  without_b(target);
  const u32 field = local.string("0:1");
  const u32 type = local.string("0");
  const Btf btf = local.build();
  const auto kernel = CoreTarget::make(target.share());
  ASSERT_TRUE(kernel);
  const CoreRelo size{8, root, type, TypeSize};
  Insns insns{mov(4)[0], mov(8)[0]};
  CoreResult result;
  EXPECT_FALSE(CoreRelocator(btf, *kernel).relocate(insns, {&size, 1}, result));

  const CoreRelo both[] = {{0, root, field, FieldByteOffset}, size};
  const auto done = CoreRelocator(btf, *kernel).relocate(insns, both, result);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(insns[0].imm, 16);
  EXPECT_EQ(insns[1].imm, 24);
}

TEST(CoreRelocator, TakesTheRelocationsOfItsInstructions) {
  B local, target;
  const u32 root = plain(local);
  moved(target);
  const u32 access = local.string("0:1");
  const Btf btf = local.build();
  const auto kernel = CoreTarget::make(target.share());
  ASSERT_TRUE(kernel);
  const CoreRelo all[] = {{0, root, access, FieldByteOffset},
                          {24, root, access, FieldByteOffset},
                          {80, root, access, FieldByteOffset}};
  Insns insns{mov(4)[0], mov(4)[0], mov(4)[0]};
  CoreResult result;
  ASSERT_TRUE(CoreRelocator(btf, *kernel).relocate(insns, all, result, 2));
  EXPECT_EQ(result.applied, 1u);
  EXPECT_EQ(insns[0].imm, 4);
  EXPECT_EQ(insns[1].imm, 16);
  EXPECT_EQ(insns[2].imm, 4);
}

TEST(CoreRelocator, LooksIntoModulesWhenTheKernelHasNone) {
  B local, kernel, elsewhere;
  const u32 root = plain(local);
  i32_type(kernel);
  B module = B::on_top_of(kernel);
  moved(module);
  const u32 access = local.string("0:1");
  const Btf btf = local.build();
  const auto base = kernel.share();
  const auto target = CoreTarget::make(base, {std::make_shared<const Btf>(module.build(base))});
  ASSERT_TRUE(target);
  const CoreRelo relocation{0, root, access, FieldByteOffset};
  Insns insns = mov(4);
  CoreResult result;
  ASSERT_TRUE(CoreRelocator(btf, *target).relocate(insns, {&relocation, 1}, result));
  EXPECT_EQ(insns[0].imm, 16);
}

TEST(CoreRelocator, DescribesWithoutATarget) {
  B local;
  const u32 root = with_array_of_structs(local);
  const CoreRelo relocation{0, root, local.string("1:1:3:0"), FieldByteOffset};
  const CoreRelo broken{0, root, local.string("x"), FieldByteOffset};
  const Btf btf = local.build();
  EXPECT_EQ(describe(relocation, btf), "struct s[1].f[3].x");
  EXPECT_EQ(describe(broken, btf), "struct s");
}

// Anonymous unions in unions in unions: 2^40 paths to nowhere must end in an error, soon.
TEST(CoreRelocator, BoundsTheWorkOfHostileTypes) {
  B local, target;
  const u32 root = plain(local);
  u32 inner = target.unite("", 4, {});
  for (int i = 0; i < 40; ++i) inner = target.unite("", 4, {{"", inner, 0}, {"", inner, 0}});
  target.structure("s", 4, {{"", inner, 0}});
  const CoreRelo relocation{0, root, local.string("0:1"), FieldByteOffset};
  const Btf btf = local.build();
  const auto kernel = CoreTarget::make(target.share());
  ASSERT_TRUE(kernel);
  Insns insns = mov(4);
  CoreResult result;
  const auto done = CoreRelocator(btf, *kernel).relocate(insns, {&relocation, 1}, result);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("too entangled"), std::string::npos) << done.error().text;
}

}  // namespace
}  // namespace skep
