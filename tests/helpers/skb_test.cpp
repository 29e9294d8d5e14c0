// Packets of the network stack: copies, sizes and tags, each with its errors.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Skb : public test::BodyTest {
 protected:
  Skb() { start_with(packet_of({0x08, 0x00}, 64)); }
  void start_with(const std::vector<u8>& bytes) { start(ProgramType::sched_cls, bytes, 100, 50); }

  // Bytes 0, 1, 2, ... with `type` in the place of the Ethernet type.
  static std::vector<u8> packet_of(std::vector<u8> type, u8 size) {
    std::vector<u8> bytes(size);
    for (u8 i = 0; i < size; ++i) bytes[i] = i;
    std::copy(type.begin(), type.end(), bytes.begin() + 12);
    return bytes;
  }
  std::string hex(u32 from, u32 count) const {
    std::string text;
    for (u32 i = 0; i < count; ++i) text += fmt::format("{:02x}", frame.packet.data[from + i]);
    return text;
  }
};

struct LoadCase {
  const char* name;
  u64 offset;
  u64 size;
  i64 first;  // byte loaded, or an error
};

class SkbLoad : public Skb, public testing::WithParamInterface<LoadCase> {};

TEST_P(SkbLoad, CopiesOrClears) {
  u8 bytes[16];
  std::memset(bytes, 0x77, sizeof bytes);
  const auto [name, offset, size, first] = GetParam();
  const i64 result = call_signed("skb_load_bytes", {run.context, offset, lend_all(bytes), size});
  EXPECT_EQ(result, first < 0 ? first : 0);
  EXPECT_EQ(bytes[0], first < 0 ? 0 : first);
  EXPECT_EQ(bytes[size - 1], first < 0 ? 0 : first + static_cast<i64>(size) - 1);
  EXPECT_EQ(bytes[size], 0x77);
}

INSTANTIATE_TEST_SUITE_P(All, SkbLoad,
                         testing::Values(LoadCase{"start", 0, 4, 0}, LoadCase{"end", 60, 4, 60},
                                         LoadCase{"past_the_end", 61, 4, kEFAULT},
                                         LoadCase{"far", 0x7fffffff, 4, kEFAULT},
                                         LoadCase{"negative", 0xfffffffc, 4, kEFAULT}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(Skb, LoadsRelativeToHeaders) {
  u8 byte = 0;
  const u64 at = lend_all(byte);
  constexpr u64 kMac = 0, kNet = 1;
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 3, at, 1, kMac}), 0);
  EXPECT_EQ(byte, 3);
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 3, at, 1, kNet}), 0);
  EXPECT_EQ(byte, 17);
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 50, at, 1, kNet}), kEFAULT);
  EXPECT_EQ(byte, 0);
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 0, at, 1, 2}), kEFAULT);
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 0x10000, at, 1, kMac}), kEFAULT);
  ASSERT_EQ(call_signed("skb_change_head", {run.context, 10, 0}), 0);
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 1, at, 1, kNet}), 0);
  EXPECT_EQ(byte, 15) << "the network header stays where it was";
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 10, at, 1, kMac}), 0);
  EXPECT_EQ(byte, 0) << "the link header begins with the packet";
}

TEST_F(Skb, HeadersThatTheHostMisplacesAreNotFollowed) {
  u8 byte = 7;
  frame.skb.mac_header = 0xfffffff0;
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 0xffff, lend_all(byte), 1, 0}),
            kEFAULT);
}

TEST_F(Skb, Stores) {
  constexpr u64 kRecompute = 1, kInvalidateHash = 2;
  const u8 bytes[] = {0xaa, 0xbb};
  const u64 at = lend(bytes, 2, kRead);
  frame.skb.hash = 9;
  EXPECT_EQ(call_signed("skb_store_bytes", {run.context, 62, at, 2, kRecompute}), 0);
  EXPECT_EQ(hex(61, 3), "3daabb");
  EXPECT_EQ(frame.skb.hash, 9u);
  EXPECT_EQ(call_signed("skb_store_bytes", {run.context, 0, at, 1, kInvalidateHash}), 0);
  EXPECT_EQ(frame.skb.hash, 0u);
  EXPECT_EQ(call_signed("skb_store_bytes", {run.context, 63, at, 2, 0}), kEFAULT);
  EXPECT_EQ(call_signed("skb_store_bytes", {run.context, 0x80000000, at, 2, 0}), kEFAULT);
  EXPECT_EQ(call_signed("skb_store_bytes", {run.context, 0, at, 2, 4}), kEINVAL);
}

