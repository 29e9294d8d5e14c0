// BtfExt: what a .BTF.ext section says about instructions: which function starts there (func
// info), which source line they come from (line info), and which of them depend on the layout of
// the kernel's types (CO-RE relocations), by ELF section.
//
// Any byte may be hostile: parse() checks every id and string against the Btf that belongs to it.
// Records longer than known ones (newer compilers) are accepted, and their ends ignored.
// Memory: at most 3 times the section's length.
// Format: Linux Documentation/bpf/btf.rst. Tested by tests/isa/btf_ext_test.cpp,
// tests/fuzz/btf.cpp.
#pragma once

#include <memory>

#include "isa/btf.h"

namespace skep {

// Each record belongs to the instruction at `offset` bytes of its section, a multiple of 8.
struct FuncInfo {
  u32 offset = 0;
  u32 type = 0;  // id of a FUNC
};

struct LineInfo {
  u32 offset = 0;
  u32 file = 0;  // string offsets in the Btf
  u32 text = 0;
  u32 line_column = 0;

  constexpr u32 line() const { return line_column >> 10; }
  constexpr u32 column() const { return line_column & 1023; }
};

// enum bpf_core_relo_kind, in the order of their numbers.
enum class CoreKind : u32 {
  FieldByteOffset,
  FieldByteSize,
  FieldExists,
  FieldSigned,
  FieldLshift,
  FieldRshift,
  TypeIdLocal,
  TypeIdTarget,
  TypeExists,
  TypeSize,
  EnumvalExists,
  EnumvalValue,
  TypeMatches,
};
inline constexpr u32 kCoreKinds = 13;
std::string_view name(CoreKind kind);  // "field_byte_offset"; "unknown" past the last

struct CoreRelo {
  u32 offset = 0;
  u32 type = 0;     // id of the program's type that the access starts at
  u32 access = 0;   // string offset: "0:1:2", indices of members and elements
  CoreKind kind{};  // may be past the last one known
};

class BtfExt {
 public:
  static constexpr u32 kMaxBytes = 256u << 20;
  static constexpr u32 kMaxGroups = 1u << 16;  // an ELF file has fewer sections
  static constexpr u32 kMaxName = 1024;        // bytes of a section's name

  // `btf` is the one of the same object; it is only read during the call.
  static Result<BtfExt> parse(std::span<const u8> bytes, const Btf& btf);

  BtfExt(BtfExt&&) = default;
  BtfExt& operator=(BtfExt&&) = default;

  // The records of an ELF section, in the order of the file; empty if there are none.
  std::span<const FuncInfo> functions(std::string_view section) const;
  std::span<const LineInfo> lines(std::string_view section) const;
  std::span<const CoreRelo> relocations(std::string_view section) const;

  // All of them by section, in the order of the file.
  template <class Record>
  struct Group {
    std::string_view section;  // lives as long as the Btf
    std::span<const Record> records;
  };
  u32 relocation_sections() const { return relocations_.group_count; }
  Group<CoreRelo> relocation_section(u32 index) const;

 private:
  friend class BtfExtReader;
  BtfExt() = default;

  struct Range {
    std::string_view section;
    u32 first = 0;
    u32 count = 0;
  };
  template <class Record>
  struct Table {
    std::unique_ptr<Record[]> records;
    std::unique_ptr<Range[]> groups;
    std::unique_ptr<u32[]> by_name;  // the groups, sorted by section
    u32 record_count = 0;
    u32 group_count = 0;

    std::span<const Record> find(std::string_view section) const;
  };

  Table<FuncInfo> functions_;
  Table<LineInfo> lines_;
  Table<CoreRelo> relocations_;
};

}  // namespace skep
