// Reads one line of assembly from left to right: words, symbols, registers, numbers.
//
// Blanks separate but never matter. A reader either consumes what it recognises or leaves the
// cursor where it was; what the grammar can't do without is asked for with require_*, whose
// failure names file, line, column, what was expected and what stands there.
// Internal to the assembler. Tested by tests/isa/asm_test.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "isa/diagnostic.h"

namespace skep {

// A number as written. 64-bit constants may be signed or unsigned, so sign and magnitude stay apart
// until it is known where the number goes.
struct AsmNumber {
  u64 magnitude = 0;
  bool negative = false;
  bool overflows = false;  // beyond 64 bits
  std::string_view text;   // as written

  u64 bits() const { return negative ? 0 - magnitude : magnitude; }
  bool fits_signed(int width) const {
    const u64 half = u64{1} << (width - 1);
    return negative ? magnitude <= half : magnitude < half;
  }
  bool fits_unsigned(int width) const {
    return width == 64 ? !negative : !negative && magnitude >> width == 0;
  }
};

struct AsmReg {
  u8 number = 0;      // 0 to 15: a field's four bits; the decoder refuses r11 and above
  bool half = false;  // written w0: the low 32 bits
};

class AsmCursor {
 public:
  AsmCursor(std::string_view line, std::string_view file, u32 number)
      : line_(line), file_(file), number_(number) {}

  bool at_end();
  bool at(char c);                      // the next character, blanks skipped, is c
  bool accept(std::string_view token);  // a symbol, or a whole word
  std::string_view accept_word();       // a name, or "" where there is none
  std::string_view peek_word() const;
  std::optional<AsmReg> accept_reg();        // r3, w3, %r3
  bool accept_sign(bool& negative);          // + or -
  std::string_view accept_before(char end);  // all up to `end`, blanks around left out; may be ""
  // That many pairs of digits; gives the first two bytes, the second one in the high half.
  std::optional<u16> accept_hex_bytes(int count);
  std::optional<AsmNumber> accept_unsigned();

  Status require(std::string_view token);
  Result<AsmReg> require_reg();
  Result<std::string_view> require_word(std::string_view what);
  Result<AsmNumber> require_number(std::string_view what = "a number");
  Status require_end();

  // Failures at the cursor, or at `column` (from column(), before something was consumed).
  std::unexpected<Error> expected(std::string_view what) const;
  std::unexpected<Error> too_large(u32 column, const AsmNumber& number,
                                   std::string_view what) const;
  u32 column() const;  // of what comes next; the first is 1
  std::string place(u32 column) const;

 private:
  std::size_t skip_blanks() const;

  std::string_view line_;
  std::string_view file_;
  u32 number_;
  std::size_t at_ = 0;
};

// "file:line:column", or "line L, column C" for text without a file.
std::string asm_place(std::string_view file, u32 line, u32 column);

// What labels, functions, helpers and maps may be called.
bool is_asm_name_start(char c);
bool is_asm_name_char(char c);

}  // namespace skep