TEST_F(Skb, AllOfItCanBePulled) {
  EXPECT_EQ(call_signed("skb_pull_data", {run.context, 0}), 0);
  EXPECT_EQ(call_signed("skb_pull_data", {run.context, 64}), 0);
  EXPECT_EQ(call_signed("skb_pull_data", {run.context, 65}), kENOMEM);
}

TEST_F(Skb, HeadGrowsWithZeros) {
  packet().data[-1] = 0xee;
  EXPECT_EQ(call_signed("skb_change_head", {run.context, 4, 0}), 0);
  EXPECT_EQ(hex(0, 6), "000000000001");
  EXPECT_EQ(packet_length(), 68);
  EXPECT_EQ(forgotten, 1u);
  EXPECT_EQ(call_signed("skb_change_head", {run.context, 97, 0}), kENOMEM);
  EXPECT_EQ(call_signed("skb_change_head", {run.context, 0, 1}), kEINVAL);
  EXPECT_EQ(call_signed("skb_change_head", {run.context, 20000, 0}), kEINVAL);
  EXPECT_EQ(call_signed("skb_change_head", {run.context, 0xffffffff, 0}), kEINVAL);
  EXPECT_EQ(packet_length(), 68);
}

TEST_F(Skb, TailGrowsWithZerosAndShrinksToTheNetworkHeader) {
  packet().end[0] = 0xee;
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 114, 0}), 0);
  EXPECT_EQ(hex(63, 3), "3f0000");
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 115, 0}), kENOMEM);
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 14, 0}), 0);
  EXPECT_EQ(packet_length(), 14);
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 13, 0}), kEINVAL);
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 14, 1}), kEINVAL);
  EXPECT_EQ(call_signed("skb_change_tail", {run.context, 16065, 0}), kEINVAL);
  EXPECT_EQ(forgotten, 2u);
}

TEST_F(Skb, TypesOfDelivery) {
  EXPECT_EQ(call_signed("skb_change_type", {run.context, 3}), 0);
  EXPECT_EQ(frame.skb.pkt_type, 3u);
  EXPECT_EQ(call_signed("skb_change_type", {run.context, 4}), kEINVAL);
  frame.skb.pkt_type = 4;  // outgoing
  EXPECT_EQ(call_signed("skb_change_type", {run.context, 0}), kEINVAL);
}

TEST_F(Skb, ProtocolsWithRoomForTheirHeaders) {
  constexpr u64 kIpv4 = 0x0008, kIpv6 = 0xdd86;  // in network byte order
  frame.skb.hash = 7;
  EXPECT_EQ(call_signed("skb_change_proto", {run.context, kIpv6, 1}), kEINVAL);
  EXPECT_EQ(call_signed("skb_change_proto", {run.context, kIpv4, 0}), kENOTSUPP) << "it is that";
  EXPECT_EQ(frame.skb.hash, 7u);
  EXPECT_EQ(call_signed("skb_change_proto", {run.context, kIpv6, 0}), 0);
  EXPECT_EQ(packet_length(), 84);
  EXPECT_EQ(hex(0, 14), "000102030405060708090a0b0800");
  EXPECT_EQ(hex(14, 20), std::string(40, '0'));
  EXPECT_EQ(hex(34, 4), "0e0f1011");
  EXPECT_EQ(frame.skb.protocol, kIpv6);
  EXPECT_EQ(frame.skb.hash, 0u);
  EXPECT_EQ(call_signed("skb_change_proto", {run.context, kIpv4, 0}), 0);
  EXPECT_EQ(packet_length(), 64);
  EXPECT_EQ(hex(0, 18), "000102030405060708090a0b08000e0f1011");
  EXPECT_EQ(frame.skb.protocol, kIpv4);
  start_with(packet_of({0x86, 0xdd}, 33));
  EXPECT_EQ(call_signed("skb_change_proto", {run.context, kIpv4, 0}), kENOMEM) << "a byte short";
  EXPECT_EQ(packet_length(), 33);
}

