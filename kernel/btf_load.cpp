// The object's types for the kernel: written anew from a Btf, with what kernels refuse of
// compilers' output made harmless. Ids stay, since map specs and function infos refer to them.
//
// Sections of data and their variables tell the kernel where locks, timers and pointers lie in
// global data. What a section must be (variables in order, each with a size and inside of it) is
// checked here, and an entry that is not so is left out. Variables of no section, such as the
// names of the kernel's own in .ksyms, become empty structs.
//
// Tested by tests/kernel/types_test.cpp.

#include "kernel/btf_load.h"

#include <algorithm>
#include <map>
#include <string>

namespace skep {
namespace {

constexpr u32 kMagic = 0xeb9f;
constexpr u32 kHeader = 24;

class BtfWriter {
 public:
  BtfWriter(const Btf& btf, bool with_data) : btf_(btf), of_section_(btf.types()) {
    for (u32 id = 1; with_data && id < btf.types(); ++id) {
      if (btf.kind(id) == BtfKind::Datasec) find_variables(id);
    }
  }

  std::vector<u8> write() {
    strings_.push_back('\0');
    for (u32 id = 1; id < btf_.types(); ++id) write_type(id);
    std::vector<u8> out;
    const u32 types = static_cast<u32>(words_.size() * 4);
    const u32 header[6] = {
        kMagic | 1u << 16, kHeader, 0, types, types, static_cast<u32>(strings_.size())};
    append(out, header, sizeof(header));
    append(out, words_.data(), types);
    append(out, strings_.data(), strings_.size());
    return out;
  }

 private:
  static void append(std::vector<u8>& out, const void* bytes, std::size_t size) {
    const u8* first = static_cast<const u8*>(bytes);
    out.insert(out.end(), first, first + size);
  }

  u32 string(std::string_view text) {
    if (text.empty()) return 0;
    const auto [at, added] =
        offsets_.try_emplace(std::string(text), static_cast<u32>(strings_.size()));
    if (added) {
      strings_.insert(strings_.end(), text.begin(), text.end());
      strings_.push_back('\0');
    }
    return at->second;
  }

  static bool is_identifier(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
  }

  // Names that the kernel takes for a type: identifiers. Others are dropped, with the type kept.
  u32 identifier(std::string_view text) { return is_identifier(text) ? string(text) : 0; }

  // Names of sections: identifiers with points, which every kernel takes that takes sections.
  static bool is_section_name(std::string_view text) {
    std::string without(text);
    std::erase(without, '.');
    return !without.empty() && is_identifier(without);
  }

  // Notes what of a section is written: variables that lie in it one after the other.
  void find_variables(u32 section) {
    const std::string_view name = btf_.name(section);
    const u64 size = btf_.size(section);
    if (name == ".ksyms" || !is_section_name(name)) return;
    u64 end = 0;  // of the variable before
    for (u32 i = 0; i < btf_.vlen(section); ++i) {
      const BtfSectionEntry entry = btf_.entry(section, i);
      const u64 after = u64{entry.offset} + entry.size;
      const auto needed = btf_.size_of(entry.type);
      const bool fits = entry.size != 0 && entry.offset >= end && after <= size;
      if (!fits || btf_.kind(entry.type) != BtfKind::Var || of_section_[entry.type] != 0) continue;
      if (!needed || *needed > entry.size || btf_.name(entry.type).empty()) continue;
      if (!is_identifier(btf_.name(entry.type))) continue;
      of_section_[entry.type] = section;
      end = after;
    }
  }

  void head(u32 name, BtfKind kind, u32 vlen, bool flag, u32 size_or_type) {
    words_.insert(words_.end(),
                  {name, static_cast<u32>(kind) << 24 | (vlen & 0xffff) | (flag ? 1u << 31 : 0),
                   size_or_type});
  }

