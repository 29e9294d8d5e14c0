// Small programs of each kind that the command runs: what tests/tools/cli_test.cpp calls for.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum color { RED = 1, GREEN = 2 };

struct limits {
  __u32 rate;
  enum color color;
};

struct stats {
  __u64 packets;
  __u64 bytes;
};

struct event {
  __u32 length;
  __u8 first[4];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, struct stats);
} totals SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u16);
  __type(value, struct limits);
} blocked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4);
  __uint(key_size, 8);
  __uint(value_size, 4);
} nets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, 4);
} jumps SEC(".maps");

const volatile __u32 verdict = XDP_PASS;
struct limits last_limits;
const struct event* unused_event __attribute__((unused));

// Counts, drops packets whose first two bytes are in `blocked`, reports the others.
SEC("xdp")
int count(struct xdp_md* ctx) {
  __u8 *data = (void*)(long)ctx->data, *end = (void*)(long)ctx->data_end;
  __u32 zero = 0;
  struct stats* stats = bpf_map_lookup_elem(&totals, &zero);
  if (stats) {
    stats->packets++;
    stats->bytes += end - data;
  }
  if (data + 4 > end) return XDP_ABORTED;
  __u16 key = data[0] | data[1] << 8;
  struct limits* limits = bpf_map_lookup_elem(&blocked, &key);
  if (limits) {
    last_limits = *limits;
    return XDP_DROP;
  }
  struct event event = {.length = end - data, .first = {data[0], data[1], data[2], data[3]}};
  bpf_ringbuf_output(&events, &event, sizeof(event), 0);
  bpf_tail_call(ctx, &jumps, 0);
  data[3] = 0xff;
  return verdict;
}

SEC("xdp")
int bounce(struct xdp_md* ctx) {
  return XDP_TX;
}

SEC("tc")
int mark(struct __sk_buff* skb) {
  bpf_printk("mark %u", skb->mark);
  skb->mark += 1;
  return skb->mark == 8 ? 2 : 0;
}

SEC("socket")
int head(struct __sk_buff* skb) {
  return 8;
}

SEC("kprobe/some_function")
int probe(struct pt_regs* ctx) {
  return 0;
}

SEC("fentry/some_function")
int traced(void* ctx) {
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
