// One run in the kernel: BPF_PROG_TEST_RUN, with the frame's packet and fields as its data and
// context, and what comes out put back into the frame.

#include "kernel/test_run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "helpers/contexts/frames.h"
#include "kernel/backend.h"

namespace skep {
namespace {

constexpr u32 kMaxOut = 1 << 17;
constexpr int kNotSupported = 524;  // ENOTSUPP, which user space has no name for

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

using Input = TestRun::Input;
constexpr TestRun kTestRuns[] = {
    {ProgramType::socket_filter, Input::Skb, true},
    {ProgramType::sched_cls, Input::Skb, true},
    {ProgramType::sched_act, Input::Skb, true},
    {ProgramType::cgroup_skb, Input::Skb, true},
    {ProgramType::lwt_in, Input::Skb, true},
    {ProgramType::lwt_out, Input::Skb, true},
    {ProgramType::lwt_xmit, Input::Skb, true},
    {ProgramType::lwt_seg6local, Input::Skb, true},
    {ProgramType::xdp, Input::Xdp, true},
    {ProgramType::flow_dissector, Input::PacketAlone, true},
    {ProgramType::netfilter, Input::PacketAlone, true},
    {ProgramType::sk_lookup, Input::Context, true},
    {ProgramType::syscall, Input::ContextIn, false},  // written back to where it came from
    {ProgramType::raw_tracepoint, Input::ContextIn, false},
    {ProgramType::raw_tracepoint_writable, Input::ContextIn, false},
    {ProgramType::struct_ops, Input::ContextIn, false},
    {ProgramType::tracing, Input::Nothing, false},
};

constexpr std::string_view kXdpFields[] = {"ingress_ifindex", "rx_queue_index"};
constexpr std::string_view kSkbFields[] = {"mark",     "priority", "ingress_ifindex", "ifindex",
                                           "cb",       "tstamp",   "wire_len",        "gso_segs",
                                           "gso_size", "hwtstamp", "protocol"};

// Test runs take a frame with its Ethernet header; programs of these types see it without.
constexpr u32 kEthernetHeader = 14, kIpv6Header = 40;
bool starts_at_network_header(const TestRun& kind) {
  return kind.input == Input::Skb && kind.type != ProgramType::sched_cls &&
         kind.type != ProgramType::sched_act;
}

// The type that the Ethernet header put before such a packet has: as prepare() chooses it, so that
// skb->protocol is the same on every engine.
u16 protocol_of(const Frame& frame) {
  if (frame.skb.protocol != 0) return frame.skb.protocol;
  const auto size = frame.packet.end - frame.packet.data;
  const bool link_header =
      frame.type == ProgramType::socket_filter || frame.type == ProgramType::lwt_xmit;
  if (link_header) {
    u16 type = 0;
    if (size >= kEthernetHeader) std::memcpy(&type, frame.packet.data + 12, sizeof(type));
    return type;
  }
  const u8 version = size == 0 ? u8{0} : static_cast<u8>(frame.packet.data[0] >> 4);
  return __builtin_bswap16(version == 4 ? 0x0800 : version == 6 ? 0x86dd : 0);
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

// One run: its attributes, and the memory that they point to.
class TestRunCall {
 public:
  TestRunCall(const TestRun& kind, int fd, Frame& frame, u32 repeat)
      : kind_(kind), frame_(frame), skb_(skb_in(frame.skb)) {
    attr_.prog_fd = static_cast<u32>(fd);
    attr_.repeat = kind.repeats ? repeat : 0;
    switch (kind.input) {
      case Input::Skb:
        give_packet();
        attr_.ctx_in = attr_.ctx_out = address_of(&skb_);
        attr_.ctx_size_in = attr_.ctx_size_out = sizeof(skb_);
        return;
      case Input::Xdp: give_xdp(); return;
      case Input::PacketAlone: give_packet(); return;
      case Input::Context:
        attr_.ctx_out = address_of(frame.memory);
        attr_.ctx_size_out = static_cast<u32>(frame.size);
        [[fallthrough]];
      case Input::ContextIn:
        attr_.ctx_in = address_of(frame.memory);
        attr_.ctx_size_in = static_cast<u32>(frame.size);
        return;
      case Input::Nothing: return;
    }
  }

  // 0 or minus errno.
  int run() { return bpf(BpfCommand::ProgTestRun, attr_); }
  // Puts what came out into the frame; false if it does not fit.
  bool take_back() {
    if (kind_.input == Input::Skb) skb_out(skb_, frame_.skb);
    if (kind_.input != Input::Skb && kind_.input != Input::Xdp) return true;
    const u32 before = kind_.input == Input::Xdp ? xdp_.data : header_;
    const u32 size = attr_.data_size_out;
    return size >= before &&
           put_packet(frame_.packet, std::span(out_).subspan(before, size - before));
  }
  const TestRunAttr& attr() const { return attr_; }

 private:
  void give_packet() {
    if (frame_.packet.data == nullptr) {  // types that see no packet in their context
      attr_.data_in = address_of(frame_.memory);
      attr_.data_size_in = static_cast<u32>(frame_.size);
      return;
    }
    if (starts_at_network_header(kind_)) {
      header_ = kEthernetHeader;
      in_.resize(header_);
      const u16 protocol = protocol_of(frame_);
      std::memcpy(&in_[12], &protocol, sizeof(protocol));
    }
    in_.insert(in_.end(), frame_.packet.meta, frame_.packet.end);
    attr_.data_in = address_of(in_.data());
    attr_.data_size_in = static_cast<u32>(in_.size());
    if (kind_.input == Input::PacketAlone) return;
    out_.resize(kMaxOut);
    attr_.data_out = address_of(out_.data());
    attr_.data_size_out = kMaxOut;
  }

  void give_xdp() {
    give_packet();
    xdp_.data = static_cast<u32>(frame_.packet.data - frame_.packet.meta);
    xdp_.data_end = static_cast<u32>(in_.size());
    xdp_.ingress_ifindex = frame_.xdp.ingress_ifindex;
    xdp_.rx_queue_index = frame_.xdp.rx_queue_index;
    attr_.ctx_in = attr_.ctx_out = address_of(&xdp_);
    attr_.ctx_size_in = attr_.ctx_size_out = sizeof(xdp_);
  }

  const TestRun& kind_;
  Frame& frame_;
  SkBuffIn skb_;
  XdpMdIn xdp_{};
  TestRunAttr attr_;
  u32 header_ = 0;  // bytes put before the packet
  std::vector<u8> in_, out_;
};

// What an error of a run means, as far as it can be told.
std::string reason_of(int error, const TestRun& kind, const TestRunAttr& attr) {
  std::string text = errno_text(error);
  const bool packet = kind.input != Input::Context && kind.input != Input::ContextIn;
  if (error == EINVAL && packet && attr.data_size_in < kEthernetHeader) {
    text += fmt::format(": a packet of {} bytes, less than an Ethernet header", attr.data_size_in);
  } else if (error == EINVAL && kind.input == Input::Skb &&
             attr.data_size_in < kEthernetHeader + kIpv6Header) {
    text +=
        fmt::format(": a frame of {} bytes, perhaps less than its IP header", attr.data_size_in);
  } else if (error == EINVAL && kind.input == Input::ContextIn) {
    text += fmt::format(": a context of {} bytes, perhaps not what the program reads",
                        attr.ctx_size_in);
  } else if (error == ENODEV && kind.input == Input::Xdp) {
    text += ": ingress_ifindex names no device here";
  }
  return text;
}

}  // namespace

const TestRun* find_test_run(ProgramType type) {
  const auto found = std::ranges::find(kTestRuns, type, &TestRun::type);
  return found == std::end(kTestRuns) ? nullptr : &*found;
}

std::span<const std::string_view> test_run_fields(ProgramType type) {
  const TestRun* kind = find_test_run(type);
  if (kind == nullptr) return {};
  if (kind->input == Input::Xdp) return kXdpFields;
  return kind->input == Input::Skb ? std::span<const std::string_view>(kSkbFields)
                                   : std::span<const std::string_view>();
}

RunResult KernelProgram::run(Frame& frame, const RunOptions& options) {
  RunResult result;
  const auto refuse = [&](std::string text) {
    result.fault.set = true;
    result.fault.code = Code::kernel_refused;
    result.message =
        make_error<Code::kernel_refused>("running program", image_->name, text, "").text;
    return result;
  };
  const TestRun* kind = find_test_run(image_->type);
  if (kind == nullptr) {
    return refuse(
        fmt::format("the kernel can't test-run {} programs, only attach them", name(image_->type)));
  }
  TestRunCall call(*kind, fd(), frame, options.repeat);
  const u32 calls = kind->repeats ? 1 : options.repeat;
  const auto start = std::chrono::steady_clock::now();
  for (u32 i = 0; i < calls; ++i) {
    const int error = call.run();
    if (error == -kNotSupported) return refuse("this kernel can't test-run such programs");
    if (error < 0) return refuse(reason_of(-error, *kind, call.attr()));
  }
  const auto passed = std::chrono::steady_clock::now() - start;
  result.r0 = call.attr().retval;
  result.nanoseconds =
      kind->repeats
          ? u64{call.attr().duration} * options.repeat
          : static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
  if (!call.take_back()) return refuse("the packet that came out does not fit the frame");
  return result;
}

}  // namespace skep
