// Frame: what the host gives to one run. The native side of a program's context, from which the
// rows of helpers/spec/contexts.def read and write, and what the run leaves behind: the changed
// packet, the changed fields, where the packet was redirected to.
// Tested by tests/helpers/frames_test.cpp.
#pragma once

#include <memory>
#include <span>

#include "helpers/spec/program_type.h"
#include "isa/run.h"

namespace skep {

// Room that the kernel leaves around packets. Source: Linux 6.12 include/uapi/linux/bpf.h
// (XDP_PACKET_HEADROOM), include/net/xdp.h (struct xdp_frame, kept at the start of the headroom),
// include/linux/skbuff.h (skb_shared_info, kept at the end of the page).
inline constexpr u32 kXdpHeadroom = 256 - 40;
inline constexpr u32 kXdpRoom = 4096 - 40 - 320;  // headroom, packet and tailroom together
inline constexpr u32 kSkbHeadroom = 256;  // the kernel gives more when asked; we have this much
inline constexpr u32 kSkbTailroom = 2048;
inline constexpr u32 kMaxPacket = 1 << 24;

// The room that the kernel leaves around a packet of `size` bytes, at most kMaxPacket, for a
// program type. Packets larger than a page have no tailroom.
struct PacketRooms {
  u32 head;
  u32 tail;
};
PacketRooms packet_rooms(ProgramType type, u64 size);

// Owns the bytes of a packet with room before and after it.
class PacketBuffer {
 public:
  // With packet_rooms() around it. Fails with no_memory, or bad_frame above kMaxPacket.
  static Result<PacketBuffer> make(std::span<const u8> bytes, ProgramType type);
  static Result<PacketBuffer> make(std::span<const u8> bytes, u32 headroom, u32 tailroom);

  // The packet at its place, as first given; for Frame::packet.
  Packet packet() const;
  // Puts `bytes` in and clears the rooms: the next packet without a new buffer.
  Status refill(std::span<const u8> bytes);

