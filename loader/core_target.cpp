// The index of a target's types, and the search for .BTF in ELF files.
// Tested by tests/loader/core_target_test.cpp and fuzzed by tests/fuzz/btf.cpp.
#include "loader/core_target.h"

#include <bit>
#include <cstring>
#include <new>

namespace skep {
namespace {

// Kinds that can stand for each other have one number.
BtfKind kind_class(BtfKind kind) {
  return kind == BtfKind::Enum64 ? BtfKind::Enum : kind;
}

// FNV-1a. A file can steer it, but what that costs is counted by who asks.
u32 hash(BtfKind kind, std::string_view name) {
  u32 h = 2166136261u ^ static_cast<u8>(kind_class(kind));
  for (const char c : name) h = (h ^ static_cast<u8>(c)) * 16777619u;
  return h;
}

// Just as much of ELF as finding one section takes, for files of any machine: a kernel's image,
// which loader/elf.h, made for BPF objects, does not read.
class ElfSections {
 public:
  explicit ElfSections(std::span<const u8> bytes) : bytes_(bytes) {}

  static bool is_elf(std::span<const u8> bytes) {
    return bytes.size() >= 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
  }
  Result<std::span<const u8>> find(std::string_view name);

 private:
  // An unsigned integer of `size` bytes in the file's byte order; 0 past the end.
  u64 read(u64 offset, u32 size) const {
    u64 value = 0;
    if (offset > bytes_.size() || bytes_.size() - offset < size) return 0;
    for (u32 i = 0; i < size; ++i) value = value << 8 | bytes_[offset + (big_ ? i : size - 1 - i)];
    return value;
  }
  // A field of section header `index`, at its offset in the 32-bit and the 64-bit format.
  u64 field(u64 index, u32 at32, u32 size32, u32 at64, u32 size64) const {
    const u64 header = table_ + index * entry_;
    return wide_ ? read(header + at64, size64) : read(header + at32, size32);
  }
  std::span<const u8> contents(u64 index) const {
    const u64 offset = field(index, 16, 4, 24, 8);
    const u64 size = field(index, 20, 4, 32, 8);
    if (offset > bytes_.size() || bytes_.size() - offset < size) return {};
    return bytes_.subspan(offset, size);
  }

  std::span<const u8> bytes_;
  bool big_ = false;
  bool wide_ = false;
  u64 table_ = 0;
  u64 entry_ = 0;
};

Result<std::span<const u8>> ElfSections::find(std::string_view name) {
  if (bytes_.size() < 52) return fail<Code::no_btf>("the ELF file ends inside of its header");
  wide_ = bytes_[4] == 2;
  big_ = bytes_[5] == 2;
  table_ = wide_ ? read(40, 8) : read(32, 4);
  entry_ = read(wide_ ? 58 : 46, 2);
  u64 count = read(wide_ ? 60 : 48, 2);
  u64 names_index = read(wide_ ? 62 : 50, 2);
  if (table_ > bytes_.size() || entry_ < (wide_ ? 64u : 40u)) {
    return fail<Code::no_btf>("the ELF file has no table of sections");
  }
  // Numbers that do not fit 16 bits are in the first section header (System V ABI, chapter 4).
  if (count == 0) count = field(0, 20, 4, 32, 8);
  if (names_index == 0xffff) names_index = field(0, 24, 4, 40, 4);
  if (count > (bytes_.size() - table_) / entry_) {
    return fail<Code::no_btf>("the ELF file's table of sections is cut off");
  }
  const auto names = contents(names_index);
  for (u64 i = 0; i < count; ++i) {
    const u64 at = field(i, 0, 4, 0, 4);
    if (at > names.size() || names.size() - at <= name.size()) continue;
    if (std::memcmp(&names[at], name.data(), name.size()) == 0 && names[at + name.size()] == 0) {
      return contents(i);
    }
  }
  return fail<Code::no_btf>(fmt::format("the ELF file has no section '{}'", name));
}

}  // namespace

Result<Btf> load_btf(std::span<const u8> bytes, std::shared_ptr<const Btf> base) {
  if (ElfSections::is_elf(bytes)) bytes = TRY(ElfSections(bytes).find(".BTF"));
  return Btf::parse(bytes, std::move(base));
}

std::string_view essential_name(std::string_view name) {
  for (std::size_t at = name.rfind("___"); at != std::string_view::npos && at > 0;
       at = name.rfind("___", at - 1)) {
    const bool starts = name[at - 1] != '_';
    const bool ends = at + 3 < name.size() && name[at + 3] != '_';
    if (starts && ends) return name.substr(0, at);
  }
  return name;
}

bool are_compatible(BtfKind a, BtfKind b) {
  return kind_class(a) == kind_class(b);
}

Result<CoreTarget::Table> CoreTarget::index(std::shared_ptr<const Btf> btf) {
  Table table;
  const u32 first = btf->first_id();
  const u32 count = btf->types() - first;
  const u32 heads = std::bit_ceil(count / 2 + 1);
  table.heads.reset(new (std::nothrow) u32[heads]());
  table.next.reset(new (std::nothrow) u32[count + 1]());
  if (table.heads == nullptr || table.next == nullptr)
    return fail<Code::no_memory>("the index of BTF");
  table.mask = heads - 1;
  // From the last one, so that chains ascend.
  for (u32 local = count; local-- > 0;) {
    const u32 id = first + local;
    const std::string_view name = btf->name(id);
    if (name.empty() || name.size() > Btf::kMaxIndexed) continue;
    u32& head = table.heads[hash(btf->kind(id), essential_name(name)) & table.mask];
    table.next[local] = head;
    head = id;
  }
  table.btf = std::move(btf);
  return table;
}

Result<CoreTarget> CoreTarget::make(std::shared_ptr<const Btf> kernel,
                                    std::vector<std::shared_ptr<const Btf>> modules) {
  CoreTarget target;
  target.tables_.push_back(TRY(index(std::move(kernel))));
  for (auto& module : modules) target.tables_.push_back(TRY(index(std::move(module))));
  return target;
}

std::vector<CoreTarget::Candidate> CoreTarget::candidates(BtfKind kind, std::string_view name,
                                                          u32 limit, u64& steps) const {
  std::vector<Candidate> found;
  const std::string_view wanted = essential_name(name);
  const u32 chain = hash(kind, wanted);
  for (const Table& table : tables_) {
    const Btf& btf = *table.btf;
    for (u32 id = table.heads[chain & table.mask]; id != 0; id = table.next[id - btf.first_id()]) {
      ++steps;
      if (!are_compatible(btf.kind(id), kind) || essential_name(btf.name(id)) != wanted) continue;
      if (found.size() == limit) return found;
      found.push_back({&btf, id});
    }
    // Only when the kernel itself has none, all of the modules count.
    if (&table == &tables_.front() && !found.empty()) break;
  }
  return found;
}

}  // namespace skep
