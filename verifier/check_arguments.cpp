// Arguments of helpers, by the kinds that their rows name.

#include <algorithm>
#include <cstring>

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

bool is_kind(ArgKind kind, std::initializer_list<ArgKind> kinds) {
  return std::ranges::find(kinds, kind) != kinds.end();
}

bool may_be_absent(ArgKind kind) {
  return is_kind(kind, {ArgKind::MapValueOrNull, ArgKind::MemOrNull, ArgKind::WriteMemOrNull,
                        ArgKind::ContextOrNull, ArgKind::StackOrNull, ArgKind::BtfSockCommonOrNull,
                        ArgKind::BtfOrNull});
}

bool is_sized(ArgKind kind) {
  return is_kind(kind, {ArgKind::Mem, ArgKind::MemOrNull, ArgKind::WriteMem,
                        ArgKind::WriteMemOrNull, ArgKind::UninitMem});
}

Touch touch_of(ArgKind kind) {
  if (is_kind(kind, {ArgKind::UninitMem, ArgKind::UninitMapValue, ArgKind::UninitFixedMem})) {
    return Touch::Write;
  }
  if (is_kind(kind, {ArgKind::WriteMem, ArgKind::WriteMemOrNull, ArgKind::WriteFixedMem})) {
    return Touch::ReadWrite;
  }
  return Touch::Read;
}

}  // namespace

bool Judge::argument(State& state, Call& call, u32 index) {
  const Arg& arg = call.proto->args[index];
  const u32 reg = index + 1;
  if (read(state, reg) == nullptr) return false;
  const Cell cell = store_.top(state).regs[reg];
  const Value of = value(cell);
  if (arg.kind == ArgKind::Anything) return true;
  if (is_sized(arg.kind)) return true;  // with the size that follows
  if (may_be_absent(arg.kind) && is_null(cell)) return true;
  const auto wrong = [&](std::string_view wanted) {
    return refuse<Code::bad_argument>("r{} of bpf_{} must be {}, and is {}", reg, call.proto->name,
                                      wanted, text_of(cell));
  };
  const bool absent = of.may_be_null && !may_be_absent(arg.kind);
  if (absent) {
    return refuse<Code::null_access>("r{} of bpf_{} is {}: compare it with 0 first", reg,
                                     call.proto->name, text_of(cell));
  }
  switch (arg.kind) {
    case ArgKind::Map: return map_argument(cell, call, reg, arg.detail);
    case ArgKind::MapKey:
    case ArgKind::MapValue:
    case ArgKind::MapValueOrNull:
    case ArgKind::UninitMapValue: {
      if (call.map == kNoMap) return wrong("of a map that is known");
      const MapSpec& spec = *specs_[call.map];
      const u32 size = arg.kind == ArgKind::MapKey ? spec.key_size : spec.value_size;
      return memory_argument(state, call, reg, cell, size, touch_of(arg.kind),
                             arg.kind == ArgKind::UninitMapValue);
    }
    case ArgKind::FixedMem:
    case ArgKind::WriteFixedMem:
    case ArgKind::UninitFixedMem:
      return memory_argument(state, call, reg, cell, arg.detail, touch_of(arg.kind),
                             arg.kind == ArgKind::UninitFixedMem) &&
             (arg.kind != ArgKind::UninitFixedMem ||
              check_alignment(of, reg, 0, std::min(arg.detail, 8u)));
    case ArgKind::Size:
    case ArgKind::SizeOrZero:
      return sized_memory(state, call, reg - 1, call.proto->args[index - 1].kind,
                          arg.kind == ArgKind::SizeOrZero);
    case ArgKind::Context:
    case ArgKind::ContextOrNull:
      if (of.type == Type::Context && of.offset == 0 && of.number == Values::kZero) return true;
      return wrong("the context, unchanged");
    case ArgKind::Function:
      if (of.type != Type::Function) return wrong("a function");
      call.function = function_at({of.object});
      return true;
    case ArgKind::StackOrNull:
      if (of.type == Type::Stack) return true;
      return wrong("a pointer to the stack, or 0");
    case ArgKind::ConstString: return string_argument(cell, reg);
    case ArgKind::Record:
      if (of.type != Type::Memory || cell.reference == 0 || of.offset != 0 ||
          of.number != Values::kZero) {
        return wrong("a record as bpf_ringbuf_reserve gave it");
      }
      call.released = cell.reference;
      return true;
    case ArgKind::RecordSize:
      if (of.type != Type::Number || !number(cell).is_constant() ||
          number(cell).umin() > kMaxRecord) {
        return wrong("a constant size");
      }
      call.record_size = number(cell).umin();
      return true;
    case ArgKind::SpinLock: return lock_argument(cell, reg);
    case ArgKind::SockCommon: return socket_argument(cell, reg, call, arg, false);
    case ArgKind::BtfSockCommon:
    case ArgKind::BtfSockCommonOrNull: return socket_argument(cell, reg, call, arg, true);
    case ArgKind::Btf:
    case ArgKind::BtfOrNull:
      if (arg.releases || arg.btf.empty()) break;
      if (options_.kernel_types == nullptr) {
        return refuse<Code::needs_types>(
            "bpf_{} takes a structure of the kernel, whose types are "
            "not at hand",
            call.proto->name);
      }
      if (of.type == Type::Kernel && is_kernel_struct(of.object, arg.btf) && of.offset == 0 &&
          of.number == Values::kZero) {
        return true;
      }
      return wrong(fmt::format("a pointer to a struct {}", arg.btf));
    case ArgKind::None:
    case ArgKind::Anything:
    case ArgKind::Mem:
    case ArgKind::MemOrNull:
    case ArgKind::WriteMem:
    case ArgKind::WriteMemOrNull:
    case ArgKind::UninitMem: return true;
    case ArgKind::Dynptr:
    case ArgKind::UninitDynptr:
    case ArgKind::Timer:
    case ArgKind::KptrSlot:
    case ArgKind::PerCpuBtf: break;
  }
  return refuse<Code::not_supported_yet>("bpf_{} is not supported yet", call.proto->name);
}

