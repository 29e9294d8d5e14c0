// JSON to bytes and back by way of isa/btf_value.h. See json_values.h.
#include "tools/json_values.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

#include "isa/wire.h"
#include "tools/io.h"

namespace skep {
namespace {

constexpr int kMaxDepth = 128;
constexpr std::size_t kShownItems = 32;

std::string address_text(int family, const void* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes, text, sizeof(text));
  return text;
}

// The address in what struct in6_addr reads as: a union of views of the same 16 bytes.
std::string in6_text(const Json& object) {
  if (object.size() != 1 || !object.contains("in6_u") || !object["in6_u"].is_object()) return "";
  const auto view = object["in6_u"].find("u6_addr8");
  if (view == object["in6_u"].end() || !view->is_array() || view->size() != 16) return "";
  u8 bytes[16];
  for (std::size_t i = 0; i < 16; ++i) bytes[i] = (*view)[i].get<u8>();
  return address_text(AF_INET6, bytes);
}

std::string list_text(const Json& list) {
  std::string text;
  for (std::size_t i = 0; i < list.size() && i < kShownItems; ++i) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", json_to_text(list[i]));
  }
  if (list.size() > kShownItems) text += fmt::format(", ... {} more", list.size() - kShownItems);
  return "[" + text + "]";
}

// Bytes without a type: hex, or a number where its width is one of a number's.
void untyped_to_bytes(const Json& json, std::span<u8> out, const std::string& place) {
  if (json.is_string()) {
    const Buffer bytes = parse_hex(json.get<std::string>(), place);
    if (bytes.size() != out.size()) {
      raise<Code::bad_map_data>(
          place, fmt::format("{} bytes of hex, but {} are wanted", bytes.size(), out.size()));
    }
    std::ranges::copy(bytes, out.begin());
    return;
  }
  const bool width = out.size() == 1 || out.size() == 2 || out.size() == 4 || out.size() == 8;
  if (!json.is_number_integer() || !width) {
    raise<Code::bad_map_data>(
        place,
        fmt::format("the program has no BTF for it, so write {} bytes as hex text", out.size()));
  }
  const u64 value = json.get<u64>();
  const u64 bits = out.size() * 8;
  const bool fits = bits == 64 || (json.is_number_unsigned()
                                       ? value >> bits == 0
                                       : static_cast<i64>(value) >= -(i64{1} << (bits - 1)));
  if (!fits)
    raise<Code::bad_map_data>(place,
                              fmt::format("{} does not fit {} bytes", json.dump(), out.size()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<u8>(value >> (8 * i));
}

}  // namespace

Json to_json(const BtfValue& value) {
  switch (value.kind) {
    case BtfValue::Kind::Bool: return value.number != 0;
    case BtfValue::Kind::Signed: return static_cast<i64>(value.number);
    case BtfValue::Kind::Unsigned: return value.number;
    case BtfValue::Kind::Float: return value.real;
    case BtfValue::Kind::Text: return value.text;
    case BtfValue::Kind::List: {
      Json list = Json::array();
      for (const BtfValue& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case BtfValue::Kind::Object: {
      Json object = Json::object();
      for (const BtfValue& item : value.items) object[item.key] = to_json(item);
      return object;
    }
  }
  return nullptr;
}

BtfValue from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean: return BtfValue::of_bool(json.get<bool>());
    case Json::value_t::number_integer: return BtfValue::of_signed(json.get<i64>());
    case Json::value_t::number_unsigned: return BtfValue::of(json.get<u64>());
    case Json::value_t::number_float: return BtfValue::of_float(json.get<double>());
    case Json::value_t::string: return BtfValue::of_text(json.get<std::string>());
    case Json::value_t::object: {
      std::vector<BtfValue> items;
      for (const auto& [key, item] : json.items()) items.push_back(from_json(item).named(key));
      return BtfValue::object(std::move(items));
    }
    case Json::value_t::array: {
      std::vector<BtfValue> items;
      for (const Json& item : json) items.push_back(from_json(item));
      return BtfValue::list(std::move(items));
    }
    default: return BtfValue::of_text("null");  // no type takes it, and the failure shows it
  }
}

Json bytes_to_json(const Btf* btf, u32 type, std::span<const u8> bytes) {
  if (btf == nullptr || type == 0) return to_hex(bytes);
  return to_json(must(read_value(*btf, type, bytes)));
}

void json_to_bytes(const Btf* btf, u32 type, const Json& json, std::span<u8> out,
                   const std::string& place) {
  if (btf == nullptr || type == 0) return untyped_to_bytes(json, out, place);
  const Status written = write_value(*btf, type, from_json(json), out);
  if (!written) raise<Code::bad_map_data>(place, written.error().text);
}

std::string json_to_text(const Json& json) {
  if (json.is_string()) return printable(json.get<std::string>());
  if (json.is_array()) return list_text(json);
  if (!json.is_object()) return json.dump();
  const std::string address = in6_text(json);
  if (!address.empty()) return address;
  std::string text;
  for (const auto& [key, item] : json.items()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", printable(key), json_to_text(item));
  }
  return "{" + text + "}";
}

std::string prefix_text(std::span<const u8> key) {
  if (key.size() != 8 && key.size() != 20) return "";
  u32 length = 0;
  std::memcpy(&length, key.data(), sizeof(length));
  return fmt::format("{}/{}", address_text(key.size() == 8 ? AF_INET : AF_INET6, key.data() + 4),
                     length);
}

bool parse_prefix(const std::string& text, std::span<u8> key) {
  const std::size_t slash = text.find('/');
  if ((key.size() != 8 && key.size() != 20) || slash == std::string::npos) return false;
  u32 length = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (error != std::errc() || next != end || length > (key.size() - 4) * 8) return false;
  std::memcpy(key.data(), &length, sizeof(length));
  return inet_pton(key.size() == 8 ? AF_INET : AF_INET6, text.substr(0, slash).c_str(),
                   key.data() + 4) == 1;
}

Json parse_json(const std::string& text, const std::string& place) {
  const auto shallow = [&place](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth)
      raise<Code::bad_json>(place, fmt::format("nested deeper than {}", kMaxDepth));
    return true;
  };
  try {
    return Json::parse(text, shallow);
  } catch (const Json::parse_error& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": the rest is for
    // people.
    std::string_view what = error.what();
    if (const std::size_t end = what.find("] "); end != what.npos) what.remove_prefix(end + 2);
    raise<Code::bad_json>(place, what);
  }
}

}  // namespace skep
