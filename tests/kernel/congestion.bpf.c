// A TCP congestion control that does next to nothing, and counts that it was asked: struct_ops,
// with a link of its own and, as kernels before 6.4 want it, without. See link_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#ifndef OPERATIONS
#define OPERATIONS ".struct_ops"
#endif

struct sock;
struct tcp_sock {
  __u32 snd_cwnd;
} __attribute__((preserve_access_index));

// The members that are set, and their types; where they are is the kernel's to say.
struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock* sk);
  void (*cong_avoid)(struct sock* sk, __u32 ack, __u32 acked);
  __u32 (*undo_cwnd)(struct sock* sk);
  void (*init)(struct sock* sk);
  char name[16];
};

__u64 fired;

SEC("struct_ops") void BPF_PROG(ops_init, struct sock* sk) {
  __sync_fetch_and_add(&fired, 1);
}
SEC("struct_ops") __u32 BPF_PROG(ops_ssthresh, struct sock* sk) {
  return 10;
}
SEC("struct_ops") __u32 BPF_PROG(ops_undo_cwnd, struct sock* sk) {
  return ((struct tcp_sock*)sk)->snd_cwnd;
}
SEC("struct_ops") void BPF_PROG(ops_cong_avoid, struct sock* sk, __u32 ack, __u32 acked) {}

SEC(OPERATIONS)
struct tcp_congestion_ops operations = {
    .ssthresh = (void*)ops_ssthresh,
    .cong_avoid = (void*)ops_cong_avoid,
    .undo_cwnd = (void*)ops_undo_cwnd,
    .init = (void*)ops_init,
    .name = "skep_test",
};

char _license[] SEC("license") = "GPL";
