// Decoding is strict. The positive set is the table's own round trip; the negative set is written
// from RFC 9669 (sections 3.1 to 5) and independent of the table: which bytes are opcodes, which
// fields each uses, and which values select a variant.
#include <gtest/gtest.h>

#include <algorithm>

#include "isa/program.h"

namespace skep {
namespace {

// Each form, with operands in the fields that it uses.
TEST(Decode, EveryFormRoundTrips) {
  for (const Form& form : forms()) {
    Insn insn =
        make_insn(form.opcode, form.uses & Form::kDst ? 3 : 0, form.uses & Form::kSrc ? 4 : 0,
                  form.uses & Form::kOff ? 5 : 0, form.uses & Form::kImm ? 6 : 0);
    if (form.select == Form::kSrc) insn.regs = static_cast<u8>(insn.dst() | form.value << 4);
    if (form.select == Form::kOff) insn.off = static_cast<i16>(form.value);
    if (form.select == Form::kImm) insn.imm = form.value;
    const Insn wire[] = {insn, Insn{}};
    const auto decoded = decode(wire, Pc{0});
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_EQ(decoded->op, form.op) << row(form.op).name;
    const Encoded back = encode(*decoded, Pc{0});
    EXPECT_EQ(back.slots[0], insn) << row(form.op).name;
    EXPECT_EQ(back.count, decoded->slots());
  }
}

// The instruction under test is at pc 1, so that a pc of 0 can't pass by accident.
Result<Decoded> decode_second(const Insn& insn, const Insn& next = {}) {
  const Insn slots[] = {make_insn(0x95), insn, next};
  return decode(slots, Pc{1});
}

// Refused with `code` at pc 1, in a text that holds `words`.
void expect_refused(const Insn& insn, Code code, std::string_view words, const Insn& next = {}) {
  const std::string what = fmt::format("{:02x} dst {} src {} off {} imm {}", insn.opcode,
                                       insn.dst(), insn.src(), insn.off, insn.imm);
  const auto decoded = decode_second(insn, next);
  ASSERT_FALSE(decoded) << what;
  EXPECT_EQ(name(decoded.error().code), name(code)) << what;
  EXPECT_EQ(decoded.error().pc, Pc{1}) << what;
  EXPECT_TRUE(decoded.error().text.starts_with("insn 1: ")) << decoded.error().text;
  EXPECT_NE(decoded.error().text.find(words), std::string::npos) << decoded.error().text;
}

// What a group of opcodes uses. `fixed` is a valid instruction but for the opcode.
struct Group {
  const char* name;
  std::vector<u8> opcodes;
  bool dst, src, off, imm;  // holds an operand
  Insn fixed = {};
};

Insn with_src(u8 src) {
  return make_insn(0, 0, src);
}
Insn with_off(i16 off) {
  return make_insn(0, 0, 0, off);
}
Insn with_imm(i32 imm) {
  return make_insn(0, 0, 0, 0, imm);
}

const Group kGroups[] = {
    {"alu64_imm",
     {0x07, 0x17, 0x27, 0x37, 0x47, 0x57, 0x67, 0x77, 0x97, 0xa7, 0xb7, 0xc7},
     true,
     false,
     false,
     true},
    {"alu32_imm",
     {0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x94, 0xa4, 0xb4, 0xc4},
     true,
     false,
     false,
     true},
    {"alu64_reg",
     {0x0f, 0x1f, 0x2f, 0x3f, 0x4f, 0x5f, 0x6f, 0x7f, 0x9f, 0xaf, 0xbf, 0xcf},
     true,
     true,
     false,
     false},
    {"alu32_reg",
     {0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c, 0x9c, 0xac, 0xbc, 0xcc},
     true,
     true,
     false,
     false},
    {"sdiv_imm", {0x34, 0x37, 0x94, 0x97}, true, false, false, true, with_off(1)},
    {"sdiv_reg", {0x3c, 0x3f, 0x9c, 0x9f}, true, true, false, false, with_off(1)},
    {"neg", {0x84, 0x87}, true, false, false, false},
    {"movsx8", {0xbc, 0xbf}, true, true, false, false, with_off(8)},
    {"movsx16", {0xbc, 0xbf}, true, true, false, false, with_off(16)},
    {"movsx32", {0xbf}, true, true, false, false, with_off(32)},
    {"swap", {0xd4, 0xdc, 0xd7}, true, false, false, false, with_imm(32)},
    {"jump_imm",
     {0x15, 0x25, 0x35, 0x45, 0x55, 0x65, 0x75, 0xa5, 0xb5, 0xc5, 0xd5},
     true,
     false,
     true,
     true},
    {"jump_reg",
     {0x1d, 0x2d, 0x3d, 0x4d, 0x5d, 0x6d, 0x7d, 0xad, 0xbd, 0xcd, 0xdd},
     true,
     true,
     true,
     false},
    {"jump32_imm",
     {0x16, 0x26, 0x36, 0x46, 0x56, 0x66, 0x76, 0xa6, 0xb6, 0xc6, 0xd6},
     true,
     false,
     true,
     true},
    {"jump32_reg",
     {0x1e, 0x2e, 0x3e, 0x4e, 0x5e, 0x6e, 0x7e, 0xae, 0xbe, 0xce, 0xde},
     true,
     true,
     true,
     false},
    {"ja", {0x05}, false, false, true, false},
    {"ja32", {0x06}, false, false, false, true},
    {"may_goto", {0xe5}, false, false, true, false},
    {"gotox", {0x0d}, true, false, false, false},
    {"callx", {0x8d}, true, false, false, false},
    {"call", {0x85}, false, false, false, true},
    {"call_local", {0x85}, false, false, false, true, with_src(1)},
    {"call_kfunc", {0x85}, false, false, true, true, with_src(2)},
    {"exit", {0x95}, false, false, false, false},
    {"load", {0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91}, true, true, true, false},
    {"store_imm", {0x62, 0x6a, 0x72, 0x7a}, true, false, true, true},
    {"store", {0x63, 0x6b, 0x73, 0x7b}, true, true, true, false},
    {"packet_abs", {0x20, 0x28, 0x30}, false, false, false, true},
    {"packet_ind", {0x40, 0x48, 0x50}, false, true, false, true},
    {"lddw", {0x18}, true, false, false, true},
    {"lddw_map", {0x18}, true, false, false, true, with_src(1)},
    {"addr_space_cast", {0xbf}, true, true, false, true, with_off(1)},
};

class UnusedFields : public testing::TestWithParam<Group> {};

Insn group_insn(const Group& group, u8 opcode) {
  Insn insn = group.fixed;
  insn.opcode = opcode;
  return insn;
}

// RFC 9669 section 3.1. A field that selects a variant is tried where every value but the group's
// own is wrong or another variant: those are in the tests below.
TEST_P(UnusedFields, MustBeZero) {
  const Group& group = GetParam();
  for (u8 opcode : group.opcodes) {
    const Insn valid = group_insn(group, opcode);
    ASSERT_TRUE(decode_second(valid)) << group.name;
    for (u8 value : {u8(1), u8(10), u8(15)}) {
      Insn insn = valid;
      insn.regs = static_cast<u8>(valid.regs | value);
      if (!group.dst) expect_refused(insn, Code::reserved_field, "dst_reg");
      insn.regs = static_cast<u8>(value << 4);
      const bool selects = opcode == 0x85 || opcode == 0x18;
      if (!group.src && !selects) expect_refused(insn, Code::reserved_field, "src_reg");
    }
    for (i16 value : {i16(2), i16(-1), i16(0x100), i16(-32768), i16(32767)}) {
      Insn insn = valid;
      insn.off = value;
      const bool selects = (opcode >> 4 == 0xb || opcode >> 4 == 0x3 || opcode >> 4 == 0x9) &&
                           ((opcode & 7) == 4 || (opcode & 7) == 7);
      if (!group.off && !selects) expect_refused(insn, Code::reserved_field, "off");
      if (!group.off && selects && opcode != 0xb4 && opcode != 0xb7) {
        expect_refused(insn, Code::unknown_variant, "off");
      }
    }
    for (i32 value : {1, -1, 0x100, -0x7fff'ffff - 1, 0x7fff'ffff}) {
      Insn insn = valid;
      insn.imm = value;
      const bool selects = std::string_view(group.name) == "swap";
      if (!group.imm) {
        expect_refused(insn, selects ? Code::unknown_variant : Code::reserved_field, "imm");
      }
    }
  }
}

TEST_P(UnusedFields, RegistersExist) {
  const Group& group = GetParam();
  for (u8 opcode : group.opcodes) {
    for (u8 value = 11; value < 16; ++value) {
      Insn insn = group_insn(group, opcode);
      const std::string text = fmt::format("r{} ", value);
      insn.regs = static_cast<u8>(insn.regs | value);
      if (group.dst) expect_refused(insn, Code::bad_register, text);
      insn = group_insn(group, opcode);
      insn.regs = static_cast<u8>(value << 4);
      if (group.src) expect_refused(insn, Code::bad_register, text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, UnusedFields, testing::ValuesIn(kGroups),
                         [](const auto& tested) { return std::string(tested.param.name); });

// The bytes that are opcodes at all: those of the groups, and the atomics.
TEST(Decode, AllOtherBytesAreNoOpcodes) {
  std::vector<bool> known(256);
  for (const Group& group : kGroups) {
    for (u8 opcode : group.opcodes) known[opcode] = true;
  }
  for (u8 opcode : {0xc3, 0xcb, 0xd3, 0xdb}) known[opcode] = true;
  // ALU 27, ALU64 26, JMP 28, JMP32 23, LD 7, LDX 7, ST 4, STX 8.
  EXPECT_EQ(std::ranges::count(known, true), 130);
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (known[static_cast<std::size_t>(opcode)]) continue;
    expect_refused(make_insn(static_cast<u8>(opcode)), Code::unknown_opcode,
                   fmt::format("{:#04x}", opcode));
  }
}

struct Selector {
  const char* name;
  u8 opcode;
  Form::Field field;
  std::vector<i32> valid;
};
const std::vector<i32> kAtomics = {0x00, 0x01, 0x40, 0x41, 0x50,  0x51,
                                   0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110};
const Selector kSelectors[] = {
    {"atomic32", 0xc3, Form::kImm, kAtomics},
    {"atomic64", 0xdb, Form::kImm, kAtomics},
    {"atomic16", 0xcb, Form::kImm, {0x100, 0x110}},
    {"atomic8", 0xd3, Form::kImm, {0x100, 0x110}},
    {"le", 0xd4, Form::kImm, {16, 32, 64}},
    {"be", 0xdc, Form::kImm, {16, 32, 64}},
    {"bswap", 0xd7, Form::kImm, {16, 32, 64}},
    {"mov64", 0xbf, Form::kOff, {0, 1, 8, 16, 32}},  // 1: addr_space_cast
    {"mov32", 0xbc, Form::kOff, {0, 8, 16}},
    {"mov64_imm", 0xb7, Form::kOff, {0}},
    {"mov32_imm", 0xb4, Form::kOff, {0}},
    {"div64", 0x3f, Form::kOff, {0, 1}},
    {"div64_imm", 0x37, Form::kOff, {0, 1}},
    {"mod32", 0x9c, Form::kOff, {0, 1}},
    {"mod32_imm", 0x94, Form::kOff, {0, 1}},
    {"call", 0x85, Form::kSrc, {0, 1, 2}},
    {"lddw", 0x18, Form::kSrc, {0, 1, 2, 3, 4, 5, 6}},
};

class Selects : public testing::TestWithParam<Selector> {};

TEST_P(Selects, OnlyTheVariantsThatExist) {
  const Selector& selector = GetParam();
  const i32 last = selector.field == Form::kSrc ? 15 : 0x1000;
  for (i32 value = selector.field == Form::kSrc ? 0 : -3; value <= last; ++value) {
    Insn insn = make_insn(selector.opcode);
    if (selector.field == Form::kSrc) insn.regs = static_cast<u8>(value << 4);
    if (selector.field == Form::kOff) insn.off = static_cast<i16>(value);
    if (selector.field == Form::kImm) insn.imm = value;
    const bool exists = std::ranges::count(selector.valid, value) > 0;
    const auto decoded = decode_second(insn);
    EXPECT_EQ(decoded.has_value(), exists) << selector.name << " " << value;
    if (!exists && !decoded) {
      const bool only_zero = selector.valid == std::vector<i32>{0};
      expect_refused(insn, only_zero ? Code::reserved_field : Code::unknown_variant, "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Selects, testing::ValuesIn(kSelectors),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Decode, AtomicsUseOnlyExistingRegisters) {
  for (u8 opcode : {0xc3, 0xdb}) {
    for (i32 imm : kAtomics) {
      expect_refused(make_insn(opcode, 11, 0, 0, imm), Code::bad_register, "r11 ");
      expect_refused(make_insn(opcode, 0, 15, 0, imm), Code::bad_register, "r15 ");
    }
  }
}

// RFC 9669 section 5.4: which of the sources have a second immediate.
TEST(Decode, SecondHalfOfLddw) {
  for (u8 src = 0; src <= 6; ++src) {
    const Insn first = make_insn(0x18, 1, src);
    for (u8 opcode : {0x01, 0x18, 0x95, 0xb7}) {
      expect_refused(first, Code::truncated_lddw, "two slots", make_insn(opcode));
    }
    expect_refused(first, Code::reserved_field, "dst_reg of the second slot", make_insn(0, 1));
    expect_refused(first, Code::reserved_field, "src_reg of the second slot", make_insn(0, 0, 1));
    expect_refused(first, Code::reserved_field, "off of the second slot", make_insn(0, 0, 0, 1));
    const Insn next = make_insn(0, 0, 0, 0, 1);
    const bool has_imm = src == 0 || src == 2 || src == 3 || src == 6;
    if (has_imm) {
      const auto decoded = decode_second(first, next);
      ASSERT_TRUE(decoded) << decoded.error().text;
      EXPECT_EQ(decoded->imm, i64{1} << 32);
    } else {
      expect_refused(first, Code::reserved_field, "imm of the second slot", next);
    }
  }
  const Insn alone[] = {make_insn(0x95), make_insn(0x18, 1)};
  const auto decoded = decode(alone, Pc{1});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::truncated_lddw);
}

TEST(Decode, LddwJoinsItsHalvesWithoutSignExtension) {
  const auto decoded = decode_second(make_insn(0x18, 1, 0, 0, -1), make_insn(0, 0, 0, 0, 0));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->imm, 0xffff'ffff);
}

TEST(Decode, WritesToR10) {
  const Insn writers[] = {
      make_insn(0x07, 10),
      make_insn(0x0f, 10, 1),
      make_insn(0xb4, 10),
      make_insn(0xbf, 10, 10),
      make_insn(0x87, 10),
      make_insn(0xbf, 10, 1, 8),
      make_insn(0xd4, 10, 0, 0, 16),
      make_insn(0xd7, 10, 0, 0, 64),
      make_insn(0x61, 10, 1),
      make_insn(0x91, 10, 1),
      make_insn(0x18, 10),
      make_insn(0x18, 10, 1),
      make_insn(0xdb, 1, 10, 0, 1),
      make_insn(0xc3, 1, 10, 0, 0xe1),
      make_insn(0xd3, 10, 1, 0, 0x100),
      make_insn(0xbf, 10, 1, 1),
  };
  for (const Insn& insn : writers) {
    const auto decoded = decode_second(insn);
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_TRUE(writes_frame_pointer(*decoded)) << row(decoded->op).name;
  }
  const Insn readers[] = {
      make_insn(0xbf, 1, 10),
      make_insn(0x7b, 10, 10, -8),
      make_insn(0x7a, 10, 0, -8),
      make_insn(0x79, 1, 10, -8),
      make_insn(0xdb, 10, 1, -8),
      make_insn(0xdb, 10, 1, -8, 1),
      make_insn(0xdb, 1, 10, 0, 0),
      make_insn(0xdb, 1, 10, 0, 0xf1),
      make_insn(0xdb, 1, 10, 0, 0x110),
      make_insn(0x15, 10),
      make_insn(0x8d, 10),
  };
  for (const Insn& insn : readers) {
    const auto decoded = decode_second(insn);
    ASSERT_TRUE(decoded) << decoded.error().text;
    EXPECT_FALSE(writes_frame_pointer(*decoded)) << row(decoded->op).name;
  }
}

// What each part of an instruction becomes.
TEST(Decode, Operands) {
  const auto jump = decode_second(make_insn(0xce, 1, 2, -2));
  ASSERT_TRUE(jump);
  EXPECT_EQ(jump->op, Op::Jslt);
  EXPECT_EQ(jump->bits, 32);
  EXPECT_FALSE(jump->immediate);
  EXPECT_EQ(jump->target, Pc{0});
  const auto call = decode_second(make_insn(0x85, 0, 1, 0, 7));
  ASSERT_TRUE(call);
  EXPECT_EQ(call->op, Op::CallLocal);
  EXPECT_EQ(call->target, Pc{9});
  const auto load = decode_second(make_insn(0x89, 3, 10, -16));
  ASSERT_TRUE(load);
  EXPECT_EQ(load->op, Op::LoadSigned);
  EXPECT_EQ(load->size, 2);
  EXPECT_EQ(load->dst, 3);
  EXPECT_EQ(load->src, 10);
  EXPECT_EQ(load->off, -16);
  const auto add = decode_second(make_insn(0x07, 1, 0, 0, -5));
  ASSERT_TRUE(add);
  EXPECT_TRUE(add->immediate);
  EXPECT_EQ(add->imm, -5);
}

TEST(Decode, SinceOfForms) {
  const auto jump64 = decode_second(make_insn(0x15));
  const auto jump32 = decode_second(make_insn(0x16));
  const auto less = decode_second(make_insn(0xa5));
  const auto callx = decode_second(make_insn(0x8d));
  ASSERT_TRUE(jump64 && jump32 && less && callx);
  EXPECT_EQ(since(*jump64), 3.18_v);
  EXPECT_EQ(since(*jump32), 5.1_v);
  EXPECT_EQ(since(*less), 4.14_v);
  EXPECT_EQ(since(*callx), kNever);
}

}  // namespace
}  // namespace skep
