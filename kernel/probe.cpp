// Questions to the kernel, as tables of programs and sizes. See probe.h.

#include "kernel/probe.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "helpers/spec/proto.h"
#include "isa/asm.h"
#include "kernel/backend.h"
#include "kernel/kernel_types.h"
#include "kernel/permission.h"

namespace skep {
namespace {

// A variant that programs are loaded as.
struct Loadable {
  ProgramType type{};
  AttachType attach_type = AttachType::none;
  u32 btf_id = 0;  // of what it attaches to
  i32 returns = 0;
  u32 flags = 0;
};

constexpr u8 kMov = 0xb7, kExit = 0x95, kCall = 0x85;
constexpr u32 kSleepable = 1 << 4;

int load(const Loadable& as, std::span<const Insn> insns, std::span<char> log = {}) {
  ProgLoadAttr attr;
  attr.type = static_cast<u32>(as.type);
  attr.insn_count = static_cast<u32>(insns.size());
  attr.insns = address_of(insns.data());
  attr.license = address_of("GPL");
  attr.expected_attach_type = static_cast<u32>(as.attach_type);
  attr.attach_btf_id = as.btf_id;
  attr.flags = as.flags;
  if (!log.empty()) {
    log[0] = 0;
    attr.log_level = 1;
    attr.log = address_of(log.data());
    attr.log_size = static_cast<u32>(log.size());
  }
  return bpf(BpfCommand::ProgLoad, attr);
}

// The errno of the refusal, or 0.
int refusal(const Loadable& as, std::span<const Insn> insns) {
  const Fd fd(load(as, insns));
  return fd ? 0 : errno;
}

bool loads(const Loadable& as, std::span<const Insn> insns) {
  return refusal(as, insns) == 0;
}

Insn mov(u8 reg, i32 value) {
  return make_insn(kMov, reg, 0, 0, value);
}

// Finds a return value that the kernel lets the variant have; the errno of the last refusal, or 0.
int settle(Loadable& as) {
  int error = 0;
  for (const u32 flags : {0u, kSleepable}) {
    for (const i32 value : {0, 1}) {
      as.returns = value;
      as.flags = flags;
      const Insn insns[] = {mov(0, value), make_insn(kExit)};
      error = refusal(as, insns);
      if (error == 0) return 0;
    }
  }
  return error;
}

// What the verifier says of a helper that the type has not.
bool has_helper(const Loadable& as, u32 id) {
  char log[2048];
  const Insn insns[] = {make_insn(kCall, 0, 0, 0, static_cast<i32>(id)), mov(0, as.returns),
                        make_insn(kExit)};
  const Fd fd(load(as, insns, log));
  if (fd) return true;
  const std::string_view text(log, strnlen(log, sizeof(log)));
  for (const char* no : {"unknown func", "invalid func", "cannot use helper"}) {
    if (text.find(no) != std::string_view::npos) return false;
  }
  return !text.empty();
}

void ask_context(const Loadable& as, TypeFacts& facts) {
  const ContextRow& context = row(find_program_type(as.type)->context);
  const bool typed = context.kind == ContextKind::Btf && !fields(context.context).empty();
  if (context.kind != ContextKind::Fields && !typed) return;
  facts.contexts_asked = true;
  constexpr u8 kLoad = 0x61, kStore = 0x63, kSizeBits = 0x18;
  constexpr struct {
    u8 bytes, code;
  } kSizes[] = {{1, 0x10}, {2, 0x08}, {4, 0x00}, {8, 0x18}};
  for (const auto& size : kSizes) {
    for (u16 offset = 0; offset + size.bytes <= context.size; offset += size.bytes) {
      const u8 load_code = static_cast<u8>((kLoad & ~kSizeBits) | size.code);
      const u8 store_code = static_cast<u8>((kStore & ~kSizeBits) | size.code);
      const i16 at = static_cast<i16>(offset);
      const Insn reads[] = {make_insn(load_code, 2, 1, at, 0), mov(0, as.returns),
                            make_insn(kExit)};
      const Insn writes[] = {mov(2, 0), make_insn(store_code, 1, 2, at, 0), mov(0, as.returns),
                             make_insn(kExit)};
      const ContextAccess access{offset, size.bytes, loads(as, reads), loads(as, writes)};
      if (access.read || access.write) facts.accesses.push_back(access);
    }
  }
}

// What a program of BTF attaches to, for the question alone.
u32 attach_id(const Loadable& as, const Btf* kernel) {
  if (kernel == nullptr) return 0;
  switch (as.type) {
    case ProgramType::lsm: return kernel->find(BtfKind::Func, "bpf_lsm_file_open");
    case ProgramType::tracing:
      switch (as.attach_type) {
        case AttachType::trace_raw_tp:
          return kernel->find(BtfKind::Typedef, "btf_trace_task_newtask");
        case AttachType::trace_iter: {
          // Iterators over sockets have the helpers of all others, and set options besides.
          const u32 sockets = kernel->find(BtfKind::Func, "bpf_iter_tcp");
          return sockets != 0 ? sockets : kernel->find(BtfKind::Func, "bpf_iter_task");
        }
        default: return kernel->find(BtfKind::Func, "bpf_fentry_test1");
      }
    default: return 0;
  }
}

// Types whose attach type is looked at when they are loaded, be it for a helper alone.
bool attach_type_matters(ProgramType type) {
  constexpr TypeSet kMatters = where::cgroup_sock | where::cgroup_sock_addr |
                               where::cgroup_sockopt | where::cgroup_device | where::cgroup_sysctl |
                               where::tracing | where::lsm | where::sk_lookup | where::netfilter |
                               where::sk_reuseport | where::sk_skb;
  return kMatters.has(type);
}

void ask_type(const Loadable& wanted, const ProbeOptions& options, KernelFacts& facts) {
  Loadable as = wanted;
  TypeFacts& type = facts.types.emplace_back();
  type.type = as.type;
  type.attach_type = as.attach_type;
  type.error = settle(as);
  type.loads = type.error == 0;
  if (!type.loads) {
    type.why = refusal_text(type.error, needed_for(as.type));
    return;
  }
  type.helpers_asked = true;
  for (u32 id = 1; id <= kHelperCount; ++id) {
    if (has_helper(as, id)) type.helpers.push_back(id);
  }
  if (options.contexts) ask_context(as, type);
}

void ask_types(const ProbeOptions& options, const Btf* kernel, KernelFacts& facts) {
  for (const ProgramTypeRow& row : program_types()) {
    // ext and struct_ops need a program and a structure to attach to; ours are none of the
    // kernel's.
    if (row.type == ProgramType::unspec || row.type == ProgramType::ext ||
        row.type == ProgramType::struct_ops || row.type >= ProgramType::raw)
      continue;
    if (!attach_type_matters(row.type)) {
      ask_type({.type = row.type}, options, facts);
      continue;
    }
    for (const AttachRow& attach : attach_rows()) {
      if (attach.type != row.type) continue;
      if (kernel == nullptr && (where::tracing | where::lsm).has(row.type)) continue;
      Loadable as{.type = row.type, .attach_type = attach.attach_type};
      as.btf_id = attach_id(as, kernel);
      ask_type(as, options, facts);
    }
  }
}

void ask_maps(KernelFacts& facts) {
  const Fd btf = load_btf_into_kernel(probe_btf());
  const auto inner = KernelMap::create(least_map(MapType::array), {});
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    if (kind->type == MapType::struct_ops) continue;  // needs a structure of the kernel's
    KernelMapOptions options{.btf_fd = btf.get()};
    if (inner && holds_maps(kind->type)) options.inner_fd = (*inner)->fd();
    const auto map = KernelMap::create(least_map(kind->type), options);
    if (!map && missing_of(needed_for(kind->type)) != 0)
      facts.unasked.push_back(fmt::format("map type {}: {}", kind->name, map.error().text));
    else
      facts.maps.emplace_back(kind->type, map.has_value());
  }
}

// A feature, and a program that only a kernel which has it accepts.
struct FeatureProgram {
  Feature feature;
  ProgramType type;
  const char* text;
};
constexpr FeatureProgram kFeaturePrograms[] = {
    {Feature::local_calls, ProgramType::socket_filter, "call f\nexit\nf: r0 = 0\nexit"},
    {Feature::bounded_loops, ProgramType::socket_filter,
     "r0 = 0\nagain: r0 += 1\nif r0 < 5 goto again\nr0 = 0\nexit"},
    {Feature::uninit_stack_reads, ProgramType::socket_filter,
     "r0 = *(u64 *)(r10 - 8)\nr0 = 0\nexit"},
    {Feature::direct_packet_access, ProgramType::sched_cls,
     "r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 1\nif r4 > r3 goto out\n"
     "r0 = *(u8 *)(r2 + 0)\nout: r0 = 0\nexit"},
    {Feature::direct_packet_writes, ProgramType::sched_cls,
     "r2 = *(u32 *)(r1 + 76)\nr3 = *(u32 *)(r1 + 80)\nr4 = r2\nr4 += 1\nif r4 > r3 goto out\n"
     "*(u8 *)(r2 + 0) = 1\nout: r0 = 0\nexit"},
    {Feature::variable_stack_reads, ProgramType::socket_filter,
     "r2 = *(u32 *)(r1 + 0)\nr2 &= 7\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nr3 = r10\n"
     "r3 += -16\nr3 += r2\nr0 = *(u8 *)(r3 + 0)\nr0 = 0\nexit"},
    {Feature::scalar_links, ProgramType::socket_filter,
     "r2 = *(u32 *)(r1 + 0)\nr4 = r2\nr4 += 1\nif r2 > 7 goto out\n*(u64 *)(r10 - 16) = 0\n"
     "*(u64 *)(r10 - 8) = 0\nr3 = r10\nr3 += -16\nr3 += r4\nr0 = *(u8 *)(r3 + 0)\n"
     "out: r0 = 0\nexit"},
    {Feature::may_goto, ProgramType::socket_filter,
     "r0 = 0\nagain: may_goto out\ngoto again\nout: r0 = 0\nexit"},
    {Feature::rcu_sections, ProgramType::sched_cls,
     "call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit"},
    {Feature::preemption, ProgramType::sched_cls,
     "call kfunc bpf_preempt_disable\ncall kfunc bpf_preempt_enable\nr0 = 0\nexit"},
    // One of those that not every program may call.
    {Feature::kfuncs_in_tracepoints, ProgramType::tracepoint,
     "r1 = 1\ncall kfunc bpf_task_from_pid\nif r0 == 0 goto out\nr1 = r0\n"
     "call kfunc bpf_task_release\nout: r0 = 0\nexit"},
    {Feature::packet_dynptrs, ProgramType::xdp,
     "r2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_xdp\nr0 = 0\nexit"},
    {Feature::open_coded_iterators, ProgramType::sched_cls,
     "r1 = r10\nr1 += -8\nr2 = 0\nr3 = 1\ncall kfunc bpf_iter_num_new\nr1 = r10\nr1 += -8\n"
     "call kfunc bpf_iter_num_destroy\nr0 = 0\nexit"},
    {Feature::exceptions, ProgramType::sched_cls, "r1 = 0\ncall kfunc bpf_throw\nexit"},
};

// A feature that came with a helper.
struct FeatureHelper {
  Feature feature;
  const char* helper;
};
constexpr FeatureHelper kFeatureHelpers[] = {
    {Feature::spin_locks, "spin_lock"}, {Feature::callbacks, "for_each_map_elem"},
    {Feature::timers, "timer_init"},    {Feature::dynptrs, "dynptr_read"},
    {Feature::kptrs, "kptr_xchg"},
};

// A feature that came with a kernel function.
struct FeatureFunction {
  Feature feature;
  const char* function;
};
constexpr FeatureFunction kFeatureFunctions[] = {
    {Feature::local_objects, "bpf_obj_new_impl"},
    {Feature::trees, "bpf_rbtree_first"},
    {Feature::workqueues, "bpf_wq_init"},
    {Feature::resilient_locks, "bpf_res_spin_lock"},
};

// A feature, and types that BTF with it has besides `int`: enum btf_kind in bits 24 to 28.
struct FeatureBtf {
  Feature feature;
  std::vector<u32> types;
};
std::vector<FeatureBtf> feature_btf() {
  constexpr u32 kName = 1, kInt = 1;
  const auto kind = [](u32 number) { return number << 24; };
  return {
      {Feature::btf, {}},
      {Feature::btf_functions, {0, kind(13), 0, kName, kind(12), 2}},  // FUNC_PROTO and FUNC
      {Feature::btf_globals, {kName, kind(14), kInt, 1}},              // VAR, global
      {Feature::btf_floats, {kName, kind(16), 4}},
      {Feature::btf_tags, {kName, kind(18), kInt}},  // TYPE_TAG
      {Feature::btf_enums_64, {kName, kind(19) | 1, 8, kName, 0, 0}},
  };
}

// BTF of `int` as type 1, followed by the words of further types.
std::vector<u8> btf_bytes(std::span<const u32> more) {
  const u32 size = 16 + static_cast<u32>(more.size_bytes());
  std::vector<u32> words = {0x0001eb9f, 24, 0, size, size, 5, 1, 1u << 24, 4, 1u << 24 | 32};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<u8> bytes(words.size() * sizeof(u32));
  std::memcpy(bytes.data(), words.data(), bytes.size());
  for (const char c : std::string_view("\0int\0", 5)) bytes.push_back(static_cast<u8>(c));
  return bytes;
}

// Puts the kernel's ids of functions in the place of their names; false if it has not all.
bool link_functions(const Assembly& assembly, std::vector<Insn>& insns, const Btf* kernel) {
  constexpr u8 kKfunc = 2;
  for (Insn& insn : insns) {
    if (insn.opcode != kCall || insn.src() != kKfunc) continue;
    const u32 id =
        kernel == nullptr
            ? 0
            : kernel->find(BtfKind::Func, assembly.externs[static_cast<std::size_t>(insn.imm)]);
    if (id == 0) return false;
    insn.imm = static_cast<i32>(id);
    insn.off = 0;
  }
  return true;
}

bool takes_insns(u32 count) {
  std::vector<Insn> insns(count - 1, mov(0, 0));
  insns.push_back(make_insn(kExit));
  return loads({.type = ProgramType::socket_filter}, insns);
}

void ask_other_features(KernelFacts& facts) {
  const Insn two[] = {mov(0, 2), make_insn(kExit)};
  facts.features.emplace_back(Feature::fragmented_packets,
                              loads({.type = ProgramType::xdp, .flags = 1 << 5}, two));
  MapSpec mapped = least_map(MapType::array);
  mapped.flags = map_flags::kMmapable;
  facts.features.emplace_back(Feature::mapped_arrays, KernelMap::create(mapped, {}).has_value());
  const auto frozen = KernelMap::create(least_map(MapType::array), {});
  facts.features.emplace_back(Feature::frozen_maps, frozen && (*frozen)->freeze());
  facts.features.emplace_back(Feature::large_programs, takes_insns(5000));
  const auto arena =
      std::ranges::find(facts.maps, MapType::arena, &std::pair<MapType, bool>::first);
  if (arena != facts.maps.end()) facts.features.emplace_back(Feature::arenas, arena->second);
}

void ask_features(const Btf* kernel, KernelFacts& facts) {
  for (const FeatureProgram& row : kFeaturePrograms) {
    auto assembly = assemble(row.text, {});
    if (!assembly) continue;
    if (kernel == nullptr && !assembly->externs.empty()) continue;
    if (missing_of(needed_for(row.type)) != 0) continue;  // for which the types tell why
    std::vector<Insn> insns = assembly->insns;
    facts.features.emplace_back(
        row.feature, link_functions(*assembly, insns, kernel) && loads({.type = row.type}, insns));
  }
  for (const FeatureHelper& row : kFeatureHelpers) {
    const HelperProto* helper = find_helper(row.helper);
    facts.features.emplace_back(row.feature,
                                has_helper({.type = ProgramType::socket_filter}, helper->id));
  }
  for (const FeatureFunction& row : kFeatureFunctions) {
    if (kernel != nullptr)
      facts.features.emplace_back(row.feature, kernel->find(BtfKind::Func, row.function) != 0);
  }
  for (const FeatureBtf& row : feature_btf())
    facts.features.emplace_back(row.feature, bool(load_btf_into_kernel(btf_bytes(row.types))));
  ask_other_features(facts);
}

bool takes_stack(u32 bytes) {
  const Insn insns[] = {make_insn(0x7a, 10, 0, static_cast<i16>(-static_cast<int>(bytes)), 0),
                        mov(0, 0), make_insn(kExit)};
  return loads({.type = ProgramType::socket_filter}, insns);
}

// A chain of `count` functions, each of which calls the next.
bool takes_frames(u32 count) {
  std::vector<Insn> insns;
  for (u32 i = 1; i < count; ++i) {
    insns.push_back(make_insn(kCall, 0, 1, 0, 1));
    insns.push_back(make_insn(kExit));
  }
  insns.push_back(mov(0, 0));
  insns.push_back(make_insn(kExit));
  return loads({.type = ProgramType::socket_filter}, insns);
}

// The largest of the table's values that is taken where one more is not; 0 if there is none.
void measure(Limit limit, bool (*takes)(u32), u32 step, KernelFacts& facts) {
  u64 largest = 0;
  for (const LimitRow& row : limit_rows()) {
    if (row.limit == limit && takes(static_cast<u32>(row.value)) &&
        !takes(static_cast<u32>(row.value) + step))
      largest = row.value;
  }
  facts.limits.emplace_back(limit, largest);
}

}  // namespace

