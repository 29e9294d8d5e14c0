// Cases of CO-RE relocations: a type of the program, types of the target, an access string, a
// question and an instruction; and the instruction that comes out, or why not. With the types that
// several cases use.
#pragma once

#include <gtest/gtest.h>

#include "loader/core_relocate.h"
#include "tests/support/btf_builder.h"

namespace skep::test::core {

using B = BtfBuilder;
using Insns = std::vector<Insn>;
using enum CoreKind;

inline Insns mov(i32 imm) {
  return {make_insn(0xb7, 1, 0, 0, imm)};
}
inline Insns add(i32 imm) {
  return {make_insn(0x07, 1, 0, 0, imm)};
}
inline Insns lddw(u64 imm) {
  return {make_insn(0x18, 1, 0, 0, static_cast<i32>(imm)),
          make_insn(0, 0, 0, 0, static_cast<i32>(imm >> 32))};
}
inline constexpr u8 kW = 0x00, kH = 0x08, kB = 0x10, kDw = 0x18;
inline Insns ldx(u8 size, i16 off) {
  return {make_insn(0x61 | size, 2, 1, off)};
}
inline Insns ldsx(u8 size, i16 off) {
  return {make_insn(0x81 | size, 2, 1, off)};
}
inline Insns st(u8 size, i16 off) {
  return {make_insn(0x62 | size, 1, 0, off, 7)};
}
inline Insns stx(u8 size, i16 off) {
  return {make_insn(0x63 | size, 1, 2, off)};
}
inline Insns poison(std::size_t slots = 1) {
  return Insns(slots, make_insn(0x85, 0, 0, 0, 195896080));
}

struct Case {
  const char* name;
  u32 (*local)(B&);  // returns the type that the relocation names
  void (*target)(B&);
  const char* access;
  CoreKind kind;
  Insns before;
  Insns after;            // empty: libbpf refuses the object
  const char* says = "";  // the failure's "path: reason", or the end of the error
};

inline void run(const Case& c) {
  B local, target;
  const u32 root = c.local(local);
  c.target(target);
  const u32 access = local.string(c.access);
  const Btf btf = local.build();
  const auto kernel = CoreTarget::make(target.share());
  ASSERT_TRUE(kernel) << kernel.error().text;

  // One instruction before, so that places are not 0.
  Insns insns = c.before;
  insns.insert(insns.begin(), make_insn(0x95));
  const CoreRelo relocation{.offset = 8, .type = root, .access = access, .kind = c.kind};
  CoreResult result;
  const auto done = CoreRelocator(btf, *kernel).relocate(insns, {&relocation, 1}, result);
  if (c.after.empty()) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::bad_core_relocation);
    EXPECT_TRUE(done.error().text.ends_with(fmt::format("): {}", c.says))) << done.error().text;
    EXPECT_TRUE(done.error().text.starts_with("insn 1: CO-RE relocation #0 ("))
        << done.error().text;
    return;
  }
  ASSERT_TRUE(done) << done.error().text;
  insns.erase(insns.begin());
  EXPECT_EQ(insns, c.after);
  if (*c.says == 0) {
    EXPECT_EQ(result.applied, 1u);
    ASSERT_EQ(result.failed.size(), 0u);
    return;
  }
  EXPECT_EQ(result.applied, 0u);
  ASSERT_EQ(result.failed.size(), 1u);
  const CoreFailure& failure = result.failed[0];
  EXPECT_EQ(failure.path + ": " + failure.reason, c.says);
  EXPECT_EQ(failure.pc, Pc{1});
  EXPECT_EQ(failure.kind, c.kind);
  EXPECT_EQ(failure.poisoned, c.after[0] == poison()[0]);
}

inline std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

// ---- types that several cases use

inline u32 i32_type(B& b) {
  return b.integer("int", 4, B::kSigned);
}
inline u32 u32_type(B& b) {
  return b.integer("unsigned int", 4);
}
inline u32 u64_type(B& b) {
  return b.integer("unsigned long", 8);
}

// struct s { int a; unsigned int b; }
inline u32 plain(B& b) {
  const u32 i = i32_type(b);
  const u32 u = u32_type(b);
  return b.structure("s", 8, {{"a", i, 0}, {"b", u, 32}});
}
// The same with b at byte 16.
inline void moved(B& b) {
  const u32 i = i32_type(b);
  const u32 u = u32_type(b);
  b.structure("s", 24, {{"a", i, 0}, {"b", u, 128}});
}
inline void without_b(B& b) {
  const u32 i = i32_type(b);
  b.structure("s", 8, {{"a", i, 0}, {"c", i, 32}});
}
inline void nothing(B& b) {
  i32_type(b);
}
inline u32 flavoured(B& b) {
  const u32 i = i32_type(b);
  const u32 u = u32_type(b);
  return b.structure("s___old", 8, {{"a", i, 0}, {"b", u, 32}});
}
template <u32 (*type)(B&)>
void as_target(B& b) {
  type(b);
}

