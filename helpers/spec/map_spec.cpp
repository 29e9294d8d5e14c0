// Checks of map specs, in the order of Linux: what is unsound (EINVAL) before what is too large
// (E2BIG). Tested by tests/helpers/map_spec_test.cpp.
#include "helpers/spec/map_spec.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "helpers/spec/map_rules.h"

namespace skep {
namespace {

enum class Family : u8 {
  none,
  array,
  bloom_filter,
  cgroup_array,
  hash,
  lpm_trie,
  nested,
  perf_event_array,
  prog_array,
  queue,
  redirect,
  ring_buffer,
  stack_trace,
};

constexpr MapKind kKinds[] = {
#define MAP(id, name, since, family, rule, ops) \
  {MapType::name, #name, since, ops, Family::family != Family::none, map_rules::rule},
#include "helpers/spec/maps.def"
};

constexpr std::pair<u32, std::string_view> kFlagNames[] = {
    {map_flags::kNoPrealloc, "BPF_F_NO_PREALLOC"},
    {map_flags::kNoCommonLru, "BPF_F_NO_COMMON_LRU"},
    {map_flags::kNumaNode, "BPF_F_NUMA_NODE"},
    {map_flags::kRdonly, "BPF_F_RDONLY"},
    {map_flags::kWronly, "BPF_F_WRONLY"},
    {map_flags::kStackBuildId, "BPF_F_STACK_BUILD_ID"},
    {map_flags::kZeroSeed, "BPF_F_ZERO_SEED"},
    {map_flags::kRdonlyProg, "BPF_F_RDONLY_PROG"},
    {map_flags::kWronlyProg, "BPF_F_WRONLY_PROG"},
    {map_flags::kClone, "BPF_F_CLONE"},
    {map_flags::kMmapable, "BPF_F_MMAPABLE"},
    {map_flags::kPreserveElems, "BPF_F_PRESERVE_ELEMS"},
    {map_flags::kInnerMap, "BPF_F_INNER_MAP"},
    {map_flags::kLink, "BPF_F_LINK"},
    {map_flags::kValueBtfObject, "BPF_F_VTYPE_BTF_OBJ_FD"},
    {map_flags::kSegvOnFault, "BPF_F_SEGV_ON_FAULT"},
    {map_flags::kNoUserConv, "BPF_F_NO_USER_CONV"},
};

// The name of the lowest flag set, or its number.
std::string first_flag(u32 flags) {
  const u32 bit = flags & -flags;
  for (const auto& [flag, name] : kFlagNames) {
    if (flag == bit) return std::string(name);
  }
  return fmt::format("flag {:#x}", bit);
}

std::string_view type_name(const MapSpec& spec) {
  const MapKind* kind = find_map_kind(spec.type);
  return kind != nullptr ? kind->name : "?";
}

std::unexpected<Error> bad(const MapSpec& spec, std::string_view field, u64 value,
                           std::string_view reason) {
  return fail<Code::bad_map_spec>(spec.name, type_name(spec), field, value, reason);
}

std::unexpected<Error> bad_flags(const MapSpec& spec, std::string_view reason) {
  return fail<Code::bad_map_spec>(spec.name, type_name(spec), "flags",
                                  fmt::format("{:#x}", spec.flags), reason);
}

std::unexpected<Error> too_large(const MapSpec& spec, std::string_view field, u64 value,
                                 u64 limit) {
  return fail<Code::map_too_large>(spec.name, type_name(spec), field, value, limit);
}

Status check_bounds(const MapSpec& spec, std::string_view field, u32 value, Bounds bounds) {
  if (value >= bounds.min && value <= bounds.max) return {};
  if (bounds.min == bounds.max)
    return bad(spec, field, value, fmt::format("must be {}", bounds.min));
  if (bounds.max == map_rules::kAnySize) {
    return bad(spec, field, value, fmt::format("must be at least {}", bounds.min));
  }
  return bad(spec, field, value, fmt::format("must be {} to {}", bounds.min, bounds.max));
}

Status check_flags(const MapSpec& spec, const MapRule& rule) {
  using namespace map_flags;
  if (const u32 unknown = spec.flags & ~rule.flags; unknown != 0) {
    return bad_flags(spec, first_flag(unknown) + " is not for this type");
  }
  if (const u32 missing = rule.required & ~spec.flags; missing != 0) {
    return bad_flags(spec, first_flag(missing) + " must be set");
  }
  if ((spec.flags & kRdonly) && (spec.flags & kWronly)) {
    return bad_flags(spec, "BPF_F_RDONLY and BPF_F_WRONLY exclude each other");
  }
  if ((spec.flags & kRdonlyProg) && (spec.flags & kWronlyProg)) {
    return bad_flags(spec, "BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other");
  }
  return {};
}

// What a spec says beyond Linux's attributes.
Status check_contents(const MapSpec& spec) {
  if (!spec.initial.empty()) {
    if (spec.type != MapType::array) {
      return bad(spec, "initial", spec.initial.size(), "only arrays have a first value");
    }
    if (spec.initial.size() > spec.value_size) {
      return bad(spec, "initial", spec.initial.size(),
                 fmt::format("must be at most value_size = {} bytes", spec.value_size));
    }
  }
  u64 end = 0;
  for (const ValueField& field : spec.fields) {
    const bool locks = field.kind == FieldKind::SpinLock || field.kind == FieldKind::ResilientLock;
    if (locks && spec.type != MapType::hash && spec.type != MapType::array) {
      return bad(spec, "field", field.offset, "values of this type can't have locks");
    }
    if (field.offset < end || field.offset + u64{field.size} > spec.value_size) {
      return bad(spec, "field", field.offset, "lies outside of the value or on another field");
    }
    end = field.offset + u64{field.size};
  }
  for (const MapSlot& slot : spec.slots) {
    if (slot.index >= spec.max_entries) {
      return bad(spec, "slot", slot.index,
                 fmt::format("must be below max_entries = {}", spec.max_entries));
    }
  }
  return {};
}

}  // namespace

namespace map_rules {

Status array_limits(const MapSpec& spec) {
  if (spec.value_size > kIntMax) return too_large(spec, "value_size", spec.value_size, kIntMax);
  const u64 bytes = value_stride(spec) * spec.max_entries;
  if (bytes > kMaxMapBytes) return too_large(spec, "bytes", bytes, kMaxMapBytes);
  return {};
}

Status per_cpu_limits(const MapSpec& spec) {
  if (value_stride(spec) > kPerCpuUnit) {
    return too_large(spec, "value_size", spec.value_size, kPerCpuUnit);
  }
  return array_limits(spec);
}

// Linux keeps two words in each of its buckets, whose number is a power of two, and bounds their
// bytes by 32 bits; and an element must be a single allocation.
Status hash_limits(const MapSpec& spec) {
  const u64 size = u64{spec.key_size} + spec.value_size;
  if (size >= kKmallocMax - kHashHeader) {
    return too_large(spec, "key_size + value_size", size, kKmallocMax - kHashHeader - 1);
  }
  constexpr u32 kMaxEntries = 1u << 27;
  if (spec.max_entries > kMaxEntries) {
    return too_large(spec, "max_entries", spec.max_entries, kMaxEntries);
  }
  if (spec.flags & kNoPrealloc) return {};
  const u64 bytes = spec.max_entries * (((u64{spec.key_size} + 7) & ~u64{7}) + value_stride(spec));
  if (bytes > kMaxMapBytes) return too_large(spec, "bytes", bytes, kMaxMapBytes);
  return {};
}

Status per_cpu_hash_limits(const MapSpec& spec) {
  if (value_stride(spec) > kPerCpuUnit) {
    return too_large(spec, "value_size", spec.value_size, kPerCpuUnit);
  }
  return hash_limits(spec);
}

Status lru_limits(const MapSpec& spec) {
  if (spec.flags & kNoPrealloc) {
    return fail<Code::map_flag_refused>(spec.name, type_name(spec),
                                        "BPF_F_NO_PREALLOC is not for maps that evict");
  }
  if ((spec.flags & kNoCommonLru) && (spec.flags & kNumaNode)) {
    return bad_flags(spec, "BPF_F_NO_COMMON_LRU and BPF_F_NUMA_NODE exclude each other");
  }
  return hash_limits(spec);
}

Status per_cpu_lru_limits(const MapSpec& spec) {
  if (auto ok = lru_limits(spec); !ok) return ok;
  if (spec.flags & kNumaNode) return bad_flags(spec, "BPF_F_NUMA_NODE is not for this type");
  return per_cpu_hash_limits(spec);
}

Status resizable_hash_limits(const MapSpec& spec) {
  constexpr u32 kU16Max = 0xffff;
  if (spec.key_size > kU16Max) return too_large(spec, "key_size", spec.key_size, kU16Max);
  if (spec.extra > kU16Max) return too_large(spec, "map_extra", spec.extra, kU16Max);
  if (spec.extra > spec.max_entries) {
    return bad(spec, "map_extra", spec.extra, "is more than max_entries");
  }
  return hash_limits(spec);
}

Status ring_limits(const MapSpec& spec) {
  if (!std::has_single_bit(spec.max_entries) || spec.max_entries % 4096 != 0) {
    return bad(spec, "max_entries", spec.max_entries,
               "must be a power of two and a multiple of the page size, 4096");
  }
  return {};
}

Status stack_trace_limits(const MapSpec& spec) {
  const bool build_id = (spec.flags & kStackBuildId) != 0;
  const u32 entry = build_id ? 32 : 8;  // sizeof(struct bpf_stack_build_id), or an address
  constexpr u32 kMaxStack = 127;        // kernel.perf_event_max_stack, unless the system raised it
  if (spec.value_size % entry != 0 || spec.value_size / entry > kMaxStack) {
    return bad(spec, "value_size", spec.value_size,
               fmt::format("must be 1 to {} times {} bytes", kMaxStack, entry));
  }
  if (spec.max_entries > 1u << 31)
    return too_large(spec, "max_entries", spec.max_entries, 1u << 31);
  return {};
}

Status four_or_eight(const MapSpec& spec) {
  if (spec.value_size == 4 || spec.value_size == 8) return {};
  return bad(spec, "value_size", spec.value_size, "must be 4 or 8");
}

// Arrays of programs, maps and the like: skep needs two words a slot.
Status slots_limits(const MapSpec& spec) {
  const u64 bytes = u64{spec.max_entries} * 16;
  if (bytes > kMaxMapBytes) return too_large(spec, "bytes", bytes, kMaxMapBytes);
  return {};
}

Status sock_hash_limits(const MapSpec& spec) {
  if (auto ok = four_or_eight(spec); !ok) return ok;
  if (spec.key_size > kStackSize) return too_large(spec, "key_size", spec.key_size, kStackSize);
  return {};
}

Status queue_limits(const MapSpec& spec) {
  if (spec.value_size > kKmallocMax)
    return too_large(spec, "value_size", spec.value_size, kKmallocMax);
  const u32 limit = kAnySize / spec.value_size;
  if (spec.max_entries >= limit) return too_large(spec, "max_entries", spec.max_entries, limit - 1);
  const u64 bytes = value_stride(spec) * spec.max_entries;
  if (bytes > kMaxMapBytes) return too_large(spec, "bytes", bytes, kMaxMapBytes);
  return {};
}

Status cgroup_storage_limits(const MapSpec& spec) {
  if (spec.key_size != 8 && spec.key_size != 16) {
    return bad(spec, "key_size", spec.key_size, "must be 8 or 16");
  }
  if (spec.type == MapType::percpu_cgroup_storage && spec.value_size > kPerCpuUnit) {
    return too_large(spec, "value_size", spec.value_size, kPerCpuUnit);
  }
  return object_storage_limits(spec);
}

Status object_storage_limits(const MapSpec& spec) {
  constexpr u32 kStorageMax = 65'464;  // BPF_LOCAL_STORAGE_MAX_VALUE_SIZE
  if (spec.value_size > kStorageMax)
    return too_large(spec, "value_size", spec.value_size, kStorageMax);
  return {};
}

Status bloom_limits(const MapSpec& spec) {
  if (spec.value_size > kKmallocMax)
    return too_large(spec, "value_size", spec.value_size, kKmallocMax);
  if (spec.extra > 15) return bad(spec, "map_extra", spec.extra, "must be 0 to 15 hash functions");
  return {};
}

Status arena_limits(const MapSpec& spec) {
  constexpr u32 kMaxPages = 1u << 20;  // 4 GiB
  if (spec.max_entries > kMaxPages)
    return too_large(spec, "max_entries", spec.max_entries, kMaxPages);
  if (spec.extra % 4096 != 0)
    return bad(spec, "map_extra", spec.extra, "must be a multiple of 4096");
  return {};
}

Status never(const MapSpec& spec) {
  return fail<Code::unknown_map_type>(spec.name, static_cast<u32>(spec.type));
}

}  // namespace map_rules

MapSpec without_contents(const MapSpec& spec) {
  MapSpec copy;
  copy.name = spec.name;
  copy.type = spec.type;
  copy.key_size = spec.key_size;
  copy.value_size = spec.value_size;
  copy.max_entries = spec.max_entries;
  copy.flags = spec.flags;
  copy.extra = spec.extra;
  copy.inner = spec.inner;
  copy.btf_key = spec.btf_key;
  copy.btf_value = spec.btf_value;
  copy.fields = spec.fields;
  copy.frozen = spec.frozen;
  copy.pinned = spec.pinned;
  copy.section = spec.section;
  return copy;
}

const ValueField* find_field(const MapSpec& spec, FieldKind kind) {
  const auto found = std::ranges::find(spec.fields, kind, &ValueField::kind);
  return found != spec.fields.end() ? &*found : nullptr;
}

// BPF_F_RDONLY and BPF_F_WRONLY are of the descriptor, not of the map.
bool fits_inner(const MapSpec& shape, const MapSpec& map) {
  using namespace map_flags;
  const bool sized = shape.type == MapType::array && (shape.flags & kInnerMap) == 0;
  return shape.type == map.type && shape.key_size == map.key_size &&
         shape.value_size == map.value_size &&
         ((shape.flags ^ map.flags) & ~(kRdonly | kWronly)) == 0 && shape.fields == map.fields &&
         ((!sized && shape.type != MapType::xskmap) || shape.max_entries == map.max_entries);
}

const MapKind* find_map_kind(MapType type) {
  const auto index = static_cast<u32>(type);
  return index < std::size(kKinds) ? &kKinds[index] : nullptr;
}

const MapKind* find_map_kind(std::string_view name) {
  const auto* kind = std::ranges::find(kKinds, name, &MapKind::name);
  return kind != std::end(kKinds) ? kind : nullptr;
}

Status validate(const MapSpec& spec) {
  const MapKind* kind = find_map_kind(spec.type);
  if (kind == nullptr) return map_rules::never(spec);
  const MapRule& rule = kind->rule;
  const bool takes_extra = spec.type == MapType::bloom_filter || spec.type == MapType::arena ||
                           spec.type == MapType::rhash;
  if (spec.extra != 0 && !takes_extra) return bad(spec, "map_extra", spec.extra, "must be 0");
  if (auto ok = check_flags(spec, rule); !ok) return ok;
  if (auto ok = check_bounds(spec, "key_size", spec.key_size, rule.key); !ok) return ok;
  if (auto ok = check_bounds(spec, "value_size", spec.value_size, rule.value); !ok) return ok;
  if (auto ok = check_bounds(spec, "max_entries", spec.max_entries, rule.entries); !ok) return ok;
  if (rule.more != nullptr) {
    if (auto ok = rule.more(spec); !ok) return ok;
  }
  return check_contents(spec);
}

}  // namespace skep
