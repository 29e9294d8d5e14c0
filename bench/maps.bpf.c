// What maps cost in the kernel: programs that do kOperations operations each, or visit all of kKeys
// elements, for bench/maps.cpp, which has the same numbers. r0 is how many operations were done.
// They are for the traffic control: a test run of an XDP program that repeats itself waits for all
// CPUs, twice.
#include "bench/programs/program.h"

enum { kKeys = 1024, kOperations = 64, kPerCpuHash = 5 };
enum { kAny = 0, kNoExist = 1, kNoPrealloc = 1 };  // flags of updates, of maps

typedef u32 word;
struct prefix {
  u32 length, address;
};
struct packet {  // the beginning of struct __sk_buff
  u32 len, pkt_type, mark;
};

MAP(hash_map, kHash, word, u64, 2 * kKeys, 0);
MAP(array_map, kArray, word, u64, kKeys, 0);
MAP(percpu_hash_map, kPerCpuHash, word, u64, 2 * kKeys, 0);
MAP(percpu_array_map, kPerCpuArray, word, u64, kKeys, 0);
MAP(lpm_trie_map, kLpmTrie, struct prefix, u64, 2 * kKeys, kNoPrealloc);

static i64 (*const for_each)(void* map, void* callback, void* context, u64 flags) = (void*)164;

// One of the elements that are there.
INLINE u32 number(u32 i) {
  return (i * 37 + 11) & (kKeys - 1);
}
INLINE word word_key(u32 i) {
  return i;
}
INLINE struct prefix prefix_key(u32 i) {
  const struct prefix key = {32, swap32(i)};
  return key;
}

#define TC_PROGRAM(name) ENTRY("tc") u32 name(struct packet* packet)

#define LOOKUP(name, key_of)                                    \
  TC_PROGRAM(name##_lookup) {                                   \
    u32 done = 0;                                               \
    LOOP(u32 i = 0; i < kOperations; ++i) {                     \
      const __auto_type key = key_of(number(i));                \
      done += map_lookup(MAP_OF(name##_map), &key) != (void*)0; \
    }                                                           \
    return done;                                                \
  }

#define UPDATE(name, key_of)                                           \
  TC_PROGRAM(name##_update) {                                          \
    const u64 value = 7;                                               \
    u32 done = 0;                                                      \
    LOOP(u32 i = 0; i < kOperations; ++i) {                            \
      const __auto_type key = key_of(number(i));                       \
      done += map_update(MAP_OF(name##_map), &key, &value, kAny) == 0; \
    }                                                                  \
    return done;                                                       \
  }

// Elements that are not there are put in and taken out. The packet's mark is the number of the
// thread: no thread takes another's.
#define INSERT_DELETE(name, key_of)                                                     \
  TC_PROGRAM(name##_insert_delete) {                                                    \
    const u64 value = 7;                                                                \
    u32 done = 0;                                                                       \
    LOOP(u32 i = 0; i < kOperations; ++i) {                                             \
      const __auto_type key = key_of(kKeys + packet->mark * kOperations + i);           \
      const int inserted = map_update(MAP_OF(name##_map), &key, &value, kNoExist) == 0; \
      done += map_remove(MAP_OF(name##_map), &key) == 0 && inserted;                    \
    }                                                                                   \
    return done;                                                                        \
  }

#define ITERATE(name)                                                    \
  TC_PROGRAM(name##_iterate) {                                           \
    return (u32)for_each(MAP_OF(name##_map), (void*)visit, (void*)0, 0); \
  }

static __attribute__((noinline)) i64 visit(void* map, const void* key, void* value, void* context) {
  (void)map, (void)key, (void)value, (void)context;
  return 0;
}

LOOKUP(hash, word_key)
LOOKUP(array, word_key)
LOOKUP(percpu_hash, word_key)
LOOKUP(percpu_array, word_key)
LOOKUP(lpm_trie, prefix_key)
UPDATE(hash, word_key)
UPDATE(array, word_key)
UPDATE(percpu_hash, word_key)
UPDATE(percpu_array, word_key)
UPDATE(lpm_trie, prefix_key)
INSERT_DELETE(hash, word_key)
INSERT_DELETE(percpu_hash, word_key)
INSERT_DELETE(lpm_trie, prefix_key)
ITERATE(hash)
ITERATE(array)
ITERATE(percpu_hash)
ITERATE(percpu_array)

char license_text[] __attribute__((section("license"), used)) = "GPL";
