// SPDX-License-Identifier: MIT
// An XDP firewall: drops by source prefix (IPv4 and IPv6) and by destination port, counts per rule
// and per CPU, and reports each drop in a ring buffer.
//
// The way of a packet: peel up to two VLAN tags, walk the IP header and what extends it, look up
// the source in a longest-prefix trie, then the destination port in a hash. A rule may also let
// pass, so that a short exception can stand inside of a long prefix. Headers that contradict
// themselves are dropped; fragments that could hide a port from us too (RFC 1858, RFC 3128).
//
//   clang-19 -O2 -g --target=bpf -mcpu=v3 -I/usr/include/$(gcc -print-multiarch) -c
//   xdp_firewall.bpf.c
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_TAGS 2
#define MAX_EXTENSIONS 6
#define MAX_RULES 64

// Why a packet went the way it did. Also the index into `by_reason`.
enum reason {
  PASSED,
  PASSED_NOT_IP,
  ALLOWED_SOURCE,
  BLOCKED_SOURCE,
  BLOCKED_PORT,
  MALFORMED_ETHERNET,
  MALFORMED_IPV4,
  MALFORMED_IPV6,
  MALFORMED_TRANSPORT,
  BAD_CHECKSUM,
  TINY_FRAGMENT,
  TOO_MANY_TAGS,
  TOO_MANY_EXTENSIONS,
  REASONS,
};

struct prefix4 {
  __u32 length;
  __u8 address[4];
};

struct prefix6 {
  __u32 length;
  __u8 address[16];
};

struct service {
  __u16 port;  // host byte order, so that lists can be written by people
  __u16 protocol;
};

struct rule {
  __u32 number;  // index into `by_rule`
  enum xdp_action action;
};

struct counter {
  __u64 packets;
  __u64 bytes;
};

struct drop_event {
  __u64 nanoseconds;
  enum reason reason;
  __u32 rule;
  __u32 length;
  __u16 tags;
  __u8 family;  // 4, 6, or 0 if it did not come so far
  __u8 protocol;
  struct in6_addr source;  // IPv4 as ::ffff:a.b.c.d
  struct in6_addr destination;
  __u16 port;
  __u16 fragment;
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct prefix4);
  __type(value, struct rule);
} sources4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 1024);
  __type(key, struct prefix6);
  __type(value, struct rule);
} sources6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, struct service);
  __type(value, struct rule);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, REASONS);
  __type(key, __u32);
  __type(value, struct counter);
} by_reason SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, MAX_RULES);
  __type(key, __u32);
  __type(value, struct counter);
} by_rule SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 * 1024);
} events SEC(".maps");

// Set by whoever loads the program, before it is loaded.
const volatile _Bool verify_checksums = 1;

// Events that found no room in the ring buffer.
__u64 lost_events;

// Makes the compiler describe the records to their readers.
const struct drop_event* unused_drop_event __attribute__((unused));

struct vlan_tag {
  __be16 control;
  __be16 protocol;
};

// What IPv6 extension headers have in common (RFC 8200 section 4).
struct extension {
  __u8 next;
  __u8 length;
  __be16 rest;
  __be32 more;
};

// Where we are in the packet, and what we know so far.
struct packet {
  void* cursor;
  void* end;
  __u32 length;
  __u32 rule;
  __u16 port;
  __u16 fragment;  // offset in units of 8 bytes
  __u16 tags;
  __u8 family;
  __u8 protocol;
  _Bool more_fragments;
  struct in6_addr source;
  struct in6_addr destination;
};

static __noinline void count(void* map, __u32 index, __u32 bytes) {
  struct counter* counter = bpf_map_lookup_elem(map, &index);
  if (!counter) return;
  counter->packets++;  // of this CPU alone: no atomics needed
  counter->bytes += bytes;
}

