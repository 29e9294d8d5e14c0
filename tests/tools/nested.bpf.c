// Counts packets by their protocol in maps inside of maps, and tells of each by perf events.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct counts {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16);
  __type(key, __u32);
  __type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(values, struct counts);
} outer SEC(".maps") = {.values = {&first}};

struct {
  __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
} events SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_QUEUE);
  __uint(max_entries, 4);
  __type(value, __u32);
} lengths SEC(".maps");

SEC("xdp")
int count(struct xdp_md* ctx) {
  __u32 which = ctx->rx_queue_index;
  void* inner = bpf_map_lookup_elem(&outer, &which);
  if (!inner) return XDP_ABORTED;
  __u32 length = ctx->data_end - ctx->data;
  __u64 one = 1;
  __u64* value = bpf_map_lookup_elem(inner, &length);
  if (value) {
    *value += 1;
  } else {
    bpf_map_update_elem(inner, &length, &one, BPF_ANY);
  }
  bpf_map_push_elem(&lengths, &length, BPF_EXIST);
  bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &length, sizeof length);
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
