// Rows of a host: judged when they are added, so that whoever reads them finds nothing odd.

#include "helpers/spec/host_rows.h"

#include <algorithm>
#include <bit>

#include "isa/diagnostic.h"

namespace skep {
namespace {

constexpr u32 kPoison = 0xbad2310;  // libbpf's mark of a failed CO-RE relocation
constexpr u64 kMaxName = 128;
constexpr std::size_t kMaxFields = 1024;
constexpr std::size_t kMaxSections = 16;

std::unexpected<Error> bad(std::string_view what, std::string_view name, std::string_view why) {
  return fail<Code::bad_host_row>(what, name, why);
}

bool is_word(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string_view without_bpf(std::string_view name) {
  if (name.starts_with("bpf_")) name.remove_prefix(4);
  return name;
}

// Kinds that an entry can judge while a program runs (helpers/bodies/host.cpp).
bool can_check(ArgKind kind) {
  switch (kind) {
    case ArgKind::None:
    case ArgKind::Anything:
    case ArgKind::Map:
    case ArgKind::MapKey:
    case ArgKind::MapValue:
    case ArgKind::MapValueOrNull:
    case ArgKind::UninitMapValue:
    case ArgKind::Mem:
    case ArgKind::MemOrNull:
    case ArgKind::WriteMem:
    case ArgKind::WriteMemOrNull:
    case ArgKind::UninitMem:
    case ArgKind::FixedMem:
    case ArgKind::WriteFixedMem:
    case ArgKind::UninitFixedMem:
    case ArgKind::Size:
    case ArgKind::SizeOrZero:
    case ArgKind::Context:
    case ArgKind::ContextOrNull:
    case ArgKind::Function:
    case ArgKind::StackOrNull:
    case ArgKind::ConstString: return true;
    default: return false;
  }
}

bool is_sized(ArgKind kind) {
  return kind == ArgKind::Mem || kind == ArgKind::MemOrNull || kind == ArgKind::WriteMem ||
         kind == ArgKind::WriteMemOrNull || kind == ArgKind::UninitMem;
}

bool is_size(ArgKind kind) {
  return kind == ArgKind::Size || kind == ArgKind::SizeOrZero;
}

bool is_of_map(ArgKind kind) {
  return kind == ArgKind::MapKey || kind == ArgKind::MapValue || kind == ArgKind::MapValueOrNull ||
         kind == ArgKind::UninitMapValue;
}

// What is wrong with the arguments, "" if nothing.
std::string_view wrong_arguments(const HelperProto& proto) {
  bool map = false;
  bool function = false;
  for (u32 i = 0; i < proto.args.size(); ++i) {
    const ArgKind kind = proto.args[i].kind;
    const ArgKind before = i == 0 ? ArgKind::None : proto.args[i - 1].kind;
    if (!can_check(kind) || proto.args[i].releases)
      return "an argument of a kind that can't be checked in a run";
    if (kind != ArgKind::None && i >= proto.arg_count())
      return "an argument behind one that is none";
    if (is_size(kind) != is_sized(before)) return "memory and its size stand side by side";
    if (i + 1 == proto.args.size() && is_sized(kind)) return "memory without a size";
    map |= kind == ArgKind::Map;
    if (is_of_map(kind) && !map) return "a key or value before the map that it is of";
    function |= kind == ArgKind::Function;
  }
  if (function != proto.has(helper_flags::MayCall)) return "a callback and MayCall go together";
  return {};
}

bool can_return(RetKind kind) {
  return kind == RetKind::Void || kind == RetKind::Integer || kind == RetKind::MapValue ||
         kind == RetKind::MapValueOrNull;
}

bool is_element(u32 size) {
  return size <= 8 && std::has_single_bit(size);
}

}  // namespace

// ---- a program type -------------------------------------------------------------------------

Status HostType::take_field(const HostField& field) {
  const auto wrong = [&](std::string_view why) {
    return bad("field", fmt::format("{}.{}", given_.name, field.name), why);
  };
  const u32 element = field.element != 0 ? field.element : field.size;
  const u32 native = field.native_size != 0 ? field.native_size : element;
  if (!is_word(field.name)) return wrong("a name is letters, digits and _");
  if (find_field(field.name) != nullptr) return wrong("there are two of this name");
  if (!is_element(element)) return wrong("elements have 1, 2, 4 or 8 bytes");
  if (field.size == 0 || field.size % element != 0 || field.size > given_.size ||
      field.offset > given_.size - field.size) {
    return wrong("it does not fit the context");
  }
  if (field.offset % element != 0)
    return wrong("its offset is not a multiple of its element's size");
  switch (field.is) {
    case FieldIs::SockCommonOrNull:
    case FieldIs::Socket:
    case FieldIs::SocketOrNull:
    case FieldIs::FlowKeys:
    case FieldIs::HookState:
    case FieldIs::KernelSkBuff: return wrong("hosts have no such pointers");
    default: break;
  }
  switch (field.widths) {
    case Widths::Whole:
    case Widths::Narrow:
    case Widths::Bytes: break;
    default: return wrong("its widths are those of sockets");
  }
  const bool scalar = field.is == FieldIs::Scalar;
  if (!scalar && (field.writable || field.size != element || element < 4)) {
    return wrong("pointers and lengths are one read-only element of 4 or 8 bytes");
  }
  if (!is_element(native) || (field.widths == Widths::Bytes && native != element)) {
    return wrong("native elements have 1, 2, 4 or 8 bytes, and those of Bytes as many as seen");
  }
  if (scalar) {
    const u64 end = field.native + u64{native} * (field.size / element);
    if (end > kMaxHostNative) return wrong("it lies too far in the native structure");
    native_size_ = std::max(native_size_, end);
  }
  const auto index = static_cast<u16>(fields_.size() + 1);
  for (u32 byte = field.offset; byte < field.offset + field.size; ++byte) {
    if (field_at_[byte] != 0) return wrong("it overlaps another field");
    field_at_[byte] = index;
  }
  has_packet_ |= !scalar;
  const TypeSet hosts{TypeSet::bit(row_.type)};
  fields_.push_back({row_.context, field.name, static_cast<u16>(field.offset),
                     static_cast<u16>(field.size), static_cast<u8>(element), field.is, field.widths,
                     field.readable ? hosts : where::None, field.writable ? hosts : where::None,
                     Version{}});
  natives_.push_back({scalar ? field.native : 0, static_cast<u8>(native)});
  return {};
}

Status HostType::take_fields() {
  const bool with_fields = given_.context == ContextKind::Fields;
  if (given_.context == ContextKind::Btf) {
    return bad("program type", given_.name, "contexts of hosts are Fields, Flat or None");
  }
  if (!with_fields && !given_.fields.empty()) {
    return bad("program type", given_.name, "only a context of kind Fields has fields");
  }
  if (given_.fields.size() > kMaxFields || given_.size > kMaxHostContext) {
    return bad("program type", given_.name, "the context is too large");
  }
  std::ranges::sort(given_.fields, {}, &HostField::offset);
  if (with_fields) field_at_.assign(given_.size, 0);
  fields_.reserve(given_.fields.size());
  for (const HostField& field : given_.fields) TRY(take_field(field));
  return {};
}

bool HostType::may_call(const HelperProto& helper) const {
  if (!helper.where.has(row_.type)) return false;
  return given_.helpers.empty() ||
         std::ranges::find(given_.helpers, helper.id) != given_.helpers.end();
}

const FieldRow* HostType::find_field(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &FieldRow::name);
  return found == fields_.end() ? nullptr : &*found;
}

const FieldRow* HostType::find_access(u64 offset, u32 size, bool write) const {
  if (offset >= field_at_.size() || field_at_[offset] == 0) return nullptr;
  const FieldRow& field = fields_[field_at_[offset] - 1u];
  const bool allowed = (write ? field.write : field.read).has(row_.type);
  return allowed && fits(field, offset, size, write) ? &field : nullptr;
}

// ---- the rows -------------------------------------------------------------------------------

Status HostRows::add_helper(const HelperProto& proto, HostEntry entry) {
  const std::string_view name = without_bpf(proto.name);
  const auto wrong = [&](std::string_view why) { return bad("helper", proto.name, why); };
  if (!is_word(name)) return wrong("a name is letters, digits and _");
  if (proto.id < kFirstHostHelper || proto.id == kPoison) {
    return wrong(
        fmt::format("its id {} is reserved: a host's are from {} on", proto.id, kFirstHostHelper));
  }
  if (find_helper(proto.id) != nullptr) return wrong("its id is taken");
  if (find_helper(name) != nullptr || skep::find_helper(name) != nullptr)
    return wrong("its name is taken");
  if (entry.call == nullptr) return wrong("it has no function to call");
  if (const auto why = wrong_arguments(proto); !why.empty()) return wrong(why);
  if (!can_return(proto.returns.kind))
    return wrong("a result of a kind that can't be checked in a run");
  if (helpers_.size() >= kMaxHostHelpers) return wrong("there are too many");
  auto helper = std::make_shared<HostHelper>();
  helper->name = name;
  helper->proto = proto;
  helper->proto.name = helper->name;
  helper->entry = entry;
  const auto place = std::ranges::lower_bound(helpers_, proto.id, {},
                                              [](const auto& row) { return row->proto.id; });
  helpers_.insert(place, std::move(helper));
  return {};
}

Result<ProgramType> HostRows::add_program_type(HostProgramType given) {
  const auto wrong = [&](std::string_view why) { return bad("program type", given.name, why); };
  if (!is_word(given.name)) return wrong("a name is letters, digits and _");
  if (skep::find_program_type(this, given.name) != nullptr) return wrong("its name is taken");
  if (types_.size() >= kMaxHostTypes) return wrong("there are too many");
  if (given.sections.empty()) given.sections.push_back(given.name + "+");
  if (given.sections.size() > kMaxSections) return wrong("there are too many section names");

  const auto number = static_cast<u16>(kFirstHostType + types_.size());
  std::shared_ptr<HostType> type(new (std::nothrow) HostType);
  if (type == nullptr) return fail<Code::no_memory>("a program type");
  type->given_ = std::move(given);
  const HostProgramType& kept = type->given_;
  // Numbers of contexts go on where those of the tables end; nobody looks them up by number.
  const auto context = static_cast<Context>(128 + types_.size());
  type->row_ = {static_cast<ProgramType>(number), kept.name, Version{}, context, kept.returns};
  type->context_ = {context, kept.name, kept.c_name, static_cast<u16>(kept.size), kept.context};
  type->writable_ = kept.writable;
  TRY(type->take_fields());
  for (const std::string& pattern : kept.sections) {
    std::string_view bare = pattern;
    if (bare.ends_with('+')) bare.remove_suffix(1);
    if (bare.empty() || bare.size() > kMaxName || bare.starts_with('?')) {
      return bad("section", pattern, "it is no name of a section");
    }
    if (parse_section_name(this, bare).row != nullptr)
      return bad("section", pattern, "it is taken");
    type->sections_.push_back({pattern, type->row_.type, AttachType::none, section_flags::None});
  }
  types_.push_back(std::move(type));
  return static_cast<ProgramType>(number);
}

const HostHelper* HostRows::find_helper(u32 id) const {
  const auto found =
      std::ranges::lower_bound(helpers_, id, {}, [](const auto& row) { return row->proto.id; });
  return found == helpers_.end() || (*found)->proto.id != id ? nullptr : found->get();
}

const HostHelper* HostRows::find_helper(std::string_view name) const {
  const auto found = std::ranges::find(
      helpers_, without_bpf(name), [](const auto& row) -> std::string_view { return row->name; });
  return found == helpers_.end() ? nullptr : found->get();
}

const HostType* HostRows::find_type(ProgramType type) const {
  const u32 index = static_cast<u32>(type) - kFirstHostType;
  return index < types_.size() ? types_[index].get() : nullptr;
}

const HostType* HostRows::find_type(std::string_view name) const {
  const auto found =
      std::ranges::find(types_, name, [](const auto& type) { return type->row().name; });
  return found == types_.end() ? nullptr : found->get();
}

// ---- both tables as one ---------------------------------------------------------------------

namespace {

// By number or name; null rows have none.
template <class Key>
const HostHelper* find_host_helper(const HostRows* rows, Key key) {
  return rows == nullptr ? nullptr : rows->find_helper(key);
}
template <class Key>
const HostType* find_host_type(const HostRows* rows, Key key) {
  return rows == nullptr ? nullptr : rows->find_type(key);
}

}  // namespace

const HelperProto* find_helper(const HostRows* rows, u32 id, ProgramType type) {
  if (const HelperProto* built_in = find_helper(id, type)) return built_in;
  const HostHelper* helper = find_host_helper(rows, id);
  return helper == nullptr ? nullptr : &helper->proto;
}

const HelperProto* find_helper(const HostRows* rows, std::string_view name) {
  if (const HelperProto* built_in = find_helper(name)) return built_in;
  const HostHelper* helper = find_host_helper(rows, name);
  return helper == nullptr ? nullptr : &helper->proto;
}

const ProgramTypeRow* find_program_type(const HostRows* rows, ProgramType type) {
  const HostType* found = find_host_type(rows, type);
  return found == nullptr ? find_program_type(type) : &found->row();
}

const ProgramTypeRow* find_program_type(const HostRows* rows, std::string_view name) {
  const HostType* found = find_host_type(rows, name);
  return found == nullptr ? find_program_type(name) : &found->row();
}

std::span<const FieldRow> fields(const HostRows* rows, ProgramType type) {
  if (const HostType* found = find_host_type(rows, type)) return found->fields();
  const ProgramTypeRow* built_in = find_program_type(type);
  return built_in == nullptr ? std::span<const FieldRow>() : fields(built_in->context);
}

ContextKind context_kind(const HostRows* rows, ProgramType type) {
  if (const HostType* found = find_host_type(rows, type)) return found->context().kind;
  const ProgramTypeRow* built_in = find_program_type(type);
  return built_in == nullptr ? ContextKind::None : row(built_in->context).kind;
}

const FieldRow* find_access(const HostRows* rows, ProgramType type, AttachType attach_type,
                            u64 offset, u32 size, bool write) {
  if (const HostType* found = find_host_type(rows, type)) {
    return found->find_access(offset, size, write);
  }
  const ProgramTypeRow* built_in = find_program_type(type);
  if (built_in == nullptr) return nullptr;
  return find_access(built_in->context, type, attach_type, offset, size, write);
}

SectionName parse_section_name(const HostRows* rows, std::string_view section) {
  SectionName found = parse_section_name(section);
  if (found.row != nullptr || rows == nullptr) return found;
  for (const auto& type : rows->types()) {
    if (match_section_name(type->sections(), found)) break;
  }
  return found;
}

bool may_call(const HostRows* rows, const HelperProto& helper, ProgramType type,
              AttachType attach_type, const KernelProfile& profile) {
  const HostType* found = find_host_type(rows, type);
  return found == nullptr ? may_call(helper, type, attach_type, profile) : found->may_call(helper);
}

}  // namespace skep
