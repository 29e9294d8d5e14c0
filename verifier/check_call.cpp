// Calls of helpers, by their rows: who may call, in which circumstances, and what comes back.

#include <algorithm>

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

// What libbpf writes in place of a call for a CO-RE relocation that failed.
constexpr u32 kPoisonedCall = 195896080;

namespace id {
constexpr u32 kLookup = 1, kTailCall = 12, kGetLocalStorage = 81, kSpinLock = 93, kSpinUnlock = 94;
}  // namespace id

// Linux 6.12 kernel/trace/bpf_trace.c, btf_allowlist_d_path.
constexpr std::string_view kMayResolvePaths[] = {"security_file_permission",
                                                 "security_inode_getattr",
                                                 "security_file_open",
                                                 "security_path_truncate",
                                                 "vfs_truncate",
                                                 "vfs_fallocate",
                                                 "dentry_open",
                                                 "vfs_getattr",
                                                 "filp_close"};

// Helpers that give another view of the same socket: its reference is one.
bool is_cast(std::string_view name) {
  return name == "tcp_sock" || name == "sk_fullsock" || name.starts_with("skc_to_");
}

// Those whose result is at most the size that they were given, or an error.
bool gives_length(std::string_view name) {
  return name == "get_stack" || name == "get_task_stack" || name == "probe_read_str" ||
         name == "probe_read_kernel_str" || name == "probe_read_user_str";
}

}  // namespace

Next Judge::call(State& state, const Decoded& insn, Step& step) {
  const u32 helper = static_cast<u32>(insn.imm);
  Call call;
  call.proto = find_helper(image_.host.get(), helper, image_.type);
  if (!may_be_called(call.proto, helper)) return Next::Refused;
  const HelperProto& proto = *call.proto;
  if (!check_rules(state, proto)) return Next::Refused;
  for (u32 i = 0; i < proto.arg_count(); ++i) {
    if (!argument(state, call, i)) return Next::Refused;
  }
  if (helper == id::kSpinLock || helper == id::kSpinUnlock) {
    if (!lock_call(state, helper == id::kSpinUnlock)) return Next::Refused;
  }
  if (helper == id::kTailCall && !tail_call(state)) return Next::Refused;
  if (helper == id::kGetLocalStorage && !is_null(store_.top(state).regs[2])) {
    refuse<Code::bad_argument>("r2 of bpf_get_local_storage, its flags, must be 0");
    return Next::Refused;
  }
  if (call.released != 0 && !release(state, call.released)) return Next::Refused;
  if (proto.has(helper_flags::CallsLater)) {
    refuse<Code::not_supported_yet>("callbacks that run later, of bpf_{}, are not supported yet",
                                    proto.name);
    return Next::Refused;
  }
  if (proto.has(helper_flags::MayCall)) {
    const Next next = call_back(state, pc_, call, step);
    if (next == Next::Refused) return next;
    return give_result(state, call) ? next : Next::Refused;
  }
  if (proto.has(helper_flags::InvalidatesPacket)) forget_packets(state);
  if (!give_result(state, call)) return Next::Refused;
  if (helper != id::kTailCall || state.depth == 0) return Next::Goes;
  // The other program takes the place of this function alone, and what it gives is any number.
  step.other = store_.copy(state);
  step.other_pc = store_.top(state).call + 1;
  store_.pop_frame(step.other);
  set(step.other, 0, any_number());
  return Next::Parts;
}

bool Judge::may_be_called(const HelperProto* proto, u32 helper) {
  if (helper == kPoisonedCall) {
    return refuse<Code::core_unresolved>(
        "this insn depends on a type or member that the kernel "
        "lacks, and can be reached");
  }
  if (proto == nullptr) return refuse<Code::call_forbidden>("there is no helper {}", helper);
  const auto attach = static_cast<AttachType>(image_.attach_type);
  if (!may_call(image_.host.get(), *proto, image_.type, attach, profile_)) {
    return refuse<Code::call_forbidden>("{} programs attached like this one can't call bpf_{}",
                                        type_->name, proto->name);
  }
  const bool ours = image_.type == ProgramType::raw || is_host_type();
  if (proto->has(helper_flags::Gpl) && !ours && !gpl_compatible()) {
    return refuse<Code::call_forbidden>(
        "bpf_{} is for programs whose licence is compatible with "
        "the GPL, and this one's is '{}'",
        proto->name, image_.license);
  }
  if (proto->has(helper_flags::MaySleep) && !image_.sleepable &&
      image_.type != ProgramType::syscall) {
    return refuse<Code::call_forbidden>("bpf_{} may sleep, and this program may not", proto->name);
  }
  return true;
}

