// Global data of every kind. Compiled for tests/loader/data_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 7;         // .rodata
__u64 counter = 0x1122334455667788;     // .data
static __u32 shadow = 5;                // .data, static
__u32 zeros[16];                        // .bss
static __u32 own SEC(".data.own") = 9;  // a section with static variables only
__u32 shared SEC(".data.shared_by_name") = 3;
const volatile char text[] SEC(".rodata.text") = "hello";
__u32 more_zeros SEC(".bss.more");

SEC("socket")
int read_all(struct __sk_buff* skb) {
  shadow += limit;
  counter += shadow;
  zeros[3] += own;
  own += shared;
  shared += text[skb->len & 3];
  more_zeros += 1;
  return zeros[skb->len & 15];
}

char _license[] SEC("license") = "GPL";
