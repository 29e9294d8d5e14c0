// One run in the kernel: BPF_PROG_TEST_RUN, with the frame's packet and fields as its data and
// context, and what comes out put back into the frame.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "helpers/contexts/frames.h"
#include "kernel/backend.h"

namespace skep {
namespace {

constexpr u32 kMaxOut = 1 << 17;

// struct xdp_md and struct __sk_buff as test runs take them (Linux include/uapi/linux/bpf.h).
struct XdpMdIn {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct SkBuffIn {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority,
      ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family,
      remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
  u64 flow_keys, tstamp;
  u32 wire_len, gso_segs;
  u64 sk;
  u32 gso_size;
  u8 tstamp_type, pad[3];
  u64 hwtstamp;
};

bool has_skb(ProgramType type) {
  switch (type) {
    case ProgramType::socket_filter:
    case ProgramType::sched_cls:
    case ProgramType::sched_act:
    case ProgramType::cgroup_skb:
    case ProgramType::lwt_in:
    case ProgramType::lwt_out:
    case ProgramType::lwt_xmit:
    case ProgramType::lwt_seg6local: return true;
    default: return false;
  }
}

// Test runs take a frame with its Ethernet header; programs of these types see it without.
constexpr u32 kEthernetHeader = 14;
bool starts_at_network_header(ProgramType type) {
  return has_skb(type) && type != ProgramType::sched_cls && type != ProgramType::sched_act;
}

// What the kernel accepts to be set before a run; all other fields must be zero.
SkBuffIn skb_in(const SkbFrame& skb) {
  SkBuffIn in{};
  in.mark = skb.mark;
  in.priority = skb.priority;
  in.ingress_ifindex = skb.ingress_ifindex;
  in.ifindex = skb.ifindex;
  std::copy(std::begin(skb.cb), std::end(skb.cb), in.cb);
  in.tstamp = skb.tstamp;
  in.wire_len = skb.wire_len;
  in.gso_segs = skb.gso_segs;
  in.gso_size = skb.gso_size;
  in.hwtstamp = skb.hwtstamp;
  return in;
}

void skb_out(const SkBuffIn& out, SkbFrame& skb) {
  skb.mark = out.mark;
  skb.priority = out.priority;
  std::copy(std::begin(out.cb), std::end(out.cb), skb.cb);
  skb.tstamp = out.tstamp;
}

// Puts the packet that came out at its place in the frame, moving the start if it does not fit.
bool put_packet(Packet& packet, std::span<const u8> bytes) {
  if (packet.room == nullptr || bytes.size() > static_cast<u64>(packet.limit - packet.room))
    return false;
  if (bytes.size() > static_cast<u64>(packet.limit - packet.data)) {
    packet.data = packet.limit - bytes.size();
    packet.meta = packet.data;
  }
  std::memcpy(packet.data, bytes.data(), bytes.size());
  packet.end = packet.data + bytes.size();
  return true;
}

}  // namespace

RunResult KernelProgram::run(Frame& frame, const RunOptions& options) {
  RunResult result;
  const auto refuse = [&](std::string text) {
    result.fault.set = true;
    result.fault.code = Code::kernel_refused;
    result.message =
        make_error<Code::kernel_refused>("running program", image_->name, text, "").text;
    return result;
  };
  TestRunAttr attr;
  attr.prog_fd = static_cast<u32>(fd());
  attr.repeat = options.repeat;
  SkBuffIn skb = skb_in(frame.skb);
  XdpMdIn xdp{};
  std::vector<u8> out;
  const u32 size = static_cast<u32>(frame.packet.end - frame.packet.data);
  const u32 meta = static_cast<u32>(frame.packet.data - frame.packet.meta);
  const bool packet = image_->type == ProgramType::xdp || has_skb(image_->type);
  const u32 header = starts_at_network_header(image_->type) ? kEthernetHeader : 0;
  std::vector<u8> in(header, 0);
  if (packet) {
    out.resize(kMaxOut);
    if (header != 0) std::memcpy(&in[12], &frame.skb.protocol, 2);
    in.insert(in.end(), frame.packet.meta, frame.packet.end);
    attr.data_in = address_of(in.data());
    attr.data_size_in = static_cast<u32>(in.size());
    attr.data_out = address_of(out.data());
    attr.data_size_out = kMaxOut;
  } else if (frame.size != 0) {
    attr.ctx_in = address_of(frame.memory);
    attr.ctx_size_in = static_cast<u32>(frame.size);
  }
  if (has_skb(image_->type)) {
    attr.ctx_in = attr.ctx_out = address_of(&skb);
    attr.ctx_size_in = attr.ctx_size_out = sizeof(skb);
  } else if (image_->type == ProgramType::xdp) {
    xdp.data = meta;
    xdp.data_end = meta + size;
    xdp.ingress_ifindex = frame.xdp.ingress_ifindex;
    xdp.rx_queue_index = frame.xdp.rx_queue_index;
    attr.ctx_in = attr.ctx_out = address_of(&xdp);
    attr.ctx_size_in = attr.ctx_size_out = sizeof(xdp);
  }
  const int error = bpf(BpfCommand::ProgTestRun, attr);
  if (error < 0)
    return refuse(-error == 524 ? "this program type can't be test-run" : errno_text(-error));
  result.r0 = attr.retval;
  result.nanoseconds = u64{attr.duration} * options.repeat;
  if (packet) {
    const u32 before = image_->type == ProgramType::xdp ? xdp.data : header;
    if (attr.data_size_out < before ||
        !put_packet(frame.packet, std::span(out).subspan(before, attr.data_size_out - before))) {
      return refuse("the packet that came out does not fit the frame");
    }
    if (has_skb(image_->type)) skb_out(skb, frame.skb);
  }
  return result;
}

}  // namespace skep
