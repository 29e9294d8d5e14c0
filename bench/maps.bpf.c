// What maps cost in the kernel: programs that do kOperations operations each, or visit all of kKeys
// elements, for bench/maps.cpp, which has the same numbers. r0 is how many operations were done.
// They are for the traffic control: a test run of an XDP program that repeats itself waits for all
// CPUs, twice.
#include "bench/programs/program.h"

enum { kKeys = 1024, kOperations = 64 };
enum { kPerCpuHash = 5, kLruPerCpuHash = 10, kHashOfMaps = 13, kQueue = 22, kStack = 23 };
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

MAP(lru_hash_map, kLruHash, word, u64, 2 * kKeys, 0);
MAP(lru_percpu_hash_map, kLruPerCpuHash, word, u64, 2 * kKeys, 0);

#define QUEUE(name, kind)          \
  struct {                         \
    int (*type)[kind];             \
    u64* value;                    \
    int (*max_entries)[2 * kKeys]; \
  } name __attribute__((section(".maps"), used))
QUEUE(queue_map, kQueue);
QUEUE(stack_map, kStack);

struct inner {
  int (*type)[kArray];
  word* key;
  u64* value;
  int (*max_entries)[1];
};
struct {
  int (*type)[kHashOfMaps];
  word* key;
  int (*value_size)[sizeof(u32)];
  int (*max_entries)[2 * kKeys];
  struct inner* values[];
} hash_of_maps_map __attribute__((section(".maps"), used));

static i64 (*const map_push)(void* map, const void* value, u64 flags) = (void*)87;
static i64 (*const map_pop)(void* map, void* value) = (void*)88;
static i64 (*const map_peek)(void* map, void* value) = (void*)89;
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

#define PEEK(name)                                       \
  TC_PROGRAM(name##_peek) {                              \
    u64 value = 0;                                       \
    u32 done = 0;                                        \
    LOOP(u32 i = 0; i < kOperations; ++i) {              \
      done += map_peek(MAP_OF(name##_map), &value) == 0; \
    }                                                    \
    return done;                                         \
  }

#define PUSH_POP(name)                                                    \
  TC_PROGRAM(name##_push_pop) {                                           \
    u64 value = 7;                                                        \
    u32 done = 0;                                                         \
    LOOP(u32 i = 0; i < kOperations; ++i) {                               \
      const int pushed = map_push(MAP_OF(name##_map), &value, kAny) == 0; \
      done += map_pop(MAP_OF(name##_map), &value) == 0 && pushed;         \
    }                                                                     \
    return done;                                                          \
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
LOOKUP(lru_hash, word_key)
LOOKUP(lru_percpu_hash, word_key)
LOOKUP(lpm_trie, prefix_key)
LOOKUP(hash_of_maps, word_key)
UPDATE(hash, word_key)
UPDATE(array, word_key)
UPDATE(percpu_hash, word_key)
UPDATE(percpu_array, word_key)
UPDATE(lru_hash, word_key)
UPDATE(lru_percpu_hash, word_key)
UPDATE(lpm_trie, prefix_key)
INSERT_DELETE(hash, word_key)
INSERT_DELETE(percpu_hash, word_key)
INSERT_DELETE(lru_hash, word_key)
INSERT_DELETE(lru_percpu_hash, word_key)
INSERT_DELETE(lpm_trie, prefix_key)
ITERATE(hash)
ITERATE(array)
ITERATE(percpu_hash)
ITERATE(percpu_array)
ITERATE(lru_hash)
ITERATE(lru_percpu_hash)
PEEK(queue)
PEEK(stack)
PUSH_POP(queue)
PUSH_POP(stack)

char license_text[] __attribute__((section("license"), used)) = "GPL";