// Linux include/linux/license.h, license_is_gpl_compatible.
bool Judge::gpl_compatible() const {
  constexpr std::string_view kCompatible[] = {
      "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::ranges::find(kCompatible, std::string_view(image_.license)) != std::end(kCompatible);
}

bool Judge::check_rules(const State& state, const HelperProto& proto) {
  if (proto.name == "d_path" && std::ranges::count(kMayResolvePaths, image_.attach_to) == 0) {
    return refuse<Code::not_supported_yet>(
        "bpf_d_path in programs attached to '{}' is not supported "
        "yet",
        image_.attach_to);
  }
  if (state.locked && proto.id != id::kSpinUnlock) {
    return refuse<Code::lock_rule>("bpf_{} is called while a lock is held", proto.name);
  }
  return true;
}

bool Judge::lock_call(State& state, bool unlock) {
  // A value that was looked up has an identity; one that was loaded by address is its map's only.
  const Cell& cell = store_.top(state).regs[1];
  const Value& of = value(cell);
  const u32 identity = cell.id;
  if (!unlock) {
    if (state.locked) return refuse<Code::lock_rule>("a lock is taken while one is held");
    state.locked = true;
    state.lock_id = identity;
    state.lock_object = of.object;
    return true;
  }
  if (!state.locked) return refuse<Code::lock_rule>("no lock is held that could be released");
  if (state.lock_id != identity || state.lock_object != of.object) {
    return refuse<Code::lock_rule>("the lock that is released is not the one that is held");
  }
  state.locked = false;
  state.lock_id = 0;
  state.lock_object = 0;
  return true;
}

bool Judge::nothing_held(const State& state, std::string_view what) {
  if (state.locked) return refuse<Code::lock_rule>("{} happens while a lock is held", what);
  if (state.reference_count == 0) return true;
  return refuse<Code::leaked_reference>(
      "{} happens while what insn {} acquired is held: release it on this path", what,
      state.references[0].pc.value);
}

bool Judge::tail_call(State& state) {
  if (state.depth != 0 && !profile_.has(Feature::tail_calls_with_calls)) {
    return refuse<Code::call_forbidden>("tail calls are not allowed in functions");
  }
  for (u32 depth = 0; depth <= state.depth; ++depth) {
    if (store_.frame(state, depth).callback) {
      return refuse<Code::call_forbidden>("a callback makes a tail call");
    }
  }
  return nothing_held(state, "a tail call, which ends the program,");
}

u32 Judge::acquire(State& state) {
  if (state.reference_count == kMaxReferences) return 0;
  const u32 identity = state.next_id++;
  state.references[state.reference_count++] = {identity, pc_};
  return identity;
}

bool Judge::release(State& state, u32 reference) {
  bool held = false;
  for (u32 i = 0; i < state.reference_count; ++i) {
    held = held || state.references[i].id == reference;
  }
  if (!held) return refuse<Code::leaked_reference>("what is released is not held");
  drop_reference(state, reference);
  store_.rewrite(
      state, [&](const Cell& cell) { return cell.reference == reference; },
      [](Cell& cell) { cell = any_number(); });
  return true;
}

bool Judge::give_result(State& state, const Call& call) {
  const HelperProto& proto = *call.proto;
  for (u32 reg = 1; reg <= 5; ++reg) set(state, reg, Cell{});
  Value given{.number = Values::kZero};
  bool may_be_null = false;
  switch (proto.returns.kind) {
    case RetKind::Void: set(state, 0, Cell{}); return true;
    case RetKind::Integer:
      if (gives_length(proto.name) && call.size_max <= INT32_MAX) {
        set_number(state, 0, Scalar::signed_range(-4095, static_cast<i64>(call.size_max)));
      } else {
        set(state, 0, any_number());
      }
      return true;
    case RetKind::MapValue:
    case RetKind::MapValueOrNull:
      if (!map_value_result(call, given)) return false;
      may_be_null = proto.returns.kind == RetKind::MapValueOrNull;
      break;
    case RetKind::RecordOrNull:
      given.type = Type::Memory;
      given.object = static_cast<u32>(call.record_size);
      may_be_null = true;
      break;
    case RetKind::SocketOrNull:
    case RetKind::SockCommonOrNull:
    case RetKind::TcpSockOrNull:
      given.type = Type::Socket;
      given.object =
          static_cast<u32>(proto.returns.kind == RetKind::SocketOrNull       ? SocketKind::Full
                           : proto.returns.kind == RetKind::SockCommonOrNull ? SocketKind::Common
                                                                             : SocketKind::Tcp);
      may_be_null = true;
      break;
    case RetKind::Btf:
    case RetKind::BtfOrNull:
      given.type = Type::Kernel;
      given.object = kernel_struct(proto.returns.btf);
      may_be_null = proto.returns.kind == RetKind::BtfOrNull;
      break;
    case RetKind::PerCpu:
    case RetKind::PerCpuOrNull:
    case RetKind::KptrOrNull:
    case RetKind::DynptrMemOrNull:
      return refuse<Code::not_supported_yet>("the result of bpf_{} is not supported yet",
                                             proto.name);
  }
  given.may_be_null = may_be_null;
  Cell cell{.value = values_.put(given)};
  if (may_be_null || given.identified) cell.id = state.next_id++;
  if (proto.has(helper_flags::Acquires)) {
    cell.reference = cell.id = acquire(state);
    if (cell.id == 0) {
      return refuse<Code::not_supported_yet>(
          "more than {} references at once are not supported yet", kMaxReferences);
    }
  } else if (is_cast(proto.name)) {
    cell.reference = call.socket_reference;
  }
  set(state, 0, cell);
  return true;
}

bool Judge::map_value_result(const Call& call, Value& given) {
  if (call.map == kNoMap) {
    return refuse<Code::not_supported_yet>("the result of bpf_{} is not supported yet",
                                           call.proto->name);
  }
  const MapSpec& spec = *specs_[call.map];
  switch (spec.type) {
    case MapType::array_of_maps:
    case MapType::hash_of_maps:
      if (spec.inner == nullptr) break;
      given.type = Type::Map;
      given.object = spec_index(*spec.inner);
      return true;
    case MapType::sockmap:
    case MapType::sockhash:
    case MapType::xskmap: break;
    default:
      given.type = Type::MapValue;
      given.object = call.map;
      given.identified = find_field(spec, FieldKind::SpinLock) != nullptr;
      return true;
  }
  return refuse<Code::not_supported_yet>("what bpf_{} finds in map '{}' is not supported yet",
                                         call.proto->name, spec.name);
}

}  // namespace skep::abstract
