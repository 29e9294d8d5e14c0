// Packets with their rooms, and what prepare() makes of a Frame.
#include "helpers/contexts/frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "isa/diagnostic.h"

namespace skep {
namespace {

TEST(PacketBuffer, HasTheKernelsRoomsForXdp) {
  const std::vector<u8> bytes(100, 0xab);
  const auto buffer = PacketBuffer::make(bytes, ProgramType::xdp);
  ASSERT_TRUE(buffer);
  const Packet packet = buffer->packet();
  EXPECT_EQ(packet.data - packet.room, 216);
  EXPECT_EQ(packet.end - packet.data, 100);
  EXPECT_EQ(packet.meta, packet.data);
  EXPECT_EQ(packet.limit - packet.end, 4096 - 256 - 320 - 100);
  EXPECT_EQ(packet.data[99], 0xab);
}

TEST(PacketBuffer, OfMoreThanAPageHasNoTailroom) {
  const std::vector<u8> bytes(9000);
  const auto buffer = PacketBuffer::make(bytes, ProgramType::xdp);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(buffer->packet().limit, buffer->packet().end);
}

TEST(PacketBuffer, RefillsWithinItsSize) {
  auto buffer = PacketBuffer::make(std::vector<u8>(10, 1), 4, 2);
  ASSERT_TRUE(buffer);
  buffer->packet().room[0] = 9;
  ASSERT_TRUE(buffer->refill(std::vector<u8>(12, 2)));
  EXPECT_EQ(buffer->packet().end - buffer->packet().data, 12);
  EXPECT_EQ(buffer->packet().room[0], 0);
  EXPECT_FALSE(buffer->refill(std::vector<u8>(13, 2)));
  ASSERT_TRUE(buffer->refill({}));
  EXPECT_EQ(buffer->packet().end, buffer->packet().data);
}

TEST(PacketBuffer, IsBounded) {
  EXPECT_EQ(PacketBuffer::make({}, kMaxPacket + 1, 0).error().code, Code::bad_frame);
  EXPECT_EQ(PacketBuffer::make({}, 0, kMaxPacket + 1).error().code, Code::bad_frame);
}

TEST(Prepare, GivesXdpTheMadeUpContext) {
  u8 bytes[20] = {};
  Frame frame{.type = ProgramType::xdp, .packet = {.data = bytes, .end = bytes + 20}};
  skep::Run run;
  ASSERT_TRUE(prepare(frame, run));
  EXPECT_EQ(run.context, kContextBase);
  EXPECT_EQ(run.argument2, 0u);
  EXPECT_EQ(run.context_region.size, 0u);
  EXPECT_EQ(run.frame, &frame);
  EXPECT_EQ(run.packet, &frame.packet);
  EXPECT_EQ(frame.packet.room, bytes);
  EXPECT_EQ(frame.packet.meta, bytes);
  EXPECT_EQ(frame.packet.limit, bytes + 20);
}

TEST(Prepare, RefusesWhatHasNoPacketOrABrokenOne) {
  u8 bytes[20] = {};
  skep::Run run;
  Frame none{.type = ProgramType::xdp};
  EXPECT_EQ(prepare(none, run).error().code, Code::bad_frame);
  Frame broken{.type = ProgramType::sched_cls, .packet = {.data = bytes + 20, .end = bytes}};
  EXPECT_EQ(prepare(broken, run).error().code, Code::bad_frame);
  Frame beyond{.type = ProgramType::sched_cls,
               .packet = {.room = bytes + 4, .data = bytes, .end = bytes + 20}};
  EXPECT_EQ(prepare(beyond, run).error().code, Code::bad_frame);
}

struct ProtocolCase {
  const char* name;
  ProgramType type;
  std::vector<u8> packet;
  u16 protocol;  // as programs see it: network order
  u32 network_header;
};

class SkbProtocol : public testing::TestWithParam<ProtocolCase> {};

TEST_P(SkbProtocol, FollowsFromThePacket) {
  std::vector<u8> bytes = GetParam().packet;
  bytes.reserve(1);  // so that an empty packet is somewhere, too
  Frame frame{.type = GetParam().type};
  frame.packet = {.data = bytes.data(), .end = bytes.data() + bytes.size()};
  skep::Run run;
  ASSERT_TRUE(prepare(frame, run));
  EXPECT_EQ(frame.skb.protocol, GetParam().protocol);
  EXPECT_EQ(frame.skb.mac_header, 0u);
  EXPECT_EQ(frame.skb.network_header, GetParam().network_header);
  EXPECT_EQ(frame.skb.wire_len, bytes.size());
}

std::vector<u8> ethernet(u8 high, u8 low) {
  std::vector<u8> bytes(20);
  bytes[12] = high;
  bytes[13] = low;
  return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    All, SkbProtocol,
    testing::Values(
        ProtocolCase{"ipv4", ProgramType::sched_cls, ethernet(0x08, 0x00), 0x0008, 14},
        ProtocolCase{"ipv6", ProgramType::socket_filter, ethernet(0x86, 0xdd), 0xdd86, 14},
        ProtocolCase{"length", ProgramType::sched_act, ethernet(0x00, 0x2e), 0x0400, 14},
        ProtocolCase{"short", ProgramType::sched_cls, {1, 2, 3}, 0, 14},
        ProtocolCase{"cgroup_ipv4", ProgramType::cgroup_skb, {0x45, 0}, 0x0008, 0},
        ProtocolCase{"cgroup_ipv6", ProgramType::cgroup_skb, {0x60, 0}, 0xdd86, 0},
        ProtocolCase{"cgroup_empty", ProgramType::cgroup_skb, {}, 0, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Prepare, KeepsWhatTheHostGave) {
  u8 bytes[20] = {};
  Frame frame{.type = ProgramType::sched_cls, .packet = {.data = bytes, .end = bytes + 20}};
  frame.skb.protocol = 0x1234;
  frame.skb.wire_len = 99;
  frame.skb.network_header = 18;
  skep::Run run;
  ASSERT_TRUE(prepare(frame, run));
  EXPECT_EQ(frame.skb.protocol, 0x1234);
  EXPECT_EQ(frame.skb.wire_len, 99u);
  EXPECT_EQ(frame.skb.network_header, 18u);
}

TEST(Prepare, GivesKprobesRealRegisters) {
  for (Machine machine : {Machine::X64, Machine::A64}) {
    Frame frame{.type = ProgramType::kprobe};
    frame.regs.machine = machine;
    frame.regs.set_argument(1, 0x1234);
    frame.regs.set_result(5);
    frame.regs.set_ip(0x8000);
    skep::Run run;
    ASSERT_TRUE(prepare(frame, run));
    EXPECT_EQ(run.context_region.base, run.context);
    EXPECT_EQ(run.context_region.size, machine == Machine::X64 ? 168u : 336u);
    EXPECT_EQ(run.context_region.access, kRead);
    EXPECT_EQ(run.packet, nullptr);
    const auto* words = reinterpret_cast<const u64*>(run.context);
    EXPECT_EQ(words[machine == Machine::X64 ? 13 : 1], 0x1234u);   // si, x1
    EXPECT_EQ(words[machine == Machine::X64 ? 10 : 0], 5u);        // ax, x0
    EXPECT_EQ(words[machine == Machine::X64 ? 16 : 32], 0x8000u);  // ip, pc
    frame.regs.set_argument(99, 1);                                // ignored
  }
}

TEST(Prepare, GivesRawItsMemory) {
  u8 bytes[20] = {};
  Frame frame{.type = ProgramType::raw, .memory = bytes, .size = 20};
  skep::Run run;
  ASSERT_TRUE(prepare(frame, run));
  EXPECT_EQ(run.context, reinterpret_cast<u64>(bytes));
  EXPECT_EQ(run.argument2, 20u);
  EXPECT_EQ(run.context_region.cls, AddressClass::Memory);
  EXPECT_EQ(run.context_region.access, kRead | kWrite);

  Frame empty{.type = ProgramType::raw};
  ASSERT_TRUE(prepare(empty, run));
  EXPECT_EQ(run.context, 0u);
  EXPECT_EQ(run.context_region.size, 0u);

  Frame broken{.type = ProgramType::raw, .size = 1};
  EXPECT_EQ(prepare(broken, run).error().code, Code::bad_frame);
}

TEST(Prepare, HidesTheHeaderOfTracepoints) {
  u8 bytes[64] = {};
  Frame frame{.type = ProgramType::tracepoint, .memory = bytes, .size = 64};
  skep::Run run;
  ASSERT_TRUE(prepare(frame, run));
  EXPECT_EQ(run.context, reinterpret_cast<u64>(bytes));
  EXPECT_EQ(run.context_region.base, run.context + 8);
  EXPECT_EQ(run.context_region.size, 56u);
  EXPECT_EQ(run.context_region.access, kRead);
}

TEST(Prepare, RefusesTypesWithoutAContextOfOurs) {
  for (const ProgramTypeRow& row : program_types()) {
    u8 bytes[20] = {};
    Frame frame{.type = row.type, .packet = {.data = bytes, .end = bytes + 20}};
    skep::Run run;
    const Status status = prepare(frame, run);
    EXPECT_EQ(status.has_value(), is_emulated(row.type)) << row.name;
    if (!status) {
      EXPECT_EQ(status.error().code, Code::type_not_emulated);
    }
  }
  EXPECT_FALSE(is_emulated(ProgramType(0x1234)));
}

}  // namespace
}  // namespace skep
