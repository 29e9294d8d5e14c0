// What every benchmark program includes: types, and PROGRAM(name, size), the head of its one
// function. The same body is made into
//   - a BPF program of type `raw`: r1 = memory, r2 = length (clang --target=bpf),
//   - a native function u64 native_name(u8* memory, u64 length), the reference of its result.
// Loops have constant bounds and indices are masked, so that a verifier can follow them.
// Tested by tests/bench/programs_test.cpp.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int i32;
typedef signed long long i64;

#define INLINE static inline __attribute__((always_inline))

#ifdef __bpf__
// Local functions stay calls, in the section of their program: one section is the whole program.
#define PROGRAM_NAME(name) name
#define ENTRY __attribute__((section("raw"), used))
#define LOCAL_FUNCTION static __attribute__((noinline, section("raw")))
#else
#define PROGRAM_NAME(name) native_##name
#define ENTRY
#define LOCAL_FUNCTION static __attribute__((noinline))
#endif

#ifdef __cplusplus
#define LINKAGE extern "C"
#else
#define LINKAGE
#endif

#define PROGRAM(name, size)                                      \
  INLINE u64 name##_body(u8* memory);                            \
  LINKAGE ENTRY u64 PROGRAM_NAME(name)(u8 * memory, u64 length); \
  u64 PROGRAM_NAME(name)(u8 * memory, u64 length) {              \
    return length < (size) ? 0 : name##_body(memory);            \
  }                                                              \
  INLINE u64 name##_body(u8* memory)

// Keeps a loop a loop, so that programs stay small and branch.
#ifdef __clang__
#define LOOP _Pragma("clang loop unroll(disable) vectorize(disable) interleave(disable)") for
#else
#define LOOP for
#endif

// Words at addresses that are aligned for them, of bytes that may hold anything.
typedef u16 __attribute__((may_alias)) any16;
typedef u32 __attribute__((may_alias)) any32;
typedef u64 __attribute__((may_alias)) any64;
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
INLINE u16 swap16(u16 x) {
  return __builtin_bswap16(x);
}
