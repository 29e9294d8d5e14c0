// Makes BTF and BTF.ext sections for tests, type by type. Calls return the type's id.
// What it writes need not be valid: tests of the readers break it on purpose.
#pragma once

#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "isa/btf_ext.h"

namespace skep::test {

inline void put(std::vector<u8>& out, u32 word, bool swapped) {
  if (swapped) word = __builtin_bswap32(word);
  const auto* bytes = reinterpret_cast<const u8*>(&word);
  out.insert(out.end(), bytes, bytes + 4);
}

// magic, version 1, flags 0
inline void put_magic(std::vector<u8>& out, bool swapped) {
  put(out, swapped ? 0xeb9f0100u : 0x0001eb9fu, swapped);
}

class BtfBuilder {
 public:
  struct Member {
    std::string_view name;
    u32 type;
    u32 bit_offset;
    u32 bits = 0;
  };
  using Pairs = std::initializer_list<std::pair<std::string_view, u64>>;

  // For split BTF, on top of another.
  static BtfBuilder on_top_of(const BtfBuilder& base) {
    BtfBuilder split;
    split.next_id_ = base.next_id_;
    split.first_string_ = base.first_string_ + static_cast<u32>(base.strings_.size());
    split.strings_.clear();
    return split;
  }

  u32 string(std::string_view text) {
    if (text.empty()) return 0;
    const u32 offset = first_string_ + static_cast<u32>(strings_.size());
    strings_.append(text);
    strings_.push_back('\0');
    return offset;
  }

  // A type of any kind from its words.
  u32 raw(std::string_view name, BtfKind kind, u32 vlen, u32 third, bool flag = false,
          std::initializer_list<u32> more = {}) {
    words_.push_back(string(name));
    words_.push_back(static_cast<u32>(flag) << 31 | static_cast<u32>(kind) << 24 | vlen);
    words_.push_back(third);
    words_.insert(words_.end(), more);
    return next_id_++;
  }

  // With a name that is in the strings already.
  u32 raw_named(u32 name, BtfKind kind, u32 vlen, u32 third, std::initializer_list<u32> more) {
    const u32 id = raw("", kind, vlen, third, false, more);
    words_[words_.size() - more.size() - 3] = name;
    return id;
  }

  static constexpr u32 kSigned = 1, kChar = 2, kBool = 4;
  u32 integer(std::string_view name, u32 bytes, u32 encoding = 0, u32 bits = 0,
              u32 bit_offset = 0) {
    return raw(name, BtfKind::Int, 0, bytes, false,
               {encoding << 24 | bit_offset << 16 | (bits == 0 ? bytes * 8 : bits)});
  }
  u32 floating(std::string_view name, u32 bytes) { return raw(name, BtfKind::Float, 0, bytes); }
  u32 pointer(u32 to) { return raw("", BtfKind::Ptr, 0, to); }
  u32 constant(u32 of) { return raw("", BtfKind::Const, 0, of); }
  u32 modifier(BtfKind kind, u32 of) { return raw("", kind, 0, of); }
  u32 alias(std::string_view name, u32 of) { return raw(name, BtfKind::Typedef, 0, of); }
  u32 array(u32 element, u32 count, u32 index = 0) {
    return raw("", BtfKind::Array, 0, 0, false, {element, index == 0 ? element : index, count});
  }
  u32 forward(std::string_view name, bool is_union = false) {
    return raw(name, BtfKind::Fwd, 0, 0, is_union);
  }
  u32 composite(BtfKind kind, std::string_view name, u32 bytes,
                std::initializer_list<Member> members) {
    bool bitfields = false;
    for (const Member& m : members) bitfields |= m.bits != 0;
    const u32 id = raw(name, kind, static_cast<u32>(members.size()), bytes, bitfields);
    for (const Member& m : members) {
      words_.insert(words_.end(), {string(m.name), m.type, m.bits << 24 | m.bit_offset});
    }
    return id;
  }
  u32 structure(std::string_view name, u32 bytes, std::initializer_list<Member> members) {
    return composite(BtfKind::Struct, name, bytes, members);
  }
  u32 unite(std::string_view name, u32 bytes, std::initializer_list<Member> members) {
    return composite(BtfKind::Union, name, bytes, members);
  }
  u32 enumeration(std::string_view name, Pairs values, u32 bytes = 4, bool is_signed = false) {
    const u32 id = raw(name, BtfKind::Enum, static_cast<u32>(values.size()), bytes, is_signed);
    for (const auto& [text, value] : values) {
      words_.insert(words_.end(), {string(text), static_cast<u32>(value)});
    }
    return id;
  }
  u32 enumeration64(std::string_view name, Pairs values, bool is_signed = false) {
    const u32 id = raw(name, BtfKind::Enum64, static_cast<u32>(values.size()), 8, is_signed);
    for (const auto& [text, value] : values) {
      words_.insert(words_.end(),
                    {string(text), static_cast<u32>(value), static_cast<u32>(value >> 32)});
    }
    return id;
  }
  u32 prototype(u32 returns, Pairs params) {
    const u32 id = raw("", BtfKind::FuncProto, static_cast<u32>(params.size()), returns);
    for (const auto& [text, type] : params) {
      words_.insert(words_.end(), {string(text), static_cast<u32>(type)});
    }
    return id;
  }
  u32 function(std::string_view name, u32 proto, u32 linkage = 1) {
    return raw(name, BtfKind::Func, linkage, proto);
  }
  u32 variable(std::string_view name, u32 type, u32 linkage = 1) {
    return raw(name, BtfKind::Var, 0, type, false, {linkage});
  }
  u32 section(std::string_view name, u32 bytes, std::span<const BtfSectionEntry> entries) {
    const u32 id = raw(name, BtfKind::Datasec, static_cast<u32>(entries.size()), bytes);
    for (const auto& e : entries) words_.insert(words_.end(), {e.type, e.offset, e.size});
    return id;
  }
  u32 section(std::string_view name, u32 bytes, std::initializer_list<BtfSectionEntry> entries) {
    return section(name, bytes, std::span(entries.begin(), entries.size()));
  }
  u32 decl_tag(std::string_view name, u32 of, i32 component) {
    return raw(name, BtfKind::DeclTag, 0, of, false, {static_cast<u32>(component)});
  }

