// A load balancer: the service of a packet by hash map, the server by a hash of the flow through a
// ring, and the header that would carry the packet there, with its checksum.
#include "program.h"

enum { kPacket = 96, kHeader = 64, kRing = 64, kServices = 4 };

struct service {
  u32 address;
  u16 port, protocol;
};
MAP(balance_services, kHash, struct service, u32, 64, 0);
MAP(balance_ring, kArray, u32, u32, kRing* kServices, 0);
MAP(balance_servers, kArray, u32, u32, 32, 0);

INLINE u32 flow_hash(u32 a, u32 b, u32 c) {
  return lookup3_end(a + 0xdeadbeef, b + 0xdeadbeef, c + 0xdeadbeef);
}

// Puts the outer IPv4 header at `out`; gives its checksum.
INLINE u32 put_header(u8* out, u32 source, u32 server, u16 length) {
  any16* half = (any16*)out;
  any32* word = (any32*)out;
  word[0] = 0x45u | (u32)swap16((u16)(length + 20)) << 16;
  word[1] = 0;
  word[2] = 0x0440u;
  word[3] = source;
  word[4] = server;
  u32 sum = 0;
  for (u32 i = 0; i < 10; ++i) sum += half[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  half[5] = (u16)~sum;
  return half[5];
}

XDP_PROGRAM(balance) {
  u8* data = DATA(context);
  if (data + kPacket > DATA_END(context)) return 1;
  if (load16(data + 12) != 0x0008 || data[14] != 0x45 || data[23] != 6) return 2;
  const u32 ports = load32(data + 34);
  const struct service wanted = {load32(data + 30), (u16)(ports >> 16), 6};
  const u32* service = (const u32*)map_lookup(MAP_OF(balance_services), &wanted);
  if (!service) return 2;
  const u32 hash = flow_hash(load32(data + 26), wanted.address, ports);
  const u32 slot = (*service % kServices) * kRing + hash % kRing;
  const u32* number = (const u32*)map_lookup(MAP_OF(balance_ring), &slot);
  if (!number) return 1;
  const u32* server = (const u32*)map_lookup(MAP_OF(balance_servers), number);
  if (!server) return 1;
  const u32 sum =
      put_header(data + kHeader, 0x0a00000au ^ hash << 16, *server, swap16(load16(data + 16)));
  return sum << 8 | 3;
}
