// Reference pages of helpers/spec/: helpers.md, maps.md, program-types.md, contexts.md, kernels.md.
// Tested by the ctest case docs/reference.
#include "helpers/bodies/bind.h"
#include "helpers/contexts/frames.h"
#include "helpers/spec/map_spec.h"
#include "helpers/spec/profile.h"
#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"
#include "tools/gendoc/page.h"

namespace skep::gendoc {
namespace {

std::string_view word(ArgKind kind) {
  switch (kind) {
#define SKEP_WORD(name, text) \
  case ArgKind::name: return text;
    SKEP_WORD(None, "")
    SKEP_WORD(Anything, "value")
    SKEP_WORD(Map, "map")
    SKEP_WORD(MapKey, "key")
    SKEP_WORD(MapValue, "map value")
    SKEP_WORD(MapValueOrNull, "map value or null")
    SKEP_WORD(UninitMapValue, "map value, written")
    SKEP_WORD(Mem, "memory")
    SKEP_WORD(MemOrNull, "memory or null")
    SKEP_WORD(WriteMem, "memory, changed")
    SKEP_WORD(WriteMemOrNull, "memory, changed, or null")
    SKEP_WORD(UninitMem, "memory, written")
    SKEP_WORD(FixedMem, "memory")
    SKEP_WORD(WriteFixedMem, "memory, changed")
    SKEP_WORD(UninitFixedMem, "memory, written")
    SKEP_WORD(Size, "its size")
    SKEP_WORD(SizeOrZero, "its size, may be 0")
    SKEP_WORD(Context, "context")
    SKEP_WORD(ContextOrNull, "context or null")
    SKEP_WORD(Function, "function")
    SKEP_WORD(StackOrNull, "stack or null")
    SKEP_WORD(ConstString, "constant text")
    SKEP_WORD(Record, "record")
    SKEP_WORD(RecordSize, "constant size")
    SKEP_WORD(Dynptr, "dynptr")
    SKEP_WORD(UninitDynptr, "room for a dynptr")
    SKEP_WORD(Timer, "timer")
    SKEP_WORD(SpinLock, "spin lock")
    SKEP_WORD(KptrSlot, "kptr slot")
    SKEP_WORD(PerCpuBtf, "per-CPU variable")
    SKEP_WORD(SockCommon, "socket")
    SKEP_WORD(BtfSockCommon, "socket")
    SKEP_WORD(BtfSockCommonOrNull, "socket or null")
    SKEP_WORD(Btf, "")
    SKEP_WORD(BtfOrNull, " or null")
#undef SKEP_WORD
  }
  __builtin_unreachable();
}

std::string_view word(RetKind kind) {
  switch (kind) {
#define SKEP_WORD(name, text) \
  case RetKind::name: return text;
    SKEP_WORD(Void, "nothing")
    SKEP_WORD(Integer, "number")
    SKEP_WORD(MapValue, "map value")
    SKEP_WORD(MapValueOrNull, "map value or null")
    SKEP_WORD(RecordOrNull, "record or null")
    SKEP_WORD(DynptrMemOrNull, "memory or null")
    SKEP_WORD(SocketOrNull, "bpf_sock or null")
    SKEP_WORD(SockCommonOrNull, "sock_common or null")
    SKEP_WORD(TcpSockOrNull, "tcp_sock or null")
    SKEP_WORD(PerCpu, "per-CPU variable")
    SKEP_WORD(PerCpuOrNull, "per-CPU variable or null")
    SKEP_WORD(KptrOrNull, "kptr or null")
    SKEP_WORD(Btf, "")
    SKEP_WORD(BtfOrNull, " or null")
#undef SKEP_WORD
  }
  __builtin_unreachable();
}

std::string arguments(const HelperProto& helper) {
  std::vector<std::string> parts;
  for (u32 i = 0; i < helper.arg_count(); ++i) {
    const Arg& arg = helper.args[i];
    const bool sized = arg.kind == ArgKind::FixedMem || arg.kind == ArgKind::WriteFixedMem ||
                       arg.kind == ArgKind::UninitFixedMem;
    std::string part(arg.btf);
    part += word(arg.kind);
    if (sized) part += fmt::format(" of {} bytes", arg.detail);
    if (arg.releases) part += " (taken away)";
    parts.push_back(std::move(part));
  }
  return join(parts, "; ");
}

std::string notes(const HelperProto& helper) {
  using namespace helper_flags;
  return bit_names(helper.flags, {{Gpl, "GPL only"},
                                  {PacketAccess, "reads packets"},
                                  {InvalidatesPacket, "packet pointers become invalid"},
                                  {MayCall, "calls back"},
                                  {CallsLater, "calls back later"},
                                  {Acquires, "must be released"},
                                  {MaySleep, "may sleep"},
                                  {KeepsRegisters, "keeps r1 to r5"}});
}

std::string operations(u32 ops) {
  return bit_names(ops, {{kLookup, "lookup"},
                         {kUpdate, "update"},
                         {kDelete, "delete"},
                         {kForEach, "for each"},
                         {kLookupPerCpu, "lookup of a CPU"},
                         {kPush, "push"},
                         {kPop, "pop"},
                         {kPeek, "peek"},
                         {kReserve, "reserve"},
                         {kDrain, "drain"},
                         {kTailCall, "tail call"},
                         {kRedirect, "redirect"},
                         {kSocketMap, "sockets"},
                         {kSocketHash, "sockets by key"},
                         {kSelectSocket, "select a socket"},
                         {kPerfEvent, "perf events"},
                         {kStackId, "stack ids"},
                         {kUnderCgroup, "under cgroup"},
                         {kLocalStorage, "local storage"},
                         {kSocketStorage, "socket storage"},
                         {kInodeStorage, "inode storage"},
                         {kTaskStorage, "task storage"},
                         {kCgrpStorage, "cgroup storage"}});
}

std::string text(ReturnRange range) {
  if (range.any()) return "any";
  if (range.min == range.max) return fmt::format("{}", range.min);
  return fmt::format("{} to {}", range.min, range.max);
}

std::string text(Bounds bounds) {
  if (bounds.min == bounds.max) return fmt::format("{}", bounds.min);
  if (bounds.max == ~0u) return fmt::format("{} or more", bounds.min);
  return fmt::format("{} to {}", bounds.min, bounds.max);
}

std::string_view access_widths(Widths widths) {
  switch (widths) {
    case Widths::Whole: return "whole";
    case Widths::Narrow: return "whole; reads of parts";
    case Widths::Start: return "whole; reads of its first part";
    case Widths::Halves: return "whole; reads of halves";
    case Widths::Port: return "whole; reads of the lower half and its bytes";
    case Widths::Pairs: return "whole, two at once; reads of parts";
    case Widths::Bytes: return "any";
  }
  __builtin_unreachable();
}

std::string_view word(FieldIs is) {
  switch (is) {
    case FieldIs::Scalar: return "number";
    case FieldIs::PacketStart: return "start of the packet";
    case FieldIs::PacketEnd: return "end of the packet";
    case FieldIs::PacketMeta: return "start of the metadata";
    case FieldIs::Length: return "length of the packet";
    case FieldIs::SockCommonOrNull: return "socket or null";
    case FieldIs::Socket: return "full socket";
    case FieldIs::SocketOrNull: return "full socket or null";
    case FieldIs::HookState: return "pointer to struct nf_hook_state";
    case FieldIs::KernelSkBuff: return "pointer to struct sk_buff";
    case FieldIs::FlowKeys: return "flow keys";
  }
  __builtin_unreachable();
}

std::string_view word(ContextKind kind) {
  switch (kind) {
    case ContextKind::None: return "no context";
    case ContextKind::Fields: return "read and written field by field";
    case ContextKind::Flat: return "plain memory";
    case ContextKind::Btf: return "pointers to kernel structures, typed by BTF";
  }
  __builtin_unreachable();
}

constexpr Context kContexts[] = {
#define CONTEXT(name, ...) Context::name,
#include "helpers/spec/contexts.def"
};

std::string sections_of(ProgramType type) {
  std::vector<std::string> names;
  for (const SectionRow& row : section_rows()) {
    if (row.type == type) names.push_back(code(row.pattern));
  }
  return join(names, " ");
}

}  // namespace

Page helpers_page() {
  Page page("Helpers", "`helpers/spec/helpers.def`");
  page.paragraph(
      "What a helper takes in r1 to r5 and gives in r0, who may call it, and the first Linux that "
      "has "
      "it. \"Runs\" says whether skep has a body for it; without one a program that calls it can "
      "be "
      "loaded and judged, and a run that gets there ends with not_runnable.");
  page.table({"id", "helper", "r1 to r5", "r0", "since", "program types", "notes", "runs"});
  for (const HelperProto& helper : helpers()) {
    const bool runs = helper_entry(helper.id) != nullptr || helper.name == "tail_call";
    page.row({fmt::format("{}", helper.id), code(fmt::format("bpf_{}", helper.name)),
              arguments(helper),
              std::string(helper.returns.btf) + std::string(word(helper.returns.kind)),
              text(helper.since), gendoc::text(helper.where), notes(helper), runs ? "yes" : ""});
  }
  return page;
}

Page maps_page() {
  Page page("Map types", "`helpers/spec/maps.def`");
  page.paragraph(
      "What programs may do with a map of the type, and the sizes that its creation accepts. "
      "\"Runs\" "
      "says whether skep has such maps; the others can be declared and judged.");
  page.table({"id", "type", "operations", "key size", "value size", "entries", "since", "runs"});
  for (u32 id = 1; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    page.row({fmt::format("{}", id), code(kind->name), operations(kind->ops), text(kind->rule.key),
              text(kind->rule.value), text(kind->rule.entries), gendoc::text(kind->since),
              kind->runs ? "yes" : ""});
  }
  return page;
}

Page program_types_page() {
  Page page("Program types",
            "`helpers/spec/program_types.def`, `attach_types.def` and `sections.def`");
  page.paragraph(
      "Where a program attaches, what r1 points to, what it may return, and the section names that "
      "say so; a + stands for an optional /target. \"Runs\" says whether skep has such a context.");
  page.table({"type", "context", "returns", "since", "runs", "sections"});
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type == ProgramType::unspec) continue;
    page.row({code(row.name), std::string(skep::row(row.context).c_name), text(row.returns),
              gendoc::text(row.since), is_emulated(row.type) ? "yes" : "", sections_of(row.type)});
  }
  page.heading("Attach types").table({"type", "attach type", "returns", "since"});
  for (const AttachRow& row : attach_rows()) {
    page.row({code(name(row.type)), code(attach_type_name(static_cast<u32>(row.attach_type))),
              text(row.returns), gendoc::text(row.since)});
  }
  return page;
}

