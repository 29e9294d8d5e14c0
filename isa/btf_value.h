// Values in memory, as trees that their BTF type gives: for printing maps and for setting them.
//
// read_value() and write_value() are each other's inverse but for bytes that no member names.
//   struct, union   Object: an item a member, members of anonymous members among them; of a union
//                   all members, each another view of the same bytes
//   array           List; of char: Text up to the first NUL, if that is readable text
//   enum            Text: the enumerator's name; else a number
//   int, pointer    Signed or Unsigned; of 16 bytes Text, "0x..."; bool: Bool
//   float           Float; of other sizes than 4 and 8 Text, "0x..."
//   data section    Object: an item a variable
// write_value() changes what the value names and leaves the rest. It takes for a number also Text:
// decimal, 0x, 0b, or the name of an enumerator; for a List fewer elements than the array has.
// Values are little-endian, as all programs that run are.
//
// Both are bounded by kMaxParts, members and elements together, about 100 bytes of memory each.
// Tested by tests/isa/btf_value_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "isa/btf.h"

namespace skep {

struct BtfValue {
  enum class Kind : u8 { Bool, Signed, Unsigned, Float, Text, List, Object };

  Kind kind = Kind::Unsigned;
  u64 number = 0;               // Bool, Unsigned, and Signed as two's complement
  double real = 0;              // Float
  std::string text;             // Text
  std::string key;              // the member's name, in an Object
  std::vector<BtfValue> items;  // List, Object

  static BtfValue of(u64 number) { return make(Kind::Unsigned, number); }
  static BtfValue of_signed(i64 number) { return make(Kind::Signed, static_cast<u64>(number)); }
  static BtfValue of_bool(bool truth) { return make(Kind::Bool, truth); }
  static BtfValue of_float(double real);
  static BtfValue of_text(std::string text);
  static BtfValue list(std::vector<BtfValue> items = {});
  static BtfValue object(std::vector<BtfValue> items = {});
  BtfValue named(std::string_view name) &&;

  friend bool operator==(const BtfValue&, const BtfValue&) = default;

 private:
  static BtfValue make(Kind kind, u64 number);
};

inline constexpr u32 kMaxValueParts = 1u << 20;

// Fails when `bytes` are fewer than the type's, when the type has no values (functions, void), and
// beyond kMaxValueParts.
Result<BtfValue> read_value(const Btf& btf, u32 type, std::span<const u8> bytes);

// Fails, with the path of the part at fault, when the value does not fit the type; what was
// written before stays.
Status write_value(const Btf& btf, u32 type, const BtfValue& value, std::span<u8> bytes);

// A part of a value.
struct BtfPlace {
  u32 type = 0;
  u64 bit_offset = 0;
  u32 bits = 0;  // of a bitfield, else 0
};

// The part of a type at a path: "pid", "header.saddr", "slots[3].count", "[2]"; "" is all of it.
Result<BtfPlace> find_place(const Btf& btf, u32 type, std::string_view path);

Result<BtfValue> read_value(const Btf& btf, BtfPlace place, std::span<const u8> bytes);
Status write_value(const Btf& btf, BtfPlace place, const BtfValue& value, std::span<u8> bytes);

}  // namespace skep
