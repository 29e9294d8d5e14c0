// A program for each kind of place that programs attach to: each counts that it ran, and leaves
// what happened as it was. See link_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define TC_PASS (-1)

__u64 fired;

static __always_inline int fire(int verdict) {
  __sync_fetch_and_add(&fired, 1);
  return verdict;
}

#define COUNT(name, section, context, verdict) \
  SEC(section) int name(context* ctx) {        \
    return fire(verdict);                      \
  }

COUNT(at_xdp, "xdp", struct xdp_md, XDP_PASS)
COUNT(at_tc, "tc", struct __sk_buff, TC_PASS)
COUNT(at_tracepoint, "tracepoint/sched/sched_switch", void, 0)
COUNT(at_raw_tracepoint, "raw_tracepoint/sys_enter", struct bpf_raw_tracepoint_args, 0)
COUNT(at_function, "kprobe", void, 0)
COUNT(at_perf_event, "perf_event", struct bpf_perf_event_data, 0)
COUNT(at_skb_egress, "cgroup_skb/egress", struct __sk_buff, 1)
COUNT(at_skb_ingress, "cgroup_skb/ingress", struct __sk_buff, 1)
COUNT(at_sock_create, "cgroup/sock_create", struct bpf_sock, 1)
COUNT(at_post_bind4, "cgroup/post_bind4", struct bpf_sock, 1)
COUNT(at_bind4, "cgroup/bind4", struct bpf_sock_addr, 1)
COUNT(at_connect4, "cgroup/connect4", struct bpf_sock_addr, 1)
COUNT(at_sendmsg4, "cgroup/sendmsg4", struct bpf_sock_addr, 1)
COUNT(at_setsockopt, "cgroup/setsockopt", struct bpf_sockopt, 1)
COUNT(at_getsockopt, "cgroup/getsockopt", struct bpf_sockopt, 1)
COUNT(at_sysctl, "cgroup/sysctl", struct bpf_sysctl, 1)
COUNT(at_device, "cgroup/dev", struct bpf_cgroup_dev_ctx, 1)
COUNT(at_sock_ops, "sockops", struct bpf_sock_ops, 1)
COUNT(at_lookup, "sk_lookup", struct bpf_sk_lookup, 1)
COUNT(at_entry, "fentry/vfs_open", void, 0)
COUNT(at_exit, "fexit/vfs_open", void, 0)
COUNT(at_lsm, "lsm/file_open", void, 0)

// Iterators: what is written here is what the reader gets.
struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
} __attribute__((preserve_access_index));
struct bpf_map {
  __u32 id;
} __attribute__((preserve_access_index));
struct task_struct {
  int pid;
} __attribute__((preserve_access_index));
struct bpf_iter__bpf_map {
  struct bpf_iter_meta* meta;
  struct bpf_map* map;
} __attribute__((preserve_access_index));
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
} __attribute__((preserve_access_index));

static __always_inline void write_number(struct seq_file* seq, __u64 number) {
  static const char kFormat[] = "%llu\n";
  bpf_seq_printf(seq, kFormat, sizeof(kFormat), &number, sizeof(number));
}

SEC("iter/bpf_map") int each_map(struct bpf_iter__bpf_map* ctx) {
  struct bpf_map* map = ctx->map;
  fire(0);
  if (map) write_number(ctx->meta->seq, map->id);
  return 0;
}

SEC("iter/task") int each_task(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  fire(0);
  if (task) write_number(ctx->meta->seq, task->pid);
  return 0;
}

char _license[] SEC("license") = "GPL";
