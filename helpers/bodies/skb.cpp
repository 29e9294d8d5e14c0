// Packets of the network stack: copies in and out, changes of size, VLAN tags. The packet is in one
// piece and belongs to the program alone, so making it writable never moves it.
//
// A VLAN tag is kept beside the packet, as network cards hand it over; only a second one goes into
// the packet. Semantics: Linux 6.12 net/core/filter.c, net/core/skbuff.c (skb_vlan_push, _pop),
// include/linux/if_vlan.h. Tested by tests/helpers/skb_test.cpp.

#include <algorithm>
#include <cstring>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u32 kMaxInt = 0x7fffffff;
constexpr u32 kMaxLength = 4 * 4096 - 320;  // BPF_SKB_MAX_LEN
constexpr u64 kRecomputeChecksum = 1, kInvalidateHash = 2;
constexpr u64 kAddress = 6, kEthernetHeader = 14, kTag = 4;
constexpr u32 kOtherHost = 3;  // PACKET_OTHERHOST: the last type that may be set

// Ethernet types in network byte order.
constexpr u16 k8021Q = 0x0081, k8021Ad = 0xa888, k8023 = 0x0100, k8022 = 0x0400;
constexpr u16 kIpv4 = 0x0008, kIpv6 = 0xdd86;
constexpr u64 kIpv6IsLonger = 20;  // than IPv4, as headers without options

u64 length_of(const Packet& packet) {
  return static_cast<u64>(packet.end - packet.data);
}

// Whether [offset, offset + size) lies in the first `length` bytes; no overflow for any input.
bool is_inside(u64 offset, u64 size, u64 length) {
  return size <= length && offset <= length - size;
}

bool is_vlan(u16 protocol) {
  return protocol == k8021Q || protocol == k8021Ad;
}

u16 load16(const u8* from) {
  u16 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void store16(u8* to, u16 value) {
  std::memcpy(to, &value, sizeof value);
}

// Where the network header begins, from data on; 0 or less if before it.
i64 network_offset(const Frame& frame) {
  return frame.packet.room + frame.skb.network_header - frame.packet.data;
}

// Both headers of the link layer begin at data.
bool begins_with_link_header(const Frame& frame) {
  return frame.packet.room + frame.skb.mac_header == frame.packet.data;
}

// Moves the start of the packet and says so to the engine. No room: -ENOMEM.
bool move_start(Run& run, Frame& frame, i64 delta) {
  Packet& packet = frame.packet;
  if (delta < packet.room - packet.data) return false;
  packet.data += delta;
  packet.meta = packet.data;
  frame.skb.mac_header = static_cast<u32>(packet.data - packet.room);
  run.forget(run);
  return true;
}

// The tag behind the addresses of the packet goes into it: what skb_vlan_push does with the tag
// that it finds beside the packet.
i64 insert_tag(Run& run, Frame& frame) {
  SkbFrame& skb = frame.skb;
  if (length_of(frame.packet) < 2 * kAddress) return kENOMEM;
  if (!move_start(run, frame, -static_cast<i64>(kTag))) return kENOMEM;
  u8* data = frame.packet.data;
  std::memmove(data, data + kTag, 2 * kAddress);
  store16(data + 2 * kAddress, skb.vlan_proto);
  store16(data + 2 * kAddress + 2, __builtin_bswap16(skb.vlan_tci));
  skb.protocol = skb.vlan_proto;
  skb.network_header -= std::min<u32>(skb.network_header, kTag);  // as far from the start as before
  return 0;
}

// Takes the tag behind the addresses out of the packet: __skb_vlan_pop.
i64 remove_tag(Run& run, Frame& frame, u16& tci) {
  constexpr u16 kSmallestType = 0x0600;
  if (length_of(frame.packet) < kEthernetHeader + kTag) return kENOMEM;
  u8* data = frame.packet.data;
  const u16 type = load16(data + kEthernetHeader + 2);
  tci = __builtin_bswap16(load16(data + kEthernetHeader));
  if (__builtin_bswap16(type) >= kSmallestType) {
    frame.skb.protocol = type;
  } else {
    const bool raw = length_of(frame.packet) >= kEthernetHeader + kTag + 2 &&
                     load16(data + kEthernetHeader + kTag) == 0xffff;
    frame.skb.protocol = raw ? k8023 : k8022;
  }
  std::memmove(data + kTag, data, 2 * kAddress);
  move_start(run, frame, kTag);
  if (network_offset(frame) < static_cast<i64>(kEthernetHeader)) {
    frame.skb.network_header = frame.skb.mac_header + kEthernetHeader;
  }
  return 0;
}

void put_tag_beside(SkbFrame& skb, u16 protocol, u16 tci) {
  skb.vlan_present = 1;
  skb.vlan_proto = protocol;
  skb.vlan_tci = tci;
}

}  // namespace

i64 skb_load_bytes(Run&, Frame* frame, u32 offset, OutBytes to) {
  if (offset > kMaxInt || !is_inside(offset, to.size, length_of(frame->packet))) {
    clear_shared(to.data, to.size);
    return kEFAULT;
  }
  copy_shared(to.data, frame->packet.data + offset, to.size);
  return 0;
}