  std::vector<u8> bytes(bool swapped = false) const {
    std::vector<u8> out;
    const auto types = static_cast<u32>(words_.size() * 4);
    put_magic(out, swapped);
    for (const u32 word : {24u, 0u, types, types, static_cast<u32>(strings_.size())})
      put(out, word, swapped);
    for (const u32 word : words_) put(out, word, swapped);
    out.insert(out.end(), strings_.begin(), strings_.end());
    return out;
  }

  Btf build(std::shared_ptr<const Btf> base = nullptr) const {
    auto btf = Btf::parse(bytes(), std::move(base));
    if (!btf) throw std::runtime_error(btf.error().text);
    return *std::move(btf);
  }
  std::shared_ptr<const Btf> share() const { return std::make_shared<const Btf>(build()); }

 private:
  u32 next_id_ = 1;
  u32 first_string_ = 0;
  std::vector<u32> words_;
  std::string strings_ = std::string(1, '\0');
};

// BTF.ext: each table is a list of groups, each group a section and words of its records.
class BtfExtBuilder {
 public:
  struct Group {
    u32 section = 0;  // string offset in the BTF
    std::vector<std::vector<u32>> records;
  };
  struct Table {
    u32 record_bytes = 0;
    std::vector<Group> groups;
  };
  Table functions{8, {}};
  Table lines{16, {}};
  Table relocations{16, {}};

  std::vector<u8> bytes(bool swapped = false) const {
    std::vector<u8> tables[] = {write(functions, swapped), write(lines, swapped),
                                write(relocations, swapped)};
    std::vector<u8> out;
    put_magic(out, swapped);
    put(out, 32, swapped);
    u32 at = 0;
    for (const auto& table : tables) {
      put(out, at, swapped);
      put(out, static_cast<u32>(table.size()), swapped);
      at += static_cast<u32>(table.size());
    }
    for (const auto& table : tables) out.insert(out.end(), table.begin(), table.end());
    return out;
  }

 private:
  static std::vector<u8> write(const Table& table, bool swapped) {
    std::vector<u8> out;
    if (table.groups.empty()) return out;
    put(out, table.record_bytes, swapped);
    for (const Group& group : table.groups) {
      put(out, group.section, swapped);
      put(out, static_cast<u32>(group.records.size()), swapped);
      for (const auto& record : group.records) {
        for (const u32 word : record) put(out, word, swapped);
      }
    }
    return out;
  }
};

}  // namespace skep::test
