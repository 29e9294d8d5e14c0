// One ChaCha20 block: sixteen live words over ten registers, so the stack is busy.
#include "program.h"

#define QUARTER(a, b, c, d)     \
  a += b, d = rol32(d ^ a, 16); \
  c += d, b = rol32(b ^ c, 12); \
  a += b, d = rol32(d ^ a, 8);  \
  c += d, b = rol32(b ^ c, 7)

PROGRAM(chacha, 64) {
  u32 x0 = load32(memory), x1 = load32(memory + 4), x2 = load32(memory + 8);
  u32 x3 = load32(memory + 12), x4 = load32(memory + 16), x5 = load32(memory + 20);
  u32 x6 = load32(memory + 24), x7 = load32(memory + 28), x8 = load32(memory + 32);
  u32 x9 = load32(memory + 36), x10 = load32(memory + 40), x11 = load32(memory + 44);
  u32 x12 = load32(memory + 48), x13 = load32(memory + 52), x14 = load32(memory + 56);
  u32 x15 = load32(memory + 60);
  LOOP(u32 i = 0; i < 10; ++i) {
    QUARTER(x0, x4, x8, x12);
    QUARTER(x1, x5, x9, x13);
    QUARTER(x2, x6, x10, x14);
    QUARTER(x3, x7, x11, x15);
    QUARTER(x0, x5, x10, x15);
    QUARTER(x1, x6, x11, x12);
    QUARTER(x2, x7, x8, x13);
    QUARTER(x3, x4, x9, x14);
  }
  const u32 even = (x0 + x2) ^ (x4 + x6) ^ (x8 + x10) ^ (x12 + x14);
  const u32 odd = (x1 + x3) ^ (x5 + x7) ^ (x9 + x11) ^ (x13 + x15);
  return (u64)odd << 32 | even;
}