TEST_F(Skb, HashesThatProgramsSet) {
  EXPECT_EQ(call_signed("set_hash", {run.context, 0x1'2345'6789}), 0);
  EXPECT_EQ(frame.skb.hash, 0x2345'6789u);
  EXPECT_EQ(call_signed("set_hash_invalid", {run.context}), 0);
  EXPECT_EQ(frame.skb.hash, 0u);
}

// ---- VLAN tags
// -----------------------------------------------------------------------------------

constexpr u64 k8021Q = 0x0081, k8021Ad = 0xa888;  // as programs have them, in network byte order

TEST_F(Skb, FirstTagIsKeptBesideThePacket) {
  EXPECT_EQ(call_signed("skb_vlan_push", {run.context, k8021Ad, 0x2005}), 0);
  EXPECT_EQ(packet_length(), 64);
  EXPECT_EQ(frame.skb.vlan_present, 1u);
  EXPECT_EQ(frame.skb.vlan_proto, k8021Ad);
  EXPECT_EQ(frame.skb.vlan_tci, 0x2005);
  EXPECT_EQ(frame.skb.protocol, 0x0008);
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), 0);
  EXPECT_EQ(frame.skb.vlan_present, 0u);
  EXPECT_EQ(packet_length(), 64);
}

TEST_F(Skb, SecondTagGoesIntoThePacket) {
  call("skb_vlan_push", {run.context, k8021Q, 5});
  EXPECT_EQ(call_signed("skb_vlan_push", {run.context, k8021Ad, 7}), 0);
  EXPECT_EQ(packet_length(), 68);
  EXPECT_EQ(hex(0, 20),
            "000102030405060708090a0b810000050800"
            "0e0f");
  EXPECT_EQ(frame.skb.protocol, k8021Q);
  EXPECT_EQ(frame.skb.vlan_proto, k8021Ad);
  EXPECT_EQ(frame.skb.vlan_tci, 7);
  EXPECT_EQ(frame.skb.network_header, frame.skb.mac_header + 14)
      << "at the tag, as the kernel has it";
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), 0);
  EXPECT_EQ(packet_length(), 64) << "the inner tag moves beside the packet";
  EXPECT_EQ(hex(0, 16), "000102030405060708090a0b08000e0f");
  EXPECT_EQ(frame.skb.vlan_present, 1u);
  EXPECT_EQ(frame.skb.vlan_tci, 5);
  EXPECT_EQ(frame.skb.protocol, 0x0008);
}

TEST_F(Skb, PopTakesTagsOutOfThePacket) {
  start_with(packet_of({0x81, 0x00, 0x00, 0x09, 0x86, 0xdd}, 64));
  EXPECT_EQ(frame.skb.protocol, k8021Q);
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), 0);
  EXPECT_EQ(packet_length(), 60);
  EXPECT_EQ(hex(0, 16), "000102030405060708090a0b86dd1213");
  EXPECT_EQ(frame.skb.protocol, 0xdd86);
  EXPECT_EQ(frame.skb.vlan_present, 0u);
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), 0) << "nothing to do is no error";
  EXPECT_EQ(packet_length(), 60);
  u8 byte = 0;
  EXPECT_EQ(call_signed("skb_load_bytes_relative", {run.context, 0, lend_all(byte), 1, 1}), 0);
  EXPECT_EQ(byte, 0x12) << "the network header is behind the link header";
}

TEST_F(Skb, UnknownTagProtocolsBecome8021Q) {
  call("skb_vlan_push", {run.context, 0x1234, 1});
  EXPECT_EQ(frame.skb.vlan_proto, k8021Q);
}

TEST_F(Skb, TagsNeedRoomAndBytes) {
  start(ProgramType::sched_cls, packet_of({0x08, 0x00}, 64), 3, 0);
  call("skb_vlan_push", {run.context, k8021Q, 5});
  EXPECT_EQ(call_signed("skb_vlan_push", {run.context, k8021Q, 5}), kENOMEM);
  start_with(packet_of({0x81, 0x00}, 17));
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), kENOMEM);
  start_with(packet_of({0x81, 0x00}, 64));
  frame.skb.mac_header += 2;
  EXPECT_EQ(call_signed("skb_vlan_pop", {run.context}), kEINVAL) << "not at the link header";
}

}  // namespace
}  // namespace skep
