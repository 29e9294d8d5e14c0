// What a map is before it exists: type, sizes, flags, first contents. The loader makes it from an
// object, engines create the map from it, the verifier judges by it.
// Tested by tests/helpers/map_spec_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "isa/diagnostic.h"

namespace skep {

// enum bpf_map_type; one row each in helpers/spec/maps.def.
enum class MapType : u32 {
#define MAP(id, name, ...) name = id,
#include "helpers/spec/maps.def"
};

// Whether it is a map of maps.
constexpr bool holds_maps(MapType type) {
  return type == MapType::array_of_maps || type == MapType::hash_of_maps;
}

// Flags of map creation (Linux include/uapi/linux/bpf.h, BPF_F_*).
namespace map_flags {
inline constexpr u32 kNoPrealloc = 1 << 0, kNoCommonLru = 1 << 1, kNumaNode = 1 << 2,
                     kRdonly = 1 << 3, kWronly = 1 << 4, kStackBuildId = 1 << 5, kZeroSeed = 1 << 6,
                     kRdonlyProg = 1 << 7, kWronlyProg = 1 << 8, kClone = 1 << 9,
                     kMmapable = 1 << 10, kPreserveElems = 1 << 11, kInnerMap = 1 << 12,
                     kLink = 1 << 13, kValueBtfObject = 1 << 15, kSegvOnFault = 1 << 17,
                     kNoUserConv = 1 << 18;
}  // namespace map_flags

// Flags of an update (BPF_ANY and the like).
namespace update_flags {
inline constexpr u64 kAny = 0, kNoExist = 1, kExist = 2, kLock = 4;
}

// What programs may do with a map.
enum MapOp : u32 {
  kNoOps = 0,
  kLookup = 1 << 0,
  kUpdate = 1 << 1,
  kDelete = 1 << 2,
  kForEach = 1 << 3,
  kLookupPerCpu = 1 << 4,
  kPush = 1 << 5,
  kPop = 1 << 6,
  kPeek = 1 << 7,
  kReserve = 1 << 8,  // bpf_ringbuf_*
  kDrain = 1 << 9,    // bpf_user_ringbuf_drain
  kTailCall = 1 << 10,
  kRedirect = 1 << 11,       // bpf_redirect_map
  kSocketMap = 1 << 12,      // bpf_sock_map_update, bpf_sk_redirect_map, bpf_msg_redirect_map
  kPerfEvent = 1 << 13,      // bpf_perf_event_*, bpf_skb_output, bpf_xdp_output
  kStackId = 1 << 14,        // bpf_get_stackid
  kUnderCgroup = 1 << 15,    // bpf_skb_under_cgroup, bpf_current_task_under_cgroup
  kLocalStorage = 1 << 16,   // bpf_get_local_storage
  kSocketHash = 1 << 17,     // bpf_sock_hash_update, bpf_sk_redirect_hash, bpf_msg_redirect_hash
  kSelectSocket = 1 << 18,   // bpf_sk_select_reuseport
  kSocketStorage = 1 << 19,  // bpf_sk_storage_get and _delete, and so for the other objects
  kInodeStorage = 1 << 20,
  kTaskStorage = 1 << 21,
  kCgrpStorage = 1 << 22,
};

// First contents of one slot of a prog array or an array of maps.
struct MapSlot {
  u32 index = 0;
  std::string program;  // prog array: name of the program
  u32 map = 0;          // maps of maps: index of the inner map in the object's maps
};

// Fields of a value that belong to the system, by types that it knows: copies of values leave them
// out, and the host reads zeros there.
enum class FieldKind : u8 {
  SpinLock,  // struct bpf_spin_lock
  ResilientLock,
  Timer,
  Workqueue,
  TaskWork,
  Pointer,  // kptrs of all kinds
  ListHead,
  ListNode,
  TreeRoot,
  TreeNode,
  RefCount,
};
struct ValueField {
  FieldKind kind{};
  u32 offset = 0;
  u32 size = 0;
  bool operator==(const ValueField&) const = default;
};

struct MapSpec {
  std::string name;
  MapType type{};
  u32 key_size = 0;
  u32 value_size = 0;
  u32 max_entries = 0;
  u32 flags = 0;
  u64 extra = 0;                         // map_extra
  std::shared_ptr<const MapSpec> inner;  // maps of maps: shape of the inner maps
  u32 btf_key = 0;                       // type ids in the object's BTF, 0 if unknown
  u32 btf_value = 0;
  std::vector<ValueField> fields;  // of the value, by offset
  std::vector<u8> initial;         // data sections: the one value
  std::vector<MapSlot> slots;
  bool frozen = false;  // the host can't change it after creation (.rodata)
  bool pinned = false;  // LIBBPF_PIN_BY_NAME
  std::string section;  // where the object declares it
};

// The field of that kind, or null.
const ValueField* find_field(const MapSpec& spec, FieldKind kind);
// Whether a map may be an inner map of those of `shape`: Linux's map_meta_equal.
bool fits_inner(const MapSpec& shape, const MapSpec& map);

// A copy that is small whatever the first contents are: sizes that come from input are not copied
// where a lack of memory can't be told.
MapSpec without_contents(const MapSpec& spec);

// What Linux accepts at BPF_MAP_CREATE for a map type. The rules are in helpers/spec/map_rules.h.
struct Bounds {
  u32 min;
  u32 max;
};
struct MapRule {
  Bounds key;
  Bounds value;
  Bounds entries;
  u32 flags;                                 // accepted
  u32 required = 0;                          // those of them that must be set
  Status (*more)(const MapSpec&) = nullptr;  // what bounds can't say
};

// One row of maps.def.
struct MapKind {
  MapType type;
  std::string_view name;  // as bpftool prints it: "percpu_array"
  Version since;
  u32 ops;    // MapOp bits that programs may use
  bool runs;  // skep has a body for it
  MapRule rule;

  bool may(MapOp op) const { return (ops & op) != 0; }
};

const MapKind* find_map_kind(MapType type);
const MapKind* find_map_kind(std::string_view name);

// A map's memory is bounded before anything is allocated: its elements, of all CPUs, and its index.
// Maps that allocate on demand (BPF_F_NO_PREALLOC) stop growing there with -ENOMEM.
inline constexpr u64 kMaxMapBytes = 16ull << 30;
// Bytes of a value, or of one CPU's value in per-CPU maps: multiples of 8, so that values are
// aligned.
constexpr u64 value_stride(const MapSpec& spec) {
  return (u64{spec.value_size} + 7) & ~u64{7};
}

// Checks sizes and flags as Linux does at BPF_MAP_CREATE, and what skep adds to a spec: first
// contents that fit. Passes for types that skep does not run.
Status validate(const MapSpec& spec);

// Where a map's values lie, for engines that inline lookups: value i at base + i * stride.
struct MapLayout {
  u8* base = nullptr;  // null: no such layout, call lookup()
  u64 stride = 0;
  u32 entries = 0;
  u64 cpu_stride = 0;  // per-CPU maps: distance between the values of two CPUs
};

}  // namespace skep
