// Rows that a host adds: what is taken, what is refused and why, and that readers of the tables
// find them beside the built-in ones.
#include "helpers/spec/host_rows.h"

#include <gtest/gtest.h>

#include "isa/diagnostic.h"

namespace skep {
namespace {

namespace words = helper_words;
namespace returns = helper_returns;

u64 nothing(void*, Run&, const u64 (&)[5]) {
  return 0;
}

HelperProto proto(u32 id, std::string_view name, std::array<Arg, 5> args = {},
                  Ret ret = returns::Integer, u16 flags = 0) {
  return {id, name, Version{}, where::Any, ret, args, flags};
}

struct HelperCase {
  const char* name;
  HelperProto proto;
  const char* why;  // part of the error; "": it is taken
};

class HostHelpers : public testing::TestWithParam<HelperCase> {};

TEST_P(HostHelpers, AreJudged) {
  HostRows rows;
  ASSERT_TRUE(rows.add_helper(proto(kFirstHostHelper, "taken"), {nothing}));
  const Status added = rows.add_helper(GetParam().proto, {nothing});
  if (*GetParam().why == 0) {
    EXPECT_TRUE(added) << added.error().text;
    return;
  }
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::bad_host_row);
  EXPECT_NE(added.error().text.find(GetParam().why), std::string::npos) << added.error().text;
}

constexpr u32 kId = kFirstHostHelper + 1;
const HelperCase kHelperCases[] = {
    {"plain", proto(kId, "plain", {words::Anything, words::Anything}), ""},
    {"all_bits", proto(~0u, "all_bits"), ""},
    {"memory", proto(kId, "memory", {words::Mem, words::Size, words::UninitMem, words::SizeOrZero}),
     ""},
    {"map", proto(kId, "map", {words::Map(kLookup), words::MapKey}, returns::MapValueOrNull), ""},
    {"callback",
     proto(kId, "callback", {words::Function, words::StackOrNull}, returns::Integer,
           helper_flags::MayCall),
     ""},
    {"built_in_id", proto(1, "mine"), "reserved"},
    {"poison", proto(0xbad2310, "mine"), "reserved"},
    {"taken_id", proto(kFirstHostHelper, "mine"), "id is taken"},
    {"taken_name", proto(kId, "taken"), "name is taken"},
    {"taken_name_bpf", proto(kId, "bpf_taken"), "name is taken"},
    {"built_in_name", proto(kId, "bpf_ktime_get_ns"), "name is taken"},
    {"no_name", proto(kId, ""), "a name is"},
    {"bad_name", proto(kId, "a b"), "a name is"},
    {"no_size", proto(kId, "mine", {words::Mem}), "side by side"},
    {"no_size_at_end",
     proto(kId, "mine",
           {words::Anything, words::Anything, words::Anything, words::Anything, words::Mem}),
     "memory without a size"},
    {"size_alone", proto(kId, "mine", {words::Anything, words::Size}), "side by side"},
    {"gap", proto(kId, "mine", {Arg{}, words::Anything}), "behind one that is none"},
    {"key_without_map", proto(kId, "mine", {words::MapKey}), "before the map"},
    {"kernel_pointer", proto(kId, "mine", {words::Btf("task_struct")}), "can't be checked"},
    {"release", proto(kId, "mine", {words::Release(words::Anything)}), "can't be checked"},
    {"callback_flag", proto(kId, "mine", {words::Function}), "go together"},
    {"flag_alone", proto(kId, "mine", {}, returns::Integer, helper_flags::MayCall), "go together"},
    {"socket", proto(kId, "mine", {}, returns::SocketOrNull), "a result of a kind"},
};
INSTANTIATE_TEST_SUITE_P(All, HostHelpers, testing::ValuesIn(kHelperCases),
                         [](const auto& c) { return c.param.name; });

TEST(HostRows, HelpersAreFoundBesideBuiltInOnes) {
  HostRows rows;
  EXPECT_FALSE(rows.add_helper(proto(kId, "no_function"), {}));
  std::string name = "bpf_later";
  ASSERT_TRUE(rows.add_helper(proto(kFirstHostHelper + 7, name), {nothing}));
  name.assign(name.size(), 'x');
  ASSERT_TRUE(rows.add_helper(proto(kFirstHostHelper, "first"), {nothing}));
  EXPECT_EQ(rows.helpers().front()->name, "first");
  EXPECT_EQ(find_helper(&rows, "later")->id, kFirstHostHelper + 7);
  EXPECT_EQ(find_helper(&rows, "bpf_later")->name, "later");
  EXPECT_EQ(find_helper(&rows, kFirstHostHelper, ProgramType::xdp)->name, "first");
  EXPECT_EQ(find_helper(&rows, kFirstHostHelper + 1, ProgramType::xdp), nullptr);
  EXPECT_EQ(find_helper(&rows, 1, ProgramType::xdp), find_helper(1));
  EXPECT_EQ(find_helper(nullptr, kFirstHostHelper, ProgramType::xdp), nullptr);
  EXPECT_EQ(find_helper(nullptr, "ktime_get_ns"), find_helper("ktime_get_ns"));
}

HostProgramType hook() {
  return {
      .name = "hook",
      .c_name = "struct hook",
      .context = ContextKind::Fields,
      .size = 32,
      .fields =
          {{.name = "id", .offset = 0, .size = 4, .writable = true, .native = 6, .native_size = 2},
           {.name = "tags",
            .offset = 8,
            .size = 16,
            .element = 4,
            .widths = Widths::Narrow,
            .native = 8},
           {.name = "data", .offset = 24, .size = 4, .is = FieldIs::PacketStart},
           {.name = "data_end", .offset = 28, .size = 4, .is = FieldIs::PacketEnd}},
      .sections = {"hook+", "hook.once"}};
}

struct TypeCase {
  const char* name;
  void (*change)(HostProgramType& type);
  const char* why;
};

class HostTypes : public testing::TestWithParam<TypeCase> {};

TEST_P(HostTypes, AreJudged) {
  HostRows rows;
  HostProgramType other{.name = "other"};
  ASSERT_TRUE(rows.add_program_type(other));
  HostProgramType type = hook();
  GetParam().change(type);
  const auto added = rows.add_program_type(type);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::bad_host_row);
  EXPECT_NE(added.error().text.find(GetParam().why), std::string::npos) << added.error().text;
  EXPECT_EQ(rows.types().size(), 1u);
}

