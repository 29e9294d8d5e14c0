// Sending packets elsewhere: recorded in the Frame, since interfaces are the host's.
// Semantics: Linux 6.12 net/core/filter.c, include/linux/filter.h (__bpf_xdp_redirect_map).
// Tested by tests/helpers/redirect_test.cpp.

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr i64 kXdpAborted = 0, kXdpRedirect = 4;
constexpr i64 kActShot = 2, kActRedirect = 7;
constexpr u64 kIngress = 1;                          // BPF_F_INGRESS
constexpr u64 kBroadcast = 8, kExcludeIngress = 16;  // of redirect_map, in devmaps
constexpr u64 kActionMask = 3;                       // what is returned for an empty entry
constexpr u64 kNextHopSize = 20;                     // struct bpf_redir_neigh

Frame& frame_of(Run& run) {
  return *static_cast<Frame*>(run.frame);
}

bool takes_broadcasts(const Map& map) {
  return map.spec().type == MapType::devmap || map.spec().type == MapType::devmap_hash;
}

}  // namespace

i64 redirect(Run& run, u32 ifindex, u64 flags) {
  Frame& frame = frame_of(run);
  const bool xdp = frame.type == ProgramType::xdp;
  if ((flags & ~(xdp ? u64(0) : kIngress)) != 0) return xdp ? kXdpAborted : kActShot;
  frame.redirect = {.kind = Redirect::Kind::Interface, .ifindex = ifindex, .flags = flags};
  return xdp ? kXdpRedirect : kActRedirect;
}

i64 redirect_peer(Run& run, u32 ifindex, u64 flags) {
  if (flags != 0) return kActShot;
  frame_of(run).redirect = {.kind = Redirect::Kind::Peer, .ifindex = ifindex};
  return kActRedirect;
}

i64 redirect_neigh(Run& run, u32 ifindex, MaybeBytes next_hop, u64 flags) {
  if (flags != 0 || (next_hop.size != 0 && next_hop.size < kNextHopSize)) return kActShot;
  frame_of(run).redirect = {.kind = Redirect::Kind::Neighbour, .ifindex = ifindex};
  return kActRedirect;
}

// The lower bits of the flags are the result where the map has no such entry.
i64 redirect_map(Run& run, Map* map, u64 key, u64 flags) {
  const u64 known = kActionMask | (takes_broadcasts(*map) ? kBroadcast | kExcludeIngress : 0);
  if ((flags & ~known) != 0) return kXdpAborted;
  const u32 key32 = static_cast<u32>(key);
  const bool broadcast = (flags & kBroadcast) != 0;
  if (!broadcast && map->lookup(reinterpret_cast<const u8*>(&key32), run.cpu) == nullptr) {
    frame_of(run).redirect = {};
    return static_cast<i64>(flags & kActionMask);
  }
  frame_of(run).redirect = {.kind = Redirect::Kind::Map, .flags = flags, .map = map, .key = key32};
  return kXdpRedirect;
}

i64 clone_redirect(Run&, Frame* frame, u32 ifindex, u64 flags) {
  if ((flags & ~kIngress) != 0) return kEINVAL;
  ++frame->clones;
  if (frame->on_clone != nullptr) {
    const Packet& packet = frame->packet;
    frame->on_clone(frame->user, {ifindex, flags, {packet.data, packet.end}});
  }
  return 0;
}

}  // namespace skep::body
