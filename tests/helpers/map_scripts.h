// The scripts: every answer here was given by Linux 6.18 (map_kernel_test.cpp asks again).
#pragma once

#include "tests/helpers/map_scripts_later.h"

namespace skep {

inline std::vector<Script> map_scripts() {
  using enum MapType;
  using namespace map_flags;
  std::vector<Script> scripts = {
      {"array", map_spec(array, 4, 8, 3), R"(
        order -> 0 1 2
        read 1 -> 0
        read 3 -> ENOENT
        lookup 2 -> 0
        lookup 3 -> null
        lookup 0xffffffff -> null
        write 1 11 -> 0
        write 1 12 1 -> EEXIST
        write 1 12 2 -> 0
        write 1 13 3 -> EINVAL
        write 1 13 4 -> EINVAL
        write 1 13 8 -> EINVAL
        write 1 13 0x100000000 -> EINVAL
        write 3 1 -> E2BIG
        write 3 1 1 -> E2BIG
        write 3 1 3 -> EINVAL
        write 3 1 4 -> EINVAL
        read 1 -> 12
        update 2 21 -> 0
        update 2 22 1 -> EEXIST
        update 2 22 2 -> 0
        update 2 23 3 -> EINVAL
        update 2 23 4 -> EINVAL
        update 2 23 5 -> EEXIST
        update 2 23 8 -> EINVAL
        update 3 1 -> E2BIG
        update 3 1 1 -> E2BIG
        update 3 1 4 -> E2BIG
        update 3 1 7 -> EINVAL
        lookup 2 -> 22
        erase 1 -> EINVAL
        erase 3 -> EINVAL
        remove 1 -> EINVAL
        remove 3 -> EINVAL
        read 1 -> 12
        next null -> 0
        next 0 -> 1
        next 2 -> ENOENT
        next 3 -> 0
        next 0xffffffff -> 0)"},
      {"array_of_one", map_spec(array, 4, 3, 1), R"(
        next null -> 0
        next 0 -> ENOENT
        write 0 0x030201 -> 0
        read 0 -> 197121)"},
      {"array_frozen_for_programs", map_spec(array, 4, 8, 1, kRdonlyProg), R"(
        write 0 7 -> 0
        lookup 0 -> 7
        update 0 8 -> EACCES
        remove 0 -> EACCES
        read 0 -> 7)"},
      {"array_read_only_for_host", map_spec(array, 4, 8, 1, kRdonly), R"(
        write 0 7 -> EPERM
        erase 0 -> EPERM
        write 0 7 4 -> EPERM
        update 0 8 -> 0
        read 0 -> 8
        next null -> 0)"},
      {"array_write_only_for_host", map_spec(array, 4, 8, 1, kWronly), R"(
        write 0 7 -> 0
        read 0 -> EPERM
        next null -> EPERM
        lookup 0 -> 7)"},
      {"hash", map_spec(hash, 4, 8, 2), R"(
        keys -> none
        next null -> ENOENT
        next 1 -> ENOENT
        read 1 -> ENOENT
        lookup 1 -> null
        erase 1 -> ENOENT
        remove 1 -> ENOENT
        write 1 11 2 -> ENOENT
        write 1 11 1 -> 0
        write 1 12 1 -> EEXIST
        write 1 12 2 -> 0
        write 1 13 3 -> EINVAL
        write 1 13 4 -> EINVAL
        write 1 13 5 -> EINVAL
        write 1 13 8 -> EINVAL
        write 1 13 0x100000000 -> EINVAL
        read 1 -> 12
        lookup 1 -> 12
        update 2 21 2 -> ENOENT
        update 2 21 1 -> 0
        update 2 22 1 -> EEXIST
        update 2 23 3 -> EINVAL
        update 2 23 4 -> EINVAL
        update 2 23 5 -> EINVAL
        update 2 23 8 -> EINVAL
        lookup 2 -> 21
        keys -> 1 2
        write 3 31 -> E2BIG
        write 3 31 1 -> E2BIG
        write 3 31 2 -> ENOENT
        write 2 22 -> 0
        update 3 31 -> E2BIG
        update 2 24 2 -> 0
        erase 1 -> 0
        erase 1 -> ENOENT
        lookup 1 -> null
        update 3 31 -> 0
        keys -> 2 3
        remove 2 -> 0
        remove 3 -> 0
        keys -> none)"},
      {"hash_on_demand", map_spec(hash, 4, 8, 2, kNoPrealloc), R"(
        write 1 11 2 -> ENOENT
        write 1 11 -> 0
        update 2 21 -> 0
        write 3 31 -> E2BIG
        update 3 31 -> E2BIG
        write 2 22 -> 0
        update 1 12 2 -> 0
        write 1 13 1 -> EEXIST
        write 1 13 4 -> EINVAL
        read 1 -> 12
        lookup 2 -> 22
        erase 2 -> 0
        write 3 31 -> 0
        keys -> 1 3)"},
      {"hash_of_odd_sizes", map_spec(hash, 3, 5, 4), R"(
        write 0x030201 0x0504030201 -> 0
        read 0x030201 -> 21542142465
        read 0x030200 -> ENOENT
        update 0xffffff 9 -> 0
        keys -> 16777215 197121)"},
      {"hash_of_long_keys", map_spec(hash, 17, 1, 4), R"(
        write 1 1 -> 0
        write 2 2 -> 0
        update 1 3 1 -> EEXIST
        lookup 1 -> 1
        read 2 -> 2
        keys -> 1 2)"},
      {"hash_read_only_for_programs", map_spec(hash, 4, 8, 2, kRdonlyProg), R"(
        write 1 7 -> 0
        lookup 1 -> 7
        update 1 8 -> EACCES
        remove 1 -> EACCES)"},
      {"hash_read_only_for_host", map_spec(hash, 4, 8, 2, kRdonly), R"(
        write 1 7 -> EPERM
        update 1 8 -> 0
        read 1 -> 8
        erase 1 -> EPERM
        keys -> 1)"},
      {"percpu_array", map_spec(percpu_array, 4, 4, 2), R"(
        order -> 0 1
        read 0 -> 0,0
        read 2 -> ENOENT
        write 0 1,2 -> 0
        read 0 -> 1,2
        lookup 0 -> 1
        update 0 5 -> 0
        read 0 -> 5,2
        write 0 1,2 1 -> EEXIST
        write 0 3,4 2 -> 0
        write 0 3,4 3 -> EINVAL
        write 0 3,4 4 -> EINVAL
        write 2 3,4 -> E2BIG
        write 2 3,4 1 -> E2BIG
        update 1 7 1 -> EEXIST
        update 1 7 2 -> 0
        update 1 8 4 -> EINVAL
        update 1 8 5 -> EEXIST
        update 2 8 -> E2BIG
        update 2 8 4 -> E2BIG
        lookup 2 -> null
        read 1 -> 7,0
        write 1 0x1122334455667788,0x99 -> 0
        read 1 -> 1234605616436508552,153
        erase 0 -> EINVAL
        remove 0 -> EINVAL)"},
      {"percpu_hash", map_spec(percpu_hash, 4, 8, 2), R"(
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
        update 3 1 -> E2BIG
        write 3 1,1 -> E2BIG
        erase 1 -> 0
        update 3 7 2 -> ENOENT
        update 3 7 -> 0
        read 3 -> 7,0
        keys -> 2 3
        remove 3 -> 0
        lookup 3 -> null)"},
      {"percpu_hash_on_demand", map_spec(percpu_hash, 4, 8, 1, kNoPrealloc), R"(
        write 1 1,2 -> 0
        update 2 1 -> E2BIG
        update 1 3 -> 0
        read 1 -> 3,2
        erase 1 -> 0
        update 2 4 -> 0
        read 2 -> 4,0)"},
      {"ringbuf", map_spec(ringbuf, 0, 0, 4096), R"(
        query 0 -> 0
        query 1 -> 4096
        query 2 -> 0
        query 3 -> 0
        query 4 -> 0
        query 0xffffffff -> 0
        consume -> none
        output 8 -> 0
        output 8 1 -> 0
        output 8 2 -> 0
        output 8 3 -> 0
        output 8 4 -> EINVAL
        output 8 0x80000000 -> EINVAL
        query 0 -> 64
        query 2 -> 0
        query 3 -> 64
        consume -> 8 8 8 8
        query 0 -> 0
        query 2 -> 64
        query 3 -> 64
        output 1 -> 0
        query 0 -> 16
        output 9 -> 0
        query 0 -> 40
        consume -> 1 9
        write 0 0 -> ENOTSUPP
        read 0 -> ENOTSUPP
        erase 0 -> ENOTSUPP
        next null -> ENOTSUPP)"},
      {"ringbuf_reserve", map_spec(ringbuf, 0, 0, 4096), R"(
        records 8,8,8 -> 111
        query 0 -> 48
        consume -> 8 8 8
        records 8,16d,24 -> 111
        query 0 -> 72
        consume -> 8 24
        records 8d,8d -> 11
        query 0 -> 32
        consume -> none
        query 0 -> 0
        records 8 1 -> 0
        records 8 0x80000000 -> 0
        records 1000 1 -> 0
        query 0 -> 0)"},
      {"ringbuf_full", map_spec(ringbuf, 0, 0, 4096), R"(
        records 4096 -> 0
        records 4089 -> 0
        records 4088 -> 0
        records 4081 -> 0
        query 3 -> 0
        records 4080 -> 1
        query 0 -> 4088
        records 1 -> 0
        output 1 -> EAGAIN
        output 1 4 -> EINVAL
        consume -> 4080
        query 2 -> 4088
        records 2040,2032,8 -> 110
        query 0 -> 4088
        consume -> 2040 2032
        records 2000,2000,100 -> 110
        query 0 -> 4016
        output 64 -> 0
        output 1 -> EAGAIN
        consume -> 2000 2000 64)"},
      {"ringbuf_wraps", map_spec(ringbuf, 0, 0, 4096), R"(
        records 3000 -> 1
        consume -> 3000
        records 3000 -> 1
        records 3000 -> 0
        query 3 -> 6016
        consume -> 3000
        records 200,2000,1500 -> 111
        query 0 -> 3728
        consume -> 200 2000 1500
        query 2 -> 9744)"},
      {"lpm_trie", map_spec(lpm_trie, 8, 8, 5, kNoPrealloc), R"(
        order -> none
        next null -> ENOENT
        next 8/0a000000 -> ENOENT
        read 32/0a000001 -> ENOENT
        lookup 32/0a000001 -> null
        write 8/0a000000 1 2 -> ENOENT
        write 8/0a000000 1 1 -> 0
        write 8/0a000000 2 1 -> EEXIST
        write 8/0a000000 2 2 -> 0
        write 8/0a000000 2 3 -> EINVAL
        write 8/0a000000 2 4 -> EINVAL
        write 33/0a000000 2 -> EINVAL
        update 33/0a000000 2 -> EINVAL
        update 8/0a000000 2 4 -> EINVAL
        read 33/0a000000 -> ENOENT
        lookup 33/0a000000 -> null
        erase 33/0a000000 -> EINVAL
        remove 33/0a000000 -> EINVAL
        erase 9/0a000000 -> ENOENT
        remove 7/0a000000 -> ENOENT
        read 32/0a010203 -> 2
        read 8/0a000000 -> 2
        read 7/0a000000 -> ENOENT
        lookup 8/0affffff -> 2
        lookup 32/0b000000 -> null
        update 24/0a000100 3 -> 0
        update 32/0a000101 4 1 -> 0
        update 0/00000000 5 -> 0
        lookup 32/0a000101 -> 4
        lookup 32/0a000102 -> 3
        lookup 32/0a000201 -> 2
        lookup 32/7f000001 -> 5
        lookup 31/0a000101 -> 3
        lookup 23/0a000101 -> 2
        lookup 0/ffffffff -> 5
        write 16/c0a80000 6 -> 0
        write 24/c0a80100 7 -> ENOSPC
        write 24/c0a80100 7 2 -> ENOENT
        update 24/c0a80100 7 1 -> ENOSPC
        write 16/c0a80000 8 -> 0
        order -> 32/0a000101 24/0a000100 8/0a000000 16/c0a80000 0/00000000
        next 8/0a000000 -> 16/c0a80000
        next 9/0a000000 -> 32/0a000101
        next 99/0a000000 -> 32/0a000101
        next 0/00000000 -> ENOENT
        erase 24/0a000100 -> 0
        erase 24/0a000100 -> ENOENT
        lookup 32/0a000101 -> 4
        lookup 32/0a000102 -> 2
        remove 0/00000000 -> 0
        lookup 32/7f000001 -> null
        order -> 32/0a000101 8/0a000000 16/c0a80000)"},
      {"lpm_trie_parts", map_spec(lpm_trie, 8, 8, 16, kNoPrealloc), R"(
        write 24/c0a80000 1 -> 0
        write 24/c0a80100 2 -> 0
        write 24/c0a88000 3 -> 0
        order -> 24/c0a80000 24/c0a80100 24/c0a88000
        write 16/c0a80000 4 -> 0
        order -> 24/c0a80000 24/c0a80100 24/c0a88000 16/c0a80000
        lookup 32/c0a80505 -> 4
        next 17/c0a80000 -> 24/c0a80000
        next 23/c0a80000 -> 24/c0a80000
        erase 23/c0a80000 -> ENOENT
        erase 16/c0a80000 -> 0
        lookup 32/c0a80505 -> null
        order -> 24/c0a80000 24/c0a80100 24/c0a88000
        write 16/c0a80000 5 1 -> 0
        lookup 32/c0a80505 -> 5
        erase 24/c0a80000 -> 0
        order -> 24/c0a80100 24/c0a88000 16/c0a80000
        erase 24/c0a88000 -> 0
        order -> 24/c0a80100 16/c0a80000
        erase 16/c0a80000 -> 0
        order -> 24/c0a80100
        erase 24/c0a80100 -> 0
        order -> none)"},
      {"lpm_trie_keeps_bits_beyond_the_prefix", map_spec(lpm_trie, 8, 1, 4, kNoPrealloc), R"(
        write 8/0a0b0c0d 1 -> 0
        order -> 8/0a0b0c0d
        write 8/0aff0c0d 2 -> 0
        order -> 8/0aff0c0d
        read 32/0a000000 -> 2
        write 16/0a000000 3 -> 0
        order -> 16/0a000000 8/0aff0c0d
        erase 8/0a777777 -> 0
        order -> 16/0a000000)"},
      {"lpm_trie_of_one_byte", map_spec(lpm_trie, 5, 4, 300, kNoPrealloc), R"(
        write 8/80 1 -> 0
        write 1/80 2 -> 0
        write 9/80 2 -> EINVAL
        write 8/7f 3 -> 0
        lookup 8/ff -> 2
        lookup 8/80 -> 1
        lookup 8/00 -> null
        order -> 8/7f 8/80 1/80)"},
      {"lpm_trie_of_ipv6", map_spec(lpm_trie, 20, 4, 16, kNoPrealloc), R"(
        write 32/20010db8 1 -> 0
        write 64/20010db800000001 2 -> 0
        write 65/20010db80000000180 3 -> 0
        write 128/20010db8000000018000000000000001 4 -> 0
        lookup 128/20010db8000000018000000000000001 -> 4
        lookup 128/20010db8000000018000000000000002 -> 3
        lookup 128/20010db8000000010000000000000001 -> 2
        lookup 128/20010db8000000020000000000000001 -> 1
        lookup 128/20010db9000000000000000000000001 -> null
        write 129/00 1 -> EINVAL
        next 128/20010db8000000018000000000000001 -> 65/20010db8000000018000000000000000
        erase 65/20010db80000000180 -> 0
        lookup 128/20010db8000000018000000000000002 -> 2)"},
      {"lpm_trie_read_only_for_programs", map_spec(lpm_trie, 8, 8, 2, kNoPrealloc | kRdonlyProg),
       R"(
        write 8/0a000000 1 -> 0
        lookup 32/0a000000 -> 1
        update 8/0a000000 2 -> EACCES
        remove 8/0a000000 -> EACCES)"},
      {"hash_taken", map_spec(hash, 4, 8, 2), R"(
        take 1 -> ENOENT
        write 1 11 -> 0
        take 1 4 -> EINVAL
        take 1 1 -> EINVAL
        read 1 4 -> EINVAL
        read 1 2 -> EINVAL
        take 1 -> 11
        take 1 -> ENOENT
        keys -> none)"},
      {"percpu_hash_taken", map_spec(percpu_hash, 4, 8, 2), R"(
        write 1 11,12 -> 0
        take 1 -> 11,12
        read 1 -> ENOENT)"},
      {"array_not_taken", map_spec(array, 4, 8, 2), R"(
        take 1 -> ENOTSUPP
        take 3 -> ENOTSUPP
        take 1 4 -> EINVAL
        read 1 4 -> EINVAL)"},
      {"lpm_trie_not_taken", map_spec(lpm_trie, 8, 8, 2, kNoPrealloc), R"(
        take 8/0a000000 -> ENOTSUPP
        read 8/0a000000 4 -> EINVAL)"},
      {"prog_array", map_spec(prog_array, 4, 4, 2), R"(
        order -> 0 1
        read 0 -> ENOENT
        read 2 -> ENOENT
        erase 0 -> ENOENT
        erase 2 -> E2BIG
        write 0 0x7ffffff -> EBADF
        write 0 0x7ffffff 1 -> EINVAL
        write 2 0x7ffffff -> E2BIG
        write 2 0x7ffffff 2 -> EINVAL
        write 2 0x7ffffff 4 -> EINVAL
        next null -> 0
        next 0 -> 1
        next 1 -> ENOENT
        next 7 -> 0)"},
  };
  for (Script& script : later_map_scripts()) scripts.push_back(std::move(script));
  return scripts;
}

}  // namespace skep
