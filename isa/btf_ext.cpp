// The reader of .BTF.ext. Its three tables have one shape: the size of a record, then groups of
// (name of an ELF section, number of records, records). One template reads all three.
// Tested by tests/isa/btf_ext_test.cpp and fuzzed by tests/fuzz/btf.cpp.
#include "isa/btf_ext.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

namespace skep {
namespace {

constexpr u16 kMagic = 0xeb9f;
constexpr u32 kHeaderBytes = 24;      // without CO-RE relocations
constexpr u32 kHeaderCoreBytes = 32;  // with
constexpr u32 kGroupBytes = 8;
constexpr u32 kMaxRecord = 4096;

constexpr std::string_view kCoreKindNames[] = {
    "field_byte_offset", "field_byte_size", "field_exists",   "field_signed", "field_lshift_u64",
    "field_rshift_u64",  "type_id_local",   "type_id_target", "type_exists",  "type_size",
    "enumval_exists",    "enumval_value",   "type_matches",
};
static_assert(std::size(kCoreKindNames) == kCoreKinds);

}  // namespace

std::string_view name(CoreKind kind) {
  const auto index = static_cast<u32>(kind);
  return index < kCoreKinds ? kCoreKindNames[index] : "unknown";
}

class BtfExtReader {
 public:
  BtfExtReader(std::span<const u8> bytes, const Btf& btf) : bytes_(bytes), btf_(btf) {}

  Result<BtfExt> read() {
    TRY(read_header());
    BtfExt ext;
    TRY(read_table(8, "func_info", ext.functions_));
    TRY(read_table(16, "line_info", ext.lines_));
    if (header_ >= kHeaderCoreBytes) TRY(read_table(24, "core_relo", ext.relocations_));
    return ext;
  }

 private:
  template <class... Args>
  static std::unexpected<Error> bad(u64 offset, fmt::format_string<Args...> text, Args&&... args) {
    return fail<Code::bad_btf>(".BTF.ext", offset, fmt::format(text, std::forward<Args>(args)...));
  }
  u32 read_u32(u64 offset) const {
    u32 value = 0;
    std::memcpy(&value, bytes_.data() + offset, 4);
    return swapped_ ? __builtin_bswap32(value) : value;
  }
  FuncInfo record(const u32 (&w)[2], FuncInfo*) const { return {w[0], w[1]}; }
  LineInfo record(const u32 (&w)[4], LineInfo*) const { return {w[0], w[1], w[2], w[3]}; }
  CoreRelo record(const u32 (&w)[4], CoreRelo*) const {
    return {w[0], w[1], w[2], static_cast<CoreKind>(w[3])};
  }

  Status check(u64 at, const FuncInfo& info) const {
    if (btf_.kind(info.type) == BtfKind::Func) return {};
    return bad(at + 4, "type {} is not a func", info.type);
  }
  Status check(u64 at, const LineInfo& info) const {
    if (!btf_.has_string(info.file))
      return bad(at + 4, "file name at string offset {}, past the end", info.file);
    if (!btf_.has_string(info.text))
      return bad(at + 8, "source line at string offset {}, past the end", info.text);
    return {};
  }
  Status check(u64 at, const CoreRelo& relo) const {
    if (relo.type >= btf_.types()) return bad(at + 4, "type {} does not exist", relo.type);
    if (!btf_.has_string(relo.access)) {
      return bad(at + 8, "access string at string offset {}, past the end", relo.access);
    }
    return {};
  }

  Status read_header();
  template <class Record>
  Status read_table(u32 field, std::string_view what, BtfExt::Table<Record>& table);
  template <class Record>
  Status count_groups(u64 begin, u64 end, u32 record_bytes, std::string_view what,
                      BtfExt::Table<Record>& table);
  template <class Record>
  Status fill_groups(u64 begin, u32 record_bytes, BtfExt::Table<Record>& table);
  template <class Record>
  Status sort_groups(u64 begin, std::string_view what, BtfExt::Table<Record>& table);

