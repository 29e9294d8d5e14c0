// The kernel's formatted text as programs get it: bpf_trace_printk, bpf_trace_vprintk,
// bpf_snprintf.
//
// As in the kernel there are two steps. prepare() judges the whole format and takes all arguments,
// strings included, into a small buffer; only then render() writes. What prepare() rejects leaves
// nothing behind. Tested by tests/helpers/text_test.cpp.
#pragma once

#include <span>
#include <string_view>

#include "isa/run.h"

namespace skep {

// ASCII and Latin-1 as the kernel's ctype sees them. Source: Linux 6.12 lib/ctype.c.
constexpr bool is_ascii(u8 c) {
  return c < 0x80;
}
constexpr bool is_space(u8 c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0xa0;
}
constexpr bool is_digit(u8 c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(u8 c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}
constexpr bool is_punctuation(u8 c) {
  const bool ascii = c > ' ' && c < 0x7f && !is_digit(c) && !is_letter(c);
  return ascii || (c > 0xa0 && c < 0xc0) || c == 0xd7 || c == 0xf7;
}

inline constexpr u32 kMaxFormatArgs = 12;   // MAX_BPRINTF_VARARGS
inline constexpr u32 kArgumentBytes = 512;  // MAX_BPRINTF_BIN_ARGS
inline constexpr u32 kPrintedBytes = 1024;  // MAX_BPRINTF_BUF

class Formatter {
 public:
  Formatter(Run& run, std::string_view format) : run_(run), format_(format) {}

  // Judges the format. 0, or -EINVAL for a bad one, -ENOSPC for arguments that take too much room.
  int prepare(std::span<const u64> args);
  // Writes what fits, with a terminating zero if there is any room at all. The length of the whole
  // text, without the zero.
  u64 render(std::span<char> out) const;

 private:
  enum class Kind : u8 { Decimal, Unsigned, Hex, UpperHex, Character, String, Address };
  struct Spec {
    u32 begin = 0;  // of the format: from '%'
    u32 end = 0;
    Kind kind{};
    bool left = false, plus = false, space = false, zero = false;
    bool written = false;  // already text, as addresses are: no width applies
    u32 width = 0;
    u64 value = 0;
    u32 text = 0, text_size = 0;  // of the strings taken
  };
  class Writer;

  u8 at(u32 i) const { return i < format_.size() ? static_cast<u8>(format_[i]) : u8(0); }
  void parse_flags(u32& i, Spec& spec) const;
  int parse_spec(u32& i, u64 arg, Spec& spec);
  int parse_pointer(u32& i, u64 arg, Spec& spec);
  int parse_number(u32& i, u64 arg, Spec& spec);
  int take_string(u32 next, u64 arg, char space, Spec& spec);
  int take_address(u64 arg, u8 letter, u8 version, Spec& spec);
  int take_word(u32 bytes);
  void take_text(std::string_view text, Spec& spec);
  void render_number(Writer& out, const Spec& spec) const;
  void render_text(Writer& out, const Spec& spec) const;

  Run& run_;
  std::string_view format_;
  Spec specs_[kMaxFormatArgs];
  u32 spec_count_ = 0;
  u32 used_ = 0;  // of the room that the kernel has for arguments
  char strings_[kArgumentBytes + 64];
  u32 strings_used_ = 0;
};

}  // namespace skep
