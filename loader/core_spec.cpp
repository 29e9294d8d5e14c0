// Reading access strings, and writing paths for reports.
// Tested by tests/loader/core_relocate_test.cpp.
#include "loader/core_spec.h"

#include "isa/btf_format.h"
#include "loader/limits.h"

namespace skep::core {
namespace {

// The numbers of "0:3:1".
Core<u32> parse_numbers(std::string_view text, std::array<u32, kMaxSpec>& numbers) {
  u32 count = 0;
  while (true) {
    u64 number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      number = number * 10 + static_cast<u64>(text[digits] - '0');
      if (number > INT32_MAX) return std::unexpected("an index of the access string is too large");
    }
    if (digits == 0) return std::unexpected("the access string is not numbers between colons");
    if (count == kMaxSpec) return std::unexpected("the access string has more than 64 numbers");
    numbers[count++] = static_cast<u32>(number);
    text.remove_prefix(digits);
    if (text.empty()) return count;
    if (text.front() != ':')
      return std::unexpected("the access string is not numbers between colons");
    text.remove_prefix(1);
  }
}

Core<u32> size_of(const Btf& btf, u32 type) {
  if (const auto size = btf.size_of(type)) return *size;
  return std::unexpected(fmt::format("type {} ({}) has no size", type, name(btf.kind(type))));
}

// One step into a struct or union: returns the member's type.
Core<u32> enter_member(Spec& spec, u32 type, u32 index) {
  const Btf& btf = *spec.btf;
  if (index >= btf.vlen(type)) {
    return std::unexpected(fmt::format("type {} has no member {}", type, index));
  }
  const BtfMember member = btf.member(type, index);
  spec.bit_offset += member.bit_offset;
  if (!member.name.empty()) spec.path[spec.length++] = {type, index, member.name};
  return member.type;
}

// One step into an array: returns the element's type.
Core<u32> enter_element(Spec& spec, u32 type, u32 index) {
  const Btf& btf = *spec.btf;
  const BtfArray array = btf.array(type);
  const u32 element = btf.resolve(array.element);
  if (index >= array.count && !is_flexible_array(btf, spec.last(), array)) {
    return std::unexpected(fmt::format("array type {} has no element {}", type, index));
  }
  spec.path[spec.length++] = {element, index, {}};
  spec.bit_offset += static_cast<u32>(u64{index} * TRY(size_of(btf, element)) * 8);
  return element;
}

Core<Spec> parse_enumerator(Spec spec, u32 type, u32 index) {
  const Btf& btf = *spec.btf;
  if (!btf.is_enum(type)) return std::unexpected(fmt::format("type {} is not an enum", type));
  if (spec.raw_length != 1) return std::unexpected("the access string is not one number");
  if (index >= btf.vlen(type))
    return std::unexpected(fmt::format("enum type {} has no enumerator {}", type, index));
  spec.path[0] = {type, index, btf.enumerator(type, index).name};
  spec.length = 1;
  return spec;
}

}  // namespace

Family family(CoreKind kind) {
  switch (kind) {
    case CoreKind::FieldByteOffset:
    case CoreKind::FieldByteSize:
    case CoreKind::FieldExists:
    case CoreKind::FieldSigned:
    case CoreKind::FieldLshift:
    case CoreKind::FieldRshift: return Family::Field;
    case CoreKind::TypeIdLocal:
    case CoreKind::TypeIdTarget:
    case CoreKind::TypeExists:
    case CoreKind::TypeSize:
    case CoreKind::TypeMatches: return Family::Type;
    case CoreKind::EnumvalExists:
    case CoreKind::EnumvalValue: return Family::Enumval;
  }
  return Family::Unknown;
}

bool is_flexible_array(const Btf& btf, const Accessor& holder, const BtfArray& array) {
  return !holder.name.empty() && array.count == 0 && holder.index + 1 == btf.vlen(holder.type);
}

Core<Spec> parse_spec(const CoreRelo& relocation, const Btf& local) {
  Spec spec;
  spec.btf = &local;
  spec.root = relocation.type;
  spec.kind = relocation.kind;
  const Family what = family(relocation.kind);
  const std::string_view access = local.string(relocation.access);
  if (what == Family::Unknown) return std::unexpected("the kind of relocation is not known");
  if (what == Family::Type) {
    if (access != "0") return std::unexpected("the access string of a type is not \"0\"");
    return spec;
  }
  std::array<u32, kMaxSpec> numbers;
  spec.raw_length = TRY(parse_numbers(access, numbers));
  u32 type = local.resolve(relocation.type);
  if (what == Family::Enumval) return parse_enumerator(spec, type, numbers[0]);

  spec.path[spec.length++] = {type, numbers[0], {}};
  spec.bit_offset = static_cast<u32>(u64{numbers[0]} * TRY(size_of(local, type)) * 8);
  for (u32 i = 1; i < spec.raw_length; ++i) {
    type = local.resolve(type);
    if (local.is_composite(type)) {
      type = TRY(enter_member(spec, type, numbers[i]));
    } else if (local.kind(type) == BtfKind::Array) {
      type = TRY(enter_element(spec, type, numbers[i]));
    } else {
      return std::unexpected(fmt::format("number {} of the access string enters type {} ({})", i,
                                         type, name(local.kind(type))));
    }
  }
  return spec;
}

std::string text(const Spec& spec, const Btf& root_btf, u32 root) {
  std::string out = type_name(root_btf, root);
  if (family(spec.kind) == Family::Enumval) {
    if (spec.length == 1) out += fmt::format("::{}", spec.path[0].name);
    return out;
  }
  for (u32 i = 0; i < spec.length && out.size() <= loader_limits::kMaxPath; ++i) {
    const Accessor& step = spec.path[i];
    if (!step.name.empty()) {
      out += fmt::format(".{}", step.name);
    } else if (i > 0 || step.index > 0) {
      out += fmt::format("[{}]", step.index);
    }
  }
  return out;
}

std::string text(const Spec& spec) {
  return text(spec, *spec.btf, spec.root);
}

}  // namespace skep::core
