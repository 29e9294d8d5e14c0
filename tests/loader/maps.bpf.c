// Map definitions of all forms that BTF-defined maps have. Compiled for tests/loader/maps_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct flow {
  __u32 from, to;
  __u16 port;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __uint(map_flags, BPF_F_NO_COMMON_LRU);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, struct flow);
  __type(value, __u64);
} typed SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 3);
  __uint(key_size, 4);
  __uint(value_size, 12);
  __uint(numa_node, 0);
} sized SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
  __uint(max_entries, 100);
  __uint(value_size, 4);
  __uint(map_extra, 3);
} bloom SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 5000);  // libbpf makes it two pages
} ring SEC(".maps");

// A definition may have a name.
struct inner_map {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, struct inner_map);
} outer SEC(".maps") = {
    .values = {[1] = &second, [3] = &first},
};

// The inner shape alone, without contents.
struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct flow);
      });
} shaped SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 5000);
      });
} rings SEC(".maps");

int target(struct xdp_md* ctx);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 8);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md*));
} jumps SEC(".maps") = {
    .values = {[5] = &target},
};

static struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} hidden SEC(".maps");

#ifndef __kptr
#define __kptr __attribute__((btf_type_tag("kptr_untrusted")))
#endif

struct held {
  __u64 count;
  struct bpf_spin_lock lock;
  __u32 plain;
  struct {
    struct bpf_timer timers[2];
  } inside;
  const struct flow __kptr* pointer;
  const struct flow* untagged;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct held);
} guarded SEC(".maps");

SEC("xdp")
int target(struct xdp_md* ctx) {
  __u32 key = 0;
  __u64* value = bpf_map_lookup_elem(&hidden, &key);
  return value ? (int)*value : 0;
}

SEC("xdp")
int entry(struct xdp_md* ctx) {
  struct flow flow = {};
  bpf_map_lookup_elem(&typed, &flow);
  bpf_tail_call(ctx, &jumps, 5);
  return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
