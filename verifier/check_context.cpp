// The context that a program starts with, by its type and attach type: which fields it may read and
// write, at which widths, and what they are. Sockets are read by the fields of struct bpf_sock.

#include "verifier/judge.h"

namespace skep::abstract {
namespace {

// Linux 6.12 include/linux/trace_events.h, PERF_MAX_TRACE_SIZE; the first 8 bytes are the kernel's.
constexpr u64 kTracepointStart = 8, kTracepointEnd = 8192;
constexpr u64 kRawArguments = 12 * 8;    // kernel/trace/bpf_trace.c, MAX_BPF_FUNC_ARGS
constexpr u64 kSyscallContext = 0xffff;  // kernel/bpf/verifier.c, U16_MAX

// struct bpf_tcp_sock: words of 4 bytes, but for two counters of 8.
constexpr u64 kTcpSockEnd = 112, kBytesReceived = 80, kBytesAcked = 88;

constexpr u64 kTypeStart = 8, kTypeEnd = 24;  // of struct bpf_sock: not in every socket

}  // namespace

bool Judge::flat_access(u64 offset, u32 size, bool write) const {
  if (offset % size != 0) return false;
  switch (type_->context) {
    case Context::Tracepoint:
      return !write && offset >= kTracepointStart && offset + size <= kTracepointEnd;
    case Context::RawTracepoint: return !write && size == 8 && offset + size <= kRawArguments;
    case Context::Arguments: return offset + size <= kSyscallContext;
    default: return false;
  }
}

bool Judge::plain_context(const Value& of, u32 reg) {
  if (of.number != Values::kZero) {
    return refuse<Code::context_access>("r{} is the context at a variable offset", reg);
  }
  if (of.offset == 0) return true;
  return refuse<Code::context_access>(
      "r{} is the context + {}: access it through the unchanged pointer", reg, of.offset);
}

bool Judge::context_load(State& state, const Decoded& insn, const Value& of, u32 reg) {
  const bool is_signed = insn.op == Op::LoadSigned;
  const bool kernel = context_kind_ == ContextKind::Btf && image_.type != ProgramType::netfilter;
  if (kernel) return kernel_context_load(state, insn, of, reg);
  const bool flat =
      context_kind_ == ContextKind::Flat && fields(image_.host.get(), image_.type).empty();
  if (flat && type_->context == Context::Arguments && of.number == Values::kZero) {
    // The syscall context is plain memory: its pointer may have been added to.
    const i64 at = i64{of.offset} + insn.off;
    if (at < 0 || !flat_access(static_cast<u64>(at), insn.size, false)) {
      return refuse<Code::context_access>("{} bytes at context offset {} can't be read", insn.size,
                                          at);
    }
  } else if (!plain_context(of, reg)) {
    return false;
  }
  const auto result = is_signed ? Scalar::loaded_signed(insn.size) : Scalar::loaded(insn.size);
  if (flat) {
    const bool inside =
        type_->context == Context::Arguments ||
        (insn.off >= 0 && flat_access(static_cast<u64>(insn.off), insn.size, false));
    if (!inside) {
      if (type_->context == Context::Memory || is_host_type()) {
        return refuse<Code::not_supported_yet>(
            "the context of {} programs is as long as its host makes it: not supported yet",
            type_->name);
      }
      return refuse<Code::context_access>("{} programs can't read {} bytes at context offset {}",
                                          type_->name, insn.size, insn.off);
    }
    set_number(state, insn.dst, result);
    return true;
  }
  const FieldRow* field = insn.off < 0 ? nullptr
                                       : find_access(image_.host.get(), image_.type,
                                                     static_cast<AttachType>(image_.attach_type),
                                                     static_cast<u64>(insn.off), insn.size, false);
  if (field == nullptr || !known_field(*field)) {
    return refuse<Code::context_access>(
        "{} programs attached like this one can't read {} bytes at context offset {}", type_->name,
        insn.size, insn.off);
  }
  Cell loaded{.value = values_.put_number(result)};
  const auto give = [&](Value pointer) {
    pointer.number = Values::kZero;
    loaded.value = values_.put(pointer);
    if (pointer.may_be_null) loaded.id = state.next_id++;
  };
  const auto socket = [&](SocketKind socket_kind, bool null) {
    give({.type = Type::Socket, .may_be_null = null, .object = static_cast<u32>(socket_kind)});
  };
  switch (field->is) {
    case FieldIs::Scalar:
    case FieldIs::Length: break;
    case FieldIs::PacketStart: give({.type = Type::Packet}); break;
    case FieldIs::PacketEnd: give({.type = Type::PacketEnd}); break;
    case FieldIs::PacketMeta: give({.type = Type::PacketMeta}); break;
    case FieldIs::SockCommonOrNull: socket(SocketKind::Common, true); break;
    case FieldIs::Socket: socket(SocketKind::Full, false); break;
    case FieldIs::SocketOrNull: socket(SocketKind::Full, true); break;
    case FieldIs::FlowKeys: give({.type = Type::FlowKeys}); break;
    case FieldIs::HookState:
      give({.type = Type::Kernel, .object = kernel_struct("nf_hook_state")});
      break;
    case FieldIs::KernelSkBuff:
      give({.type = Type::Kernel, .object = kernel_struct("sk_buff")});
      break;
  }
  if (is_signed && value(loaded).is_pointer()) {
    return refuse<Code::context_access>("context field {} is a pointer, and loaded with a sign",
                                        field->name);
  }
  set(state, insn.dst, loaded);
  return true;
}

bool Judge::known_field(const FieldRow& field) const {
  return field.since == kNever || profile_.knows(field.since);
}

bool Judge::is_host_type() const {
  return image_.host != nullptr && image_.host->find_type(image_.type) != nullptr;
}

bool Judge::context_store(State&, const Decoded& insn, const Value& of, u32 reg) {
  if (type_->context == Context::Arguments) {
    if (of.number != Values::kZero) {
      return refuse<Code::context_access>("r{} is the context at a variable offset", reg);
    }
    const i64 at = i64{of.offset} + insn.off;
    if (at >= 0 && flat_access(static_cast<u64>(at), insn.size, true)) return true;
    return refuse<Code::context_access>("{} bytes at context offset {} can't be written", insn.size,
                                        at);
  }
  if (!plain_context(of, reg)) return false;
  const FieldRow* field =
      insn.off < 0 || context_kind_ == ContextKind::Btf
          ? nullptr
          : find_access(image_.host.get(), image_.type, static_cast<AttachType>(image_.attach_type),
                        static_cast<u64>(insn.off), insn.size, true);
  if (field != nullptr && known_field(*field)) return true;
  if (type_->context == Context::Memory || is_host_type()) {
    return refuse<Code::not_supported_yet>(
        "the context of {} programs is as long as its host makes it: not supported yet",
        type_->name);
  }
  return refuse<Code::context_access>(
      "{} programs attached like this one can't write {} bytes at context offset {}", type_->name,
      insn.size, insn.off);
}

bool Judge::socket_load(State& state, const Decoded& insn, const Cell& pointer, u32 reg) {
  const Value& of = value(pointer);
  const i64 at = i64{of.offset} + insn.off;
  bool good = at >= 0 && of.number == Values::kZero && insn.op == Op::Load;
  const u64 offset = static_cast<u64>(at);
  if (good && static_cast<SocketKind>(of.object) == SocketKind::Tcp) {
    const u32 size = offset == kBytesReceived || offset == kBytesAcked ? 8 : 4;
    good = insn.size == size && offset % size == 0 && offset + size <= kTcpSockEnd;
  } else if (good) {
    const bool common = static_cast<SocketKind>(of.object) == SocketKind::Common;
    const bool missing = common && offset >= kTypeStart && offset < kTypeEnd;
    const FieldRow* found = nullptr;
    for (const FieldRow& field : fields(Context::Sock)) {
      if (offset >= field.offset && offset < u64{field.offset} + field.size) found = &field;
    }
    good = !missing && found != nullptr && fits(*found, offset, insn.size, false);
  }
  if (!good) {
    return refuse<Code::context_access>("r{} is {}, which has no {} bytes to read at {}", reg,
                                        text_of(pointer), insn.size, at);
  }
  set_number(state, insn.dst, Scalar::loaded(insn.size));
  return true;
}

u32 Judge::kernel_struct(std::string_view name) const {
  const Btf* types = options_.kernel_types;
  return types == nullptr ? 0 : types->find(BtfKind::Struct, name);
}

}  // namespace skep::abstract
