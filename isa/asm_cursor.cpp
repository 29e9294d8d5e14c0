// Lexing of one line. Locale-free and bounded by the line.

#include "isa/asm_cursor.h"

namespace skep {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// Length of the token at the front of `text`, for messages.
std::size_t token_length(std::string_view text) {
  std::size_t length = 1;
  if (!is_asm_name_char(text[0]) && text[0] != '%') return length;
  while (length < text.size() && is_asm_name_char(text[length])) ++length;
  return length;
}

}  // namespace

bool is_asm_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
}

bool is_asm_name_char(char c) {
  return is_asm_name_start(c) || is_digit(c) || c == '@';
}

std::string asm_place(std::string_view file, u32 line, u32 column) {
  if (file.empty()) return fmt::format("line {}, column {}", line, column);
  return fmt::format("{}:{}:{}", file, line, column);
}

std::size_t AsmCursor::skip_blanks() const {
  std::size_t at = at_;
  while (at < line_.size() && is_blank(line_[at])) ++at;
  return at;
}

u32 AsmCursor::column() const {
  return static_cast<u32>(skip_blanks() + 1);
}

std::string AsmCursor::place(u32 column) const {
  return asm_place(file_, number_, column);
}

bool AsmCursor::at_end() {
  return skip_blanks() == line_.size();
}

bool AsmCursor::at(char c) {
  const std::size_t at = skip_blanks();
  return at < line_.size() && line_[at] == c;
}

bool AsmCursor::accept(std::string_view token) {
  const std::size_t at = skip_blanks();
  if (!line_.substr(at).starts_with(token)) return false;
  const std::size_t end = at + token.size();
  const bool inside_word =
      is_asm_name_char(token.back()) && end < line_.size() && is_asm_name_char(line_[end]);
  if (inside_word) return false;
  at_ = end;
  return true;
}

std::string_view AsmCursor::peek_word() const {
  const std::size_t at = skip_blanks();
  if (at == line_.size() || !is_asm_name_start(line_[at])) return {};
  return line_.substr(at, token_length(line_.substr(at)));
}

std::string_view AsmCursor::accept_word() {
  const std::string_view word = peek_word();
  if (!word.empty()) at_ = skip_blanks() + word.size();
  return word;
}

std::optional<AsmReg> AsmCursor::accept_reg() {
  std::size_t at = skip_blanks();
  if (at < line_.size() && line_[at] == '%') ++at;
  const std::string_view text = line_.substr(at);
  if (text.size() < 2 || (text[0] != 'r' && text[0] != 'w')) return {};
  std::size_t end = 1;
  u32 number = 0;
  for (; end < text.size() && end < 3 && is_digit(text[end]); ++end) {
    number = number * 10 + static_cast<u32>(text[end] - '0');
  }
  const bool leading_zero = end == 3 && text[1] == '0';
  if (end == 1 || number > 15 || leading_zero) return {};
  if (end < text.size() && is_asm_name_char(text[end])) return {};
  at_ = at + end;
  return AsmReg{static_cast<u8>(number), text[0] == 'w'};
}

bool AsmCursor::accept_sign(bool& negative) {
  if (!at('+') && !at('-')) return false;
  at_ = skip_blanks();
  negative = line_[at_++] == '-';
  return true;
}

std::string_view AsmCursor::accept_before(char end) {
  const std::size_t at = skip_blanks();
  const std::size_t found = line_.find(end, at);
  if (found == line_.npos) return {};
  at_ = found;
  std::string_view text = line_.substr(at, found - at);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<u16> AsmCursor::accept_hex_bytes(int count) {
  std::size_t at = skip_blanks();
  u32 first = 0;
  for (int i = 0; i < count; ++i) {
    while (i > 0 && at < line_.size() && is_blank(line_[at])) ++at;
    const std::string_view pair = line_.substr(at, 3);
    if (pair.size() < 2 || digit_value(pair[0]) > 15 || digit_value(pair[1]) > 15) return {};
    if (pair.size() == 3 && is_asm_name_char(pair[2])) return {};
    const int byte = digit_value(pair[0]) << 4 | digit_value(pair[1]);
    if (i < 2) first |= static_cast<u32>(byte) << 8 * i;
    at += 2;
  }
  at_ = at;
  return static_cast<u16>(first);
}

std::optional<AsmNumber> AsmCursor::accept_unsigned() {
  const std::size_t start = skip_blanks();
  std::size_t at = start;
  u64 base = 10;
  if (line_.substr(at).starts_with("0x") || line_.substr(at).starts_with("0X")) {
    base = 16;
    at += 2;
  }
  const std::size_t first = at;
  u64 value = 0;
  bool overflows = false;
  for (; at < line_.size() && static_cast<u64>(digit_value(line_[at])) < base; ++at) {
    const u64 digit = static_cast<u64>(digit_value(line_[at]));
    overflows |= value > (~u64{0} - digit) / base;
    value = value * base + digit;
  }
  if (at == first || (at < line_.size() && is_asm_name_char(line_[at]))) return {};
  at_ = at;
  return AsmNumber{value, false, overflows, line_.substr(start, at - start)};
}

Status AsmCursor::require(std::string_view token) {
  if (accept(token)) return {};
  return expected(fmt::format("'{}'", token));
}

Result<AsmReg> AsmCursor::require_reg() {
  if (const auto reg = accept_reg()) return *reg;
  return expected("a register");
}

Result<std::string_view> AsmCursor::require_word(std::string_view what) {
  const std::string_view word = accept_word();
  if (word.empty()) return expected(what);
  return word;
}

Result<AsmNumber> AsmCursor::require_number(std::string_view what) {
  const std::size_t before = at_;
  const std::size_t start = skip_blanks();
  bool negative = false;
  accept_sign(negative);
  if (auto number = accept_unsigned()) {
    number->negative = negative && number->magnitude != 0;
    number->text = line_.substr(start, at_ - start);
    if (!number->overflows && (!negative || number->fits_signed(64))) return *number;
    return too_large(static_cast<u32>(start + 1), *number, "64 bits");
  }
  at_ = before;
  return expected(what);
}

Status AsmCursor::require_end() {
  if (at_end()) return {};
  return expected("the end of the line");
}

std::unexpected<Error> AsmCursor::expected(std::string_view what) const {
  const std::size_t at = skip_blanks();
  const std::string_view rest = line_.substr(at);
  const std::string found = rest.empty() ? "the end of the line"
                                         : fmt::format("'{}'", rest.substr(0, token_length(rest)));
  return fail<Code::syntax_error>(place(column()), what, found);
}

std::unexpected<Error> AsmCursor::too_large(u32 column, const AsmNumber& number,
                                            std::string_view what) const {
  return fail<Code::operand_too_large>(place(column), number.text, what);
}

}  // namespace skep
