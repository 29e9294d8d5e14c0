// What every benchmark program includes: types, maps, helpers, and the head of its one function.
// The same body is made into a BPF program (clang --target=bpf) and into a native function,
// u64 native_NAME(u8* memory, u64 length), the reference of its result and of its time:
//   - PROGRAM(name, size): type `raw`: r1 = memory, r2 = length;
//   - XDP_PROGRAM(name): type `xdp`, on the packet from DATA(context) to DATA_END(context).
// MAP() declares a map. Native bodies reach it through functions that whoever loads the library
// gives (struct native_helpers), so they use the same maps as every engine in user space.
// Loops have constant bounds and indices are masked, so that a verifier can follow them.
// Tested by tests/tools/bench_test.cpp.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int i32;
typedef signed long long i64;

#define INLINE static inline __attribute__((always_inline))

#ifdef __cplusplus
#define LINKAGE extern "C"
#else
#define LINKAGE
#endif

// ---- helpers ----------------------------------------------------------------------------------
#ifdef __bpf__
static void* (*const map_lookup)(void* map, const void* key) = (void*)1;
static i64 (*const map_update)(void* map, const void* key, const void* value, u64 flags) = (void*)2;
static i64 (*const map_remove)(void* map, const void* key) = (void*)3;
static i64 (*const tail_call)(void* context, void* map, u32 index) = (void*)12;
static u64 (*const numa_node)(void) = (void*)42;
#else
struct native_helpers {
  void* (*lookup)(void* map, const void* key);
  i64 (*update)(void* map, const void* key, const void* value, u64 flags);
  i64 (*remove)(void* map, const void* key);
  u64 (*node)(void);
};
// Set by whoever loads the library, before the first run; weak, as each program has one.
LINKAGE struct native_helpers native_helpers;
__attribute__((weak)) struct native_helpers native_helpers;
#define map_lookup native_helpers.lookup
#define map_update native_helpers.update
#define map_remove native_helpers.remove
#define numa_node native_helpers.node
#endif

// ---- maps: MAP(name, enum bpf_map_type, key, value, entries, flags); its address is MAP_OF(name)
enum { kHash = 1, kArray = 2, kProgArray = 3, kPerCpuArray = 6, kLruHash = 9, kLpmTrie = 11 };
#ifdef __bpf__
#define MAP(name, kind, key_type, value_type, count, bits) \
  struct {                                                 \
    int (*type)[kind];                                     \
    key_type* key;                                         \
    value_type* value;                                     \
    int (*max_entries)[count];                             \
    int (*map_flags)[bits];                                \
  } name __attribute__((section(".maps"), used))
#define MAP_OF(name) ((void*)&name)
#else
#define MAP(name, ...)             \
  LINKAGE void* native_map_##name; \
  void* native_map_##name
#define MAP_OF(name) native_map_##name
#endif

// ---- the head of a program --------------------------------------------------------------------
#ifdef __bpf__
// Local functions stay calls, in the section of their program: one section is the whole program.
#define PROGRAM_NAME(name) name
#define ENTRY(kind) __attribute__((section(kind), used))
#define LOCAL_FUNCTION static __attribute__((noinline, section("raw")))
#else
#define PROGRAM_NAME(name) native_##name
#define ENTRY(kind) __attribute__((visibility("default")))
#define LOCAL_FUNCTION static __attribute__((noinline))
#endif

#define PROGRAM(name, size)                                             \
  INLINE u64 name##_body(u8* memory);                                   \
  LINKAGE ENTRY("raw") u64 PROGRAM_NAME(name)(u8 * memory, u64 length); \
  u64 PROGRAM_NAME(name)(u8 * memory, u64 length) {                     \
    return length < (size) ? 0 : name##_body(memory);                   \
  }                                                                     \
  INLINE u64 name##_body(u8* memory)

#ifdef __bpf__
struct context {  // struct xdp_md
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
#define DATA(context) ((u8*)(u64)(context)->data)
#define DATA_END(context) ((u8*)(u64)(context)->data_end)
#define XDP_PROGRAM(name)                         \
  ENTRY("xdp") u32 name(struct context* context); \
  u32 name(struct context* context)
#else
struct context {
  u8 *data, *data_end;
};
#define DATA(context) ((context)->data)
#define DATA_END(context) ((context)->data_end)
#define XDP_PROGRAM(name)                                               \
  static u32 name(struct context* context);                             \
  LINKAGE ENTRY("xdp") u64 PROGRAM_NAME(name)(u8 * memory, u64 length); \
  u64 PROGRAM_NAME(name)(u8 * memory, u64 length) {                     \
    struct context whole = {memory, memory + length};                   \
    return name(&whole);                                                \
  }                                                                     \
  static u32 name(struct context* context)
#endif

// Keeps a loop a loop, so that programs stay small and branch, and native code does the same work.
// FREE_LOOPS leaves them to the compiler.
#if defined(__clang__) && !defined(FREE_LOOPS)
#define LOOP _Pragma("clang loop unroll(disable) vectorize(disable) interleave(disable)") for
#else
#define LOOP for
#endif

// Words of bytes that may hold anything. Headers stand in packets at addresses that are not aligned
// for their words; said to clang's BPF target, that would make a load of each byte.
#ifdef __bpf__
#define ANYWHERE __attribute__((may_alias))
#else
#define ANYWHERE __attribute__((may_alias, aligned(1)))
#endif
typedef u16 ANYWHERE any16;
typedef u32 ANYWHERE any32;
typedef u64 ANYWHERE any64;
INLINE u16 load16(const u8* p) {
  return *(const any16*)p;
}
INLINE u32 load32(const u8* p) {
  return *(const any32*)p;
}
INLINE u64 load64(const u8* p) {
  return *(const any64*)p;
}
INLINE void store64(u8* p, u64 value) {
  *(any64*)p = value;
}

INLINE u32 rol32(u32 x, u32 n) {
  return x << n | x >> (32 - n);
}
INLINE u64 rol64(u64 x, u32 n) {
  return x << n | x >> (64 - n);
}
// The end of Bob Jenkins' lookup3: three words to one.
INLINE u32 lookup3_end(u32 a, u32 b, u32 c) {
  c ^= b, c -= rol32(b, 14);
  a ^= c, a -= rol32(c, 11);
  b ^= a, b -= rol32(a, 25);
  c ^= b, c -= rol32(b, 16);
  a ^= c, a -= rol32(c, 4);
  b ^= a, b -= rol32(a, 14);
  c ^= b, c -= rol32(b, 24);
  return c;
}
INLINE u16 swap16(u16 x) {
  return __builtin_bswap16(x);
}
INLINE u32 swap32(u32 x) {
  return __builtin_bswap32(x);
}

// floor(log2(x)), 0 for 0, by halving.
INLINE u32 log2_of(u64 x) {
  u32 n = 0;
  if (x > 0xffffffffull) n += 32, x >>= 32;
  if (x > 0xffff) n += 16, x >>= 16;
  if (x > 0xff) n += 8, x >>= 8;
  if (x > 0xf) n += 4, x >>= 4;
  if (x > 3) n += 2, x >>= 2;
  return n + (x > 1);
}