 private:
  std::unique_ptr<u8[]> bytes_;
  u32 headroom_ = 0;
  u32 size_ = 0;  // of the packet
  u32 capacity_ = 0;
};

// struct xdp_md beyond its packet.
struct XdpFrame {
  u32 ingress_ifindex = 1;
  u32 rx_queue_index = 0;
  u32 egress_ifindex = 0;  // devmap programs only
};

inline constexpr u32 kUnsetHeader = ~0u;
inline constexpr u8 kUnsetPacketType = 0xff;

// struct __sk_buff beyond its packet. Members are as wide as the kernel's own. Numbers are as
// programs see them: protocol, vlan_proto and addresses are in network byte order.
struct SkbFrame {
  u8 pkt_type = kUnsetPacketType;  // unset: prepare() takes it from the Ethernet header
  u32 mark = 0;
  u16 queue_mapping = 0;
  u16 protocol = 0;  // 0: prepare() takes it from the Ethernet header, if there is one
  u32 vlan_present = 0;
  u16 vlan_tci = 0;
  u16 vlan_proto = 0;
  u32 priority = 0;
  u32 ingress_ifindex = 0;
  u32 ifindex = 1;
  u16 tc_index = 0;
  u16 tc_classid = 0;
  alignas(8) u32 cb[5] = {};
  u32 hash = 0;
  u32 napi_id = 0;
  u16 family = 0;
  u32 remote_ip4 = 0;
  u32 local_ip4 = 0;
  u32 remote_ip6[4] = {};
  u32 local_ip6[4] = {};
  u32 remote_port = 0;  // network byte order, in the upper half as the kernel has it
  u32 local_port = 0;   // host byte order
  u64 tstamp = 0;
  u8 tstamp_type = 0;
  u64 hwtstamp = 0;
  u32 wire_len = 0;  // 0: prepare() takes the length of the packet
  u16 gso_segs = 0;
  u16 gso_size = 0;
  u64 sk = 0;          // always null: sockets are not emulated
  i8 csum_level = -1;  // checksums that hardware found good, less one; -1 if it did not look
  // Distances of headers from Packet::room, which stays when a program moves the packet's start.
  // Unset: the link header at data, the network header 14 bytes later.
  u32 mac_header = kUnsetHeader;
  u32 network_header = kUnsetHeader;
};

enum class Machine : u8 { X64, A64 };
#if defined(__aarch64__)
inline constexpr Machine kHostMachine = Machine::A64;
#else
inline constexpr Machine kHostMachine = Machine::X64;
#endif

// struct pt_regs, the context of kprobes. Source: Linux arch/x86/include/uapi/asm/ptrace.h,
// arch/arm64/include/asm/ptrace.h.
struct PtRegsX64 {
  u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp,
      ss;
};
struct PtRegsA64 {
  u64 regs[31], sp, pc, pstate, orig_x0, syscallno, sdei_ttbr1, pmr_save, stackframe[2],
      lockdep_hardirqs, exit_rcu;
};
struct PtRegs {
  Machine machine = kHostMachine;  // what the program was compiled for
  union {
    PtRegsA64 a64 = {};
    PtRegsX64 x64;
  };
  // Sets the function's argument `index` (0 is the first; six, or eight on arm64), its result or
  // its address, where the machine's calling convention has it.
  void set_argument(u32 index, u64 value);
  void set_result(u64 value);
  void set_ip(u64 value);
};

// struct bpf_perf_event_data beyond its registers, which are those of PtRegs.
struct PerfEventFrame {
  u64 sample_period = 1;
  u64 addr = 0;
};

// Where a program sent the packet: bpf_redirect and its family. The verdict (XDP_REDIRECT,
// TC_ACT_REDIRECT) makes it happen.
struct Redirect {
  enum class Kind : u8 { None, Interface, Peer, Neighbour, Map };
  Kind kind = Kind::None;
  u32 ifindex = 0;  // Interface, Peer, Neighbour
  u64 flags = 0;
  Map* map = nullptr;  // Map: this entry of a devmap, cpumap or xskmap
  u64 key = 0;
};

// A copy that bpf_clone_redirect sent.
struct Clone {
  u32 ifindex = 0;
  u64 flags = 0;
  std::span<const u8> bytes;  // valid during the call of on_clone
};

class HostType;

// For one run: results stay in it, so the next packet takes a fresh one.
struct Frame {
  ProgramType type{};
  Packet packet = {};  // types with a packet; changed by the run
  // raw: r1; tracepoint, syscall: the context; raw_tracepoint, tracing, lsm: the arguments, 8 bytes
  // each, and the function's result behind them where it has returned; iterators: their structure;
  // a host's types: the context, or the structure behind its fields
  u8* memory = nullptr;
  u64 size = 0;  // raw: r2; the others: bytes at `memory`
  // A host's types: the row of the type. prepare() takes it from the program's rows; set it to use
  // set_field() before.
  const HostType* host = nullptr;
  XdpFrame xdp = {};
  SkbFrame skb = {};
  PtRegs regs = {};  // kprobe, perf_event
  PerfEventFrame perf = {};
  u32 arguments = 0;  // tracing, lsm: how many of the words at `memory` are arguments
  u64 function = 0;  // address of the probed function; 0 where it is probed elsewhere than at entry
  u64 cookie = 0;    // what the host gave when it attached the program

  Redirect redirect = {};  // result: the last one asked for
  u32 clones = 0;          // result: how many clone_redirects were sent
  void (*on_clone)(void* user, const Clone& clone) = nullptr;
  void* user = nullptr;  // of on_clone
};

// Makes `frame` the context of `run`: sets context, argument2, context_region, frame and packet.
// Fails for program types whose context is not emulated, and for frames that lack what the type
// needs. The frame must outlive the run.
Status prepare(Frame& frame, Run& run);

// Whether prepare() knows the type: the types that skep can run.
bool is_emulated(ProgramType type);

}  // namespace skep
