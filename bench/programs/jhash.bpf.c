// Bob Jenkins' lookup3 over 1500 bytes: 32-bit adds, subtractions and rotates.
#include "program.h"

PROGRAM(jhash, 1504) {
  u32 a = 0xdeadbeef + 1500, b = a, c = a;
  LOOP(u32 i = 0; i < 1488; i += 12) {
    a += load32(memory + i);
    b += load32(memory + i + 4);
    c += load32(memory + i + 8);
    a -= c, a ^= rol32(c, 4), c += b;
    b -= a, b ^= rol32(a, 6), a += c;
    c -= b, c ^= rol32(b, 8), b += a;
    a -= c, a ^= rol32(c, 16), c += b;
    b -= a, b ^= rol32(a, 19), a += c;
    c -= b, c ^= rol32(b, 4), b += a;
  }
  a += load32(memory + 1488);
  b += load32(memory + 1492);
  c += load32(memory + 1496);
  return lookup3_end(a, b, c);
}