Page contexts_page() {
  Page page("Contexts", "`helpers/spec/contexts.def`");
  page.paragraph(
      "What r1 points to, by offset, and the program types that may read or write each field.");
  for (const Context name : kContexts) {
    const ContextRow& context = skep::row(name);
    if (context.kind == ContextKind::None) continue;
    page.heading(context.c_name)
        .paragraph(fmt::format("{}: {}.", context.name, word(context.kind)));
    if (fields(context.context).empty()) continue;
    page.table({"field", "offset", "size", "is", "widths", "read by", "written by", "since"});
    for (const FieldRow& row : fields(context.context)) {
      page.row({code(row.name), fmt::format("{}", row.offset), fmt::format("{}", row.size),
                std::string(word(row.is)), std::string(access_widths(row.widths)),
                gendoc::text(row.read), gendoc::text(row.write), gendoc::text(row.since)});
    }
  }
  return page;
}

Page kernels_page() {
  Page page("Kernels", "`helpers/spec/features.def` and `limits.def`");
  page.paragraph(
      "What a kernel profile is made of: a version, and switches for kernels that have more or "
      "less "
      "than their version says, as in `5.14+kfuncs-timers`.");
  page.heading("Features").table({"feature", "what", "since"});
  for (const FeatureRow& row : feature_rows()) {
    page.row({code(row.name), std::string(row.title), gendoc::text(row.since)});
  }
  page.heading("Limits").table({"limit", "from", "is"});
  for (const LimitRow& row : limit_rows()) {
    page.row({code(row.name), gendoc::text(row.since), fmt::format("{}", row.value)});
  }
  return page;
}

}  // namespace skep::gendoc
