// What the verifier knows lives in the namespace skep::abstract.
//
// Values: what is known about the content of one register or stack slot. A number, or a pointer: to
// what, how far in, and whether it may be null. Values and the numbers in them are interned: equal
// ones have one handle, and comparing handles is comparing values.
// Tested by tests/verifier/value_test.cpp.
#pragma once

#include <string>

#include "isa/domain/scalar.h"
#include "verifier/pool.h"

namespace skep::abstract {

enum class Type : u8 {
  Nothing,  // never written, or of no use any more
  Number,
  Context,     // r1 at entry
  Stack,       // `object`: the frame's depth; offsets count from its r10
  Map,         // a handle; `object`: index of the map's spec
  MapValue,    // `object`: index of the map's spec
  Packet,      // offsets count from the packet's first byte
  PacketMeta,  // from the first byte of the metadata
  PacketEnd,
  Memory,    // `object` bytes
  Socket,    // `object`: a SocketKind
  FlowKeys,  // struct bpf_flow_keys
  Kernel,    // a structure of the kernel; `object`: its type in the kernel's BTF, 0 if not known
  Function,  // a callback; `object`: its first pc
};
std::string_view name(Type type);

enum class SocketKind : u8 { Common, Full, Tcp };

using NumberId = u32;
using ValueId = u32;

// A pointer is address of the object + `offset` + `number`.
struct Value {
  Type type = Type::Nothing;
  bool may_be_null = false;
  bool read_only = false;   // Memory
  bool identified = false;  // MapValue with a lock: its cell's identity says which value it is
  u32 object = 0;
  i32 offset = 0;
  NumberId number = 0;  // of a Number all that is known of it; of pointers the variable part
  u32 range = 0;        // Packet, PacketMeta: bytes that are there, from the address less `offset`

  bool is_pointer() const { return type > Type::Number; }
  // What even a single cell's identity says something of.
  bool keeps_identity() const { return is_packet() || identified; }
  bool is_packet() const { return type == Type::Packet || type == Type::PacketMeta; }
  bool operator==(const Value&) const = default;
  u64 hash() const;
};

// The interned number. Scalars have no padding, so their bytes are compared and hashed.
struct Number {
  Scalar scalar;
  bool operator==(const Number& other) const { return scalar == other.scalar; }
  u64 hash() const;
};

class Values {
 public:
  explicit Values(MemoryMeter& meter) : numbers_(meter), values_(meter) {}
  bool init();

  static constexpr NumberId kUnknown = 0;
  static constexpr NumberId kZero = 1;
  static constexpr ValueId kNothing = 0;
  static constexpr ValueId kAnyNumber = 1;

  NumberId put(const Scalar& scalar) { return numbers_.put({scalar}); }
  ValueId put(const Value& value) { return values_.put(value); }
  ValueId put_number(const Scalar& scalar) {
    return put(Value{.type = Type::Number, .number = put(scalar)});
  }
  ValueId put_constant(u64 constant) { return put_number(Scalar::constant(constant)); }

  const Scalar& number(NumberId id) const { return numbers_[id].scalar; }
  const Value& operator[](ValueId id) const { return values_[id]; }
  const Scalar& number_of(ValueId id) const { return number(values_[id].number); }

  // Whether everything that `now` may be, `before` may be too. Identities are not looked at.
  bool covers(ValueId before, ValueId now) const;

  // "number in [0, 255]", "map value 'counts' + 8"; `map_name` of a spec's index.
  std::string text(ValueId id, std::string_view map_name) const;
  std::string number_text(NumberId id) const;

 private:
  Interner<Number> numbers_;
  Interner<Value> values_;
};

}  // namespace skep::abstract