// struct s { field of a type }, at byte 4
inline u32 holding(B& b, u32 type) {
  return b.structure("s", 64, {{"pad", u32_type(b), 0}, {"f", type, 32}});
}
inline u32 with_u32(B& b) {
  return holding(b, u32_type(b));
}
inline u32 with_u64(B& b) {
  return holding(b, u64_type(b));
}
inline u32 with_u8(B& b) {
  return holding(b, b.integer("unsigned char", 1));
}
inline u32 with_i32(B& b) {
  return holding(b, i32_type(b));
}
inline u32 with_i64(B& b) {
  return holding(b, b.integer("long long", 8, B::kSigned));
}
inline u32 with_bool(B& b) {
  return holding(b, b.integer("bool", 1, B::kBool));
}
inline u32 with_pointer(B& b) {
  return holding(b, b.pointer(0));
}
inline u32 with_float(B& b) {
  return holding(b, b.floating("float", 4));
}
inline u32 with_old_bitfield(B& b) {
  return holding(b, b.integer("int", 4, 0, 3, 2));
}
inline u32 with_pointer_of_32_bits(B& b) {
  return b.integer("long", 4, B::kSigned), holding(b, b.pointer(0));
}
inline u32 with_struct(B& b) {
  return holding(b, b.structure("inner", 4, {{"x", u32_type(b), 0}}));
}
inline u32 with_union(B& b) {
  return holding(b, b.unite("other", 4, {{"y", u32_type(b), 0}}));
}
inline u32 with_typedef(B& b) {
  return holding(b, b.constant(b.alias("number", b.modifier(BtfKind::Volatile, u32_type(b)))));
}
inline u32 with_enum(B& b) {
  return holding(b, b.enumeration("e", {{"A", 0}}));
}
inline u32 with_signed_enum(B& b) {
  return holding(b, b.enumeration("e", {{"A", 0}}, 4, true));
}
inline u32 with_enum_flavour(B& b) {
  return holding(b, b.enumeration("e___x", {{"B", 0}}));
}
inline u32 with_other_enum(B& b) {
  return holding(b, b.enumeration("other", {{"A", 0}}));
}
inline u32 with_anonymous_enum(B& b) {
  return holding(b, b.enumeration("", {{"A", 0}}));
}
inline u32 with_u8_array(B& b) {
  return holding(b, b.array(b.integer("u8", 1), 8));
}
inline u32 with_longer_u8_array(B& b) {
  return holding(b, b.array(b.integer("u8", 1), 16));
}
inline u32 with_u16_array(B& b) {
  return holding(b, b.array(b.integer("u16", 2), 8));
}
inline u32 with_flexible_array(B& b) {
  return holding(b, b.array(b.integer("u16", 2), 0));
}
inline u32 with_2d_array(B& b) {
  return holding(b, b.array(b.array(b.integer("u16", 2), 4), 2));
}
inline u32 with_array_of_structs(B& b) {
  const u32 inner = b.structure("inner", 8, {{"x", u32_type(b), 0}, {"y", u32_type(b), 32}});
  return holding(b, b.array(inner, 4));
}
inline u32 with_array_of_larger_structs(B& b) {
  const u32 inner = b.structure(
      "inner", 12, {{"z", u32_type(b), 0}, {"x", u32_type(b), 32}, {"y", u32_type(b), 64}});
  return holding(b, b.array(inner, 4));
}
inline void with_flexible_array_in_the_middle(B& b) {
  const u32 array = b.array(b.integer("u16", 2), 0);
  b.structure("s", 8, {{"f", array, 32}, {"after", array, 32}});
}

// struct s { int a : 4; int f : 5; }, f from a bit on
inline u32 bitfield(B& b, u32 at, u32 bits, u32 bytes = 4, u32 encoding = 0) {
  return b.structure("s", 16, {{"f", b.integer("t", bytes, encoding), at, bits}});
}
inline u32 bits_4_to_9(B& b) {
  return bitfield(b, 4, 5);
}
inline u32 bits_40_to_45(B& b) {
  return bitfield(b, 40, 5);
}
inline u32 bits_30_to_35(B& b) {
  return bitfield(b, 30, 5);
}
inline u32 signed_bits(B& b) {
  return bitfield(b, 30, 5, 4, B::kSigned);
}
inline u32 bits_60_to_70(B& b) {
  return bitfield(b, 60, 10);
}

// Anonymous members: struct s { int a; union { struct { int c; unsigned f; }; }; }
inline u32 nested_anonymously(B& b) {
  const u32 inner = b.structure("", 8, {{"c", u32_type(b), 0}, {"f", u32_type(b), 32}});
  const u32 either = b.unite("", 8, {{"", inner, 0}});
  return b.structure("s", 12, {{"a", u32_type(b), 0}, {"", either, 32}});
}
inline u32 nested_by_name(B& b) {
  const u32 inner = b.structure("in", 8, {{"c", u32_type(b), 0}, {"d", u32_type(b), 32}});
  return b.structure("s", 16, {{"pad", u32_type(b), 0}, {"inner", inner, 64}});
}
inline u32 nested_by_name_local(B& b) {
  const u32 inner = b.structure("inside", 4, {{"d", u32_type(b), 0}});
  return b.structure("s", 4, {{"inner", inner, 0}});
}
inline u32 union_s(B& b) {
  return b.unite("s", 4, {{"b", u32_type(b), 0}});
}

}  // namespace skep::test::core
