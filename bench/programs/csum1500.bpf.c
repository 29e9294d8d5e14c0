// The ones' complement sum of 1500 bytes, in 16-bit steps.
#include "program.h"

PROGRAM(csum1500, 1500) {
  u64 sum = 0;
  LOOP(u32 i = 0; i < 1500; i += 2) sum += load16(memory + i);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}
