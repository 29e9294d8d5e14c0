// 64 atomic additions, and 16 each of those that fetch: add, exchange, compare and exchange.
#include "program.h"

PROGRAM(atomics, 256) {
  any64* words = (any64*)memory;
  u64 sum = 0;
  words[0] = 1;
  LOOP(u32 i = 0; i < 64; ++i) __sync_fetch_and_add(&words[i & 7], i);
  LOOP(u32 i = 0; i < 16; ++i) {
    words[16] = i;
    sum = sum * 3 + __sync_fetch_and_add(&words[16], 5);
    sum += __sync_lock_test_and_set(&words[17], i);
    sum ^= __sync_val_compare_and_swap(&words[16], i + 5, i);
  }
  LOOP(u32 i = 0; i < 64; ++i) __sync_fetch_and_add(&words[i & 7], 0 - (u64)i);
  words[17] = 0;
  return sum;
}
