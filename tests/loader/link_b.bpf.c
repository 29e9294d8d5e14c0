// One of two objects that are linked; the other is link_a.bpf.c. For tests/loader/link_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct map_of_b {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, __u64);
} of_b SEC(".maps");

extern int variable_of_a;

int variable_of_b = 12;
static volatile int same_name = 2;
volatile __u64 wide_of_b = 34;

__noinline int overridden(int x) {
  return x + 2000;
}

static __noinline int helper(int x) {
  return x - same_name;
}

__noinline int function_of_b(int x) {
  return helper(x) + variable_of_a;
}

SEC("tc")
int program_b(struct __sk_buff* skb) {
  wide_of_b += 1;
  return function_of_b(1) + overridden(2);
}

char _license[] SEC("license") = "GPL";
