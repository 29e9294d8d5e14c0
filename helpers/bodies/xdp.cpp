// XDP packets: moving their bounds, and copies in and out. The packet is in one piece.
// Semantics: Linux 6.12 net/core/filter.c, include/net/xdp.h, compared with a running 6.18.
// Tested by tests/helpers/xdp_test.cpp.

#include <cstring>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr i64 kSmallest = 14;  // ETH_HLEN: bytes that a packet keeps
constexpr i64 kMaxMeta = 255;  // what skb_shared_info::meta_len holds
constexpr u64 kMaxOffset = 0xffff;

i64 length_of(const Packet& packet) {
  return packet.end - packet.data;
}

// Whether [offset, offset + size) can be copied: 0 or an error.
i64 check_copy(const Packet& packet, u32 offset, u64 size) {
  if (offset > kMaxOffset || size > kMaxOffset) return kEFAULT;
  return offset + size > static_cast<u64>(length_of(packet)) ? kEINVAL : 0;
}

}  // namespace

// Metadata moves with the packet's start.
i64 xdp_adjust_head(Run& run, Frame* frame, i32 delta) {
  Packet& packet = frame->packet;
  const i64 meta_size = packet.data - packet.meta;
  if (delta < packet.room + meta_size - packet.data || delta > length_of(packet) - kSmallest) {
    return kEINVAL;
  }
  if (meta_size != 0) std::memmove(packet.meta + delta, packet.meta, static_cast<u64>(meta_size));
  packet.meta += delta;
  packet.data += delta;
  run.forget(run);
  return 0;
}

i64 xdp_adjust_meta(Run& run, Frame* frame, i32 delta) {
  Packet& packet = frame->packet;
  const i64 size = packet.data - packet.meta - delta;
  if (size < 0 || size > packet.data - packet.room) return kEINVAL;
  if (size % 4 != 0 || size > kMaxMeta) return kEACCES;
  packet.meta += delta;
  run.forget(run);
  return 0;
}

i64 xdp_adjust_tail(Run& run, Frame* frame, i32 delta) {
  Packet& packet = frame->packet;
  if (delta > packet.limit - packet.end || length_of(packet) + delta < kSmallest) return kEINVAL;
  if (delta > 0) std::memset(packet.end, 0, static_cast<u64>(delta));
  packet.end += delta;
  run.forget(run);
  return 0;
}

u64 xdp_get_buff_len(Run&, Frame* frame) {
  return static_cast<u64>(length_of(frame->packet));
}

i64 xdp_load_bytes(Run&, Frame* frame, u32 offset, OutBytes to) {
  const i64 error = check_copy(frame->packet, offset, to.size);
  if (error == 0) copy_shared(to.data, frame->packet.data + offset, to.size);
  return error;
}

i64 xdp_store_bytes(Run&, Frame* frame, u32 offset, Bytes from) {
  const i64 error = check_copy(frame->packet, offset, from.size);
  if (error == 0) copy_shared(frame->packet.data + offset, from.data, from.size);
  return error;
}

}  // namespace skep::body
