// Packets with room around them, and the making of a run's context out of a Frame.

#include "helpers/contexts/frames.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "helpers/spec/host_rows.h"
#include "helpers/spec/image.h"
#include "isa/diagnostic.h"

namespace skep {
namespace {

constexpr u32 kEthernetHeader = 14;
constexpr u32 kTracepointHeader = 8;  // struct trace_entry's, which programs can't read

// What a program type needs of its Frame.
enum class Source : u8 { NotEmulated, XdpPacket, SkbPacket, Registers, PerfEvent, Memory };

Source source_of(ProgramType type) {
  const ProgramTypeRow* row = find_program_type(type);
  if (row == nullptr) return Source::NotEmulated;
  switch (row->context) {
    case Context::XdpMd: return Source::XdpPacket;
    case Context::SkBuff:
      return type == ProgramType::flow_dissector ? Source::NotEmulated : Source::SkbPacket;
    case Context::PtRegs: return Source::Registers;
    case Context::PerfEvent: return Source::PerfEvent;
    case Context::Kernel:
    case Context::Netfilter:
    case Context::Memory:
    case Context::Tracepoint:
    case Context::RawTracepoint:
    case Context::Arguments: return Source::Memory;
    default: return Source::NotEmulated;
  }
}

// Types whose packet begins with the link header.
constexpr TypeSet kWithLinkHeader = where::Tc | where::socket_filter | where::lwt_xmit;

u16 network_order(u16 value) {
  return __builtin_bswap16(value);
}

// skb->protocol as the kernel derives it for received frames: Linux 6.12 net/ethernet/eth.c,
// eth_type_trans; without a link header, by the IP version.
u16 protocol_of(const Packet& packet, bool link_header) {
  constexpr u16 kIpv4 = 0x0800, kIpv6 = 0x86dd, kSmallestType = 0x0600;
  constexpr u16 k8023 = 0x0001, k8022 = 0x0004;
  const auto size = static_cast<u64>(packet.end - packet.data);
  if (!link_header) {
    const u8 version = size == 0 ? u8(0) : static_cast<u8>(packet.data[0] >> 4);
    return version == 4 ? network_order(kIpv4) : version == 6 ? network_order(kIpv6) : u16(0);
  }
  if (size < kEthernetHeader) return 0;
  u16 type;
  std::memcpy(&type, packet.data + kEthernetHeader - 2, sizeof type);
  if (network_order(type) >= kSmallestType) return type;
  const u8* payload = packet.data + kEthernetHeader;
  const bool raw = size >= kEthernetHeader + 2 && payload[0] == 0xff && payload[1] == 0xff;
  return network_order(raw ? k8023 : k8022);
}

// skb->pkt_type by the same function for a packet that came in by lo, whose own address and
// broadcast address are zeros, as in a test run. Without a link header: for this host.
u8 packet_type_of(const Packet& packet, bool link_header) {
  constexpr u8 kHost = 0, kMulticast = 2, kOtherHost = 3;
  constexpr u64 kAddress = 6;
  if (!link_header || packet.data + kAddress > packet.end) return kHost;
  if ((packet.data[0] & 1) != 0) return kMulticast;
  return std::all_of(packet.data, packet.data + kAddress, [](u8 byte) { return byte == 0; })
             ? kHost
             : kOtherHost;
}

Status prepare_packet(Frame& frame, Run& run) {
  Packet& packet = frame.packet;
  if (packet.data == nullptr) return fail<Code::bad_frame>(name(frame.type), "a packet");
  if (packet.end == nullptr) packet.end = packet.data;
  if (packet.meta == nullptr) packet.meta = packet.data;
  if (packet.room == nullptr) packet.room = packet.meta;
  if (packet.limit == nullptr) packet.limit = packet.end;
  if (packet.room > packet.meta || packet.meta > packet.data || packet.data > packet.end ||
      packet.end > packet.limit) {
    return fail<Code::bad_frame>(name(frame.type), "room <= meta <= data <= end <= limit");
  }
  run.packet = &packet;
  run.context = kContextBase;
  return {};
}

Status prepare_skb(Frame& frame, Run& run) {
  TRY(prepare_packet(frame, run));
  const Packet& packet = frame.packet;
  const bool link_header = kWithLinkHeader.has(frame.type);
  SkbFrame& skb = frame.skb;
  if (skb.mac_header == kUnsetHeader) skb.mac_header = static_cast<u32>(packet.data - packet.room);
  if (skb.network_header == kUnsetHeader) {
    skb.network_header = skb.mac_header + (link_header ? kEthernetHeader : 0);
  }
  if (skb.protocol == 0) skb.protocol = protocol_of(packet, link_header);
  if (skb.pkt_type == kUnsetPacketType) skb.pkt_type = packet_type_of(packet, link_header);
  if (skb.wire_len == 0) skb.wire_len = static_cast<u32>(packet.end - packet.data);
  return {};
}

Status prepare_registers(Frame& frame, Run& run) {
  run.context = reinterpret_cast<u64>(&frame.regs.x64);
  const u64 size = frame.regs.machine == Machine::X64 ? sizeof(PtRegsX64) : sizeof(PtRegsA64);
  run.context_region = {run.context, size, AddressClass::Context, kRead};
  return {};
}

Status prepare_memory(Frame& frame, Run& run) {
  if (frame.memory == nullptr && frame.size != 0) {
    return fail<Code::bad_frame>(name(frame.type), "memory where a size is given");
  }
  run.context = reinterpret_cast<u64>(frame.memory);
  Region& region = run.context_region;
  region = {run.context, frame.size, AddressClass::Context, kRead};
  if (frame.type == ProgramType::raw) {
    run.argument2 = frame.size;
    region.cls = AddressClass::Memory;
    region.access = kRead | kWrite;
  } else if (frame.type == ProgramType::syscall) {
    region.access = kRead | kWrite;
  } else if (frame.type == ProgramType::tracepoint) {
    const u64 hidden = std::min<u64>(kTracepointHeader, frame.size);
    region.base += hidden;
    region.size -= hidden;
  }
  if (region.size == 0) region = {};
  return {};
}

// A context that the host has described: its own structure behind fields, or plain memory.
Status prepare_host(Frame& frame, Run& run) {
  const HostType& type = *frame.host;
  const ContextRow& context = type.context();
  if (type.has_packet()) {
    TRY(prepare_packet(frame, run));
  }
  if (frame.memory == nullptr && frame.size != 0) {
    return fail<Code::bad_frame>(context.name, "memory where a size is given");
  }
  if (context.kind == ContextKind::Fields) {
    if (frame.size < type.native_size()) {
      return fail<Code::bad_frame>(context.name,
                                   fmt::format("{} bytes of memory behind its fields, not {}",
                                               type.native_size(), frame.size));
    }
    run.context = kContextBase;
  } else if (context.kind == ContextKind::Flat) {
    if (frame.size < context.size) {
      return fail<Code::bad_frame>(
          context.name, fmt::format("{} bytes of memory, not {}", context.size, frame.size));
    }
    const u64 size = context.size != 0 ? context.size : frame.size;
    run.context = reinterpret_cast<u64>(frame.memory);
    run.argument2 = context.size != 0 ? 0 : size;
    const u8 access = static_cast<u8>(type.writable() ? kRead | kWrite : kRead);
    if (size != 0) run.context_region = {run.context, size, AddressClass::Context, access};
  }
  return {};
}

}  // namespace

PacketRooms packet_rooms(ProgramType type, u64 size) {
  if (type != ProgramType::xdp) return {kSkbHeadroom, kSkbTailroom};
  const u64 used = kXdpHeadroom + size;
  return {kXdpHeadroom, used < kXdpRoom ? static_cast<u32>(kXdpRoom - used) : 0};
}

Result<PacketBuffer> PacketBuffer::make(std::span<const u8> bytes, ProgramType type) {
  const PacketRooms rooms = packet_rooms(type, bytes.size());
  return make(bytes, rooms.head, rooms.tail);
}

Result<PacketBuffer> PacketBuffer::make(std::span<const u8> bytes, u32 headroom, u32 tailroom) {
  if (bytes.size() > kMaxPacket || headroom > kMaxPacket || tailroom > kMaxPacket) {
    return fail<Code::bad_frame>("packet",
                                 fmt::format("at most {} bytes of packet and rooms", kMaxPacket));
  }
  PacketBuffer buffer;
  buffer.headroom_ = headroom;
  buffer.capacity_ = headroom + static_cast<u32>(bytes.size()) + tailroom;
  buffer.bytes_.reset(new (std::nothrow) u8[buffer.capacity_ + 1]());
  if (buffer.bytes_ == nullptr) return fail<Code::no_memory>("a packet");
  TRY(buffer.refill(bytes));
  return buffer;
}

Packet PacketBuffer::packet() const {
  u8* data = bytes_.get() + headroom_;
  return {bytes_.get(), data, data, data + size_, bytes_.get() + capacity_};
}

Status PacketBuffer::refill(std::span<const u8> bytes) {
  if (bytes.size() > capacity_ - headroom_) {
    return fail<Code::bad_frame>(
        "packet", fmt::format("at most {} bytes in this buffer", capacity_ - headroom_));
  }
  // What lies behind the packet is cleared by the helper that gives it to the program.
  std::memset(bytes_.get(), 0, headroom_);
  if (!bytes.empty()) std::memcpy(bytes_.get() + headroom_, bytes.data(), bytes.size());
  size_ = static_cast<u32>(bytes.size());
  return {};
}

void PtRegs::set_argument(u32 index, u64 value) {
  u64* const in_x64[] = {&x64.di, &x64.si, &x64.dx, &x64.cx, &x64.r8, &x64.r9};
  if (machine == Machine::A64) {
    if (index < 8) a64.regs[index] = value;
  } else if (index < std::size(in_x64)) {
    *in_x64[index] = value;
  }
}

void PtRegs::set_result(u64 value) {
  (machine == Machine::A64 ? a64.regs[0] : x64.ax) = value;
}

void PtRegs::set_ip(u64 value) {
  (machine == Machine::A64 ? a64.pc : x64.ip) = value;
}

bool is_emulated(ProgramType type) {
  return source_of(type) != Source::NotEmulated;
}

Status prepare(Frame& frame, Run& run) {
  run.context = 0;
  run.argument2 = 0;
  run.context_region = {};
  run.packet = nullptr;
  run.frame = &frame;
  const bool host = run.image != nullptr && run.image->host != nullptr;
  frame.host = host ? run.image->host->find_type(frame.type) : nullptr;
  if (frame.host != nullptr) return prepare_host(frame, run);
  switch (source_of(frame.type)) {
    case Source::XdpPacket: return prepare_packet(frame, run);
    case Source::SkbPacket: return prepare_skb(frame, run);
    case Source::Registers: return prepare_registers(frame, run);
    case Source::PerfEvent: run.context = kContextBase; return {};
    case Source::Memory: return prepare_memory(frame, run);
    case Source::NotEmulated: break;
  }
  return fail<Code::type_not_emulated>(name(frame.type));
}

}  // namespace skep