i64 skb_load_bytes_relative(Run&, Frame* frame, u32 offset, OutBytes to, u32 start) {
  constexpr u32 kFromMac = 0, kFromNet = 1;  // BPF_HDR_START_*
  const Packet& packet = frame->packet;
  const u64 header = start == kFromMac ? frame->skb.mac_header : frame->skb.network_header;
  const auto room = static_cast<u64>(packet.end - packet.room);
  if (offset > 0xffff || start > kFromNet || !is_inside(header + offset, to.size, room)) {
    clear_shared(to.data, to.size);
    return kEFAULT;
  }
  copy_shared(to.data, packet.room + header + offset, to.size);
  return 0;
}

i64 skb_store_bytes(Run&, Frame* frame, u32 offset, Bytes from, u64 flags) {
  if ((flags & ~(kRecomputeChecksum | kInvalidateHash)) != 0) return kEINVAL;
  if (offset > kMaxInt || !is_inside(offset, from.size, length_of(frame->packet))) return kEFAULT;
  copy_shared(frame->packet.data + offset, from.data, from.size);
  if ((flags & kInvalidateHash) != 0) frame->skb.hash = 0;
  return 0;
}

i64 skb_pull_data(Run&, Frame* frame, u32 length) {
  return length <= length_of(frame->packet) ? 0 : kENOMEM;
}

i64 skb_change_head(Run& run, Frame* frame, u32 room, u64 flags) {
  const u64 length = length_of(frame->packet) + room;
  const bool gso = frame->skb.gso_size != 0;
  if (flags != 0 || (!gso && length > kMaxLength) || length > 0xffffffff) return kEINVAL;
  if (!move_start(run, *frame, -static_cast<i64>(room))) return kENOMEM;
  std::memset(frame->packet.data, 0, room);
  return 0;
}

i64 skb_change_tail(Run& run, Frame* frame, u32 length, u64 flags) {
  Packet& packet = frame->packet;
  if (flags != 0 || length > kMaxLength || length < network_offset(*frame)) return kEINVAL;
  const u64 now = length_of(packet);
  if (length > now) {
    if (length - now > static_cast<u64>(packet.limit - packet.end)) return kENOMEM;
    std::memset(packet.end, 0, length - now);
  }
  packet.end = packet.data + length;
  run.forget(run);
  return 0;
}

// Room for the longer header, zeroed, or the shorter one's out; the program writes the rest.
i64 skb_change_proto(Run& run, Frame* frame, u16 protocol, u64 flags) {
  SkbFrame& skb = frame->skb;
  Packet& packet = frame->packet;
  const bool longer = skb.protocol == kIpv4 && protocol == kIpv6;
  const bool shorter = skb.protocol == kIpv6 && protocol == kIpv4;
  const u64 link = skb.network_header - skb.mac_header;
  if (flags != 0) return kEINVAL;
  if (!longer && !shorter) return kENOTSUPP;
  if (!is_inside(link, shorter ? kIpv6IsLonger : 0, length_of(packet))) return kENOMEM;
  u8* const before = packet.data;
  const i64 delta = longer ? -static_cast<i64>(kIpv6IsLonger) : static_cast<i64>(kIpv6IsLonger);
  if (!move_start(run, *frame, delta)) return kENOMEM;
  std::memmove(packet.data, before, link);
  if (longer) std::memset(packet.data + link, 0, kIpv6IsLonger);
  skb.network_header = skb.mac_header + static_cast<u32>(link);
  skb.protocol = protocol;
  skb.hash = 0;
  return 0;
}

i64 set_hash(Run&, Frame* frame, u32 hash) {
  frame->skb.hash = hash;
  return 0;
}

i64 set_hash_invalid(Run&, Frame* frame) {
  frame->skb.hash = 0;
  return 0;
}

i64 skb_change_type(Run&, Frame* frame, u32 type) {
  if (frame->skb.pkt_type > kOtherHost || type > kOtherHost) return kEINVAL;
  frame->skb.pkt_type = static_cast<u8>(type);
  return 0;
}

i64 skb_vlan_push(Run& run, Frame* frame, u16 protocol, u16 tci) {
  if (frame->skb.vlan_present != 0) {
    if (!begins_with_link_header(*frame)) return kEINVAL;
    const i64 error = insert_tag(run, *frame);
    if (error != 0) return error;
  }
  put_tag_beside(frame->skb, is_vlan(protocol) ? protocol : k8021Q, tci);
  return 0;
}

i64 skb_vlan_pop(Run& run, Frame* frame) {
  SkbFrame& skb = frame->skb;
  u16 tci = 0;
  if (skb.vlan_present != 0) {
    skb.vlan_present = 0;
    skb.vlan_proto = 0;
    skb.vlan_tci = 0;
  } else {
    if (!is_vlan(skb.protocol)) return 0;
    if (!begins_with_link_header(*frame)) return kEINVAL;
    const i64 error = remove_tag(run, *frame, tci);
    if (error != 0) return error;
  }
  if (!is_vlan(skb.protocol)) return 0;
  const u16 protocol = skb.protocol;
  const i64 error = remove_tag(run, *frame, tci);
  if (error == 0) put_tag_beside(skb, protocol, tci);
  return error;
}

}  // namespace skep::body
