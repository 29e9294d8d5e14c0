// Btf: the types of a program or of a kernel, read from a BTF section; and its reader.
//
// A Btf owns one copy of the section in the machine's byte order: the words of all types, the word
// at which each type starts, the strings, and a hash index by kind and name. Types are numbers
// (`u32 id`, 0 is void) and every question is a method of Btf, so that nothing is allocated per
// type: the 5 MB of a kernel's vmlinux parse in some tens of milliseconds.
//
// parse() trusts no byte. Afterwards every id and string offset inside of the types is in range,
// and chains of modifiers and typedefs end within kMaxDepth steps. Containment may still be
// cyclic or deep (a struct that holds itself): who recurses over members bounds it. Methods take
// any id and index: one that does not exist reads as void, or as an empty member.
// Memory: at most 4 times the section's length.
// Format: Linux Documentation/bpf/btf.rst. Tested by tests/isa/btf_test.cpp, tests/fuzz/btf.cpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "isa/diagnostic.h"

namespace skep {

// BTF_KIND_*, in the order of their numbers.
enum class BtfKind : u8 {
  Void,
  Int,
  Ptr,
  Array,
  Struct,
  Union,
  Enum,
  Fwd,
  Typedef,
  Volatile,
  Const,
  Restrict,
  Func,
  FuncProto,
  Var,
  Datasec,
  Float,
  DeclTag,
  TypeTag,
  Enum64,
};
std::string_view name(BtfKind kind);  // "struct", "func_proto"

struct BtfInt {
  u32 bits = 0;
  u32 bit_offset = 0;  // old compilers' bitfields; 0 otherwise
  bool is_signed = false;
  bool is_char = false;
  bool is_bool = false;
  u8 encoding = 0;  // the three flags as BTF has them
};

struct BtfArray {
  u32 element = 0;
  u32 index = 0;
  u32 count = 0;
};

struct BtfMember {
  std::string_view name;  // "" for an anonymous struct or union
  u32 type = 0;
  u32 bit_offset = 0;
  u32 bits = 0;  // of a bitfield, else 0
};

struct BtfEnumerator {
  std::string_view name;
  u64 value = 0;  // 32-bit ones sign-extended, as libbpf does
};

struct BtfParam {
  std::string_view name;
  u32 type = 0;  // 0 in the last one: "..."
};

// A variable's place in a data section.
struct BtfSectionEntry {
  u32 type = 0;  // id of a VAR or FUNC
  u32 offset = 0;
  u32 size = 0;
};

// Linkage of functions and variables.
enum class BtfLinkage : u32 { Static = 0, Global = 1, Extern = 2 };

class Btf {
 public:
  static constexpr u32 kMaxBytes = 64u << 20;
  static constexpr u32 kMaxDepth = 32;          // as libbpf and Linux
  static constexpr u32 kMaxString = 64u << 10;  // longest string
  static constexpr u32 kMaxIndexed = 512;       // longest name that find() knows (KSYM_NAME_LEN)

  // Reads a section, of either byte order. With `base` it is a split one: its ids and strings
  // continue those of the base.
  static Result<Btf> parse(std::span<const u8> bytes, std::shared_ptr<const Btf> base = nullptr);

  Btf(Btf&&) = default;
  Btf& operator=(Btf&&) = default;

  u32 types() const { return first_id_ + count_; }  // ids are 0 to types() - 1
  u32 first_id() const { return first_id_; }        // of this Btf; smaller ones are the base's
  const Btf* base() const { return base_.get(); }
  bool was_swapped() const { return swapped_; }  // the section had the other byte order
  u32 pointer_size() const { return pointer_size_; }

  // Of any type.
  BtfKind kind(u32 id) const;
  std::string_view name(u32 id) const;  // "" if anonymous
  u32 vlen(u32 id) const;   // number of members, enumerators, parameters or section entries
  bool flag(u32 id) const;  // kind_flag; FWD: is a union; ENUM: is signed
  u32 size(u32 id) const;  // size field of INT, STRUCT, UNION, ENUM, DATASEC, FLOAT, ENUM64; else 0
  u32 type(u32 id) const;  // what PTR, modifiers, TYPEDEF, FUNC, VAR and tags refer to, what a
                           // FUNC_PROTO returns; else 0

  // Of types of one kind.
  BtfInt integer(u32 id) const;
  BtfArray array(u32 id) const;
  BtfMember member(u32 id, u32 index) const;          // STRUCT, UNION
  BtfEnumerator enumerator(u32 id, u32 index) const;  // ENUM, ENUM64
  BtfParam param(u32 id, u32 index) const;            // FUNC_PROTO
  BtfSectionEntry entry(u32 id, u32 index) const;     // DATASEC
  BtfLinkage linkage(u32 id) const;                   // FUNC, VAR
  i32 component(u32 id) const;                        // DECL_TAG: index of member or param, or -1

  bool is_composite(u32 id) const {
    return kind(id) == BtfKind::Struct || kind(id) == BtfKind::Union;
  }
  bool is_enum(u32 id) const { return kind(id) == BtfKind::Enum || kind(id) == BtfKind::Enum64; }

  // The type behind modifiers (const, volatile, restrict, type tags) and typedefs.
  u32 resolve(u32 id) const;
  // Bytes that a value of the type takes: through modifiers, typedefs, arrays, variables; none for
  // functions, forward declarations, void, and for what does not fit 32 bits.
  std::optional<u32> size_of(u32 id) const;

  // The first type of a kind and name, the base's first; 0 if there is none.
  u32 find(BtfKind kind, std::string_view name) const;

  // The string at an offset, "" if there is none.
  std::string_view string(u32 offset) const;
  bool has_string(u32 offset) const { return offset < string_end(); }

 private:
  friend class BtfReader;
  Btf() = default;

  u32 string_end() const { return first_string_ + string_size_; }
  const u32* words(u32 id) const;
  const u32* item(u32 id, u32 index, u32 words_each) const;

  std::shared_ptr<const Btf> base_;
  std::unique_ptr<u32[]> words_;   // the type section
  std::unique_ptr<u32[]> starts_;  // of each type, in words
  std::unique_ptr<char[]> strings_;
  std::unique_ptr<u32[]> index_;  // open addressing: 0 or an id
  u32 index_mask_ = 0;
  u64 seed_ = 0;  // of the index's hash
  u32 first_id_ = 1;
  u32 count_ = 0;
  u32 first_string_ = 0;
  u32 string_size_ = 0;
  u32 pointer_size_ = 8;
  bool swapped_ = false;
};

}  // namespace skep