const TypeCase kTypeCases[] = {
    {"no_name", [](HostProgramType& t) { t.name = ""; }, "a name is"},
    {"taken", [](HostProgramType& t) { t.name = "other"; }, "name is taken"},
    {"built_in", [](HostProgramType& t) { t.name = "xdp"; }, "name is taken"},
    {"section_taken", [](HostProgramType& t) { t.sections = {"other"}; }, "'other': it is taken"},
    {"section_built_in", [](HostProgramType& t) { t.sections = {"kprobe+"}; }, "it is taken"},
    {"section_empty", [](HostProgramType& t) { t.sections = {"+"}; }, "no name of a section"},
    {"btf", [](HostProgramType& t) { t.context = ContextKind::Btf; }, "Fields, Flat or None"},
    {"flat_fields", [](HostProgramType& t) { t.context = ContextKind::Flat; },
     "only a context of kind Fields"},
    {"too_large", [](HostProgramType& t) { t.size = kMaxHostContext + 1; }, "too large"},
    {"field_outside", [](HostProgramType& t) { t.fields[1].offset = 20; }, "does not fit"},
    {"field_far", [](HostProgramType& t) { t.fields[0].offset = ~0u; }, "does not fit"},
    {"field_empty", [](HostProgramType& t) { t.fields[0].size = 0; }, "1, 2, 4 or 8"},
    {"field_odd", [](HostProgramType& t) { t.fields[0].size = 3; }, "1, 2, 4 or 8"},
    {"field_misaligned", [](HostProgramType& t) { t.fields[0].offset = 2; }, "not a multiple"},
    {"field_overlaps", [](HostProgramType& t) { t.fields[0].offset = 12; }, "overlaps"},
    {"field_twice", [](HostProgramType& t) { t.fields[1].name = "id"; }, "two of this name"},
    {"native_far", [](HostProgramType& t) { t.fields[0].native = kMaxHostNative; }, "too far"},
    {"native_odd", [](HostProgramType& t) { t.fields[0].native_size = 3; }, "native elements"},
    {"bytes_differ", [](HostProgramType& t) { t.fields[0].widths = Widths::Bytes; },
     "native elements"},
    {"packet_writable", [](HostProgramType& t) { t.fields[2].writable = true; }, "read-only"},
    {"socket", [](HostProgramType& t) { t.fields[2].is = FieldIs::SockCommonOrNull; },
     "no such pointers"},
};
INSTANTIATE_TEST_SUITE_P(All, HostTypes, testing::ValuesIn(kTypeCases),
                         [](const auto& c) { return c.param.name; });