  std::span<const u8> bytes_;
  const Btf& btf_;
  bool swapped_ = false;
  u64 header_ = 0;
};

Status BtfExtReader::read_header() {
  if (bytes_.size() > BtfExt::kMaxBytes) {
    return fail<Code::btf_too_large>(".BTF.ext", bytes_.size(), BtfExt::kMaxBytes);
  }
  if (bytes_.size() < kHeaderBytes) return bad(0, "{} bytes are no header", bytes_.size());
  u16 magic = 0;
  std::memcpy(&magic, bytes_.data(), 2);
  swapped_ = magic == __builtin_bswap16(kMagic);
  if (magic != kMagic && !swapped_) return bad(0, "magic number {:#06x} is not 0xeb9f", magic);
  if (bytes_[2] != 1) return bad(2, "version {} is not 1", bytes_[2]);
  header_ = read_u32(4);
  if (header_ < kHeaderBytes || header_ > bytes_.size())
    return bad(4, "a header of {} bytes", header_);
  return {};
}

// `field` is where the header has the offset and length of the table.
template <class Record>
Status BtfExtReader::read_table(u32 field, std::string_view what, BtfExt::Table<Record>& table) {
  u64 begin = header_ + read_u32(field);
  const u64 length = read_u32(field + 4);
  if (length == 0) return {};
  if (begin + length > bytes_.size()) {
    return bad(field, "{}, {} bytes at {:#x}, does not end inside of the section", what, length,
               begin);
  }
  if (begin % 4 != 0) return bad(field, "{} is at {:#x}, not a multiple of 4", what, begin);
  if (length < 4) return bad(begin, "{} of {} bytes has no record size", what, length);
  const u32 record_bytes = read_u32(begin);
  if (record_bytes < sizeof(Record) || record_bytes % 4 != 0 || record_bytes > kMaxRecord) {
    return bad(begin, "records of {} are {} bytes long; {} or more are known", what, record_bytes,
               sizeof(Record));
  }
  const u64 end = begin + length;
  begin += 4;
  TRY(count_groups(begin, end, record_bytes, what, table));
  table.records.reset(new (std::nothrow) Record[table.record_count]);
  table.groups.reset(new (std::nothrow) BtfExt::Range[table.group_count]);
  table.by_name.reset(new (std::nothrow) u32[table.group_count]);
  if (table.records == nullptr || table.groups == nullptr || table.by_name == nullptr)
    return fail<Code::no_memory>("BTF.ext");
  TRY(fill_groups(begin, record_bytes, table));
  return sort_groups(begin, what, table);
}

template <class Record>
Status BtfExtReader::count_groups(u64 begin, u64 end, u32 record_bytes, std::string_view what,
                                  BtfExt::Table<Record>& table) {
  for (u64 at = begin; at < end; ++table.group_count) {
    if (end - at < kGroupBytes) return bad(at, "a group of {} does not end inside of it", what);
    const u32 count = read_u32(at + 4);
    if (count == 0) return bad(at + 4, "a group of {} without records", what);
    const u64 bytes = u64{count} * record_bytes;
    if (bytes > end - at - kGroupBytes) {
      return bad(at + 4, "{} records of {} do not end inside of it", count, what);
    }
    if (table.group_count == BtfExt::kMaxGroups)
      return bad(at, "more than {} groups", BtfExt::kMaxGroups);
    table.record_count += count;
    at += kGroupBytes + bytes;
  }
  return {};
}

template <class Record>
Status BtfExtReader::fill_groups(u64 begin, u32 record_bytes, BtfExt::Table<Record>& table) {
  u32 filled = 0;
  u64 at = begin;
  for (u32 g = 0; g < table.group_count; ++g) {
    const u32 name_offset = read_u32(at);
    const u32 count = read_u32(at + 4);
    const std::string_view section = btf_.string(name_offset);
    if (section.size() > BtfExt::kMaxName) {
      return bad(at, "a section name of {} bytes", section.size());
    }
    if (section.empty()) return bad(at, "no section name at string offset {}", name_offset);
    table.groups[g] = {section, filled, count};
    at += kGroupBytes;
    for (u32 i = 0; i < count; ++i, at += record_bytes) {
      u32 words[sizeof(Record) / 4];
      for (u32 w = 0; w < std::size(words); ++w) words[w] = read_u32(at + w * 4);
      Record& made = table.records[filled++] = record(words, static_cast<Record*>(nullptr));
      if (made.offset % 8 != 0)
        return bad(at, "offset {} is inside of an instruction", made.offset);
      TRY(check(at, made));
    }
  }
  return {};
}

// Sorts the groups by section, for find(). Two of one section would hide records, and no tool
// makes them.
template <class Record>
Status BtfExtReader::sort_groups(u64 begin, std::string_view what, BtfExt::Table<Record>& table) {
  const auto section = [&](u32 group) { return table.groups[group].section; };
  const std::span order(table.by_name.get(), table.group_count);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, section);
  const auto twice = std::ranges::adjacent_find(order, {}, section);
  if (twice == order.end()) return {};
  return bad(begin, "{} has two groups for section '{}'", what, section(*twice));
}

Result<BtfExt> BtfExt::parse(std::span<const u8> bytes, const Btf& btf) {
  return BtfExtReader(bytes, btf).read();
}

template <class Record>
std::span<const Record> BtfExt::Table<Record>::find(std::string_view section) const {
  const std::span order(by_name.get(), group_count);
  const auto name_of = [&](u32 group) { return groups[group].section; };
  const auto found = std::ranges::lower_bound(order, section, {}, name_of);
  if (found == order.end() || name_of(*found) != section) return {};
  const Range& range = groups[*found];
  return {records.get() + range.first, range.count};
}

std::span<const FuncInfo> BtfExt::functions(std::string_view section) const {
  return functions_.find(section);
}
std::span<const LineInfo> BtfExt::lines(std::string_view section) const {
  return lines_.find(section);
}
std::span<const CoreRelo> BtfExt::relocations(std::string_view section) const {
  return relocations_.find(section);
}

BtfExt::Group<CoreRelo> BtfExt::relocation_section(u32 index) const {
  if (index >= relocations_.group_count) return {};
  const Range& range = relocations_.groups[index];
  return {range.section, {relocations_.records.get() + range.first, range.count}};
}

}  // namespace skep
