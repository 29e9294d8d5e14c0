// Looks a flow up in 32 masked rules of 16 bytes (address, mask, port range), of which the last
// matches.
#include "program.h"

struct __attribute__((may_alias)) rule {
  u32 address, mask;
  u16 first_port, last_port;
  u32 verdict;
};

PROGRAM(acl, 520) {
  const struct rule* rules = (const struct rule*)(memory + 8);
  const u32 address = load32(memory);
  const u16 port = load16(memory + 4);
  LOOP(u32 i = 0; i < 32; ++i) {
    const struct rule* r = rules + i;
    if ((address & r->mask) != r->address) continue;
    if (port < r->first_port || port > r->last_port) continue;
    return r->verdict + i;
  }
  return 0;
}
