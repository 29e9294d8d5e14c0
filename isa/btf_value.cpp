// Reading values by their type. Facts about layouts: Linux Documentation/bpf/btf.rst.
// Tested by tests/isa/btf_value_test.cpp.
#include "isa/btf_value.h"

#include <bit>

#include "isa/arith.h"
#include "isa/btf_format.h"
#include "isa/btf_walk.h"
#include "isa/memory.h"

namespace skep {
namespace {

using namespace btf_value;
using Kind = BtfValue::Kind;

// Bits, least significant first.
u64 load_bits(std::span<const u8> bytes, u64 at, u32 bits) {
  u64 value = 0;
  for (u32 done = 0; done < bits;) {
    const u32 shift = (at + done) % 8;
    const u32 take = std::min(8 - shift, bits - done);
    const u64 part = static_cast<u64>(bytes[(at + done) / 8]) >> shift & ((1u << take) - 1);
    value |= part << done;
    done += take;
  }
  return value;
}

// Numbers of more than 8 bytes, and floats without a C++ type: all digits in hexadecimal.
std::string hex(std::span<const u8> bytes) {
  std::string out = "0x";
  for (std::size_t i = bytes.size(); i-- > 0;) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

// Readable as text: UTF-8 (of the lengths and continuation bytes that RFC 3629 allows) without
// control characters.
bool is_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<u8>(text[i]);
    const bool is_control =
        (first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7f;
    const int ones = std::countl_one(first);
    if (is_control || ones == 1 || ones > 4 || first == 0xc0 || first == 0xc1 || first > 0xf4)
      return false;
    for (int k = 1; k < ones; ++k) {
      if (i + static_cast<u32>(k) >= text.size() ||
          (static_cast<u8>(text[i + static_cast<u32>(k)]) & 0xc0) != 0x80)
        return false;
    }
    i += ones == 0 ? 1 : static_cast<u32>(ones);
  }
  return true;
}

class Reader : Walk {
 public:
  Reader(const Btf& btf, std::span<const u8> bytes) : Walk(btf), bytes_(bytes) {}

  Result<BtfValue> read(BtfPlace place) {
    root_ = place.type;
    return value(place, 0);
  }

 private:
  Result<BtfValue> value(BtfPlace place, u32 depth);
  Result<BtfValue> number(BtfPlace place, u32 bytes);
  Result<BtfValue> enumerator(BtfPlace place);
  Result<BtfValue> real(BtfPlace place);
  Result<BtfValue> array(BtfPlace place, u32 depth);
  Status members(BtfPlace place, std::vector<BtfValue>& items, u32 depth);
  Result<BtfValue> section(BtfPlace place, u32 depth);
  Result<BtfValue> wide(BtfPlace place, u32 size);
  // Takes the memory for list items, or fails.
  Status reserve(std::vector<BtfValue>& items, u64 count);

