// Compares two zero-terminated texts of 127 characters.
#include "program.h"

PROGRAM(cmptext, 256) {
  const u8* a = memory;
  const u8* b = memory + 128;
  LOOP(u32 i = 0; i < 128; ++i) {
    if (a[i] != b[i]) return (u64)(i64)(a[i] - b[i]);
    if (a[i] == 0) return 1000 + i;
  }
  return 2000;
}
