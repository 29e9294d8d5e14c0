// CRC-32 of 64 bytes, a bit at a time, without a table.
#include "program.h"

PROGRAM(crc32, 64) {
  u32 crc = 0xffffffff;
  LOOP(u32 i = 0; i < 64; ++i) {
    crc ^= memory[i];
    LOOP(u32 bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
  }
  return crc ^ 0xffffffff;
}
