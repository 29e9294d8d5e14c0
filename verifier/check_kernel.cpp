// Structures of the kernel, typed by its BTF: arguments of traced functions, and what is loaded
// through pointers to them. Such loads never fault, whatever the pointer is: the kernel catches
// them, and so do our engines. So they are read only, and need no bounds but the type's.

#include "isa/btf.h"
#include "verifier/judge.h"

namespace skep::abstract {
namespace {

constexpr u32 kMaxNesting = 32;

bool is_number(const Btf& types, u32 type) {
  const BtfKind kind = types.kind(types.resolve(type));
  return kind == BtfKind::Int || types.is_enum(types.resolve(type));
}

}  // namespace

// The prototype of what the program is attached to: its FUNC_PROTO, and how many of its parameters
// are not the program's.
u32 Judge::attached_prototype(u32& skipped) const {
  const Btf& types = *options_.kernel_types;
  skipped = 0;
  const auto attach = static_cast<AttachType>(image_.attach_type);
  if (image_.type == ProgramType::tracing && attach == AttachType::trace_raw_tp) {
    const u32 named = types.find(BtfKind::Typedef, "btf_trace_" + image_.attach_to);
    if (named == 0) return 0;
    const u32 pointer = types.resolve(named);
    skipped = 1;  // the void * that tracepoints are registered with
    return types.kind(pointer) == BtfKind::Ptr ? types.resolve(types.type(pointer)) : 0;
  }
  std::string function = image_.attach_to;
  if (image_.type == ProgramType::lsm) function = "bpf_lsm_" + function;
  if (attach == AttachType::trace_iter) function = "bpf_iter_" + function;
  const u32 found = types.find(BtfKind::Func, function);
  return found == 0 ? 0 : types.type(found);
}

bool Judge::kernel_context_load(State& state, const Decoded& insn, const Value& of, u32 reg) {
  if (!plain_context(of, reg)) return false;
  if (options_.kernel_types == nullptr) {
    return refuse<Code::needs_types>(
        "what {} programs are given is typed by the kernel's BTF, "
        "which is not at hand",
        type_->name);
  }
  const Btf& types = *options_.kernel_types;
  const auto attach = static_cast<AttachType>(image_.attach_type);
  u32 skipped = 0;
  const u32 prototype = attached_prototype(skipped);
  if (prototype == 0 || types.kind(prototype) != BtfKind::FuncProto) {
    return refuse<Code::needs_types>("the kernel's types have no '{}' to attach to",
                                     image_.attach_to);
  }
  const bool iterator = attach == AttachType::trace_iter && image_.type == ProgramType::tracing;
  const bool aligned = insn.off >= 0 && insn.off % 8 == 0 && insn.op == Op::Load;
  const bool whole = aligned && (insn.size == 8 || iterator);
  const u32 index = static_cast<u32>(insn.off) / 8;
  const u32 count = types.vlen(prototype) - std::min(skipped, types.vlen(prototype));
  const bool returned = image_.type == ProgramType::tracing &&
                        (attach == AttachType::trace_fexit || attach == AttachType::modify_return);
  if (!whole || index > count || (index == count && !returned)) {
    return refuse<Code::context_access>("'{}' has {} arguments of 8 bytes: none at {}, {} bytes",
                                        image_.attach_to, count, insn.off, insn.size);
  }
  const u32 type =
      index == count ? types.type(prototype) : types.param(prototype, index + skipped).type;
  const u32 resolved = types.resolve(type);
  if (is_number(types, resolved)) {
    set_number(state, insn.dst, Scalar::loaded(insn.size));
    return true;
  }
  if (types.kind(resolved) != BtfKind::Ptr || insn.size != 8) {
    return refuse<Code::not_supported_yet>(
        "argument {} of '{}' is neither a number nor a pointer: "
        "not supported yet",
        index, image_.attach_to);
  }
  // Iterators get a null pointer after their last element; their first argument is always there.
  give_kernel_pointer(state, insn.dst, types.type(resolved), iterator && index > 0);
  return true;
}

// A pointer to a structure can be read through; any other is a number.
void Judge::give_kernel_pointer(State& state, u32 reg, u32 pointee, bool may_be_null) {
  const Btf& types = *options_.kernel_types;
  const u32 target = types.resolve(pointee);
  if (!types.is_composite(target)) {
    set(state, reg, any_number());
    return;
  }
  const Value pointer{
      .type = Type::Kernel, .may_be_null = may_be_null, .object = target, .number = Values::kZero};
  set(state, reg, Cell{.value = values_.put(pointer), .id = may_be_null ? state.next_id++ : 0});
}

bool Judge::kernel_load(State& state, const Decoded& insn, const Cell& pointer, u32 reg) {
  const Value of = value(pointer);
  if (of.object == 0 || options_.kernel_types == nullptr) {
    return refuse<Code::needs_types>(
        "r{} points to a structure of the kernel, whose types are not "
        "at hand",
        reg);
  }
  const i64 at = i64{of.offset} + insn.off;
  if (of.number != Values::kZero || at < 0 || insn.op != Op::Load) {
    return refuse<Code::bad_pointer_use>(
        "r{} is {}: it is read at constant offsets, without a sign", reg, text_of(pointer));
  }
  const Btf& types = *options_.kernel_types;
  u32 type = of.object;
  u64 offset = static_cast<u64>(at);
  bool is_pointer = false;
  if (!walk_kernel_type(type, offset, insn.size, is_pointer, 0)) {
    return refuse<Code::bad_pointer_use>("struct {} has no member of {} bytes at {}",
                                         types.name(of.object), insn.size, at);
  }
  if (is_pointer) {
    give_kernel_pointer(state, insn.dst, type, false);
  } else {
    set_number(state, insn.dst, Scalar::loaded(insn.size));
  }
  return true;
}

// From a structure down to the member that lies at `offset`: a number, or a whole pointer, of which
// `type` becomes the type that it points to. Of a union, the first member that fits.
bool Judge::walk_kernel_type(u32& type, u64 offset, u32 size, bool& is_pointer, u32 depth) const {
  if (depth > kMaxNesting) return false;
  const Btf& types = *options_.kernel_types;
  const u32 at = types.resolve(type);
  switch (types.kind(at)) {
    case BtfKind::Struct:
    case BtfKind::Union:
      for (u32 i = 0; i < types.vlen(at); ++i) {
        const BtfMember member = types.member(at, i);
        const u64 first = member.bit_offset / 8;
        const auto length = types.size_of(member.type);
        if (!length || offset < first) continue;
        const bool open = *length == 0 && i + 1 == types.vlen(at);  // an array without an end
        if (!open && offset + size > first + *length) continue;
        // A bitfield is read as a number, of all bytes that it shares.
        if (member.bits != 0) return true;
        u32 inner = member.type;
        if (!walk_kernel_type(inner, offset - first, size, is_pointer, depth + 1)) continue;
        type = inner;
        return true;
      }
      return false;
    case BtfKind::Array: {
      const BtfArray array = types.array(at);
      const auto element = types.size_of(array.element);
      if (!element || *element == 0) return false;
      // Of numbers, any bytes: struct sk_buff's cb is read so.
      if (is_number(types, array.element) && offset + size <= types.size_of(at).value_or(0)) {
        return true;
      }
      u32 inner = array.element;
      if (!walk_kernel_type(inner, offset % *element, size, is_pointer, depth + 1)) return false;
      type = inner;
      return true;
    }
    case BtfKind::Ptr:
      is_pointer = offset == 0 && size == 8;  // a part of it is a number
      if (is_pointer) type = types.type(at);
      return true;
    case BtfKind::Int:
    case BtfKind::Enum:
    case BtfKind::Enum64: return offset + size <= types.size_of(at).value_or(0);
    default: return false;
  }
}

// Whether it is the structure, or begins with one.
bool Judge::is_kernel_struct(u32 type, std::string_view name) const {
  const u32 wanted = kernel_struct(name);
  if (wanted == 0 || options_.kernel_types == nullptr) return false;
  const Btf& types = *options_.kernel_types;
  for (u32 depth = 0; depth < kMaxNesting && types.is_composite(type); ++depth) {
    if (type == wanted) return true;
    if (types.vlen(type) == 0 || types.member(type, 0).bit_offset != 0) return false;
    type = types.resolve(types.member(type, 0).type);
  }
  return false;
}

}  // namespace skep::abstract
