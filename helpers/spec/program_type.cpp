// The rows of program_types.def and contexts.def as arrays, and look-ups in them.
//
// Look-ups are linear, tables are short; but for accesses, which have an index. Tested by
// tests/helpers/program_type_test.cpp.

#include "helpers/spec/program_type.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "isa/insn.h"

namespace skep {
namespace {

constexpr ReturnRange AnyReturn{};
constexpr ReturnRange Between(i64 min, i64 max) {
  return {min, max};
}

constexpr ProgramTypeRow kProgramTypes[] = {
#define PROGRAM_TYPE(id, name, since, context, returns) \
  {ProgramType::name, #name, since, Context::context, returns},
#include "helpers/spec/program_types.def"
};

constexpr AttachRow kAttachRows[] = {
#define ATTACH(type, attach_type, since, returns) \
  {ProgramType::type, AttachType::attach_type, since, returns},
#include "helpers/spec/program_types.def"
};

constexpr ContextRow kContexts[] = {
#define CONTEXT(name, c_name, size, kind) {Context::name, #name, c_name, size, ContextKind::kind},
#include "helpers/spec/contexts.def"
};

// The rows name sets of program types without saying `where`.
constexpr auto kFields = [] {
  using namespace where;
  return std::to_array<FieldRow>({
#define FIELD_JUDGED(context, field, offset, size, element, is, widths, read, write, since) \
  {Context::context, #field,         offset, size,  element,                                \
   FieldIs::is,      Widths::widths, read,   write, since},
#define FIELD(context, field, offset, size, element, is, widths, read, write, since, native) \
  FIELD_JUDGED(context, field, offset, size, element, is, widths, read, write, since)
#include "helpers/spec/contexts.def"
  });
}();

static_assert(std::ranges::is_sorted(kFields, {}, &FieldRow::context));

[[maybe_unused]] constexpr bool Read = false;
[[maybe_unused]] constexpr bool Write = true;
constexpr FieldOnly kFieldLimits[] = {
#define ONLY(context, field, access, type, attach_type) \
  {Context::context, #field, access, ProgramType::type, AttachType::attach_type},
#include "helpers/spec/contexts.def"
};

// Whether a field has such a limit: accesses are looked up while programs run, and few have.
constexpr auto kIsLimited = [] {
  std::array<bool, std::size(kFields)> limited{};
  for (std::size_t i = 0; i < std::size(kFields); ++i) {
    for (const FieldOnly& only : kFieldLimits) {
      if (only.context == kFields[i].context && only.field == kFields[i].name) limited[i] = true;
    }
  }
  return limited;
}();

bool allowed_under(const FieldRow& field, ProgramType type, AttachType attach_type, bool write) {
  if (!kIsLimited[static_cast<std::size_t>(&field - kFields.data())]) return true;
  bool limited = false;
  for (const FieldOnly& only : kFieldLimits) {
    if (only.context != field.context || only.field != field.name || only.type != type ||
        only.write != write) {
      continue;
    }
    if (only.attach_type == attach_type) return true;
    limited = true;
  }
  return !limited;
}

constexpr std::size_t kContextCount = std::size(kContexts);
constexpr std::size_t kLargestContext = 344;
constexpr u8 kNoField = 0xff;
static_assert(std::size(kFields) < kNoField);

// The field of each byte of each context: accesses are looked up while programs run.
constexpr auto kFieldAt = [] {
  std::array<std::array<u8, kLargestContext>, kContextCount> at{};
  for (auto& context : at) context.fill(kNoField);
  for (std::size_t i = 0; i < std::size(kFields); ++i) {
    const FieldRow& field = kFields[i];
    for (u16 byte = 0; byte < field.size; ++byte) {
      at[static_cast<u8>(field.context)][field.offset + byte] = static_cast<u8>(i);
    }
  }
  return at;
}();

}  // namespace

std::span<const ProgramTypeRow> program_types() {
  return kProgramTypes;
}

const ProgramTypeRow* find_program_type(ProgramType type) {
  // Asked in every run, so first where the rows should be: at their number, or, ours, at the end.
  const auto number = static_cast<std::size_t>(type);
  if (number < std::size(kProgramTypes) && kProgramTypes[number].type == type) {
    return &kProgramTypes[number];
  }
  const auto backwards = std::views::reverse(kProgramTypes);
  const auto found = std::ranges::find(backwards, type, &ProgramTypeRow::type);
  return found == backwards.end() ? nullptr : &*found;
}

const ProgramTypeRow* find_program_type(std::string_view name) {
  const auto* found = std::ranges::find(kProgramTypes, name, &ProgramTypeRow::name);
  return found == std::end(kProgramTypes) ? nullptr : found;
}

std::string_view name(ProgramType type) {
  const ProgramTypeRow* found = find_program_type(type);
  return found == nullptr ? "" : found->name;
}

std::span<const AttachRow> attach_rows() {
  return kAttachRows;
}

const AttachRow* find_attach(ProgramType type, AttachType attach_type) {
  const auto* found = std::ranges::find_if(kAttachRows, [&](const AttachRow& attach) {
    return attach.type == type && attach.attach_type == attach_type;
  });
  return found == std::end(kAttachRows) ? nullptr : found;
}

ReturnRange return_range(ProgramType type, AttachType attach_type) {
  if (const AttachRow* attach = find_attach(type, attach_type)) return attach->returns;
  const ProgramTypeRow* found = find_program_type(type);
  return found == nullptr ? ReturnRange{} : found->returns;
}

const ContextRow& row(Context context) {
  return kContexts[static_cast<u8>(context)];
}

std::span<const FieldRow> fields() {
  return kFields;
}

std::span<const FieldRow> fields(Context context) {
  const auto found = std::ranges::equal_range(kFields, context, {}, &FieldRow::context);
  return {found.begin(), found.end()};
}

const FieldRow* find_field(Context context, std::string_view name) {
  const auto of_context = fields(context);
  const auto found = std::ranges::find(of_context, name, &FieldRow::name);
  return found == of_context.end() ? nullptr : &*found;
}

std::span<const FieldOnly> field_limits() {
  return kFieldLimits;
}

bool fits(const FieldRow& field, u64 offset, u32 size, bool write) {
  const u64 within = offset - field.offset;
  if (offset < field.offset || within >= field.size || size == 0 || offset % size != 0)
    return false;
  switch (field.widths) {
    case Widths::Whole: return size == field.element && within % field.element == 0;
    case Widths::Narrow: return size == field.element || (!write && size < field.element);
    case Widths::Start:
      return size == field.element || (!write && size < field.element && within == 0);
    case Widths::Halves: return size == field.element || (!write && size * 2 == field.element);
    case Widths::Port:
      return size == field.element || (!write && within + size <= field.element / 2);
    case Widths::Pairs:
      if (size == 2 * field.element) return size <= field.size - within;
      return size == field.element || (!write && size < field.element);
    case Widths::Bytes: return size <= 8 && size <= field.size - within;
  }
  return false;
}

const FieldRow* find_access(Context context, ProgramType type, AttachType attach_type, u64 offset,
                            u32 size, bool write) {
  if (offset >= kLargestContext) return nullptr;
  const u8 index = kFieldAt[static_cast<u8>(context)][offset];
  if (index == kNoField) return nullptr;
  const FieldRow& field = kFields[index];
  const bool allowed = (write ? field.write : field.read).has(type);
  if (!allowed || !fits(field, offset, size, write)) return nullptr;
  return allowed_under(field, type, attach_type, write) ? &field : nullptr;
}

}  // namespace skep