TEST(HostRows, TypesAreFoundBesideBuiltInOnes) {
  HostRows rows;
  const auto type = rows.add_program_type(hook());
  ASSERT_TRUE(type) << type.error().text;
  const HostType* found = rows.find_type("hook");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(rows.find_type(*type), found);
  EXPECT_EQ(find_program_type(&rows, *type), &found->row());
  EXPECT_EQ(find_program_type(&rows, "hook")->type, *type);
  EXPECT_EQ(find_program_type(&rows, "xdp"), find_program_type("xdp"));
  EXPECT_EQ(find_program_type(nullptr, "hook"), nullptr);
  EXPECT_EQ(context_kind(&rows, *type), ContextKind::Fields);
  EXPECT_EQ(context_kind(&rows, ProgramType::xdp), ContextKind::Fields);
  EXPECT_EQ(context_kind(nullptr, *type), ContextKind::None);
  EXPECT_EQ(fields(&rows, *type).size(), 4u);
  EXPECT_EQ(fields(&rows, ProgramType::xdp).data(), fields(Context::XdpMd).data());
  EXPECT_EQ(found->native_size(), 24u);
  EXPECT_TRUE(found->has_packet());

  EXPECT_EQ(parse_section_name(&rows, "hook/here").row->type, *type);
  EXPECT_EQ(parse_section_name(&rows, "?hook/here").target, "here");
  EXPECT_EQ(parse_section_name(&rows, "hook.once").row->type, *type);
  EXPECT_EQ(parse_section_name(&rows, "hook.once/x").row, nullptr);
  EXPECT_EQ(parse_section_name(&rows, "xdp").row->type, ProgramType::xdp);
  EXPECT_EQ(parse_section_name(nullptr, "hook").row, nullptr);
}

TEST(HostRows, AccessesAreThoseOfTheFields) {
  HostRows rows;
  const ProgramType type = *rows.add_program_type(hook());
  const struct {
    u64 offset;
    u32 size;
    bool write;
    const char* field;  // "": none
  } cases[] = {{0, 4, false, "id"},    {0, 4, true, "id"},         {0, 2, false, ""},
               {4, 4, false, ""},      {8, 4, false, "tags"},      {12, 2, false, "tags"},
               {20, 4, true, ""},      {8, 8, false, ""},          {24, 4, false, "data"},
               {24, 4, true, ""},      {28, 4, false, "data_end"}, {32, 4, false, ""},
               {~u64(0), 4, false, ""}};
  for (const auto& c : cases) {
    const FieldRow* field = find_access(&rows, type, AttachType::none, c.offset, c.size, c.write);
    EXPECT_EQ(field == nullptr ? "" : field->name, c.field) << c.offset << "+" << c.size;
  }
  EXPECT_NE(find_access(&rows, ProgramType::xdp, AttachType::none, 0, 4, false), nullptr);
}

TEST(HostRows, ATypeMayCallWhatItsListNames) {
  HostRows rows;
  HostProgramType some = hook();
  some.helpers = {1, kId, 44};
  const ProgramType type = *rows.add_program_type(some);
  HostProgramType all{.name = "all"};
  const ProgramType other = *rows.add_program_type(all);
  ASSERT_TRUE(rows.add_helper(proto(kId, "mine"), {nothing}));
  const KernelProfile profile{6, 12};
  const auto may = [&](u32 id, ProgramType of) {
    return may_call(&rows, *find_helper(&rows, id, of), of, AttachType::none, profile);
  };
  EXPECT_TRUE(may(1, type));
  EXPECT_TRUE(may(kId, type));
  EXPECT_FALSE(may(5, type));
  EXPECT_FALSE(may(44, type)) << "xdp_adjust_head is not for hosts' types";
  EXPECT_TRUE(may(5, other));
  EXPECT_TRUE(may(kId, ProgramType::xdp));
}

}  // namespace
}  // namespace skep