bool Judge::map_argument(const Cell& cell, Call& call, u32 reg, u32 op) {
  const Value& of = value(cell);
  if (of.type != Type::Map) {
    return refuse<Code::bad_argument>("r{} of bpf_{} must be a map, and is {}", reg,
                                      call.proto->name, text_of(cell));
  }
  const MapSpec& spec = *specs_[of.object];
  const MapKind* map_kind = find_map_kind(spec.type);
  if (map_kind == nullptr || (map_kind->ops & op) == 0) {
    return refuse<Code::map_rule>("bpf_{} does not work on map '{}', of type {}", call.proto->name,
                                  spec.name, map_kind == nullptr ? "?" : map_kind->name);
  }
  // Programs may neither change what is read only to them, nor read what is write only.
  const bool changes = (op & (kUpdate | kDelete | kPush)) != 0 || (op == kPop);
  if (changes && (spec.flags & map_flags::kRdonlyProg) != 0) {
    return refuse<Code::read_only>("map '{}' is read only to programs", spec.name);
  }
  const bool sockets = spec.type == MapType::sockmap || spec.type == MapType::sockhash;
  if (sockets && (op & (kUpdate | kDelete)) != 0) {
    return refuse<Code::not_supported_yet>("changes of map '{}' by programs are not supported yet",
                                           spec.name);
  }
  call.map = of.object;
  call.map_reg = reg;
  return true;
}

bool Judge::memory_argument(State& state, Call& call, u32 reg, const Cell& cell, u64 size,
                            Touch touch, bool raw) {
  const Value of = value(cell);
  if (of.is_packet() && !call.proto->has(helper_flags::PacketAccess)) {
    return refuse<Code::bad_argument>("bpf_{} takes no memory in the packet, and r{} is {}",
                                      call.proto->name, reg, text_of(cell));
  }
  if (of.is_packet() && touch != Touch::Read && !may_write_packet()) {
    return refuse<Code::read_only>("{} programs may not write the packet", type_->name);
  }
  if (of.type == Type::Stack) {
    StackRange range;
    if (!stack_range(of, reg, 0, size, range)) return false;
    if (size == 0) return true;
    note_stack(state, range.depth, range.first);
    const bool written = stack_is_written(state, range);
    const bool skip = raw && range.exact;
    if (!written && !skip && !profile_.has(Feature::uninit_stack_reads)) {
      return refuse<Code::uninit_stack>(
          "bpf_{} reads {} bytes at r{}, {}, and not all were written", call.proto->name, size, reg,
          text_of(cell));
    }
    if (touch != Touch::Read) write_bytes(state, range, false);
    return true;
  }
  switch (of.type) {
    case Type::MapValue:
    case Type::Memory:
    case Type::Packet:
    case Type::PacketMeta: return check_region(cell, reg, 0, size, touch);
    case Type::Context:
      if (type_->context == Context::Arguments && of.number == Values::kZero && of.offset >= 0 &&
          static_cast<u64>(of.offset) + size <= 0xffff) {
        return true;
      }
      break;
    default: break;
  }
  return refuse<Code::bad_argument>("r{} of bpf_{} must be memory, and is {}", reg,
                                    call.proto->name, text_of(cell));
}

