// Reading and writing of whole files. See io.h; tested by tests/tools/cli_test.cpp.
#include "tools/io.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "tools/output.h"

namespace skep {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin && file != stdout) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ':' || c == ',';
}

std::string_view without_0x(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text.starts_with("0x") || text.starts_with("0X") ? text.substr(2) : text;
}

// The place and reason of what is wrong, or "" with `bytes` filled.
std::string read_hex(std::string_view text, Buffer& bytes) {
  text = without_0x(text);
  for (std::size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    const int high = hex_digit(text[i]);
    if (high < 0)
      return fmt::format("'{}' at {} is not a hex digit", printable(text.substr(i, 1)), i);
    const int low = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    if (low < 0) return fmt::format("byte at {} has a single digit", i);
    bytes.push_back(static_cast<u8>(high << 4 | low));
    i += 2;
  }
  return {};
}

}  // namespace

void claim_stdin(const std::string& what) {
  static std::string taken;  // by whom
  if (!taken.empty())
    raise<Code::usage>(fmt::format("stdin is asked for twice: by {} and by {}", taken, what));
  taken = what;
}

Buffer read_input(const std::string& path, std::size_t limit) {
  const bool from_stdin = path == "-";
  if (from_stdin) claim_stdin("an input '-'");
  const std::string shown = from_stdin ? "stdin" : path;
  File file(from_stdin ? stdin : std::fopen(path.c_str(), "rb"));
  if (!file) raise<Code::file_unreadable>(shown, std::strerror(errno));
  Buffer bytes;
  u8 block[65536];
  for (std::size_t count; (count = std::fread(block, 1, sizeof(block), file.get())) != 0;) {
    if (count > limit - bytes.size()) raise<Code::file_too_large>(shown, limit);
    bytes.insert(bytes.end(), block, block + count);
  }
  if (std::ferror(file.get()) != 0) raise<Code::file_unreadable>(shown, std::strerror(errno));
  return bytes;
}

std::string read_text(const std::string& path, std::size_t limit) {
  const Buffer bytes = read_input(path, limit);
  return {bytes.begin(), bytes.end()};
}

void write_output(const std::string& path, std::span<const u8> bytes) {
  File file(path == "-" ? stdout : std::fopen(path.c_str(), "wb"));
  if (!file) raise<Code::file_unwritable>(path, std::strerror(errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  if (!written || std::fflush(file.get()) != 0)
    raise<Code::file_unwritable>(path, std::strerror(errno));
}

Buffer parse_hex(std::string_view text, std::string_view place) {
  Buffer bytes;
  const std::string reason = read_hex(text, bytes);
  if (!reason.empty()) raise<Code::bad_hex>(place, reason);
  return bytes;
}

bool looks_like_hex(std::string_view text) {
  Buffer bytes;
  return read_hex(text, bytes).empty() && !bytes.empty();
}

Buffer read_data(const std::string& argument, std::string_view option) {
  std::error_code ignored;
  if (argument == "-" || std::filesystem::exists(argument, ignored)) return read_input(argument);
  Buffer bytes;
  const std::string reason = read_hex(argument, bytes);
  if (reason.empty()) return bytes;
  // A person who wrote a path wants to hear about the path.
  if (argument.find_first_of("/.") != std::string::npos)
    raise<Code::file_unreadable>(argument, std::strerror(ENOENT));
  raise<Code::usage>(fmt::format("{} '{}': no such file, nor hex: {}", option, argument, reason));
}

bool is_elf(std::span<const u8> bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "\177ELF", 4) == 0;
}

}  // namespace skep
