// More scripts, as in map_scripts.h: queues, stacks, maps of maps, LRU hashes, perf event arrays.
#pragma once

#include "tests/helpers/map_script.h"

namespace skep {

inline std::vector<Script> later_map_scripts() {
  using enum MapType;
  using namespace map_flags;
  return {
      {"queue", map_spec(queue, 0, 4, 2), R"(
        peek -> ENOENT
        pop -> ENOENT
        read - -> ENOENT
        take - -> ENOENT
        push 1 -> 0
        peek -> 1
        push 2 1 -> EINVAL
        push 2 3 -> EINVAL
        push 2 4 -> EINVAL
        push 2 8 -> EINVAL
        push 2 2 -> 0
        push 3 -> E2BIG
        push 3 1 -> EINVAL
        write - 3 -> E2BIG
        write - 3 1 -> EINVAL
        write - 3 4 -> EINVAL
        peek -> 1
        read - -> 1
        read - 4 -> EINVAL
        read - 1 -> EINVAL
        push 3 2 -> 0
        peek -> 2
        write - 4 2 -> 0
        take - 4 -> EINVAL
        take - 1 -> EINVAL
        take - -> 3
        pop -> 4
        pop -> ENOENT
        write - 5 -> 0
        push 6 -> 0
        pop -> 5
        take - -> 6
        peek -> ENOENT
        erase - -> EINVAL
        next null -> EINVAL)"},
      {"stack", map_spec(stack, 0, 4, 2), R"(
        peek -> ENOENT
        take - -> ENOENT
        push 1 -> 0
        push 2 1 -> EINVAL
        push 2 -> 0
        push 3 -> E2BIG
        peek -> 2
        push 3 2 -> 0
        read - -> 3
        write - 4 2 -> 0
        pop -> 4
        push 5 -> 0
        take - -> 5
        pop -> 3
        pop -> ENOENT
        erase - -> EINVAL
        next null -> EINVAL)"},
      {"stack_of_one", map_spec(stack, 0, 4, 1), R"(
        push 1 -> 0
        push 2 2 -> 0
        pop -> 2
        pop -> ENOENT)"},
      {"queue_read_only_for_host", map_spec(queue, 0, 4, 2, kRdonly), R"(
        push 1 -> 0
        write - 2 -> EPERM
        read - -> 1
        take - -> EPERM
        pop -> 1)"},
      {"queue_write_only_for_host", map_spec(queue, 0, 4, 2, kWronly), R"(
        write - 2 -> 0
        read - -> EPERM
        take - -> EPERM
        pop -> 2)"},
      {"queue_read_only_for_programs", map_spec(queue, 0, 4, 2, kRdonlyProg), R"(
        write - 2 -> 0
        peek -> 2
        push 1 -> EACCES
        pop -> EACCES)"},
      {"bloom_filter", map_spec(bloom_filter, 0, 4, 1000), R"(
        peek -> ENOENT
        push 7 1 -> EINVAL
        push 7 2 -> EINVAL
        write - 7 1 -> EINVAL
        write - 7 4 -> EINVAL
        read - 4 -> EINVAL
        take - -> ENOTSUPP
        read - -> ENOENT
        push 0 -> 0
        read - -> 0
        write - 5 -> 0
        read - -> 0
        erase - -> EOPNOTSUPP
        next null -> EOPNOTSUPP)"},
      {"devmap", map_spec(devmap, 4, 4, 2), R"(
        order -> 0 1
        read 0 -> ENOENT
        read 2 -> ENOENT
        read 0 4 -> EINVAL
        take 0 -> ENOTSUPP
        write 0 1 3 -> EINVAL
        write 0 1 4 -> EINVAL
        write 0 1 1 -> EEXIST
        write 2 1 -> E2BIG
        write 0 1 -> 0
        read 0 -> 1
        lookup 0 -> 1
        lookup 1 -> null
        write 0 1 2 -> 0
        write 0 0 -> 0
        read 0 -> ENOENT
        erase 0 -> 0
        erase 2 -> EINVAL
        next 1 -> ENOENT)"},
      {"devmap_hash", map_spec(devmap_hash, 4, 4, 1), R"(
        keys -> none
        erase 7 -> ENOENT
        write 7 0 -> EINVAL
        write 7 1 3 -> EINVAL
        write 7 1 4 -> EINVAL
        write 7 1 2 -> 0
        write 7 1 1 -> EEXIST
        write 8 1 -> E2BIG
        read 7 -> 1
        lookup 7 -> 1
        lookup 8 -> null
        keys -> 7
        erase 7 -> 0
        write 8 1 1 -> 0)"},
      {"cpumap", map_spec(cpumap, 4, 4, 2), R"(
        order -> 0 1
        read 0 -> ENOENT
        write 0 192 1 -> EEXIST
        write 0 192 3 -> EINVAL
        write 2 192 -> E2BIG
        write 0 192 -> 0
        read 0 -> 192
        write 0 0 -> 0
        read 0 -> ENOENT
        erase 0 -> 0
        erase 2 -> EINVAL)"},
      {"array_of_maps", of_maps(map_spec(array_of_maps, 4, 4, 2)), R"(
        order -> 0 1
        read 0 -> ENOENT
        read 2 -> ENOENT
        erase 0 -> ENOENT
        erase 2 -> E2BIG
        write 0 0x7ffffff -> EBADF
        write 0 0x7ffffff 1 -> EINVAL
        write 2 0x7ffffff -> E2BIG
        write 2 0x7ffffff 4 -> EINVAL
        write 0 2 -> EINVAL
        write 0 1 1 -> EINVAL
        write 0 1 2 -> EINVAL
        write 0 1 4 -> EINVAL
        write 2 1 -> E2BIG
        write 0 1 -> 0
        read 0 -> 1
        write 0 1 -> 0
        write 0 2 -> EINVAL
        read 0 -> 1
        read 1 -> ENOENT
        read 0 4 -> EINVAL
        take 0 -> ENOTSUPP
        take 0 4 -> EINVAL
        erase 0 -> 0
        erase 0 -> ENOENT
        next null -> 0
        next 1 -> ENOENT)"},
      {"hash_of_maps", of_maps(map_spec(hash_of_maps, 4, 4, 2)), R"(
        keys -> none
        read 7 -> ENOENT
        erase 7 -> ENOENT
        write 7 0x7ffffff -> EBADF
        write 7 0x7ffffff 3 -> EBADF
        write 7 0x7ffffff 4 -> EINVAL
        write 7 2 -> EINVAL
        write 7 1 2 -> ENOENT
        write 7 1 3 -> EINVAL
        write 7 1 4 -> EINVAL
        write 7 1 1 -> 0
        write 7 1 1 -> EEXIST
        write 7 1 2 -> 0
        read 7 -> 1
        write 7 2 -> EINVAL
        read 7 -> 1
        write 8 1 -> 0
        write 9 1 -> E2BIG
        write 9 1 1 -> E2BIG
        write 9 1 2 -> ENOENT
        write 9 2 -> EINVAL
        keys -> 7 8
        take 7 -> ENOTSUPP
        read 7 4 -> EINVAL
        erase 7 -> 0
        erase 7 -> ENOENT
        read 7 -> ENOENT
        write 9 1 -> 0
        keys -> 8 9)"},
      {"hash_of_maps_on_demand", of_maps(map_spec(hash_of_maps, 8, 4, 1, kNoPrealloc)), R"(
        write 7 1 -> 0
        write 8 1 -> E2BIG
        read 7 -> 1
        erase 7 -> 0
        write 8 1 2 -> ENOENT
        write 8 1 -> 0
        keys -> 8)"},
      {"lru_hash", map_spec(lru_hash, 4, 8, 4096), R"(
        keys -> none
        read 1 -> ENOENT
        lookup 1 -> null
        erase 1 -> ENOENT
        remove 1 -> ENOENT
        take 1 -> ENOENT
        write 1 11 2 -> ENOENT
        write 1 11 1 -> 0
        write 1 12 1 -> EEXIST
        write 1 12 2 -> 0
        write 1 13 3 -> EINVAL
        write 1 13 4 -> EINVAL
        write 1 13 8 -> EINVAL
        read 1 -> 12
        lookup 1 -> 12
        update 2 21 2 -> ENOENT
        update 2 21 1 -> 0
        update 2 22 1 -> EEXIST
        update 2 23 3 -> EINVAL
        update 2 23 4 -> EINVAL
        lookup 2 -> 21
        keys -> 1 2
        take 1 4 -> EINVAL
        take 1 -> 12
        remove 2 -> 0
        keys -> none)"},
      {"lru_hash_by_cpu", map_spec(lru_hash, 4, 8, 4096, kNoCommonLru), R"(
        write 1 11 -> 0
        update 2 21 -> 0
        read 2 -> 21
        lookup 1 -> 11
        update 1 12 2 -> 0
        write 2 22 1 -> EEXIST
        keys -> 1 2
        erase 1 -> 0
        remove 2 -> 0
        keys -> none)"},
      {"lru_percpu_hash", map_spec(lru_percpu_hash, 4, 8, 4096), R"(
        read 1 -> ENOENT
        write 1 1,2 2 -> ENOENT
        write 1 1,2 1 -> 0
        write 1 1,2 1 -> EEXIST
        write 1 1,2 3 -> EINVAL
        write 1 1,2 4 -> EINVAL
        read 1 -> 1,2
        lookup 1 -> 1
        update 1 9 2 -> 0
        read 1 -> 9,2
        update 2 5 -> 0
        read 2 -> 5,0
        update 2 6 1 -> EEXIST
        update 2 6 4 -> EINVAL
        take 2 -> 5,0
        erase 1 -> 0
        keys -> none)"},
      {"perf_event_array", map_spec(perf_event_array, 4, 4, 8), R"(
        read 0 -> ENOTSUPP
        read 8 -> ENOTSUPP
        read 0 4 -> EINVAL
        take 0 -> ENOTSUPP
        write 0 0x7ffffff -> EBADF
        write 0 0x7ffffff 1 -> EINVAL
        write 8 0x7ffffff -> E2BIG
        write 8 0x7ffffff 2 -> EINVAL
        erase 7 -> ENOENT
        erase 8 -> E2BIG
        next null -> 0
        next 7 -> ENOENT
        next 9 -> 0)"},
  };
}

}  // namespace skep