bool Judge::sized_memory(State& state, Call& call, u32 reg, ArgKind kind, bool zero_allowed) {
  const Cell cell = store_.top(state).regs[reg];
  const Cell size_cell = store_.top(state).regs[reg + 1];
  const Value& size_value = value(size_cell);
  const auto wrong = [&](std::string_view wanted) {
    return refuse<Code::bad_argument>("r{} of bpf_{}, a size, must be {}, and is {}", reg + 1,
                                      call.proto->name, wanted, text_of(size_cell));
  };
  if (size_value.type != Type::Number) return wrong("a number");
  const Scalar size = number(size_cell);
  if (size.smin() < 0) return wrong("unsigned: compare it as such, or with 0");
  if (size.umin() == 0 && !zero_allowed) return wrong("more than 0");
  if (size.umax() >= profile_.limit(Limit::variable_size)) return wrong("bounded");
  call.size_max = size.umax();
  const Value& of = value(cell);
  if (is_null(cell) && size.umax() == 0 && may_be_absent(kind)) return true;
  if (of.may_be_null) {
    return refuse<Code::null_access>("r{} of bpf_{} is {}: compare it with 0 first", reg,
                                     call.proto->name, text_of(cell));
  }
  const bool exact = size.is_constant();
  return memory_argument(state, call, reg, cell, size.umax(), touch_of(kind),
                         kind == ArgKind::UninitMem && exact);
}

bool Judge::string_argument(const Cell& cell, u32 reg) {
  const Value& of = value(cell);
  const auto wrong = [&](std::string_view why) {
    return refuse<Code::bad_argument>("r{} must be constant text in a read-only map: {}", reg, why);
  };
  if (of.type != Type::MapValue) return wrong(text_of(cell));
  const MapSpec& spec = *specs_[of.object];
  if (!spec.frozen || (spec.flags & map_flags::kRdonlyProg) == 0 || spec.type != MapType::array ||
      spec.max_entries != 1) {
    return wrong(fmt::format("map '{}' can change", spec.name));
  }
  if (of.number != Values::kZero) return wrong("its place is not a constant");
  const i64 at = of.offset;
  if (at < 0 || static_cast<u64>(at) >= spec.value_size) return wrong("it is outside");
  const u64 given = std::min<u64>(spec.initial.size(), spec.value_size);
  if (static_cast<u64>(at) >= given) return true;  // zeros
  const u64 rest = given - static_cast<u64>(at);
  if (std::memchr(spec.initial.data() + at, 0, rest) == nullptr && given == spec.value_size) {
    return wrong("it has no end");
  }
  return true;
}

bool Judge::socket_argument(const Cell& cell, u32 reg, Call& call, const Arg& arg, bool btf) {
  const Value& of = value(cell);
  const bool socket = of.type == Type::Socket;
  bool good = socket && of.offset == 0 && of.number == Values::kZero;
  if (!good && btf && of.type == Type::Kernel && options_.kernel_types == nullptr) {
    return refuse<Code::needs_types>(
        "bpf_{} is given a structure of the kernel, whose types are not at hand", call.proto->name);
  }
  if (!good && btf && of.type == Type::Kernel) {
    // The kernel's own socket structures begin with a struct sock_common.
    good =
        is_kernel_struct(of.object, "sock_common") && of.offset == 0 && of.number == Values::kZero;
  }
  // Linux 6.12 net/core/filter.c, bpf_sk_lookup_assign_proto.
  const bool full_only = call.proto->name == "sk_assign" && image_.type == ProgramType::sk_lookup;
  if (full_only) good = good && socket && static_cast<SocketKind>(of.object) == SocketKind::Full;
  if (!good) {
    return refuse<Code::bad_argument>("r{} of bpf_{} must be a socket, and is {}", reg,
                                      call.proto->name, text_of(cell));
  }
  call.socket_reference = cell.reference;
  if (!arg.releases) return true;
  if (cell.reference == 0) {
    return refuse<Code::leaked_reference>("r{} of bpf_{} is no socket that the program acquired",
                                          reg, call.proto->name);
  }
  call.released = cell.reference;
  return true;
}

bool Judge::lock_argument(const Cell& cell, u32 reg) {
  const Value& of = value(cell);
  const ValueField* lock =
      of.type == Type::MapValue ? find_field(*specs_[of.object], FieldKind::SpinLock) : nullptr;
  if (lock == nullptr) {
    return refuse<Code::bad_argument>("r{} must be the bpf_spin_lock of a map value, and is {}",
                                      reg, text_of(cell));
  }
  if (of.number != Values::kZero || of.offset != static_cast<i64>(lock->offset)) {
    return refuse<Code::bad_argument>("r{} is {}, and the map's lock is at offset {}", reg,
                                      text_of(cell), lock->offset);
  }
  switch (image_.type) {
    case ProgramType::socket_filter:
    case ProgramType::kprobe:
    case ProgramType::tracepoint:
    case ProgramType::perf_event:
    case ProgramType::raw_tracepoint:
    case ProgramType::raw_tracepoint_writable:
      return refuse<Code::lock_rule>("{} programs can't take locks", type_->name);
    default: return true;
  }
}

}  // namespace skep::abstract
