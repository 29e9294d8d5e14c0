// Loads and stores of context fields, by the rows of contexts.def.
//
// A field's native member may be narrower than the field: it is extended on the way out and cut on
// the way in, as the kernel's rewritten instructions do. Tested by tests/helpers/access_test.cpp.

#include "helpers/contexts/access.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <type_traits>
#include <utility>

#include "helpers/spec/host_rows.h"
#include "isa/arith.h"
#include "isa/diagnostic.h"

namespace skep {
namespace {

// Where a run keeps the built-in fields, as offsets in Frame. In the order of fields().
constexpr Native kNatives[] = {
#define FIELD_JUDGED(...) {},
#define FIELD(context, field, at, bytes, element, is, widths, read, write, since, native) \
  {offsetof(Frame, native),                                                               \
   sizeof(std::remove_all_extents_t<decltype(std::declval<Frame>().native)>)},
#include "helpers/spec/contexts.def"
};

Native native_of(const Frame& frame, const FieldRow& field) {
  if (frame.host != nullptr) return frame.host->native(field);
  return kNatives[&field - fields().data()];
}

// The first byte of what a field is kept in: in the frame, or in the host's own structure.
const u8* place_of(const Frame& frame, const FieldRow& field) {
  const auto* in_frame = reinterpret_cast<const u8*>(&frame);
  if (frame.host == nullptr) return in_frame + native_of(frame, field).offset;
  switch (field.is) {
    case FieldIs::PacketStart: return reinterpret_cast<const u8*>(&frame.packet.data);
    case FieldIs::PacketEnd: return reinterpret_cast<const u8*>(&frame.packet.end);
    case FieldIs::PacketMeta: return reinterpret_cast<const u8*>(&frame.packet.meta);
    case FieldIs::Scalar: return frame.memory + native_of(frame, field).offset;
    default: return in_frame;  // a length, which is kept nowhere
  }
}
u8* place_of(Frame& frame, const FieldRow& field) {
  return const_cast<u8*>(place_of(std::as_const(frame), field));
}

u64 load_bytes(const void* from, u32 size) {
  u64 value = 0;
  std::memcpy(&value, from, size);
  return value;
}

u64 packet_length(const Frame& frame) {
  return static_cast<u32>(frame.packet.end - frame.packet.data);
}

bool is_pointer(FieldIs is) {
  switch (is) {
    case FieldIs::PacketStart:
    case FieldIs::PacketEnd:
    case FieldIs::PacketMeta:
    case FieldIs::SockCommonOrNull:
    case FieldIs::Socket:
    case FieldIs::SocketOrNull:
    case FieldIs::HookState:
    case FieldIs::KernelSkBuff:
    case FieldIs::FlowKeys: return true;
    case FieldIs::Scalar:
    case FieldIs::Length: break;
  }
  return false;
}

// The value of `size` bytes at `within` bytes into the field. The kernel takes a part only of what
// is wider than the part: a field kept in two bytes reads the same through each 16-bit part of it
// (Linux 6.12 kernel/bpf/verifier.c, convert_ctx_accesses).
u64 read_field(const Frame& frame, const FieldRow& field, u64 within, u32 size) {
  const Native native = native_of(frame, field);
  const u8* base = place_of(frame, field);
  if (is_pointer(field.is)) return load_bytes(base, sizeof(u64));
  if (field.widths == Widths::Bytes) return load_bytes(base + within, size);
  const u64 index = within / field.element;
  const u64 whole = field.is == FieldIs::Length
                        ? packet_length(frame)
                        : load_bytes(base + index * native.size, native.size);
  if (field.is != FieldIs::Length && size >= native.size) return whole;
  return load_bytes(reinterpret_cast<const u8*>(&whole) + within % field.element, size);
}

void write_field(Frame& frame, const FieldRow& field, u64 within, u32 size, u64 value) {
  const Native native = native_of(frame, field);
  u8* base = place_of(frame, field);
  if (field.widths == Widths::Bytes) {
    std::memcpy(base + within, &value, size);
  } else {
    std::memcpy(base + within / field.element * native.size, &value, native.size);
  }
}

// No queue has this number or a larger one; stores of it are ignored. All 64 bits count (Linux 6.12
// net/core/filter.c, bpf_convert_ctx_access).
constexpr u64 kNoQueueMapping = 0xffff;

bool is_ignored(const Frame& frame, const FieldRow& field, u64 value) {
  return frame.host == nullptr && value >= kNoQueueMapping &&
         native_of(frame, field).offset == offsetof(Frame, skb.queue_mapping);
}

Context context_of(const Frame& frame) {
  const ProgramTypeRow* row = find_program_type(frame.type);
  if (row == nullptr) return Context::None;
  if (frame.regs.machine != Machine::A64) return row->context;
  switch (row->context) {
    case Context::PtRegs: return Context::PtRegsA64;
    case Context::PerfEvent: return Context::PerfEventA64;
    default: return row->context;
  }
}

const FieldRow* find_run_access(const Run& run, u64 offset, u32 size, bool write) {
  if (run.frame == nullptr || run.context != kContextBase) return nullptr;
  const Frame& frame = *static_cast<const Frame*>(run.frame);
  if (frame.host != nullptr) return frame.host->find_access(offset, size, write);
  const auto attach =
      run.image == nullptr ? AttachType::none : static_cast<AttachType>(run.image->attach_type);
  const FieldRow* field = find_access(context_of(frame), frame.type, attach, offset, size, write);
  return field != nullptr && native_of(frame, *field).size != 0 ? field : nullptr;
}

// A host's fields are there once its structure is.
bool has_native(const Frame& frame, const FieldRow& field) {
  const bool there = frame.host == nullptr || field.is != FieldIs::Scalar ||
                     (frame.memory != nullptr && frame.size >= frame.host->native_size());
  return there && native_of(frame, field).size != 0 && field.read.has(frame.type);
}

std::span<const FieldRow> fields_of(const Frame& frame) {
  return frame.host != nullptr ? frame.host->fields() : fields(context_of(frame));
}

// "cb[2]" taken apart: an element of a field, or all of one that is not an array.
struct Element {
  const FieldRow* field = nullptr;
  u64 within = 0;
};

Element find_element(const Frame& frame, std::string_view text) {
  const std::size_t bracket = text.find('[');
  const auto all = fields_of(frame);
  const auto found = std::ranges::find(all, text.substr(0, bracket), &FieldRow::name);
  if (found == all.end() || !has_native(frame, *found)) return {};
  const FieldRow* field = &*found;
  const u64 count = field->size / field->element;
  if (bracket == std::string_view::npos) return count == 1 ? Element{field, 0} : Element{};
  const std::string_view index = text.substr(bracket + 1);
  u64 at = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), at);
  const bool closed = end + 1 == index.data() + index.size() && *end == ']';
  if (error != std::errc() || !closed || at >= count || count == 1) return {};
  return {field, at * field->element};
}

