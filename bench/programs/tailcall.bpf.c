// 32 tail calls among three programs, which hand on a hash in the packet.
#include "program.h"

enum { kCalls = 32, kPacket = 64 };

#ifdef __bpf__
u32 tailcall(struct context* context);
u32 tailcall_mix(struct context* context);
u32 tailcall_shift(struct context* context);
struct {
  int (*type)[kProgArray];
  u32* key;
  int (*max_entries)[4];
  u32 (*values[])(struct context*);
} tailcall_table __attribute__((section(".maps"), used)) = {
    .values = {[0] = tailcall_mix, [1] = tailcall_shift}};
#define GO_ON(context, index) tail_call(context, &tailcall_table, index)
#else
static u32 tailcall_mix(struct context* context);
static u32 tailcall_shift(struct context* context);
// Not const, so that the compiler can't see through it.
static u32 (*volatile tailcall_table[2])(struct context*) = {tailcall_mix, tailcall_shift};
#define GO_ON(context, index) return tailcall_table[(index) & 1](context)
#endif

// One step: bytes 0 to 7 are the hash, 8 to 15 the steps left.
#define STEP(expression)                            \
  u8* data = DATA(context);                         \
  if (data + kPacket > DATA_END(context)) return 0; \
  const u64 hash = load64(data);                    \
  const u64 left = load64(data + 8);                \
  if (left == 0) return (u32)(hash ^ hash >> 32);   \
  const u64 next = (expression);                    \
  store64(data, next);                              \
  store64(data + 8, left - 1);                      \
  GO_ON(context, next & 1);                         \
  return 1

XDP_PROGRAM(tailcall_mix) {
  STEP((hash ^ left) * 0x9e3779b97f4a7c15ull);
}
XDP_PROGRAM(tailcall_shift) {
  STEP(hash ^ hash >> 7 ^ hash << 9);
}
XDP_PROGRAM(tailcall) {
  u8* data = DATA(context);
  if (data + kPacket > DATA_END(context)) return 0;
  store64(data, load64(data + 16));
  store64(data + 8, kCalls - 1);
  GO_ON(context, 0);
  return 2;
}
