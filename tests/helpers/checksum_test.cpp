// Checksums: sums and differences as on paper, replacement that keeps a header right, each error.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Checksum : public test::BodyTest {
 protected:
  Checksum() { start(ProgramType::sched_cls, std::vector<u8>(64)); }

  u16 word(u32 offset) const {
    u16 value;
    std::memcpy(&value, frame.packet.data + offset, 2);
    return value;
  }
  void set_word(u32 offset, u16 value) { std::memcpy(packet().data + offset, &value, 2); }
  // The internet checksum of bytes [0, size) of the packet, as its words lie.
  u16 sum(u32 size) const {
    u32 all = 0;
    for (u32 i = 0; i < size; i += 2) all += word(i);
    while (all >> 16) all = (all & 0xffff) + (all >> 16);
    return static_cast<u16>(all);
  }
};

TEST_F(Checksum, DiffSumsWords) {
  const u32 from[] = {0x00010002, 0x00030004}, to[] = {0x00010002, 0x00050004};
  const u64 a = lend(from, 8, kRead), b = lend(to, 8, kRead);
  EXPECT_EQ(call_signed("csum_diff", {0, 0, b, 8, 0}), 0x000c);
  EXPECT_EQ(call_signed("csum_diff", {0, 0, b, 8, 0x10}), 0x001c);
  EXPECT_EQ(call_signed("csum_diff", {a, 8, 0, 0, 0x1000}), 0x1000 - 10);
  EXPECT_EQ(call_signed("csum_diff", {a, 8, b, 8, 0}), 2);
  EXPECT_EQ(call_signed("csum_diff", {b, 8, a, 8, 0}), 0xffff - 2);
  EXPECT_EQ(call_signed("csum_diff", {0, 0, 0, 0, 0x12345678}), 0x1234 + 0x5678);
  EXPECT_EQ(call_signed("csum_diff", {a, 4, b, 8, 0}), 9) << "sizes may differ";
}

TEST_F(Checksum, DiffPadsWithZeros) {
  const u8 bytes[] = {1, 0, 2, 0, 3, 0, 4};
  const u64 at = lend(bytes, 7, kRead);
  EXPECT_EQ(call_signed("csum_diff", {0, 0, at, 7, 0}), 10);
  EXPECT_EQ(call_signed("csum_diff", {0, 0, at, 5, 0}), 6);
  EXPECT_EQ(call_signed("csum_diff", {at, 1, at, 7, 0}), 9);
}

TEST_F(Checksum, ReplacingKeepsTheSum) {
  for (const u64 size : {u64(2), u64(4)}) {
    SCOPED_TRACE(size);
    for (u32 i = 0; i < 20; i += 2) set_word(i, static_cast<u16>(0x1111 * i + 3));
    set_word(10, 0);
    set_word(10, static_cast<u16>(~sum(20)));
    ASSERT_EQ(sum(20), 0xffff);
    const u64 from = size == 2 ? word(16) : word(16) | u64(word(18)) << 16;
    const u64 to = size == 2 ? 0xbeef : 0xdeadbeef;
    std::memcpy(packet().data + 16, &to, size);
    EXPECT_EQ(call_signed("l3_csum_replace", {run.context, 10, from, to, size}), 0);
    EXPECT_EQ(sum(20), 0xffff);
    std::memcpy(packet().data + 16, &from, size);
    EXPECT_EQ(call_signed("l4_csum_replace", {run.context, 10, to, from, size}), 0);
    EXPECT_EQ(sum(20), 0xffff);
  }
}

TEST_F(Checksum, ReplacingByADifference) {
  for (u32 i = 0; i < 20; i += 2) set_word(i, static_cast<u16>(0x2222 * i + 5));
  set_word(10, 0);
  set_word(10, static_cast<u16>(~sum(20)));
  const u32 from = word(12) | u32(word(14)) << 16, to = 0x01020304;
  const u64 difference = call("csum_diff", {lend(&from, 4, kRead), 4, lend(&to, 4, kRead), 4, 0});
  std::memcpy(packet().data + 12, &to, 4);
  EXPECT_EQ(call_signed("l3_csum_replace", {run.context, 10, 0, difference, 0}), 0);
  EXPECT_EQ(sum(20), 0xffff);
}

