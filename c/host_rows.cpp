// Helpers and program types of the host, from C structs to rows. Tested by
// tests/c/*_test.cpp.

#include <iterator>

#include "c/handles.h"

namespace skep {
namespace {

namespace words = helper_words;

constexpr ArgKind kKinds[] = {
    ArgKind::None,          ArgKind::Anything,       ArgKind::Map,       ArgKind::MapKey,
    ArgKind::MapValue,      ArgKind::UninitMapValue, ArgKind::Mem,       ArgKind::MemOrNull,
    ArgKind::WriteMem,      ArgKind::WriteMemOrNull, ArgKind::UninitMem, ArgKind::FixedMem,
    ArgKind::WriteFixedMem, ArgKind::UninitFixedMem, ArgKind::Size,      ArgKind::SizeOrZero,
    ArgKind::Context,       ArgKind::ContextOrNull,  ArgKind::Function,  ArgKind::StackOrNull,
    ArgKind::ConstString,
};
static_assert(std::size(kKinds) == SKEP_ARG_CONST_STRING + 1);

constexpr RetKind kReturns[] = {RetKind::Integer, RetKind::Void, RetKind::MapValueOrNull};
static_assert(std::size(kReturns) == SKEP_RETURNS_MAP_VALUE_OR_NULL + 1);

constexpr u32 kFlags = SKEP_HELPER_GPL | SKEP_HELPER_INVALIDATES_PACKET | SKEP_HELPER_MAY_CALL;
static_assert(u32{SKEP_HELPER_GPL} == helper_flags::Gpl &&
              u32{SKEP_HELPER_INVALIDATES_PACKET} == helper_flags::InvalidatesPacket &&
              u32{SKEP_HELPER_MAY_CALL} == helper_flags::MayCall);

constexpr ContextKind kContexts[] = {ContextKind::None, ContextKind::Fields, ContextKind::Flat};
constexpr FieldIs kFields[] = {FieldIs::Scalar, FieldIs::PacketStart, FieldIs::PacketEnd,
                               FieldIs::PacketMeta, FieldIs::Length};
constexpr Widths kWidths[] = {Widths::Whole, Widths::Narrow, Widths::Bytes};

// More than the library takes of any of them.
constexpr u32 kMaxListed = 65536;

Result<HelperProto> proto_of(const skep_helper& helper) {
  HelperProto proto;
  proto.id = helper.id;
  proto.name = c::text_of(helper.name);
  proto.where = where::Any;
  if (helper.returns >= std::size(kReturns) || (helper.flags & ~kFlags) != 0) {
    return fail<Code::bad_host_row>("helper", proto.name, "an unknown result or flag");
  }
  proto.returns.kind = kReturns[helper.returns];
  proto.flags = static_cast<u16>(helper.flags);
  for (u32 i = 0; i < proto.args.size(); ++i) {
    const skep_arg& arg = helper.args[i];
    if (arg.kind >= std::size(kKinds)) {
      return fail<Code::bad_host_row>("helper", proto.name, "an argument of an unknown kind");
    }
    proto.args[i] = {kKinds[arg.kind], false, arg.detail, {}};
  }
  return proto;
}

Result<HostField> field_of(const skep_field& field, std::string_view type) {
  if (field.is >= std::size(kFields) || field.widths >= std::size(kWidths)) {
    return fail<Code::bad_host_row>("program type", type, "a field of an unknown kind");
  }
  return HostField{.name = std::string(c::text_of(field.name)),
                   .offset = field.offset,
                   .size = field.size,
                   .element = field.element,
                   .is = kFields[field.is],
                   .widths = kWidths[field.widths],
                   .writable = field.writable != 0,
                   .native = field.native,
                   .native_size = field.native_size};
}

Result<HostProgramType> type_of(const skep_program_type& given) {
  HostProgramType type;
  type.name = c::text_of(given.name);
  const auto wrong = [&](std::string_view why) {
    return fail<Code::bad_host_row>("program type", type.name, why);
  };
  if (given.context >= std::size(kContexts)) return wrong("a context of an unknown kind");
  if ((given.field_count != 0 && given.fields == nullptr) ||
      (given.section_count != 0 && given.sections == nullptr) ||
      (given.helper_count != 0 && given.helpers == nullptr)) {
    return wrong("a count without its list");
  }
  if (given.field_count > kMaxListed || given.section_count > kMaxListed ||
      given.helper_count > kMaxListed) {
    return wrong("a list is too long");
  }
  type.context = kContexts[given.context];
  type.size = given.size;
  type.writable = given.writable != 0;
  for (u32 i = 0; i < given.field_count; ++i) {
    type.fields.push_back(SKEP_TRY(field_of(given.fields[i], type.name)));
  }
  for (u32 i = 0; i < given.section_count; ++i) {
    type.sections.emplace_back(c::text_of(given.sections[i]));
  }
  type.helpers.assign(given.helpers, given.helpers + given.helper_count);
  return type;
}

u64 enter_helper(void* user, Run& run, const u64 (&args)[5]) {
  const auto& helper = *static_cast<const skep_c_helper*>(user);
  auto& frame = *static_cast<skep_frame*>(static_cast<Frame*>(run.frame));
  frame.helper = helper.id;
  return helper.call(helper.user, reinterpret_cast<skep_call*>(&run), args);
}

Status add_helper(skep_vm& vm, const skep_helper* given) {
  if (given == nullptr) return fail<Code::usage>("no helper is given");
  skep_helper helper;
  TRY(c::read_options(given, helper));
  const HelperProto proto = TRY(proto_of(helper));
  if (helper.call == nullptr) {
    return fail<Code::bad_host_row>("helper", proto.name, "it has no function to call");
  }
  auto kept = std::make_unique<skep_c_helper>(skep_c_helper{helper.call, helper.user, helper.id});
  TRY(vm.vm.add_helper(proto, {enter_helper, kept.get()}));
  const std::lock_guard lock(vm.extending);
  vm.helpers.push_back(std::move(kept));
  return {};
}

Status add_program_type(skep_vm& vm, const skep_program_type* given) {
  if (given == nullptr) return fail<Code::usage>("no program type is given");
  skep_program_type type;
  TRY(c::read_options(given, type));
  const auto added = vm.vm.add_program_type(TRY(type_of(type)));
  if (!added) return std::unexpected(added.error());
  return {};
}

Run& run_of(skep_call* call) {
  return *reinterpret_cast<Run*>(call);
}
const Run& run_of(const skep_call* call) {
  return *reinterpret_cast<const Run*>(call);
}

}  // namespace
}  // namespace skep