  std::span<const u8> bytes_;
};

Status Reader::reserve(std::vector<BtfValue>& items, u64 count) {
  TRY(spend(count));
  TRY(check_memory(count * sizeof(BtfValue), "a value"));
  items.reserve(count);
  return {};
}

Result<BtfValue> Reader::wide(BtfPlace place, u32 size) {
  if (place.bit_offset % 8 != 0 || !lies_in(bytes_, place.bit_offset, u64{size} * 8)) {
    return bad("does not lie in the bytes of the value");
  }
  if (size > 16) return bad(fmt::format("a number of {} bytes", size));
  return BtfValue::of_text(hex(bytes_.subspan(place.bit_offset / 8, size)));
}

Result<BtfValue> Reader::number(BtfPlace place, u32 bytes) {
  place = bits_of(place);
  const u32 bits = place.bits != 0 ? place.bits : bytes * 8;
  if (bits > 64 || bytes > 64) return wide(place, bytes);
  if (!lies_in(bytes_, place.bit_offset, bits))
    return bad("does not lie in the bytes of the value");
  if (bits == 0) return BtfValue::of(0);
  const u64 raw = load_bits(bytes_, place.bit_offset, bits);
  const BtfInt integer = btf_.integer(place.type);
  if (integer.is_bool && raw <= 1) return BtfValue::of_bool(raw != 0);
  return integer.is_signed ? BtfValue::of_signed(static_cast<i64>(sign_extended(raw, bits)))
                           : BtfValue::of(raw);
}

Result<BtfValue> Reader::enumerator(BtfPlace place) {
  const u32 size = btf_.size(place.type);
  const u32 bits = place.bits != 0 ? place.bits : size * 8;
  if (size == 0 || size > 8 || bits > 64) return bad(fmt::format("an enum of {} bytes", size));
  if (!lies_in(bytes_, place.bit_offset, bits))
    return bad("does not lie in the bytes of the value");
  const u64 raw = load_bits(bytes_, place.bit_offset, bits);
  const bool is_signed = btf_.flag(place.type);
  const u64 value = is_signed ? sign_extended(raw, bits) : raw;
  const u64 mask = bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  TRY(search(btf_.vlen(place.type)));
  for (u32 i = 0; i < btf_.vlen(place.type); ++i) {
    const BtfEnumerator one = btf_.enumerator(place.type, i);
    if (((one.value ^ value) & mask) == 0) return BtfValue::of_text(std::string(one.name));
  }
  return is_signed ? BtfValue::of_signed(static_cast<i64>(value)) : BtfValue::of(value);
}

Result<BtfValue> Reader::real(BtfPlace place) {
  const u32 size = btf_.size(place.type);
  if (size != 4 && size != 8) return wide(place, size);
  if (!lies_in(bytes_, place.bit_offset, u64{size} * 8))
    return bad("does not lie in the bytes of the value");
  const u64 raw = load_bits(bytes_, place.bit_offset, size * 8);
  return BtfValue::of_float(size == 4
                                ? static_cast<double>(std::bit_cast<float>(static_cast<u32>(raw)))
                                : std::bit_cast<double>(raw));
}

Result<BtfValue> Reader::array(BtfPlace place, u32 depth) {
  const BtfArray array = btf_.array(place.type);
  const auto size = btf_.size_of(place.type);
  if (!size || !lies_in(bytes_, place.bit_offset, u64{*size} * 8))
    return bad("does not lie in the bytes of the value");
  if (is_char(btf_, array.element) && place.bit_offset % 8 == 0) {
    const auto chars = bytes_.subspan(place.bit_offset / 8, *size);
    const std::string_view all(reinterpret_cast<const char*>(chars.data()), chars.size());
    const std::string_view text = all.substr(0, all.find('\0'));
    const bool has_rest = all.find_first_not_of('\0', text.size()) != std::string_view::npos;
    if (is_text(text) && (!text.empty() || !has_rest)) return BtfValue::of_text(std::string(text));
  }
  BtfValue list = BtfValue::list();
  TRY(reserve(list.items, array.count));
  for (u32 i = 0; i < array.count; ++i) {
    const BtfPlace element = TRY(find_element(place, i));
    list.items.push_back(TRY(value(element, depth + 1)));
  }
  return list;
}

Status Reader::members(BtfPlace place, std::vector<BtfValue>& items, u32 depth) {
  if (depth > kMaxNesting) return bad("members are nested too deeply");
  const u32 count = btf_.vlen(place.type);
  TRY(spend(1));
  for (u32 i = 0; i < count; ++i) {
    const std::string_view name = btf_.member(place.type, i).name;
    BtfPlace inner = member(place, i);
    if (name.empty() && btf_.is_composite(btf_.resolve(inner.type))) {
      inner.type = btf_.resolve(inner.type);
      TRY(members(inner, items, depth + 1));
      continue;
    }
    const Step step(path_, fmt::format(".{}", name.substr(0, 64)));
    TRY(spend(1 + name.size() / 64));
    items.push_back(TRY(value(inner, depth + 1)).named(name));
  }
  return {};
}

Result<BtfValue> Reader::section(BtfPlace place, u32 depth) {
  BtfValue object = BtfValue::object();
  for (u32 i = 0; i < btf_.vlen(place.type); ++i) {
    const std::string_view name = btf_.name(btf_.entry(place.type, i).type);
    const Step step(path_, fmt::format(".{}", name.substr(0, 64)));
    TRY(spend(1 + name.size() / 64));
    object.items.push_back(TRY(value(entry(place, i), depth + 1)).named(name));
  }
  return object;
}

Result<BtfValue> Reader::value(BtfPlace place, u32 depth) {
  if (depth > kMaxNesting) return bad("values are nested too deeply");
  place.type = btf_.resolve(place.type);
  switch (btf_.kind(place.type)) {
    case BtfKind::Int: return number(place, btf_.size(place.type));
    case BtfKind::Ptr: return number(place, btf_.pointer_size());
    case BtfKind::Enum:
    case BtfKind::Enum64: return enumerator(place);
    case BtfKind::Float: return real(place);
    case BtfKind::Array: return array(place, depth);
    case BtfKind::Struct:
    case BtfKind::Union: {
      BtfValue object = BtfValue::object();
      TRY(members(place, object.items, depth));
      return object;
    }
    case BtfKind::Datasec: return section(place, depth);
    case BtfKind::Var: return value({btf_.type(place.type), place.bit_offset, 0}, depth + 1);
    default: return bad(fmt::format("the type '{}' has no values", type_name(btf_, place.type)));
  }
}

}  // namespace

BtfValue BtfValue::make(Kind kind, u64 number) {
  BtfValue value;
  value.kind = kind;
  value.number = number;
  return value;
}

BtfValue BtfValue::of_float(double real) {
  BtfValue value = make(Kind::Float, 0);
  value.real = real;
  return value;
}

BtfValue BtfValue::of_text(std::string text) {
  BtfValue value = make(Kind::Text, 0);
  value.text = std::move(text);
  return value;
}

BtfValue BtfValue::list(std::vector<BtfValue> items) {
  BtfValue value = make(Kind::List, 0);
  value.items = std::move(items);
  return value;
}

BtfValue BtfValue::object(std::vector<BtfValue> items) {
  BtfValue value = make(Kind::Object, 0);
  value.items = std::move(items);
  return value;
}

BtfValue BtfValue::named(std::string_view name) && {
  key = name;
  return std::move(*this);
}

Result<BtfValue> read_value(const Btf& btf, u32 type, std::span<const u8> bytes) {
  return Reader(btf, bytes).read({type, 0, 0});
}

Result<BtfValue> read_value(const Btf& btf, BtfPlace place, std::span<const u8> bytes) {
  return Reader(btf, bytes).read(place);
}

}  // namespace skep
