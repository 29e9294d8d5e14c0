// Writing values by their type. Numbers are checked against the range of their type.
// Tested by tests/isa/btf_value_test.cpp.
#include <bit>
#include <charconv>
#include <cstring>

#include "isa/btf_format.h"
#include "isa/btf_value.h"
#include "isa/btf_walk.h"

namespace skep {
namespace {

using namespace btf_value;
using Kind = BtfValue::Kind;

// Bits, least significant first.
void store_bits(std::span<u8> bytes, u64 at, u32 bits, u64 value) {
  for (u32 done = 0; done < bits;) {
    const u32 shift = (at + done) % 8;
    const u32 take = std::min(8 - shift, bits - done);
    const u32 mask = ((1u << take) - 1) << shift;
    u8& byte = bytes[(at + done) / 8];
    byte = static_cast<u8>((byte & ~mask) | (static_cast<u32>(value >> done) << shift & mask));
    done += take;
  }
}

// A number from text: 12, -3, 0x1f, 0b101. 16-byte numbers are two halves, the low one first.
struct Wide {
  u64 low = 0;
  u64 high = 0;
  bool negative = false;
};

std::optional<Wide> parse_number(std::string_view text) {
  Wide number;
  if (text.starts_with('-')) {
    number.negative = true;
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16;
  if (text.starts_with("0b") || text.starts_with("0B")) base = 2;
  if (base != 10) text.remove_prefix(2);
  if (base == 16 && text.size() > 16 && text.size() <= 32) {
    const std::string_view high = text.substr(0, text.size() - 16);
    const auto [end, error] =
        std::from_chars(high.data(), high.data() + high.size(), number.high, 16);
    if (error != std::errc{} || end != high.data() + high.size()) return {};
    text.remove_prefix(text.size() - 16);
  }
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number.low, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

class Writer : Walk {
 public:
  Writer(const Btf& btf, std::span<u8> bytes) : Walk(btf), bytes_(bytes) {}

  Status write(BtfPlace place, const BtfValue& value) {
    root_ = place.type;
    return put(place, value, 0);
  }

 private:
  Status put(BtfPlace place, const BtfValue& value, u32 depth);
  Status put_number(BtfPlace place, u32 bytes, bool is_signed, const BtfValue& value);
  Status put_bits(BtfPlace place, u32 bits, bool is_signed, Wide number);
  Status put_wide(BtfPlace place, u32 bytes, Wide number);
  Status put_real(BtfPlace place, const BtfValue& value);
  Status put_text(BtfPlace place, std::string_view text);
  Status put_list(BtfPlace place, const BtfValue& value, u32 depth);
  Status put_object(BtfPlace place, const BtfValue& value, u32 depth);
  Result<Wide> number_of(u32 type, const BtfValue& value);
  std::unexpected<Error> wrong_kind(u32 type, std::string_view is) const {
    return bad(fmt::format("{} is not a value of type '{}'", is, type_name(btf_, type)));
  }

  std::span<u8> bytes_;
};

std::string_view kind_text(Kind kind) {
  switch (kind) {
    case Kind::Bool: return "a boolean";
    case Kind::Signed:
    case Kind::Unsigned: return "a number";
    case Kind::Float: return "a number with a fraction";
    case Kind::Text: return "a text";
    case Kind::List: return "a list";
    case Kind::Object: return "an object";
  }
  return "";
}

Result<Wide> Writer::number_of(u32 type, const BtfValue& value) {
  switch (value.kind) {
    case Kind::Bool:
    case Kind::Unsigned: return Wide{value.number, 0, false};
    case Kind::Signed: {
      const bool negative = static_cast<i64>(value.number) < 0;
      return Wide{negative ? 0 - value.number : value.number, 0, negative};
    }
    case Kind::Text: break;
    case Kind::Float:
    case Kind::List:
    case Kind::Object: return wrong_kind(type, kind_text(value.kind));
  }
  if (btf_.is_enum(type)) {
    TRY(search(btf_.vlen(type)));
    for (u32 i = 0; i < btf_.vlen(type); ++i) {
      const BtfEnumerator one = btf_.enumerator(type, i);
      if (one.name != value.text) continue;
      const bool is_signed = btf_.flag(type) && static_cast<i64>(one.value) < 0;
      if (is_signed) return Wide{0 - one.value, 0, true};
      return Wide{btf_.kind(type) == BtfKind::Enum ? static_cast<u32>(one.value) : one.value, 0,
                  false};
    }
  }
  if (const auto number = parse_number(value.text)) return *number;
  return wrong_kind(type, fmt::format("\"{}\"", std::string_view(value.text).substr(0, 64)));
}

Status Writer::put_bits(BtfPlace place, u32 bits, bool is_signed, Wide number) {
  const u64 largest = bits == 64 ? ~u64{0} : (u64{1} << bits) - 1;
  const u64 positive = is_signed ? largest >> 1 : largest;
  const u64 limit = number.negative ? (is_signed ? positive + 1 : 0) : positive;
  if (number.high != 0 || number.low > limit) {
    return bad(fmt::format("{}{} does not fit {} bits, {}", number.negative ? "-" : "", number.low,
                           bits, is_signed ? "signed" : "unsigned"));
  }
  store_bits(bytes_, place.bit_offset, bits, number.negative ? 0 - number.low : number.low);
  return {};
}

Status Writer::put_wide(BtfPlace place, u32 bytes, Wide number) {
  if (bytes != 16 || place.bit_offset % 8 != 0)
    return bad(fmt::format("a number of {} bytes", bytes));
  if (!lies_in(bytes_, place.bit_offset, 128)) return bad("does not lie in the bytes of the value");
  if (number.negative) {
    number.low = 0 - number.low;
    number.high = ~number.high + (number.low == 0);
  }
  store_bits(bytes_, place.bit_offset, 64, number.low);
  store_bits(bytes_, place.bit_offset + 64, 64, number.high);
  return {};
}

Status Writer::put_number(BtfPlace place, u32 bytes, bool is_signed, const BtfValue& value) {
  const Wide number = TRY(number_of(place.type, value));
  place = bits_of(place);
  if (bytes > 16) return bad(fmt::format("a number of {} bytes", bytes));
  const u32 bits = place.bits != 0 ? place.bits : bytes * 8;
  if (!lies_in(bytes_, place.bit_offset, bits))
    return bad("does not lie in the bytes of the value");
  if (bits == 0) return {};
  return bits > 64 ? put_wide(place, bytes, number) : put_bits(place, bits, is_signed, number);
}

Status Writer::put_real(BtfPlace place, const BtfValue& value) {
  const u32 size = btf_.size(place.type);
  if (!lies_in(bytes_, place.bit_offset, u64{size} * 8))
    return bad("does not lie in the bytes of the value");
  double real = value.real;
  switch (value.kind) {
    case Kind::Float: break;
    case Kind::Unsigned: real = static_cast<double>(value.number); break;
    case Kind::Signed: real = static_cast<double>(static_cast<i64>(value.number)); break;
    case Kind::Text:
      if (size != 16) return wrong_kind(place.type, kind_text(value.kind));
      return put_number(place, size, false, value);
    default: return wrong_kind(place.type, kind_text(value.kind));
  }
  if (size != 4 && size != 8)
    return bad(fmt::format("a float of {} bytes takes \"0x...\" alone", size));
  const u64 raw =
      size == 4 ? std::bit_cast<u32>(static_cast<float>(real)) : std::bit_cast<u64>(real);
  store_bits(bytes_, place.bit_offset, size * 8, raw);
  return {};
}

Status Writer::put_text(BtfPlace place, std::string_view text) {
  const BtfArray array = btf_.array(place.type);
  if (!is_char(btf_, array.element) || place.bit_offset % 8 != 0)
    return wrong_kind(place.type, kind_text(Kind::Text));
  if (text.size() > array.count) {
    return bad(fmt::format("a text of {} bytes does not fit '{}'", text.size(),
                           type_name(btf_, place.type)));
  }
  if (!lies_in(bytes_, place.bit_offset, u64{array.count} * 8))
    return bad("does not lie in the bytes of the value");
  const auto chars = bytes_.subspan(place.bit_offset / 8, array.count);
  if (!chars.empty()) std::memset(chars.data(), 0, chars.size());
  if (!text.empty()) std::memcpy(chars.data(), text.data(), text.size());
  return {};
}

Status Writer::put_list(BtfPlace place, const BtfValue& value, u32 depth) {
  if (value.kind == Kind::Text) return put_text(place, value.text);
  if (value.kind != Kind::List) return wrong_kind(place.type, kind_text(value.kind));
  const u32 count = btf_.array(place.type).count;
  if (value.items.size() > count) {
    return bad(fmt::format("a list of {} does not fit '{}'", value.items.size(),
                           type_name(btf_, place.type)));
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    TRY(spend(1));
    const Step step(path_, fmt::format("[{}]", i));
    const BtfPlace element = TRY(find_element(place, i));
    TRY(put(element, value.items[i], depth + 1));
  }
  return {};
}

Status Writer::put_object(BtfPlace place, const BtfValue& value, u32 depth) {
  if (value.kind != Kind::Object) return wrong_kind(place.type, kind_text(value.kind));
  for (const BtfValue& item : value.items) {
    const BtfPlace inner = TRY(find_member(place, item.key, 0));
    if (inner.type == kNowhere || item.key.empty()) {
      return bad(fmt::format("'{}' has no member '{}'", type_name(btf_, place.type),
                             std::string_view(item.key).substr(0, 64)));
    }
    const Step step(path_, fmt::format(".{}", std::string_view(item.key).substr(0, 64)));
    TRY(put(inner, item, depth + 1));
  }
  return {};
}

Status Writer::put(BtfPlace place, const BtfValue& value, u32 depth) {
  if (depth > kMaxNesting) return bad("values are nested too deeply");
  place.type = btf_.resolve(place.type);
  const u32 type = place.type;
  switch (btf_.kind(type)) {
    case BtfKind::Int:
      return put_number(place, btf_.size(type), btf_.integer(type).is_signed, value);
    case BtfKind::Ptr: return put_number(place, btf_.pointer_size(), false, value);
    case BtfKind::Enum:
    case BtfKind::Enum64: return put_number(place, btf_.size(type), btf_.flag(type), value);
    case BtfKind::Float: return put_real(place, value);
    case BtfKind::Array: return put_list(place, value, depth);
    case BtfKind::Struct:
    case BtfKind::Union:
    case BtfKind::Datasec: return put_object(place, value, depth);
    case BtfKind::Var: return put({btf_.type(type), place.bit_offset, 0}, value, depth + 1);
    default: return bad(fmt::format("the type '{}' has no values", type_name(btf_, type)));
  }
}

}  // namespace

Status write_value(const Btf& btf, u32 type, const BtfValue& value, std::span<u8> bytes) {
  return Writer(btf, bytes).write({type, 0, 0}, value);
}

Status write_value(const Btf& btf, BtfPlace place, const BtfValue& value, std::span<u8> bytes) {
  return Writer(btf, bytes).write(place, value);
}

}  // namespace skep
