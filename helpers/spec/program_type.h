// Program types: where a program attaches, which context it gets, what it may return. Contexts:
// the fields that a program sees, and what it may do with each.
//
// The rows are helpers/spec/program_types.def, attach_types.def and contexts.def.
// Tested by tests/helpers/program_type_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "isa/types.h"

namespace skep {

// enum bpf_prog_type; one row each in helpers/spec/program_types.def.
enum class ProgramType : u16 {
#define PROGRAM_TYPE(id, name, ...) name = id,
#include "helpers/spec/program_types.def"
};

// enum bpf_attach_type; one row each in helpers/spec/attach_types.def.
enum class AttachType : u32 {
#define ATTACH_TYPE(id, name) name = id,
#include "helpers/spec/attach_types.def"
  none = 0,  // most program types have none, and then the number is not looked at
};

// A set of program types: who may call a helper, who may read a field. Types of a host's own are
// one member together; their helpers and fields are the host's choice.
struct TypeSet {
  u64 bits = 0;

  static constexpr u64 bit(ProgramType type) {
    const auto id = static_cast<u16>(type);
    return u64(1) << (id < 62 ? id : type == ProgramType::raw ? 62 : 63);
  }
  constexpr bool has(ProgramType type) const { return (bits & bit(type)) != 0; }
  friend constexpr TypeSet operator|(TypeSet a, TypeSet b) { return {a.bits | b.bits}; }
  friend constexpr TypeSet operator-(TypeSet a, TypeSet b) { return {a.bits & ~b.bits}; }
  friend constexpr bool operator==(TypeSet, TypeSet) = default;
};

// Names for the sets that rows use: each program type by its own name, and groups.
namespace where {
#define PROGRAM_TYPE(id, name, ...) inline constexpr TypeSet name{TypeSet::bit(ProgramType::name)};
#include "helpers/spec/program_types.def"
inline constexpr TypeSet None{};
inline constexpr TypeSet Any{~u64(0)};
inline constexpr TypeSet Tc = sched_cls | sched_act;
inline constexpr TypeSet LwtOther = lwt_in | lwt_out | lwt_seg6local;
inline constexpr TypeSet Lwt = LwtOther | lwt_xmit;
// Programs whose context is struct __sk_buff and that read its metadata.
inline constexpr TypeSet Skb = socket_filter | Tc | cgroup_skb | Lwt | sk_skb;
// Those of them that reach the packet itself.
inline constexpr TypeSet SkbPacket = (Skb - socket_filter) | flow_dissector;
// Programs that run on behalf of a task, with the kernel's types at hand.
inline constexpr TypeSet Probe =
    kprobe | tracepoint | perf_event | raw_tracepoint | raw_tracepoint_writable;
inline constexpr TypeSet Trace = Probe | tracing | lsm;
// Those of them that may call the kernel functions made for tracing.
inline constexpr TypeSet Traced = tracing | tracepoint | perf_event | lsm;
inline constexpr TypeSet CgroupSocket = cgroup_sock | cgroup_sock_addr;
inline constexpr TypeSet CgroupTask = CgroupSocket | cgroup_device | cgroup_sysctl | cgroup_sockopt;
inline constexpr TypeSet Cgroup = CgroupTask | cgroup_skb;
inline constexpr TypeSet Net =
    Skb | xdp | sock_ops | sk_msg | sk_reuseport | flow_dissector | sk_lookup;
// Those that take a socket for one of a narrower type.
inline constexpr TypeSet SockUsers =
    (Net - sk_reuseport) | cgroup_sock_addr | tracing | lsm | syscall;
// Those that have the common helpers; infrared decoders have a list of their own.
inline constexpr TypeSet Base = Any - lirc_mode2;
}  // namespace where

// What a program may return. Types that let any value pass have the whole range.
struct ReturnRange {
  i64 min = INT64_MIN;
  i64 max = INT64_MAX;
  constexpr bool any() const { return min == INT64_MIN && max == INT64_MAX; }
};

// What r1 points to at entry; one row each in helpers/spec/contexts.def.
enum class Context : u8 {
#define CONTEXT(name, ...) name,
#include "helpers/spec/contexts.def"
};

// How programs see a context, and so how a run provides it.
enum class ContextKind : u8 {
  None,    // there is none
  Fields,  // only through the fields' rows: the kernel rewrites each access
  Flat,    // plain memory, as it lies there
  Btf,     // pointers to the kernel's own structures, typed by BTF
};

struct ContextRow {
  Context context;
  std::string_view name;    // of the row
  std::string_view c_name;  // of the C structure
  u16 size;                 // 0 if it depends on where the program attaches
  ContextKind kind;
};

// What a field is to the verifier.
enum class FieldIs : u8 {
  Scalar,
  PacketStart,       // pointer to the first byte of the packet
  PacketEnd,         // pointer behind its last byte
  PacketMeta,        // pointer to the metadata before the packet
  Length,            // bytes of the packet
  SockCommonOrNull,  // pointer to a struct bpf_sock, of which the common fields alone may be there
  Socket,            // pointer to a struct bpf_sock with all its fields
  SocketOrNull,
  FlowKeys,      // pointer to a struct bpf_flow_keys
  HookState,     // trusted pointer to the kernel's struct nf_hook_state
  KernelSkBuff,  // trusted pointer to the kernel's struct sk_buff
};

// At which widths a field can be accessed. Accesses are always aligned to their width.
enum class Widths : u8 {
  Whole,   // all of it and nothing else
  Narrow,  // reads of parts too
  Start,   // reads of its first part too
  Halves,  // reads of halves too
  Port,    // reads of the lower half too, and of that one's bytes: the upper half is padding
  Pairs,   // reads of parts too, and two elements at once
  Bytes,   // an array that is read and written at any width up to 8 that fits
};

struct FieldRow {
  Context context;
  std::string_view name;
  u16 offset;
  u16 size;  // bytes; an array has several elements of `element`
  u8 element;
  FieldIs is;
  Widths widths;
  TypeSet read;
  TypeSet write;
  Version since;
};

struct ProgramTypeRow {
  ProgramType type;
  std::string_view name;
  Version since;
  Context context;
  ReturnRange returns;  // where no attach type says otherwise
};

// One attach type of a program type.
struct AttachRow {
  ProgramType type;
  AttachType attach_type;
  Version since;
  ReturnRange returns;
};

std::span<const ProgramTypeRow> program_types();
const ProgramTypeRow* find_program_type(ProgramType type);
const ProgramTypeRow* find_program_type(std::string_view name);
std::string_view name(ProgramType type);  // "" for one that is in no row

std::span<const AttachRow> attach_rows();
const AttachRow* find_attach(ProgramType type, AttachType attach_type);
ReturnRange return_range(ProgramType type, AttachType attach_type);

const ContextRow& row(Context context);
std::span<const FieldRow> fields();                 // of all contexts
std::span<const FieldRow> fields(Context context);  // by offset
const FieldRow* find_field(Context context, std::string_view name);

// Limits a type's use of a field to some of its attach types: fields that have such rows for a type
// can be read (or written) only where one of them says so.
struct FieldOnly {
  Context context;
  std::string_view field;
  bool write;
  ProgramType type;
  AttachType attach_type;
};
std::span<const FieldOnly> field_limits();

// Whether an access of `size` bytes at `offset` of the context is to the field, at a width that it
// has.
bool fits(const FieldRow& field, u64 offset, u32 size, bool write);

// The field that an access at `offset` of `size` bytes is to, if such programs may do it.
const FieldRow* find_access(Context context, ProgramType type, AttachType attach_type, u64 offset,
                            u32 size, bool write);

}  // namespace skep