TEST_F(Checksum, UdpKeepsNoneAndAvoidsZero) {
  constexpr u64 kMangled0 = 1 << 5, kEnforce = 1 << 6;
  set_word(10, 0);
  EXPECT_EQ(call_signed("l4_csum_replace", {run.context, 10, 1, 2, 2 | kMangled0}), 0);
  EXPECT_EQ(word(10), 0) << "there is no checksum";
  EXPECT_EQ(call_signed("l4_csum_replace", {run.context, 10, 1, 2, 2 | kMangled0 | kEnforce}), 0);
  EXPECT_NE(word(10), 0);
  set_word(10, 0x0001);
  EXPECT_EQ(call_signed("l4_csum_replace", {run.context, 10, 0, 1, 2 | kMangled0}), 0);
  EXPECT_EQ(word(10), 0xffff) << "0 would mean that there is none";
}

struct ReplaceCase {
  const char* name;
  u64 offset, from, to, flags;
  int l3, l4;
};

class Replace : public Checksum, public testing::WithParamInterface<ReplaceCase> {};

TEST_P(Replace, GivesTheKernelsErrors) {
  const ReplaceCase& test = GetParam();
  EXPECT_EQ(
      call_signed("l3_csum_replace", {run.context, test.offset, test.from, test.to, test.flags}),
      test.l3);
  EXPECT_EQ(
      call_signed("l4_csum_replace", {run.context, test.offset, test.from, test.to, test.flags}),
      test.l4);
}

INSTANTIATE_TEST_SUITE_P(
    All, Replace,
    testing::Values(ReplaceCase{"last", 62, 1, 2, 2, 0, 0},
                    ReplaceCase{"past_the_end", 64, 1, 2, 2, kEFAULT, kEFAULT},
                    ReplaceCase{"odd_offset", 11, 1, 2, 2, kEFAULT, kEFAULT},
                    ReplaceCase{"far_offset", 0x10000, 1, 2, 2, kEFAULT, kEFAULT},
                    ReplaceCase{"from_with_difference", 10, 1, 2, 0, kEINVAL, kEINVAL},
                    ReplaceCase{"three_bytes", 10, 1, 2, 3, kEINVAL, kEINVAL},
                    ReplaceCase{"eight_bytes", 10, 1, 2, 8, kEINVAL, kEINVAL},
                    ReplaceCase{"pseudo_header", 10, 1, 2, 2 | 1 << 4, kEINVAL, 0},
                    ReplaceCase{"ipv6", 10, 1, 2, 4 | 1 << 7, kEINVAL, 0},
                    ReplaceCase{"unknown_flag", 10, 1, 2, 2 | 1 << 8, kEINVAL, kEINVAL}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Checksum, NoHardwareHasLookedAtThePacket) {
  constexpr u64 kQuery = 0, kIncrease = 1, kDecrease = 2, kReset = 3;
  EXPECT_EQ(call_signed("csum_update", {run.context, 5}), kENOTSUPP);
  EXPECT_EQ(call_signed("csum_level", {run.context, kQuery}), kEACCES);
  EXPECT_EQ(call_signed("csum_level", {run.context, kIncrease}), 0);
  EXPECT_EQ(call_signed("csum_level", {run.context, kQuery}), 0);
  for (int i = 0; i < 5; ++i) call("csum_level", {run.context, kIncrease});
  EXPECT_EQ(call_signed("csum_level", {run.context, kQuery}), 3);
  EXPECT_EQ(call_signed("csum_level", {run.context, kDecrease}), 0);
  EXPECT_EQ(call_signed("csum_level", {run.context, kQuery}), 2);
  EXPECT_EQ(call_signed("csum_level", {run.context, kReset}), 0);
  EXPECT_EQ(call_signed("csum_level", {run.context, kDecrease}), 0);
  EXPECT_EQ(call_signed("csum_level", {run.context, kQuery}), kEACCES);
  EXPECT_EQ(call_signed("csum_level", {run.context, 4}), kEINVAL);
}

}  // namespace
}  // namespace skep
