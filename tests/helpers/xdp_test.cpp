// XDP packets: how far their bounds move, what moves with them, each error.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Xdp : public test::BodyTest {
 protected:
  Xdp() {
    std::vector<u8> bytes(64);
    for (u8 i = 0; i < 64; ++i) bytes[i] = i;
    start(ProgramType::xdp, bytes, 100, 50);
  }
  i64 adjust(const char* what, i64 delta) {
    return call_signed(std::string("xdp_adjust_") + what, {run.context, static_cast<u64>(delta)});
  }
};

TEST_F(Xdp, HeadMovesBetweenItsRoomAndTheSmallestPacket) {
  EXPECT_EQ(adjust("head", 4), 0);
  EXPECT_EQ(packet().data[0], 4);
  EXPECT_EQ(adjust("head", 60 - 14), 0);
  EXPECT_EQ(packet_length(), 14);
  EXPECT_EQ(adjust("head", 1), kEINVAL);
  EXPECT_EQ(adjust("head", -50), 0);
  EXPECT_EQ(adjust("head", -100), 0);
  EXPECT_EQ(packet().data, packet().room);
  EXPECT_EQ(packet_length(), 164);
  EXPECT_EQ(adjust("head", -1), kEINVAL);
  EXPECT_EQ(adjust("head", INT32_MIN), kEINVAL);
  EXPECT_EQ(adjust("head", INT32_MAX), kEINVAL);
  EXPECT_EQ(packet().meta, packet().data);
  EXPECT_EQ(forgotten, 4u) << "only when something moved";
}

TEST_F(Xdp, OffsetsAreSigned32Bits) {
  EXPECT_EQ(call_signed("xdp_adjust_head", {run.context, 0xfffffffc}), 0);
  EXPECT_EQ(packet_length(), 68);
}

TEST_F(Xdp, MetadataMovesWithTheHead) {
  ASSERT_EQ(adjust("meta", -8), 0);
  for (u8 i = 0; i < 8; ++i) packet().meta[i] = static_cast<u8>(0xa0 + i);
  EXPECT_EQ(adjust("head", -10), 0);
  EXPECT_EQ(packet().data - packet().meta, 8);
  EXPECT_EQ(packet().meta[0], 0xa0);
  EXPECT_EQ(packet().meta[7], 0xa7);
  EXPECT_EQ(adjust("head", -82), 0);
  EXPECT_EQ(packet().meta, packet().room);
  EXPECT_EQ(packet().meta[7], 0xa7);
  EXPECT_EQ(adjust("head", -1), kEINVAL) << "the metadata has no room";
  EXPECT_EQ(adjust("head", 20), 0);
  EXPECT_EQ(packet().meta[0], 0xa0);
}

struct MetaCase {
  const char* name;
  i64 delta;
  i64 result;
};

class XdpMeta : public Xdp, public testing::WithParamInterface<MetaCase> {};

TEST_P(XdpMeta, TakesWordsInTheHeadroom) {
  start(ProgramType::xdp, std::vector<u8>(64), 300, 0);
  EXPECT_EQ(adjust("meta", GetParam().delta), GetParam().result);
  EXPECT_EQ(packet().data - packet().meta, GetParam().result == 0 ? -GetParam().delta : 0);
}

INSTANTIATE_TEST_SUITE_P(All, XdpMeta,
                         testing::Values(MetaCase{"none", 0, 0}, MetaCase{"word", -4, 0},
                                         MetaCase{"kernel_5_limit", -32, 0},
                                         MetaCase{"most", -252, 0},
                                         MetaCase{"too_much", -256, kEACCES},
                                         MetaCase{"not_words", -6, kEACCES},
                                         MetaCase{"into_the_packet", 4, kEINVAL},
                                         MetaCase{"beyond_the_room", -304, kEINVAL},
                                         MetaCase{"far", INT32_MIN, kEINVAL}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(Xdp, MetadataShrinks) {
  EXPECT_EQ(adjust("meta", -16), 0);
  EXPECT_EQ(adjust("meta", 12), 0);
  EXPECT_EQ(packet().data - packet().meta, 4);
  EXPECT_EQ(adjust("meta", 8), kEINVAL);
}

TEST_F(Xdp, TailGrowsWithZerosAndShrinks) {
  packet().end[0] = 0xee;
  EXPECT_EQ(adjust("tail", 50), 0);
  EXPECT_EQ(packet_length(), 114);
  EXPECT_EQ(packet().data[64], 0);
  EXPECT_EQ(adjust("tail", 1), kEINVAL);
  EXPECT_EQ(adjust("tail", -100), 0);
  EXPECT_EQ(packet_length(), 14);
  EXPECT_EQ(adjust("tail", -1), kEINVAL);
  EXPECT_EQ(adjust("tail", INT32_MIN), kEINVAL);
  EXPECT_EQ(adjust("tail", INT32_MAX), kEINVAL);
  EXPECT_EQ(packet_length(), 14);
}

TEST_F(Xdp, CopiesInAndOut) {
  u8 bytes[8] = {};
  const u64 at = lend_all(bytes);
  EXPECT_EQ(call("xdp_get_buff_len", {run.context}), 64u);
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 60, at, 4}), 0);
  EXPECT_EQ(bytes[0], 60);
  EXPECT_EQ(bytes[3], 63);
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 61, at, 4}), kEINVAL);
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 0x10000, at, 4}), kEFAULT);
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 0xffffffff, at, 4}), kEFAULT);
  bytes[0] = 0x77;
  EXPECT_EQ(call_signed("xdp_store_bytes", {run.context, 63, at, 1}), 0);
  EXPECT_EQ(packet().data[63], 0x77);
  EXPECT_EQ(call_signed("xdp_store_bytes", {run.context, 63, at, 2}), kEINVAL);
  EXPECT_EQ(call_signed("xdp_store_bytes", {run.context, 0x10000, at, 1}), kEFAULT);
}

TEST_F(Xdp, CopiesAreOfLessThan64K) {
  std::vector<u8> large(0x10000);
  const u64 at = lend(large.data(), large.size());
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 0, at, 0x10000}), kEFAULT);
  EXPECT_EQ(call_signed("xdp_load_bytes", {run.context, 0, at, 0xffff}), kEINVAL);
}

}  // namespace
}  // namespace skep
