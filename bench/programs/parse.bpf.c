// Judges eight packets by Ethernet, VLAN, IPv4 with options, and TCP or UDP ports.
#include "program.h"

enum { kSlot = 128, kPackets = 8 };

INLINE u32 verdict(const u8* packet) {
  u32 at = 14;
  u16 type = swap16(load16(packet + 12));
  if (type == 0x8100) {
    type = swap16(load16(packet + 16));
    at = 18;
  }
  if (type == 0x0806) return 1;
  if (type != 0x0800) return 2;
  const u8 head = packet[at];
  if (head >> 4 != 4) return 3;
  const u32 size = (head & 15) * 4;
  if (size < 20) return 4;
  const u8 protocol = packet[at + 9];
  if (load16(packet + at + 6) & 0xff3f) return 5;
  const u8* l4 = packet + at + size;
  if (protocol == 17) return swap16(load16(l4 + 2)) == 53 ? 6 : 7;
  if (protocol != 6) return 8;
  const u16 port = swap16(load16(l4 + 2));
  if (l4[13] & 4) return 9;
  if (port == 80 || port == 443) return 10;
  return port < 1024 ? 11 : 12;
}

PROGRAM(parse, 1024) {
  u64 verdicts = 0;
  LOOP(u32 i = 0; i < kPackets; ++i) {
    verdicts = verdicts << 4 | verdict(memory + i * kSlot);
  }
  return verdicts;
}
