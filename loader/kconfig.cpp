// .kconfig: values of the kernel's configuration that a program declares as extern variables.
// They become one read-only map; its layout (by alignment, size, name) is libbpf's, so that it can
// be compared. Tested by tests/loader/kconfig_test.cpp.
#include <algorithm>
#include <charconv>
#include <numeric>

#include "loader/link.h"

namespace skep {
namespace {

enum class ValueKind : u8 { Unknown, Bool, Char, Tristate, Integer, Text };

struct ValueType {
  ValueKind kind{};
  u32 size = 0;
  u32 alignment = 1;
  bool is_signed = false;
};

// libbpf's enum libbpf_tristate.
constexpr std::string_view kSection = ".kconfig";
constexpr u32 kMaxText = 4096;     // as long as a line of a configuration
constexpr u64 kMaxSize = 1 << 20;  // of all values together
constexpr u64 kNo = 0, kYes = 1, kModule = 2;

ValueType type_of(const Btf& btf, u32 declared) {
  const u32 type = btf.resolve(declared);
  const u32 size = btf.size(type);
  switch (btf.kind(type)) {
    case BtfKind::Int: {
      const BtfInt integer = btf.integer(type);
      if (size == 0 || size > 8 || (size & (size - 1)) != 0) return {};
      if (integer.is_bool) return {size == 1 ? ValueKind::Bool : ValueKind::Unknown, 1, 1, false};
      return {size == 1 ? ValueKind::Char : ValueKind::Integer, size, size, integer.is_signed};
    }
    case BtfKind::Enum:
    case BtfKind::Enum64:
      if (size != 4 || btf.name(type) != "libbpf_tristate") return {};
      return {ValueKind::Tristate, 4, 4, false};
    case BtfKind::Array: {
      const BtfArray array = btf.array(type);
      const u32 element = btf.resolve(array.element);
      const bool chars = btf.kind(element) == BtfKind::Int && btf.size(element) == 1;
      if (!chars || array.count == 0 || array.count > kMaxText) return {};
      return {ValueKind::Text, array.count, 1, false};
    }
    default: return {};
  }
}

// y, n and m.
Status set_letter(ExternSymbol& symbol, const ValueType& type, char letter) {
  const auto refuse = [&](std::string_view why) {
    return fail<Code::bad_kconfig>(symbol.name, letter, why);
  };
  switch (type.kind) {
    case ValueKind::Bool:
      if (letter == 'm') return refuse("is not a bool");
      symbol.value = letter == 'y';
      return {};
    case ValueKind::Tristate:
      symbol.value = letter == 'y' ? kYes : letter == 'm' ? kModule : kNo;
      return {};
    case ValueKind::Char: symbol.value = static_cast<u64>(letter); return {};
    default: return refuse("does not fit the variable's type");
  }
}

Status set_text(ExternSymbol& symbol, const ValueType& type, std::string_view value) {
  if (type.kind != ValueKind::Text) {
    return fail<Code::bad_kconfig>(symbol.name, value, "is a text, the variable is not");
  }
  if (value.size() < 2 || !value.ends_with('"')) {
    return fail<Code::bad_kconfig>(symbol.name, value, "has no closing quote");
  }
  symbol.text = value.substr(1, std::min<std::size_t>(value.size() - 2, type.size - 1));
  return {};
}

bool in_range(const ValueType& type, u64 value, bool negative) {
  const u32 bits = type.size * 8;
  if (bits == 64) return true;
  if (!type.is_signed) return !negative && value >> bits == 0;
  const i64 number = static_cast<i64>(value);
  const i64 limit = i64{1} << (bits - 1);
  return number >= -limit && number < limit;
}

Status set_number(ExternSymbol& symbol, const ValueType& type, std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = negative ? text.substr(1) : text;
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  u64 value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return fail<Code::bad_kconfig>(symbol.name, text, "is not a number");
  }
  if (negative) value = 0 - value;
  const bool takes = type.kind == ValueKind::Integer || type.kind == ValueKind::Char ||
                     (type.kind == ValueKind::Bool && value <= 1);
  if (!takes) return fail<Code::bad_kconfig>(symbol.name, text, "does not fit the variable's type");
  if (!in_range(type, value, negative)) {
    return fail<Code::bad_kconfig>(symbol.name, text,
                                   fmt::format("does not fit {} bytes", type.size));
  }
  symbol.value = value;
  return {};
}

Status set_value(ExternSymbol& symbol, const ValueType& type, std::string_view value) {
  if (type.kind == ValueKind::Unknown) {
    return fail<Code::bad_extern>(symbol.name,
                                  "its type is none that a configuration value can have");
  }
  symbol.found = true;
  if (value.starts_with('"')) return set_text(symbol, type, value);
  const bool letter = value == "y" || value == "n" || value == "m";
  return letter ? set_letter(symbol, type, value[0]) : set_number(symbol, type, value);
}

// What libbpf itself knows, unless the text says otherwise.
std::string virtual_value(std::string_view name, const LoadOptions& options) {
  if (name == "LINUX_KERNEL_VERSION") return fmt::format("{}", options.kernel_version);
  if (name == "LINUX_HAS_BPF_COOKIE" || name == "LINUX_HAS_SYSCALL_WRAPPER") return "1";
  return {};
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

// Takes the lines NAME=VALUE of the text whose names are wanted; the first one of a name counts.
void read_text(Linked& linked, std::string_view text, std::vector<ValueType>& types) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = line.find('=');
    if (equals == line.npos || line.starts_with('#')) continue;
    const i64 index = linked.find_extern(line.substr(0, equals));
    if (index < 0) continue;
    ExternSymbol& symbol = linked.externs[static_cast<std::size_t>(index)];
    if (symbol.kind != ExternInfo::Kind::Kconfig || symbol.found) continue;
    const auto ok =
        set_value(symbol, types[static_cast<std::size_t>(index)], line.substr(equals + 1));
    if (!ok) linked.note(symbol.name, kSection, ok.error());
  }
}

