// How text, tables, JSON and errors are written. See output.h; tested by tests/tools/cli_test.cpp.
#include "tools/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace skep {
namespace {

bool set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != 0;
}

// https://no-color.org: any non-empty NO_COLOR wins over everything but an explicit --color.
bool use_color(Color color, int descriptor) {
  if (color != Color::Auto) return color == Color::Always;
  if (set("NO_COLOR")) return false;
  if (set("CLICOLOR_FORCE")) return true;
  const char* term = std::getenv("TERM");
  return isatty(descriptor) != 0 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::Rejected: return "rejected";
    case Kind::Fault: return "fault";
    case Kind::Usage: return "usage";
    case Kind::Unreadable: return "unreadable";
    case Kind::Unsupported: return "unsupported";
    case Kind::Internal: return "internal";
  }
  return "internal";
}

bool is_number(std::string_view cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789,.-") == std::string_view::npos;
}

// Bytes of a well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const u8 first = static_cast<u8>(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xc2 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf5 ? 4
                                            : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<u8>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

Exit exit_of(Kind kind) {
  switch (kind) {
    case Kind::Rejected:
    case Kind::Fault: return Exit::Bad;
    case Kind::Usage: return Exit::Usage;
    case Kind::Unreadable: return Exit::Unreadable;
    case Kind::Unsupported: return Exit::Unsupported;
    case Kind::Internal: return Exit::Internal;
  }
  return Exit::Internal;
}

Output::Output(const OutputOptions& options)
    : json_(options.json || options.pretty),
      pretty_(options.pretty),
      color_(!json_ && use_color(options.color, STDOUT_FILENO)),
      error_color_(use_color(options.color, STDERR_FILENO)) {}

void Output::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Output::document(const Json& document) {
  if (!json_) return;
  // Names out of an object may hold any bytes; JSON must be UTF-8 all the same.
  write(document.dump(pretty_ ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void Output::finish() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    raise<Code::file_unwritable>("standard output", std::strerror(errno));
  }
}

void Output::complain(const Error& error) {
  std::fflush(stdout);
  const std::string head = error_color_ ? "\033[1mskep:\033[0m " : "skep: ";
  const std::string line =
      fmt::format("{}{} [{}]\n", head, printable(error.text), skep::name(error.code));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void Output::error(const Error& error) {
  complain(error);
  if (!json_) return;
  Json body{
      {"code", skep::name(error.code)}, {"kind", name(row(error.code).kind)}, {"text", error.text}};
  if (error.pc) body["pc"] = error.pc->value;
  document({{"error", body}});
}

void Output::warning(std::string_view text) {
  std::fflush(stdout);
  const std::string line = fmt::format("skep: warning: {}\n", printable(text));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string Output::paint(std::string_view text, const char* code) const {
  return color_ ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(rows_[0].size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t number = 0; number < rows_.size(); ++number) {
    const auto& row = rows_[number];
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      // The heading of a column stands as its cells do.
      const auto& model = number == 0 && rows_.size() > 1 ? rows_[1][i] : row[i];
      line += is_number(model) ? fmt::format("{:>{}}", row[i], widths[i])
                               : fmt::format("{:<{}}", row[i], widths[i]);
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void write_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

std::string grouped(u64 number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3; place -= 3) text.insert(place - 3, ",");
  return text;
}

std::string hex_dump(std::span<const u8> bytes, std::string_view indent) {
  std::string text;
  for (std::size_t line = 0; line < bytes.size(); line += 16) {
    std::string hex, plain;
    for (const u8 byte : bytes.subspan(line, std::min<std::size_t>(16, bytes.size() - line))) {
      hex += fmt::format(" {:02x}", byte);
      plain += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    text += fmt::format("{}{:04x}:{:<48}  {}\n", indent, line, hex, plain);
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const u8 first = static_cast<u8>(text[0]);
    if (length == 0 || first < 0x20 || first == 0x7f) {
      safe += first == '\n' ? "\n" : first == '\t' ? "\t" : fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
    } else {
      safe += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return safe;
}

}  // namespace skep
