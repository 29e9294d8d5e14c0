// One of two objects that are linked; the other is link_b.bpf.c. For tests/loader/link_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u32);
} of_a SEC(".maps");

// Defined by the other object: its sizes are not known here.
struct map_of_b {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, __u64);
};
extern struct map_of_b of_b SEC(".maps");

extern int variable_of_b;
int function_of_b(int x);

volatile int variable_of_a = 11;
static volatile int same_name = 1;
const volatile int constant_of_a = 21;

// The other object overrides it.
__weak __noinline int overridden(int x) {
  return x + 1000;
}

static __noinline int helper(int x) {
  return x * same_name;
}

SEC("tc")
int program_a(struct __sk_buff* skb) {
  __u32 key = 0;
  bpf_map_lookup_elem(&of_a, &key);
  bpf_map_lookup_elem(&of_b, &key);
  variable_of_a += variable_of_b;
  return function_of_b(skb->len) + helper(skb->mark) + overridden(3) + constant_of_a;
}

char _license[] SEC("license") = "GPL";
