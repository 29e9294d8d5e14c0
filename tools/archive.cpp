// The newc form of cpio: a header of hex numbers, a name, the bytes; each part padded to 4 bytes
// (Linux Documentation/driver-api/early-userspace/buffer-format.rst). See archive.h.
#include "tools/archive.h"

#include <charconv>

#include "tools/output.h"

namespace skep {
namespace {

constexpr std::size_t kHeader = 110;  // "070701" and 13 numbers of 8 digits
constexpr std::string_view kMagic = "070701";
constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr u32 kFile = 0100000, kFolder = 0040000;
constexpr std::size_t kSizeField = 6, kNameSizeField = 11;

std::string_view without_slash(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

std::size_t padded(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

u64 field(std::string_view header, std::size_t index, std::string_view place, std::size_t at) {
  const std::string_view digits = header.substr(kMagic.size() + index * 8, 8);
  u32 value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size())
    raise<Code::unhandled>(fmt::format("{}: offset {}: not an archive's header", place, at));
  return value;
}

}  // namespace

void ArchiveWriter::pad() {
  bytes_.resize(padded(bytes_.size()));
}

void ArchiveWriter::add_entry(std::string_view name, u32 mode, std::span<const u8> bytes) {
  const std::string header = fmt::format(
      "{}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", kMagic,
      next_inode_++, mode, 0, 0, 1, 0, bytes.size(), 0, 0, 0, 0, name.size() + 1, 0);
  bytes_.insert(bytes_.end(), header.begin(), header.end());
  bytes_.insert(bytes_.end(), name.begin(), name.end());
  bytes_.push_back(0);
  pad();
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  pad();
}

void ArchiveWriter::add_parents(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash != std::string_view::npos) add_folder(name.substr(0, slash));
}

void ArchiveWriter::add_folder(std::string_view path) {
  const std::string_view name = without_slash(path);
  if (name.empty() || !names_.emplace(name).second) return;
  add_parents(name);
  add_entry(name, kFolder | 0755, {});
}

void ArchiveWriter::add_file(std::string_view path, std::span<const u8> bytes, bool executable) {
  const std::string_view name = without_slash(path);
  if (!names_.emplace(name).second) return;  // the first one stays
  add_parents(name);
  add_entry(name, kFile | (executable ? 0755 : 0644), bytes);
}

Buffer ArchiveWriter::finish() {
  add_entry(kTrailer, 0, {});
  return std::move(bytes_);
}

std::vector<ArchiveEntry> read_archive(std::span<const u8> bytes, std::string_view place) {
  std::vector<ArchiveEntry> entries;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (std::size_t at = 0;;) {
    const auto cut = [&](std::size_t end) {
      if (end > text.size())
        raise<Code::unhandled>(fmt::format("{}: offset {}: the archive is cut short", place, at));
      return end;
    };
    const std::string_view header = text.substr(at, cut(at + kHeader) - at);
    if (!header.starts_with(kMagic))
      raise<Code::unhandled>(fmt::format("{}: offset {}: not an archive's header", place, at));
    const std::size_t name_size = field(header, kNameSizeField, place, at);
    const std::size_t size = field(header, kSizeField, place, at);
    const std::size_t data = padded(cut(at + kHeader + name_size));
    const std::string_view name = text.substr(at + kHeader, name_size == 0 ? 0 : name_size - 1);
    if (name == kTrailer) return entries;
    cut(data + size);
    entries.push_back({std::string(name), bytes.subspan(data, size)});
    at = padded(data + size);
  }
}

}  // namespace skep
