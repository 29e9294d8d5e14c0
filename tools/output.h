// What the verbs share in talking to the user: failures, exit codes, text or JSON on stdout, one
// clear line on stderr when something goes wrong.
//
// Tools use exceptions among themselves: Failure carries a library's Error up to main, which turns
// it into that line and an exit code. Tested by tests/tools/cli_test.cpp.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "isa/diagnostic.h"

namespace skep {

using Json = nlohmann::ordered_json;  // fields come out in the order they were put in

// Exit codes of the command, also listed by `skep --help`.
enum class Exit : int {
  Good = 0,
  Bad = 1,
  Usage = 2,
  Unreadable = 3,
  Unsupported = 4,
  Internal = 5
};
Exit exit_of(Kind kind);

struct Failure {
  Error error;
};

template <Code code, class... Args>
[[noreturn]] void raise(Args&&... args) {
  throw Failure{make_error<code>(std::forward<Args>(args)...)};
}

// The value of a Result, or a Failure. `place` goes before the error's text: a file's name.
template <class T>
T must(Result<T>&& result, std::string_view place = {}) {
  if (!result) {
    Error error = std::move(result).error();
    if (!place.empty()) error.text = fmt::format("{}: {}", place, error.text);
    throw Failure{std::move(error)};
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

enum class Color : int { Auto, Always, Never };

struct OutputOptions {
  bool json = false;
  bool pretty = false;  // implies json
  Color color = Color::Auto;
};

class Output {
 public:
  explicit Output(const OutputOptions& options);

  bool json() const { return json_; }

  // A piece of the text form; nothing in JSON form.
  template <class... Args>
  void text(fmt::format_string<Args...> format, Args&&... args) {
    if (!json_) write(fmt::format(format, std::forward<Args>(args)...));
  }
  // The whole answer in JSON form; nothing in text form.
  void document(const Json& document);
  // Both streams are flushed and checked; a full disk must not pass for success.
  void finish();

  // "skep: place: reason [code]" on stderr.
  void complain(const Error& error);
  // The same, and as a document in JSON form: what ends a verb.
  void error(const Error& error);
  void warning(std::string_view text);

  std::string strong(std::string_view text) const { return paint(text, "1"); }
  std::string good(std::string_view text) const { return paint(text, "32"); }
  std::string bad(std::string_view text) const { return paint(text, "31"); }
  std::string dim(std::string_view text) const { return paint(text, "2"); }

 private:
  void write(std::string_view text);
  std::string paint(std::string_view text, const char* code) const;

  bool json_;
  bool pretty_;
  bool color_;
  bool error_color_;
};

// Columns padded to their widest cell; numbers stand right. The first row is the heading.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text(std::string_view indent = "  ") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// What another program wrote to stderr, to ours, as it is.
void write_error(std::string_view text);

// 1234567 as "1,234,567".
std::string grouped(u64 number);
// The bytes as "offset: hex  text" lines.
std::string hex_dump(std::span<const u8> bytes, std::string_view indent);
// Text that is safe for a terminal: control bytes and broken UTF-8 as \xNN.
std::string printable(std::string_view text);

}  // namespace skep
