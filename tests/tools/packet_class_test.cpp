// Tests tools/packet_class.h: one frame a class, and the frames at the edge between two.
#include "tools/packet_class.h"

#include <gtest/gtest.h>

#include "tools/io.h"

namespace skep {
namespace {

struct Case {
  const char* name;
  const char* frame;  // hex
  const char* expected;
};

#define ETHERNET "020000000002 020000000001"
// 192.0.2.1 to 192.0.2.2, total lengths and checksums as the cases need them.
#define PORTS "9c40 01bb"
#define TCP_REST "00000001 00000002 5002 ffff 0000 0000"
#define FROM6_TO6 "20010db8000000000000000000000001 20010db8000000000000000000000002"

const Case kCases[] = {
    {"empty", "", "truncated"},
    {"half_an_ethernet_header", "020000000002", "truncated"},
    {"arp", ETHERNET "0806 0001", "ARP"},
    {"unknown_protocol", ETHERNET "88cc 0207", "other"},
    {"ipv4_tcp", ETHERNET "0800 45000028 00010000 40 06 f6cb c0000201 c0000202" PORTS TCP_REST,
     "IPv4 TCP"},
    {"ipv4_udp", ETHERNET "0800 4500001c 00010000 40 11 f6cc c0000201 c0000202" PORTS "00080000",
     "IPv4 UDP"},
    {"ipv4_icmp", ETHERNET "0800 45000018 00010000 40 01 f6e0 c0000201 c0000202 08000000",
     "IPv4 ICMP"},
    {"ipv4_other_transport", ETHERNET "0800 45000014 00010000 40 2f f6b6 c0000201 c0000202",
     "IPv4 other"},
    {"ipv4_bad_checksum", ETHERNET "0800 45000014 00010000 40 2f f6b7 c0000201 c0000202",
     "malformed"},
    {"ipv4_short_header_length", ETHERNET "0800 44000014 00010000 40 2f f7b7 c0000201 c0000202",
     "malformed"},
    {"ipv4_total_beyond_packet",
     ETHERNET "0800 45000028 00010000 40 06 f6cb c0000201 c0000202" PORTS, "truncated"},
    {"ipv4_transport_cut", ETHERNET "0800 45000018 00010000 40 06 f6db c0000201 c0000202" PORTS,
     "truncated"},
    {"ipv4_header_cut", ETHERNET "0800 45000028 00010000", "truncated"},
    {"ipv4_options", ETHERNET "0800 46000018 00010000 40 2f 61ae c0000201 c0000202 94040000",
     "IPv4 options"},
    {"ipv4_fragment", ETHERNET "0800 45000014 00012000 40 2f d6b6 c0000201 c0000202",
     "IPv4 fragment"},
    {"vlan", ETHERNET "8100 0064 0800 45000014 00010000 40 2f f6b6 c0000201 c0000202", "VLAN IPv4"},
    {"vlan_cut", ETHERNET "8100 00", "truncated"},
    {"two_vlans", ETHERNET "88a8 0005 8100 0064 0806", "QinQ ARP"},
    {"three_vlans", ETHERNET "88a8 0005 8100 0064 8100 0001 0806", "VLAN x3+ ARP"},
    {"ipv6_no_next_header", ETHERNET "86dd 60000000 0000 3b 40" FROM6_TO6, "IPv6 other"},
    {"ipv6_tcp", ETHERNET "86dd 60000000 0014 06 40" FROM6_TO6 PORTS TCP_REST, "IPv6 TCP"},
    {"ipv6_icmp", ETHERNET "86dd 60000000 0004 3a 40" FROM6_TO6 "80000000", "IPv6 ICMPv6"},
    {"ipv6_esp", ETHERNET "86dd 60000000 0000 32 40" FROM6_TO6, "IPv6 ESP"},
    {"ipv6_wrong_version", ETHERNET "86dd 40000000 0000 3b 40" FROM6_TO6, "malformed"},
    {"ipv6_header_cut", ETHERNET "86dd 60000000 0000", "truncated"},
    {"ipv6_payload_cut", ETHERNET "86dd 60000000 0100 06 40" FROM6_TO6 PORTS TCP_REST, "truncated"},
    {"ipv6_hop_by_hop", ETHERNET "86dd 60000000 0008 00 40" FROM6_TO6 "3b00010400000000",
     "IPv6 extensions"},
    {"ipv6_hop_by_hop_late",
     ETHERNET "86dd 60000000 0010 3c 40" FROM6_TO6 "0000010400000000 3b00010400000000",
     "malformed"},
    {"ipv6_extension_too_long", ETHERNET "86dd 60000000 0008 3c 40" FROM6_TO6 "3b05010400000000",
     "truncated"},
    {"ipv6_fragment", ETHERNET "86dd 60000000 0008 2c 40" FROM6_TO6 "0600000900000001",
     "IPv6 fragment"},
    {"ipv6_atomic_fragment", ETHERNET "86dd 60000000 0008 2c 40" FROM6_TO6 "3b00000000000001",
     "IPv6 extensions"},
    {"ipv6_authenticated",
     ETHERNET "86dd 60000000 000c 33 40" FROM6_TO6 "3b010000 00000001 00000001", "IPv6 extensions"},
};

class PacketClass : public testing::TestWithParam<Case> {};

TEST_P(PacketClass, is_told) {
  EXPECT_EQ(packet_class(parse_hex(GetParam().frame, "frame")), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Frames, PacketClass, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace skep
