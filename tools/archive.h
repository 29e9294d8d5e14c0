// Archives in the "newc" form of cpio, which kernels unpack as their first file system. Guests get
// their files so, and send their results back so. Tested by tests/tools/guest_test.cpp.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "tools/io.h"

namespace skep {

class ArchiveWriter {
 public:
  // `path` from the root, with or without the slash. What is above it is added first.
  void add_file(std::string_view path, std::span<const u8> bytes, bool executable = false);
  void add_folder(std::string_view path);
  // Ends the archive; nothing can be added afterwards.
  Buffer finish();

 private:
  void add_entry(std::string_view name, u32 mode, std::span<const u8> bytes);
  void add_parents(std::string_view name);
  void pad();

  Buffer bytes_;
  std::set<std::string, std::less<>> names_;
  u32 next_inode_ = 1;
};

struct ArchiveEntry {
  std::string name;
  std::span<const u8> bytes;
};

// The entries up to the trailer. What is no such archive, or is cut short, is a Failure with the
// offset, in words of `place`.
std::vector<ArchiveEntry> read_archive(std::span<const u8> bytes, std::string_view place);

}  // namespace skep
