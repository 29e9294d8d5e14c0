// Calls of a host's helpers: what the entries of built-in ones do as their rows said when compiled
// is done here from the row, by the same rules (args.h). Tested by
// tests/vm/host_test.cpp.

#include "helpers/bodies/args.h"
#include "helpers/bodies/bind.h"
#include "helpers/spec/host_rows.h"
#include "helpers/spec/image.h"

namespace skep {
namespace {

template <class T>
bool take(HelperCall& call, const u64* regs, const Arg* arg) {
  T value;
  return Parameter<T>::take(call, regs, arg, value);
}

bool find_or_null(HelperCall& call, u64 address, u64 size, u8 access) {
  return address == 0 || call.find(address, size, access);
}

// One argument, and its size where the next register is that.
bool check(HelperCall& call, const u64* regs, const Arg* arg) {
  constexpr u8 both = kRead | kWrite;
  const u64 value = regs[0];
  switch (arg->kind) {
    case ArgKind::Map: return take<Map*>(call, regs, arg);
    case ArgKind::MapKey: return take<Key>(call, regs, arg);
    case ArgKind::MapValue: return take<Value>(call, regs, arg);
    case ArgKind::MapValueOrNull:
      return find_or_null(call, value, call.map->spec().value_size, kRead);
    case ArgKind::UninitMapValue: return take<ValueOut>(call, regs, arg);
    case ArgKind::Mem: return call.find(value, regs[1], kRead);
    case ArgKind::MemOrNull:
      return (value == 0 && regs[1] == 0) || call.find(value, regs[1], kRead);
    case ArgKind::WriteMem: return call.find(value, regs[1], both);
    case ArgKind::WriteMemOrNull:
      return (value == 0 && regs[1] == 0) || call.find(value, regs[1], both);
    case ArgKind::UninitMem: return call.find(value, regs[1], kWrite);
    case ArgKind::FixedMem: return call.find(value, arg->detail, kRead);
    case ArgKind::WriteFixedMem: return call.find(value, arg->detail, both);
    case ArgKind::UninitFixedMem: return call.find(value, arg->detail, kWrite);
    case ArgKind::Size:
      return value != 0 || call.run.mode != Mode::Checked || call.fault(Code::bad_access, regs[-1]);
    case ArgKind::ContextOrNull:
      if (value == 0) return true;
      [[fallthrough]];
    case ArgKind::Context: return take<Frame*>(call, regs, arg);
    case ArgKind::ConstString: return take<Text>(call, regs, arg);
    default: return true;  // numbers, and callbacks, which the engine judges when they are called
  }
}

bool check_all(Run& run, const HelperProto& proto, const u64 (&args)[5]) {
  HelperCall call{run};
  for (u32 i = 0; i < proto.arg_count(); ++i) {
    if (!check(call, &args[i], &proto.args[i])) return false;
  }
  return true;
}

ProgramType type_of(const Run& run) {
  if (run.image != nullptr) return run.image->type;
  return run.frame == nullptr ? ProgramType{} : static_cast<Frame*>(run.frame)->type;
}

}  // namespace

u64 call_host_helper(Run& run, const HostHelper& helper, const u64 (&args)[5]) {
  if (!helper.proto.where.has(type_of(run))) {
    run.set_fault(Code::helper_not_allowed, helper.proto.id);
    return 0;
  }
  if (!check_all(run, helper.proto, args)) return 0;
  const u64 result = helper.entry.call(helper.entry.user, run, args);
  if (helper.proto.has(helper_flags::InvalidatesPacket)) run.forget(run);
  return run.faulted() || helper.proto.returns.kind == RetKind::Void ? 0 : result;
}

HelperUse find_helper_use(const Image& image, u32 id) {
  HelperUse use;
  if (image.host != nullptr) {
    use.host = image.host->find_helper(id);
    const HelperProto* proto = use.host != nullptr ? &use.host->proto : find_helper(id);
    const HostType* type = image.host->find_type(image.type);
    use.forbidden = type != nullptr && proto != nullptr && !type->may_call(*proto);
  }
  if (use.forbidden) {
    use.host = nullptr;
  } else if (use.host == nullptr) {
    use.entry = helper_entry(id);
  }
  return use;
}

}  // namespace skep