std::vector<u8> probe_btf() {
  return btf_bytes({});
}

MapSpec least_map(MapType type) {
  MapSpec spec;
  spec.name = "probe";
  spec.type = type;
  spec.key_size = spec.value_size = 4;
  spec.max_entries = 1;
  switch (type) {
    case MapType::queue:
    case MapType::stack:
    case MapType::bloom_filter: spec.key_size = 0; break;
    case MapType::ringbuf:
    case MapType::user_ringbuf:
      spec.key_size = spec.value_size = 0;
      spec.max_entries = 1 << 16;
      break;
    case MapType::lpm_trie:
      spec.key_size = 8;
      spec.flags = map_flags::kNoPrealloc;
      break;
    case MapType::stack_trace: spec.value_size = 8; break;
    case MapType::reuseport_sockarray: spec.value_size = 8; break;
    case MapType::cgroup_storage:
    case MapType::percpu_cgroup_storage:
      spec.key_size = 8;
      spec.max_entries = 0;
      break;
    case MapType::sk_storage:
    case MapType::inode_storage:
    case MapType::task_storage:
    case MapType::cgrp_storage:
      spec.max_entries = 0;
      spec.flags = map_flags::kNoPrealloc;
      spec.btf_key = spec.btf_value = 1;
      break;
    case MapType::arena:
      spec.key_size = spec.value_size = 0;
      spec.flags = map_flags::kMmapable;
      break;
    case MapType::insn_array: spec.value_size = 16; break;
    case MapType::rhash: spec.flags = map_flags::kNoPrealloc; break;
    default: break;
  }
  return spec;
}

Result<KernelFacts> probe_kernel(const ProbeOptions& options) {
  if (auto ok = check_permission(); !ok) return std::unexpected(std::move(ok).error());
  KernelFacts facts;
  utsname system{};
  uname(&system);
  facts.release = system.release;
  facts.version = TRY(version_of_release(facts.release));
  std::shared_ptr<const Btf> kernel;
  if (auto types = read_kernel_btf())
    kernel = std::move(*types);
  else
    facts.unasked.push_back("tracing, lsm and kernel functions: " + types.error().text);
  ask_types(options, kernel.get(), facts);
  ask_maps(facts);
  ask_features(kernel.get(), facts);
  measure(Limit::insns, takes_insns, 1, facts);
  measure(Limit::stack_bytes, takes_stack, 8, facts);
  measure(Limit::frames, takes_frames, 1, facts);
  return facts;
}

}  // namespace skep