static __noinline void report(const struct packet* packet, enum reason reason) {
  struct drop_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) {
    __sync_fetch_and_add(&lost_events, 1);
    return;
  }
  event->nanoseconds = bpf_ktime_get_ns();
  event->reason = reason;
  event->rule = packet->rule;
  event->length = packet->length;
  event->tags = packet->tags;
  event->family = packet->family;
  event->protocol = packet->protocol;
  event->port = packet->port;
  event->fragment = packet->fragment;
  event->source = packet->source;
  event->destination = packet->destination;
  bpf_ringbuf_submit(event, 0);
}

// Steps over `bytes` and gives where they began, or null if they are not all there.
static __always_inline void* take(struct packet* packet, __u32 bytes) {
  void* start = packet->cursor;
  if (start + bytes > packet->end) return 0;
  packet->cursor = start + bytes;
  return start;
}

// An IPv4 address as IPv6 has it (RFC 4291 section 2.5.5.2).
static __always_inline struct in6_addr mapped(__be32 address) {
  struct in6_addr result = {};
  result.s6_addr32[2] = bpf_htonl(0xffff);
  result.s6_addr32[3] = address;
  return result;
}

// The one's complement sum over an IPv4 header with its checksum is all ones.
static __always_inline _Bool checksum_holds(struct packet* packet, struct iphdr* ip) {
  __s64 sum = bpf_csum_diff(0, 0, (__be32*)ip, sizeof(*ip), 0);
  __be32* option = (__be32*)(ip + 1);
  for (int i = 5; i < 15 && i < ip->ihl; i++, option++) {
    if ((void*)(option + 1) > packet->end) return 0;
    sum += *option;
  }
  sum = (sum & 0xffffffff) + (__u64)sum / 0x100000000;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

// A length in host byte order. Verifiers of older kernels (6.12, 6.1) forget that swapped bytes are
// 16 bits wide; the compiler, which does not, would leave out a plain `& 0xffff`.
static __always_inline __u32 length_of(__be16 field) {
  __u32 length = bpf_ntohs(field);
  asm volatile("%0 &= 0xffff" : "+r"(length));
  return length;
}

static __always_inline enum reason walk_ipv4(struct packet* packet) {
  void* start = packet->cursor;
  struct iphdr* ip = take(packet, sizeof(*ip));
  if (!ip) return MALFORMED_IPV4;
  __u32 header = ip->ihl * 4;
  __u32 total = length_of(ip->tot_len);
  if (ip->version != 4 || header < sizeof(*ip) || total < header) return MALFORMED_IPV4;
  if (start + header > packet->end || start + total > packet->end) return MALFORMED_IPV4;
  packet->family = 4;
  packet->protocol = ip->protocol;
  packet->source = mapped(ip->saddr);
  packet->destination = mapped(ip->daddr);
  if (verify_checksums && !checksum_holds(packet, ip)) return BAD_CHECKSUM;
  __u16 fragment = bpf_ntohs(ip->frag_off);
  packet->fragment = fragment & 0x1fff;
  packet->more_fragments = (fragment & 0x2000) != 0;
  packet->cursor = start + header;
  return PASSED;
}

static __always_inline enum reason walk_ipv6(struct packet* packet) {
  struct ipv6hdr* ip = take(packet, sizeof(*ip));
  if (!ip || ip->version != 6 || packet->cursor + length_of(ip->payload_len) > packet->end)
    return MALFORMED_IPV6;
  packet->family = 6;
  packet->source = ip->saddr;
  packet->destination = ip->daddr;
  __u8 next = ip->nexthdr;
  for (int i = 0; i <= MAX_EXTENSIONS; i++) {
    packet->protocol = next;
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
        next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
      return PASSED;
    // RFC 8200 section 4.1: hop-by-hop options stand first or nowhere.
    if (next == IPPROTO_HOPOPTS && i != 0) return MALFORMED_IPV6;
    void* start = packet->cursor;
    struct extension* extension = take(packet, sizeof(*extension));
    if (!extension) return MALFORMED_IPV6;
    if (next == IPPROTO_FRAGMENT) {
      __u16 fragment = bpf_ntohs(extension->rest);
      packet->fragment = fragment >> 3;
      packet->more_fragments = fragment & 1;
      if (packet->fragment) {
        packet->protocol = extension->next;
        return PASSED;  // what follows is the middle of something
      }
    } else {
      // Units of 8 bytes but the first; the authentication header counts 4 bytes, but two.
      __u32 bytes = next == IPPROTO_AH ? (extension->length + 2) * 4 : (extension->length + 1) * 8;
      packet->cursor = start + bytes;
      if (packet->cursor > packet->end) return MALFORMED_IPV6;
    }
    next = extension->next;
  }
  return TOO_MANY_EXTENSIONS;
}

// Finds the destination port, and refuses fragments from which none can be had in time.
static __always_inline enum reason walk_transport(struct packet* packet) {
  __u32 bytes;
  switch (packet->protocol) {
    case IPPROTO_TCP: bytes = 20; break;
    case IPPROTO_UDP: bytes = 8; break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: bytes = 4; break;
    default: return PASSED;
  }
  if (packet->fragment)  // offset 1 would write over the flags of a TCP header (RFC 3128)
    return packet->protocol == IPPROTO_TCP && packet->fragment == 1 ? TINY_FRAGMENT : PASSED;
  __be16* ports = packet->cursor;
  if ((void*)ports + 4 > packet->end || (void*)ports + bytes > packet->end)
    return packet->more_fragments ? TINY_FRAGMENT : MALFORMED_TRANSPORT;
  if (bytes >= 8) packet->port = bpf_ntohs(ports[1]);
  return PASSED;
}

static __always_inline struct rule* rule_of_source(const struct packet* packet) {
  if (packet->family == 4) {
    struct prefix4 key = {.length = 32};
    __builtin_memcpy(key.address, &packet->source.s6_addr32[3], 4);
    return bpf_map_lookup_elem(&sources4, &key);
  }
  struct prefix6 key = {.length = 128};
  __builtin_memcpy(key.address, &packet->source, 16);
  return bpf_map_lookup_elem(&sources6, &key);
}

static __always_inline enum reason judge(struct packet* packet) {
  struct rule* rule = rule_of_source(packet);
  if (rule) {
    packet->rule = rule->number;
    count(&by_rule, rule->number, packet->length);
    return rule->action == XDP_PASS ? ALLOWED_SOURCE : BLOCKED_SOURCE;
  }
  if (!packet->port) return PASSED;
  struct service service = {.port = packet->port, .protocol = packet->protocol};
  rule = bpf_map_lookup_elem(&services, &service);
  if (!rule) return PASSED;
  packet->rule = rule->number;
  count(&by_rule, rule->number, packet->length);
  return rule->action == XDP_PASS ? PASSED : BLOCKED_PORT;
}

static __always_inline enum reason walk(struct packet* packet) {
  struct ethhdr* ethernet = take(packet, sizeof(*ethernet));
  if (!ethernet) return MALFORMED_ETHERNET;
  __be16 protocol = ethernet->h_proto;
  for (int i = 0; i < MAX_TAGS; i++) {
    if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD)) break;
    struct vlan_tag* tag = take(packet, sizeof(*tag));
    if (!tag) return MALFORMED_ETHERNET;
    protocol = tag->protocol;
    packet->tags++;
  }
  enum reason reason;
  switch (protocol) {
    case bpf_htons(ETH_P_IP): reason = walk_ipv4(packet); break;
    case bpf_htons(ETH_P_IPV6): reason = walk_ipv6(packet); break;
    case bpf_htons(ETH_P_8021Q):
    case bpf_htons(ETH_P_8021AD): return TOO_MANY_TAGS;
    default: return PASSED_NOT_IP;
  }
  if (reason == PASSED) reason = walk_transport(packet);
  return reason == PASSED ? judge(packet) : reason;
}

SEC("xdp")
int firewall(struct xdp_md* ctx) {
  struct packet packet = {
      .cursor = (void*)(long)ctx->data,
      .end = (void*)(long)ctx->data_end,
      .length = ctx->data_end - ctx->data,
  };
  enum reason reason = walk(&packet);
  count(&by_reason, reason, packet.length);
  if (reason <= ALLOWED_SOURCE) return XDP_PASS;
  report(&packet, reason);
  return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
