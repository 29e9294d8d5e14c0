// The object's types for the kernel: written anew from a Btf, with what kernels refuse of
// compilers' output made harmless. Ids stay, since map specs and function infos refer to them.
//
// Sections of variables and the variables become empty structs and bytes: the kernel wants sizes
// and offsets in them that only a linker knows, and nothing that skep loads refers to them.

#include <unistd.h>

#include <map>
#include <vector>

#include "isa/btf.h"
#include "kernel/backend.h"

namespace skep {
namespace {

constexpr u32 kMagic = 0xeb9f;
constexpr u32 kHeader = 24;

class BtfWriter {
 public:
  explicit BtfWriter(const Btf& btf) : btf_(btf) {}

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

  // Names that the kernel takes for a type: identifiers. Others are dropped, with the type kept.
  u32 identifier(std::string_view text) {
    for (char c : text) {
      const bool fine =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      if (!fine) return 0;
    }
    return string(text);
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
        if (tags_variable(id)) return harmless();
        head(name, kind, 0, false, btf_.type(id));
        words_.push_back(static_cast<u32>(btf_.component(id)));
        return;
      case BtfKind::Var:
      case BtfKind::Datasec:
      case BtfKind::Void: return harmless();
      default: head(name, kind, 0, btf_.flag(id), btf_.type(id)); return;
    }
  }

  bool tags_variable(u32 id) const { return btf_.kind(btf_.type(id)) == BtfKind::Var; }

  void harmless() { head(0, BtfKind::Struct, 0, false, 0); }

  const Btf& btf_;
  std::vector<u32> words_;
  std::vector<char> strings_;
  std::map<std::string, u32> offsets_;
};

}  // namespace

Fd load_btf_into_kernel(const Btf* btf) {
  if (btf == nullptr || btf->base() != nullptr) return {};
  return load_btf_into_kernel(BtfWriter(*btf).write());
}

Fd load_btf_into_kernel(std::span<const u8> bytes) {
  BtfLoadAttr attr;
  attr.btf = address_of(bytes.data());
  attr.size = static_cast<u32>(bytes.size());
  const int fd = bpf(BpfCommand::BtfLoad, attr);
  return fd >= 0 ? Fd(fd) : Fd();
}

}  // namespace skep
