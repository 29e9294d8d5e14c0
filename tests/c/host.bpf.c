// Programs for the tests of the C interface: a packet counter, programs for a host's own hook, tail
// calls, and what goes wrong.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct request {  // as the host's program type shows it
  __u32 kind;
  __u32 user;
  __u64 cost;
};

static __u64 (*const host_sum)(const void* bytes, __u64 size) = (void*)0x10000;
static long (*const host_refuse)(void* context) = (void*)0x10001;
static long (*const host_twice)(void* function, void* context) = (void*)0x10002;
static __u64* (*const host_peek)(void* map, const void* key) = (void*)0x10003;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u32);
} next SEC(".maps");

static __always_inline void count(__u32 key) {
  __u64* value = bpf_map_lookup_elem(&counts, &key);
  if (value) __sync_fetch_and_add(value, 1);
}

SEC("xdp")
int packets(struct xdp_md* ctx) {
  const __u8* data = (const __u8*)(long)ctx->data;
  if (data + 1 > (const __u8*)(long)ctx->data_end) return XDP_DROP;
  __u32 zero = 0;
  __u64* mine = bpf_map_lookup_elem(&per_cpu, &zero);
  if (mine) ++*mine;
  count(data[0] & 3);
  bpf_ringbuf_output(&events, &zero, sizeof zero, 0);
  bpf_printk("byte %d on %d", data[0], ctx->ingress_ifindex);
  return XDP_PASS;
}

SEC("hook/first")
__u64 on_request(struct request* request) {
  const __u32 kind = request->kind;
  request->cost += 5;
  return host_sum(&kind, sizeof kind) + request->user;
}

SEC("hook/second")
__u64 refused(struct request* request) {
  return host_refuse(request);
}

static long twice(__u64 index, __u64* context) {
  *context += index * 10;
  return 0;
}

SEC("hook/third")
__u64 called_back(struct request* request) {
  __u64 total = request->kind;
  host_twice(twice, &total);
  __u32 key = 1;
  __u64* value = host_peek(&counts, &key);
  return value ? total + *value : 0;
}

SEC("xdp")
int jump(struct xdp_md* ctx) {
  bpf_tail_call(ctx, &next, 1);
  return XDP_ABORTED;
}

SEC("xdp")
int landed(struct xdp_md* ctx) {
  return XDP_TX;
}

SEC("xdp")
int outside(struct xdp_md* ctx) {
  return *(volatile __u32*)(long)ctx->data_end;
}

SEC("xdp")
int forever(struct xdp_md* ctx) {
  for (volatile int i = 0; i >= 0;) i = 1;
  return 0;
}

// The second argument: rsi, and x1.
SEC("kprobe/do_something")
int entered(__u64* regs) {
  return regs[13];
}

SEC("kprobe/do_something")
int entered_arm64(__u64* regs) {
  return regs[1];
}

SEC("raw_tracepoint/sched_switch")
int switched(__u64* args) {
  __u64 out = 0;
  if (bpf_probe_read_kernel(&out, sizeof out, (const void*)args[0])) return 1;
  return out;
}

char LICENSE[] SEC("license") = "GPL";