using namespace skep;

int skep_vm_add_helper(skep_vm* vm, const struct skep_helper* helper) {
  if (vm == nullptr) return SKEP_E_USAGE;
  const Status added = add_helper(*vm, helper);
  return added ? SKEP_OK : vm->report(vm->message, added.error());
}

int skep_vm_add_program_type(skep_vm* vm, const struct skep_program_type* type) {
  if (vm == nullptr) return SKEP_E_USAGE;
  const Status added = add_program_type(*vm, type);
  return added ? SKEP_OK : vm->report(vm->message, added.error());
}

skep_map* skep_call_map(skep_call* call, uint64_t handle) {
  return call == nullptr ? nullptr : reinterpret_cast<skep_map*>(run_of(call).map(handle));
}

uint32_t skep_call_cpu(const skep_call* call) {
  return call == nullptr ? 0 : run_of(call).cpu;
}

void* skep_call_user(const skep_call* call) {
  if (call == nullptr) return nullptr;
  return static_cast<skep_frame*>(static_cast<Frame*>(run_of(call).frame))->call_user;
}

int skep_call_invoke(skep_call* call, uint64_t function, const uint64_t args[5], uint64_t* r0) {
  if (call == nullptr || args == nullptr) return SKEP_E_USAGE;
  Run& run = run_of(call);
  if (run.faulted()) return SKEP_E_FAULT;
  const u64 result = run.invoke(run, function, {args[0], args[1], args[2], args[3], args[4]});
  if (r0 != nullptr) *r0 = result;
  return run.faulted() ? SKEP_E_FAULT : SKEP_OK;
}

void skep_call_fail(skep_call* call, const char* text) {
  if (call == nullptr) return;
  Run& run = run_of(call);
  auto& frame = *static_cast<skep_frame*>(static_cast<Frame*>(run.frame));
  if (!run.faulted()) frame.failure = c::text_of(text);
  run.set_fault(Code::host_fault, frame.helper);
}
