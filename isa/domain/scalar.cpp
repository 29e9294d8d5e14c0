// The templates of isa/domain for machine words. Constants, which most operands are, are computed
// by isa/arith.h at once. Tested by tests/isa/domain/scalar_test.cpp.
#include "isa/domain/scalar.h"

#include <fmt/format.h>

#include <vector>

#include "isa/arith.h"
#include "isa/domain/compare.h"
#include "isa/domain/widen.h"

namespace skep {
namespace {

using domain::Number;

Scalar made(const domain::Tnum<u64>& bits, const domain::Bounds<u64>& bounds) {
  return {domain::reduced(Number<u64>{bits, bounds, domain::unbounded<u32>()})};
}

// Small numbers as people write them, others in hex.
std::string number_text(u64 value) {
  return value <= UINT32_MAX ? fmt::format("{}", value) : fmt::format("{:#x}", value);
}

std::string number_text(i64 value) {
  if (value >= 0) return number_text(static_cast<u64>(value));
  return "-" + number_text(u64{0} - static_cast<u64>(value));
}

// From the highest bit down, what repeats at the front given once: "...0xx00".
std::string bits_text(const domain::Tnum<u64>& bits) {
  std::string text;
  for (int i = 63; i >= 0; --i) {
    text += (bits.mask >> i & 1) != 0 ? 'x' : (bits.value >> i & 1) != 0 ? '1' : '0';
  }
  const auto other = text.find_first_not_of(text[0]);
  return "..." + text.substr(other == std::string::npos ? 63 : other - 1);
}

// What is known, taken apart as a text gives it.
struct Described {
  Number<u64> part;
  std::string words;
};

template <class T>
std::string range_text(std::string_view words, T min, T max) {
  return fmt::format("{}[{}, {}]", words, number_text(min), number_text(max));
}

std::vector<Described> wide_parts(const Scalar& x) {
  const Number<u64> any = domain::unknown_number<u64>();
  std::vector<Described> parts;
  const bool has_sign = x.smin() < 0 && (x.smin() != INT64_MIN || x.smax() != INT64_MAX);
  if (has_sign) {
    parts.push_back({any, range_text("", x.smin(), x.smax())});
    parts.back().part.wide = domain::signed_bounds(x.number.wide.smin, x.number.wide.smax);
  }
  parts.push_back({any, range_text(has_sign ? "unsigned " : "", x.umin(), x.umax())});
  parts.back().part.wide = domain::unsigned_bounds(x.umin(), x.umax());
  return parts;
}

std::vector<Described> low_parts(const Scalar& x) {
  const Number<u64> any = domain::unknown_number<u64>();
  std::vector<Described> parts{
      {any, range_text("low ", i64{x.smin32()}, i64{x.smax32()})},
      {any, range_text("low unsigned ", u64{x.umin32()}, u64{x.umax32()})}};
  parts[0].part.low = domain::signed_bounds(x.number.low.smin, x.number.low.smax);
  parts[1].part.low = domain::unsigned_bounds(x.umin32(), x.umax32());
  return parts;
}

// What a part tells beyond the others; it learns that much.
bool tells_more(Number<u64>& known, const Number<u64>& part) {
  const Number<u64> together = domain::meet(known, part);
  if (together == known) return false;
  known = together;
  return true;
}

bool is_arithmetic(Op op) {
  return kind(op) == OpKind::Alu || kind(op) == OpKind::Unary || kind(op) == OpKind::MovSx ||
         kind(op) == OpKind::Swap;
}

}  // namespace

Scalar Scalar::range(u64 min, u64 max) {
  return made(domain::unknown_bits<u64>(), domain::unsigned_bounds(min, max));
}

Scalar Scalar::signed_range(i64 min, i64 max) {
  return made(domain::unknown_bits<u64>(),
              domain::signed_bounds(static_cast<u64>(min), static_cast<u64>(max)));
}

Scalar Scalar::bits(u64 value, u64 mask) {
  return made({value, mask}, domain::unbounded<u64>());
}

Scalar Scalar::loaded(int bytes) {
  return range(0, domain::low_ones<u64>(bytes * 8));
}

Scalar Scalar::loaded_signed(int bytes) {
  return sign_extend(unknown(), bytes);
}

u64 hash(const Scalar& x) {
  const Number<u64>& n = x.number;
  const u64 words[] = {n.bits.value,
                       n.bits.mask,
                       n.wide.umin,
                       n.wide.umax,
                       n.wide.smin,
                       n.wide.smax,
                       domain::from_halves(n.low.umin, n.low.umax),
                       domain::from_halves(n.low.smin, n.low.smax)};
  u64 result = 0;
  for (const u64 word : words) {
    result = (result ^ word) * 0x9e37'79b9'7f4a'7c15;  // 2^64 divided by the golden ratio
    result ^= result >> 32;
  }
  return result;
}

Scalar apply(Op op, const Scalar& x, const Scalar& y, int bits) {
  if (!is_arithmetic(op)) return Scalar::unknown();
  if (kind(op) == OpKind::Swap) bits = 64;  // they give all 64 bits in either class
  if (x.is_constant() && y.is_constant()) {
    return Scalar::constant(
        bits == 64 ? eval<u64>(op, x.umin(), y.umin())
                   : eval<u32>(op, static_cast<u32>(x.umin()), static_cast<u32>(y.umin())));
  }
  return {bits == 64 ? domain::at_width(op, x.number, y.number)
                     : domain::at_half_width(op, x.number, y.number)};
}

std::optional<Refined> refine(Op op, bool taken, const Scalar& x, const Scalar& y, int bits) {
  const domain::Numbers<u64> result =
      bits == 64 ? domain::outcome_at_width(op, taken, x.number, y.number)
                 : domain::outcome_at_half_width(op, taken, x.number, y.number);
  if (domain::is_empty(result.x) || domain::is_empty(result.y)) return std::nullopt;
  return Refined{{result.x}, {result.y}};
}

std::optional<bool> decided(Op op, const Scalar& x, const Scalar& y, int bits) {
  if (!refine(op, false, x, y, bits)) return true;
  if (!refine(op, true, x, y, bits)) return false;
  return std::nullopt;
}

Scalar join(const Scalar& x, const Scalar& y) {
  return {domain::join(x.number, y.number)};
}

std::optional<Scalar> meet(const Scalar& x, const Scalar& y) {
  const Scalar result{domain::meet(x.number, y.number)};
  if (domain::is_empty(result.number)) return std::nullopt;
  return result;
}

Scalar widen(const Scalar& old, const Scalar& next, std::span<const u64> thresholds) {
  return {domain::widened(old.number, next.number, thresholds)};
}

Scalar truncate(const Scalar& x, int bytes) {
  if (bytes == 8) return x;
  return {domain::truncated(x.number, bytes * 8)};
}

Scalar sign_extend(const Scalar& x, int bytes) {
  switch (bytes) {
    case 1: return apply(Op::MovSx8, x, x, 64);
    case 2: return apply(Op::MovSx16, x, x, 64);
    case 4: return apply(Op::MovSx32, x, x, 64);
    default: return x;
  }
}

Scalar bytes_of(const Scalar& x, int at, int bytes) {
  return truncate(apply(Op::Rsh, x, Scalar::constant(static_cast<u64>(at) * 8), 64), bytes);
}

// Whole, low half, bits, each where it tells more than those before; the whole not where the low
// half says it all.
std::string text(const Scalar& x) {
  if (x.is_constant()) return number_text(x.smin());
  Number<u64> known = domain::unknown_number<u64>(), low_known = known;
  std::string wide, low;
  std::vector<Described> wide_said;
  for (const Described& part : wide_parts(x)) {
    if (tells_more(known, part.part)) wide_said.push_back(part);
  }
  for (const Described& part : low_parts(x)) {
    if (!tells_more(known, part.part)) continue;
    low += " " + part.words;
    low_known = domain::meet(low_known, part.part);
  }
  for (const Described& part : wide_said) {
    if (tells_more(low_known, part.part)) wide += " " + part.words;
  }
  Number<u64> bits = domain::unknown_number<u64>();
  bits.bits = x.number.bits;
  std::string all = wide + low;
  if (tells_more(known, bits)) all += " bits " + bits_text(x.number.bits);
  return all.empty() ? "unknown" : all.substr(1);
}

}  // namespace skep