  void write_type(u32 id) {
    const BtfKind kind = btf_.kind(id);
    const u32 name = string(btf_.name(id));
    const u32 vlen = btf_.vlen(id);
    switch (kind) {
      case BtfKind::Int: {
        const BtfInt integer = btf_.integer(id);
        head(name, kind, 0, false, btf_.size(id));
        words_.push_back(u32{integer.encoding} << 24 | integer.bit_offset << 16 | integer.bits);
        return;
      }
      case BtfKind::Array: {
        const BtfArray array = btf_.array(id);
        head(0, kind, 0, false, 0);
        words_.insert(words_.end(), {array.element, array.index, array.count});
        return;
      }
      case BtfKind::Struct:
      case BtfKind::Union:
        head(identifier(btf_.name(id)), kind, vlen, btf_.flag(id), btf_.size(id));
        for (u32 i = 0; i < vlen; ++i) {
          const BtfMember member = btf_.member(id, i);
          const u32 offset =
              btf_.flag(id) ? member.bits << 24 | member.bit_offset : member.bit_offset;
          words_.insert(words_.end(), {string(member.name), member.type, offset});
        }
        return;
      case BtfKind::Enum:
      case BtfKind::Enum64:
        head(name, kind, vlen, btf_.flag(id), btf_.size(id));
        for (u32 i = 0; i < vlen; ++i) {
          const BtfEnumerator value = btf_.enumerator(id, i);
          words_.insert(words_.end(), {string(value.name), static_cast<u32>(value.value)});
          if (kind == BtfKind::Enum64) words_.push_back(static_cast<u32>(value.value >> 32));
        }
        return;
      case BtfKind::FuncProto:
        head(0, kind, vlen, false, btf_.type(id));
        for (u32 i = 0; i < vlen; ++i) {
          const BtfParam param = btf_.param(id, i);
          // The kernel wants a name for each argument of a function, and clang keeps none of those
          // that are only declared. What is variable in number is of no type, and has no name.
          const bool nameless = param.name.empty() && param.type != 0;
          words_.insert(words_.end(), {string(nameless ? "argument" : param.name), param.type});
        }
        return;
      case BtfKind::Func:
        // Static and global alone: an extern's place is not the program's.
        head(name, kind, btf_.linkage(id) == BtfLinkage::Static ? 0 : 1, false, btf_.type(id));
        return;
      case BtfKind::Float: head(name, kind, 0, false, btf_.size(id)); return;
      case BtfKind::Fwd: head(name, kind, 0, btf_.flag(id), 0); return;
      case BtfKind::DeclTag:
        if (tags_unwritten_variable(id)) return harmless();
        head(name, kind, 0, false, btf_.type(id));
        words_.push_back(static_cast<u32>(btf_.component(id)));
        return;
      case BtfKind::Var:
        if (of_section_[id] == 0) return harmless();
        head(name, kind, 0, false, btf_.type(id));
        // Values of the configuration are only declared, and have their place all the same.
        words_.push_back(btf_.linkage(id) == BtfLinkage::Static ? 0 : 1);
        return;
      case BtfKind::Datasec: return write_section(id);
      case BtfKind::Void: return harmless();
      default: head(name, kind, 0, btf_.flag(id), btf_.type(id)); return;
    }
  }

  void write_section(u32 id) {
    std::vector<u32> entries;
    for (u32 i = 0; i < btf_.vlen(id); ++i) {
      const BtfSectionEntry entry = btf_.entry(id, i);
      if (of_section_[entry.type] != id) continue;
      entries.insert(entries.end(), {entry.type, entry.offset, entry.size});
    }
    if (entries.empty()) return harmless();
    head(string(btf_.name(id)), BtfKind::Datasec, static_cast<u32>(entries.size() / 3), false,
         btf_.size(id));
    words_.insert(words_.end(), entries.begin(), entries.end());
  }

  bool tags_unwritten_variable(u32 id) const {
    const u32 tagged = btf_.type(id);
    return btf_.kind(tagged) == BtfKind::Var && of_section_[tagged] == 0;
  }

  void harmless() { head(0, BtfKind::Struct, 0, false, 0); }

  const Btf& btf_;
  std::vector<u32> of_section_;  // by id, of variables that are written: their section; else 0
  std::vector<u32> words_;
  std::vector<char> strings_;
  std::map<std::string, u32> offsets_;
};

}  // namespace

Fd load_btf_into_kernel(const Btf* btf) {
  if (btf == nullptr || btf->base() != nullptr) return {};
  Fd fd = load_btf_into_kernel(BtfWriter(*btf, true).write());
  return fd ? std::move(fd) : load_btf_into_kernel(BtfWriter(*btf, false).write());
}

Fd load_btf_into_kernel(std::span<const u8> bytes) {
  BtfLoadAttr attr;
  attr.btf = address_of(bytes.data());
  attr.size = static_cast<u32>(bytes.size());
  const int fd = bpf(BpfCommand::BtfLoad, attr);
  return fd >= 0 ? Fd(fd) : Fd();
}

std::shared_ptr<const Fd> ObjectTypes::of(const std::shared_ptr<const Btf>& btf) {
  const std::lock_guard lock(mutex_);
  std::erase_if(loaded_, [](const Loaded& entry) { return entry.btf.expired(); });
  if (btf == nullptr) return std::make_shared<const Fd>();
  const auto known =
      std::ranges::find_if(loaded_, [&](const Loaded& entry) { return entry.btf.lock() == btf; });
  if (known != loaded_.end()) return known->fd;
  auto fd = std::make_shared<const Fd>(load_btf_into_kernel(btf.get()));
  loaded_.push_back({btf, fd});
  return fd;
}

}  // namespace skep
