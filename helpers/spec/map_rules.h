// The sizes and flags that Linux accepts for each map type, as data: the `rule` column of maps.def.
// Only helpers/spec/map_spec.cpp includes this.
//
// Bounds that fail are EINVAL in Linux; what it calls E2BIG (too large, but sound) is in `more`.
// Sources: the *_alloc_check and *_alloc functions of Linux 6.12 kernel/bpf, net/core/sock_map.c
// and net/xdp/xskmap.c; 6.19 kernel/bpf/bpf_insn_array.c; 7.2 kernel/bpf/hashtab.c. Those of the
// types that run are compared with a running 6.18 in tests/helpers/map_spec_test.cpp.
#pragma once

#include "helpers/spec/map_spec.h"

namespace skep::map_rules {

using namespace map_flags;

// What `more` points to; defined in map_spec.cpp.
Status array_limits(const MapSpec& spec);
Status per_cpu_limits(const MapSpec& spec);
Status hash_limits(const MapSpec& spec);
Status per_cpu_hash_limits(const MapSpec& spec);
Status lru_limits(const MapSpec& spec);
Status per_cpu_lru_limits(const MapSpec& spec);
Status resizable_hash_limits(const MapSpec& spec);
Status ring_limits(const MapSpec& spec);
Status stack_trace_limits(const MapSpec& spec);
Status four_or_eight(const MapSpec& spec);
Status sock_hash_limits(const MapSpec& spec);
Status slots_limits(const MapSpec& spec);
Status queue_limits(const MapSpec& spec);
Status cgroup_storage_limits(const MapSpec& spec);
Status object_storage_limits(const MapSpec& spec);
Status bloom_limits(const MapSpec& spec);
Status arena_limits(const MapSpec& spec);
Status never(const MapSpec& spec);

inline constexpr u32 kAnySize = 0xffff'ffff;
inline constexpr u32 kIntMax = 0x7fff'ffff;
inline constexpr Bounds kAny{0, kAnySize}, kNone{0, 0}, kSome{1, kAnySize}, kIndex{4, 4};
inline constexpr u32 kHostAccess = kRdonly | kWronly;
inline constexpr u32 kAccess = kHostAccess | kRdonlyProg | kWronlyProg;
inline constexpr u32 kKmallocMax = 4 << 20;   // KMALLOC_MAX_SIZE with 4 KiB pages
inline constexpr u32 kPerCpuUnit = 32 << 10;  // PCPU_MIN_UNIT_SIZE
inline constexpr u32 kHashHeader = 48;        // sizeof(struct htab_elem)
inline constexpr u32 kLpmHeader = 24;         // sizeof(struct lpm_trie_node), since 6.13
inline constexpr u32 kLpmDataMax = 256;

inline constexpr u32 kHashFlags = kNoPrealloc | kAccess | kZeroSeed;

//                                        key             value             entries  flags
inline constexpr MapRule kNoRule{kAny, kAny, kAny, kAnySize, 0, never};
inline constexpr MapRule kHash{kSome, kSome, kSome, kHashFlags | kNumaNode, 0, hash_limits};
inline constexpr MapRule kPerCpuHash{kSome, kSome, kSome, kHashFlags, 0, per_cpu_hash_limits};
inline constexpr MapRule kLruHash{kSome, kSome,     kSome, kHashFlags | kNumaNode | kNoCommonLru,
                                  0,     lru_limits};
inline constexpr MapRule kLruPerCpuHash{
    kSome, kSome, kSome, kHashFlags | kNumaNode | kNoCommonLru, 0, per_cpu_lru_limits};
inline constexpr MapRule kHashOfMaps{kSome, {4, 4}, kSome, kHashFlags | kNumaNode, 0, hash_limits};
inline constexpr MapRule kResizableHash{
    kSome, kSome, kSome, kNoPrealloc | kAccess | kNumaNode, kNoPrealloc, resizable_hash_limits};
inline constexpr MapRule kArray{
    kIndex, kSome, kSome, kNumaNode | kAccess | kMmapable | kInnerMap, 0, array_limits};
inline constexpr MapRule kPerCpuArray{kIndex, kSome, kSome, kAccess, 0, per_cpu_limits};
inline constexpr MapRule kFdArray{kIndex, {4, 4}, kSome, kNumaNode | kHostAccess, 0, slots_limits};
inline constexpr MapRule kPerfEventArray{
    kIndex, {4, 4}, kSome, kNumaNode | kHostAccess | kPreserveElems, 0, slots_limits};
inline constexpr MapRule kReuseport{kIndex, {4, 8}, kSome, kNumaNode | kAccess, 0, four_or_eight};
inline constexpr MapRule kLpmTrie{{5, 4 + kLpmDataMax},
                                  {1, kKmallocMax - kLpmDataMax - kLpmHeader},
                                  kSome,
                                  kNoPrealloc | kNumaNode | kAccess,
                                  kNoPrealloc};
inline constexpr MapRule kRingBuffer{kNone, kNone, kSome, kNumaNode, 0, ring_limits};
inline constexpr MapRule kQueue{kNone, kSome, kSome, kNumaNode | kAccess, 0, queue_limits};
inline constexpr MapRule kBloomFilter{kNone, kSome,       kSome, kNumaNode | kZeroSeed | kAccess,
                                      0,     bloom_limits};
inline constexpr MapRule kStackTrace{
    kIndex, {8, kAnySize}, kSome, kNumaNode | kHostAccess | kStackBuildId, 0, stack_trace_limits};
inline constexpr MapRule kDevMap{kIndex, {4, 8},       {1, 1u << 31}, kNumaNode | kHostAccess,
                                 0,      four_or_eight};
inline constexpr MapRule kCpuMap{kIndex, {4, 8}, kSome, kNumaNode, 0, four_or_eight};
inline constexpr MapRule kXskMap{kIndex, {4, 4}, kSome, kNumaNode | kHostAccess};
inline constexpr MapRule kSockMap{kIndex, {4, 8},       {1, kIntMax}, kNumaNode | kHostAccess,
                                  0,      four_or_eight};
inline constexpr MapRule kSockHash{kSome, {4, 8},          kSome, kNumaNode | kHostAccess,
                                   0,     sock_hash_limits};
inline constexpr MapRule kCgroupStorage{
    {8, 16}, kSome, kNone, kNumaNode | kAccess, 0, cgroup_storage_limits};
inline constexpr MapRule kObjectStorage{
    {4, 4}, kSome, kNone, kNoPrealloc | kClone, kNoPrealloc, object_storage_limits};
inline constexpr MapRule kStructOps{{4, 4}, {0, kAnySize}, {1, 1}, kLink | kValueBtfObject};
inline constexpr MapRule kArena{
    kNone, kNone, kSome, kSegvOnFault | kMmapable | kNoUserConv, kMmapable, arena_limits};
inline constexpr MapRule kInsnArray{kIndex, {16, 16}, kSome, 0};

}  // namespace skep::map_rules
