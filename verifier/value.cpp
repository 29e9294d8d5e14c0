// Interning, covering and printing of values.

#include "verifier/value.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

namespace skep::abstract {
namespace {

u64 mix(u64 hash, u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

}  // namespace

std::string_view name(Type type) {
  switch (type) {
    case Type::Nothing: return "nothing";
    case Type::Number: return "a number";
    case Type::Context: return "the context";
    case Type::Stack: return "the stack";
    case Type::Map: return "a map";
    case Type::MapValue: return "a map value";
    case Type::Packet: return "the packet";
    case Type::PacketMeta: return "the packet's metadata";
    case Type::PacketEnd: return "the packet's end";
    case Type::Memory: return "memory";
    case Type::Socket: return "a socket";
    case Type::FlowKeys: return "the flow keys";
    case Type::Kernel: return "a structure of the kernel";
    case Type::Function: return "a function";
  }
  std::unreachable();
}

u64 Value::hash() const {
  u64 hash = mix(
      static_cast<u64>(type) | u64{may_be_null} << 8 | u64{read_only} << 16 | u64{identified} << 24,
      u64{object} << 32 | static_cast<u32>(offset));
  return mix(hash, u64{number} << 32 | range);
}

u64 Number::hash() const {
  return skep::hash(scalar);
}

bool Values::init() {
  // In the order of their constants.
  put(Scalar::unknown());
  put(Scalar::constant(0));
  put(Value{});
  put(Value{.type = Type::Number, .number = kUnknown});
  return numbers_.size() == 2 && values_.size() == 2;
}

bool Values::covers(ValueId before, ValueId now) const {
  if (before == now || before == kNothing) return true;
  const Value& old = values_[before];
  const Value& fresh = values_[now];
  if (old.type != fresh.type) return false;
  const bool numbers =
      old.number == fresh.number || number(old.number).covers(number(fresh.number));
  if (old.type == Type::Number) return numbers;
  return numbers && old.object == fresh.object && old.offset == fresh.offset &&
         old.read_only == fresh.read_only && old.identified == fresh.identified &&
         (old.may_be_null || !fresh.may_be_null) && old.range <= fresh.range;
}

std::string Values::number_text(NumberId id) const {
  const Scalar& scalar = number(id);
  if (scalar.is_constant()) {
    const u64 value = scalar.umin();
    return value < 1 << 16 ? fmt::format("{}", value) : fmt::format("{}", static_cast<i64>(value));
  }
  if (id == kUnknown) return "any number";
  if (scalar.smin() < 0) return fmt::format("in [{}, {}]", scalar.smin(), scalar.smax());
  return fmt::format("in [{}, {}]", scalar.umin(), scalar.umax());
}

std::string Values::text(ValueId id, std::string_view map_name) const {
  const Value& value = values_[id];
  if (value.type == Type::Number) {
    return value.number == kUnknown ? "any number" : "a number " + number_text(value.number);
  }
  std::string text(name(value.type));
  if (value.type == Type::Map || value.type == Type::MapValue) {
    text += fmt::format(" '{}'", map_name);
  } else if (value.type == Type::Memory) {
    text = fmt::format("memory of {} bytes", value.object);
  }
  if (value.offset != 0) {
    text += fmt::format(" {} {}", value.offset < 0 ? '-' : '+', std::abs(i64{value.offset}));
  }
  if (value.number != kZero && value.is_pointer()) {
    text += fmt::format(" + a number {}", number_text(value.number));
  }
  if (value.may_be_null) text += " or null";
  return text;
}

}  // namespace skep::abstract
