// The checksum of one IPv4 header, unrolled.
#include "program.h"

PROGRAM(csum20, 20) {
  const any16* p = (const any16*)memory;
  u32 sum = p[0] + p[1] + p[2] + p[3] + p[4] + p[6] + p[7] + p[8] + p[9];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}
