// The product of two 6 x 6 matrices, copied to the stack first.
#include "program.h"

PROGRAM(matmul, 288) {
  u32 a[36], b[36], c[36];
  LOOP(u32 i = 0; i < 36; ++i) {
    a[i] = load32(memory + i * 4) >> 8;
    b[i] = load32(memory + 144 + i * 4) >> 12;
  }
  LOOP(u32 i = 0; i < 6; ++i) {
    LOOP(u32 j = 0; j < 6; ++j) {
      u32 sum = 0;
      LOOP(u32 k = 0; k < 6; ++k) sum += a[i * 6 + k] * b[k * 6 + j];
      c[i * 6 + j] = sum;
    }
  }
  u64 trace = 0;
  LOOP(u32 i = 0; i < 36; ++i) trace = trace * 31 + c[i];
  return trace;
}
