// The verdict on one packet by its headers, as XDP programs are written: every step is checked
// against the packet's end. Ethernet, two VLAN tags, IPv4 with options or IPv6, TCP or UDP.
#include "program.h"

enum { kAborted = 0, kDrop = 1, kPass = 2, kBounce = 3 };

INLINE u32 transport(const u8* at, const u8* end, u8 protocol) {
  if (protocol == 17) {
    if (at + 8 > end) return kDrop;
    return swap16(load16(at + 2)) == 53 ? kPass : kBounce;
  }
  if (protocol != 6) return kPass;
  if (at + 20 > end) return kDrop;
  if (at[13] & 4) return kDrop;
  const u16 port = swap16(load16(at + 2));
  return port == 443 || port == 80 ? kPass : kDrop;
}

XDP_PROGRAM(headers) {
  const u8* at = DATA(context);
  const u8* end = DATA_END(context);
  if (at + 14 > end) return kAborted;
  u16 type = swap16(load16(at + 12));
  at += 14;
  for (u32 tags = 0; tags < 2; ++tags) {
    if (type != 0x8100 && type != 0x88a8) break;
    if (at + 4 > end) return kDrop;
    type = swap16(load16(at + 2));
    at += 4;
  }
  if (type == 0x86dd) {
    if (at + 40 > end) return kDrop;
    return transport(at + 40, end, at[6]);
  }
  if (type != 0x0800 || at + 20 > end) return kDrop;
  const u32 size = (at[0] & 15) * 4;
  if (at[0] >> 4 != 4 || size < 20) return kDrop;
  if (load16(at + 6) & 0xff3f) return kDrop;
  return transport(at + size, end, at[9]);
}