// Offsets in the map, in libbpf's order: wide before narrow, then by name.
u64 lay_out(std::vector<ExternSymbol>& externs) {
  std::vector<u32> order(externs.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](u32 a, u32 b) {
    const ExternSymbol& x = externs[a];
    const ExternSymbol& y = externs[b];
    if (x.alignment != y.alignment) return x.alignment > y.alignment;
    if (x.size != y.size) return x.size < y.size;
    return x.name < y.name;
  });
  u64 end = 0;
  for (const u32 index : order) {
    ExternSymbol& symbol = externs[index];
    if (symbol.kind != ExternInfo::Kind::Kconfig) continue;
    end = (end + symbol.alignment - 1) & ~u64{symbol.alignment - 1};
    symbol.offset = static_cast<u32>(end);
    end += symbol.size;
    if (end > kMaxSize) break;  // the caller refuses it
  }
  return end;
}

}  // namespace

Status set_kconfig(Linked& linked, const LoadOptions& options) {
  std::vector<ValueType> types(linked.externs.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    ExternSymbol& symbol = linked.externs[i];
    if (symbol.kind != ExternInfo::Kind::Kconfig) continue;
    types[i] = type_of(*linked.units[symbol.unit].btf, symbol.type);
    symbol.size = types[i].size;
    symbol.alignment = types[i].alignment;
  }
  read_text(linked, options.kconfig, types);
  for (std::size_t i = 0; i < types.size(); ++i) {
    ExternSymbol& symbol = linked.externs[i];
    if (symbol.kind != ExternInfo::Kind::Kconfig || symbol.found) continue;
    const std::string known = virtual_value(symbol.name, options);
    if (!known.empty() || types[i].kind == ValueKind::Unknown) {
      if (auto ok = set_value(symbol, types[i], known); !ok)
        linked.note(symbol.name, kSection, ok.error());
    } else if (!symbol.weak) {
      linked.note(symbol.name, kSection, make_error<Code::missing_kconfig>(symbol.name));
    }
  }
  linked.kconfig_size = lay_out(linked.externs);
  if (linked.kconfig_size <= kMaxSize) return {};
  return fail<Code::object_too_large>("the size of all .kconfig values", linked.kconfig_size,
                                      kMaxSize);
}

}  // namespace skep
