// A machine of sixteen opcodes that runs 128 random bytes: a switch that no predictor likes.
#include "program.h"

PROGRAM(switchvm, 128) {
  u64 a = 1, b = 2;
  LOOP(u32 i = 0; i < 128; ++i) {
    switch (memory[i] & 15) {
      case 0: a += b; break;
      case 1: a -= b; break;
      case 2: a ^= b; break;
      case 3: a |= 1; break;
      case 4: a *= 3; break;
      case 5: a <<= 1; break;
      case 6: a >>= 1; break;
      case 7: b += a; break;
      case 8: b ^= a; break;
      case 9: b = ~b; break;
      case 10: b += 7; break;
      case 11: b = a; break;
      case 12: a = 0 - a; break;
      case 13: b >>= 3; break;
      case 14: a &= 0xffffff; break;
      default: a += memory[i]; break;
    }
  }
  return a ^ b;
}
