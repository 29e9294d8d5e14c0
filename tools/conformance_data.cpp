// A line at a time: a state machine over the sections, whose order is free.

#include "tools/conformance_data.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "isa/asm.h"

namespace skep {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

enum class Section : u8 { None, Asm, Raw, Mem, Result, Error, Ignored };

struct SectionWord {
  std::string_view word;
  Section section;
};
// In the order in which the suite looks for them. Only " c" has a blank: other words hold a c.
constexpr SectionWord kSections[] = {
    {"asm", Section::Asm},
    {"result", Section::Result},
    {"mem", Section::Mem},
    {"raw", Section::Raw},
    {"no register offset", Section::Ignored},
    {" c", Section::Ignored},
    {"error", Section::Error},
};

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The next word of `text`, which is cut off; "" at the end.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

// Decimal, or hexadecimal with 0x; a minus sign wraps, as in C.
std::optional<u64> parse_number(std::string_view word) {
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  const bool hex = word.starts_with("0x") || word.starts_with("0X");
  if (hex) word.remove_prefix(2);
  u64 value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != word.data() + word.size()) return {};
  return negative ? 0 - value : value;
}

class Reader {
 public:
  explicit Reader(std::string_view file) { out_.file = file; }

  Status line(std::string_view text, u32 number);
  ConformanceCase take() { return std::move(out_); }

 private:
  std::unexpected<Error> failure(u32 number, std::string_view what) const {
    return fail<Code::bad_test_file>(out_.file, number, what);
  }
  Status start_section(std::string_view text, u32 number);
  Status raw(std::string_view text, u32 number);
  Status mem(std::string_view text, u32 number);

  ConformanceCase out_;
  Section section_ = Section::None;
};

Status Reader::start_section(std::string_view text, u32 number) {
  for (const SectionWord& row : kSections) {
    if (!text.contains(row.word)) continue;
    section_ = row.section;
    if (section_ == Section::Asm && out_.assembly.empty()) out_.assembly_line = number + 1;
    return {};
  }
  return failure(number, fmt::format("unknown section '{}'", trim(text)));
}

Status Reader::raw(std::string_view text, u32 number) {
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    const auto slot = parse_number(word);
    if (!slot) return failure(number, fmt::format("'{}' is not a slot of 64 bits", word));
    out_.raw.push_back({static_cast<u8>(*slot), static_cast<u8>(*slot >> 8),
                        static_cast<i16>(*slot >> 16), static_cast<i32>(*slot >> 32)});
  }
  return {};
}

Status Reader::mem(std::string_view text, u32 number) {
  for (std::string_view word = take_word(text); !word.empty(); word = take_word(text)) {
    u8 byte = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), byte, 16);
    if (word.size() > 2 || error != std::errc() || end != word.data() + word.size()) {
      return failure(number, fmt::format("'{}' is not a byte in hexadecimal", word));
    }
    out_.memory.push_back(byte);
  }
  return {};
}

Status Reader::line(std::string_view text, u32 number) {
  text = text.substr(0, text.find('#'));
  if (text.contains("--")) return start_section(text, number);
  const std::string_view content = trim(text);
  switch (section_) {
    case Section::Asm: (out_.assembly += text) += '\n'; return {};
    case Section::Raw: return raw(content, number);
    case Section::Mem: return mem(content, number);
    case Section::Result:
      if (content.empty()) return {};
      out_.result = parse_number(content);
      if (!out_.result) return failure(number, fmt::format("'{}' is not a number", content));
      return {};
    case Section::Error:
      if (!content.empty()) out_.error = content;
      return {};
    case Section::None:
    case Section::Ignored: return {};
  }
  return {};
}

}  // namespace

Result<ConformanceCase> parse_conformance(std::string_view text, std::string_view file) {
  Reader reader(file);
  for (u32 number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    TRY(reader.line(text.substr(0, end), number));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  ConformanceCase out = reader.take();
  if (out.raw.empty() && trim(out.assembly).empty()) {
    return fail<Code::bad_test_file>(file, 1, "no instructions");
  }
  if (!out.result && out.error.empty()) {
    return fail<Code::bad_test_file>(file, 1, "no result and no error");
  }
  return out;
}

Result<std::vector<Insn>> conformance_code(const ConformanceCase& test) {
  if (!test.raw.empty()) return test.raw;
  AsmOptions options;
  options.file = test.file;
  options.first_line = test.assembly_line;
  Assembly assembly = TRY(assemble(test.assembly, options));
  return std::move(assembly.insns);
}

std::vector<std::string> conformance_files(const std::string& dir) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const fs::path& folder : {fs::path(dir), fs::path(dir) / "tests"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing)) {
      if (entry.path().extension() == ".data") files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace skep