std::unexpected<Error> no_such_field(const Frame& frame, std::string_view text) {
  std::string known;
  for (const FieldRow& field : fields_of(frame)) {
    if (!has_native(frame, field)) continue;
    known += known.empty() ? "; it has: " : ", ";
    known += field.name;
    if (field.size != field.element) known += fmt::format("[{}]", field.size / field.element);
  }
  const std::string_view type = frame.host != nullptr ? frame.host->row().name : name(frame.type);
  return fail<Code::unknown_field>(type, text, known);
}

}  // namespace

bool context_load(Run& run, u64 offset, u32 size, bool sign_extend, u64& value) {
  const FieldRow* field = find_run_access(run, offset, size, false);
  if (field == nullptr || (sign_extend && is_pointer(field->is))) return false;
  value = read_field(*static_cast<Frame*>(run.frame), *field, offset - field->offset, size);
  if (sign_extend) value = sign_extended(value, 8 * size);
  return true;
}

bool context_store(Run& run, u64 offset, u32 size, u64 value) {
  const FieldRow* field = find_run_access(run, offset, size, true);
  if (field == nullptr) return false;
  Frame& frame = *static_cast<Frame*>(run.frame);
  if (is_ignored(frame, *field, value)) return true;
  write_field(frame, *field, offset - field->offset, size, value);
  return true;
}

Status set_field(Frame& frame, std::string_view field, u64 value) {
  const Element element = find_element(frame, field);
  if (element.field == nullptr) return no_such_field(frame, field);
  if (element.field->is != FieldIs::Scalar) return fail<Code::fixed_field>(field);
  const u8 size = native_of(frame, *element.field).size;
  if (size < 8 && value >> (8 * size) != 0) return fail<Code::bad_field_value>(field, size, value);
  write_field(frame, *element.field, element.within, size, value);
  return {};
}

Result<u64> get_field(const Frame& frame, std::string_view field) {
  const Element element = find_element(frame, field);
  if (element.field == nullptr) return no_such_field(frame, field);
  return read_field(frame, *element.field, element.within, element.field->element);
}

}  // namespace skep
