// Formats as Linux 6.12 has them: kernel/bpf/helpers.c (bpf_bprintf_prepare) for what is accepted,
// lib/vsprintf.c (bstr_printf) for what is written. Bytes of 0x80 and above are plain text, as in
// kernels after 6.18.
//
// Two things differ by intent: %p prints the address itself, as with no_hash_pointers, since the
// kernel's hash has a secret that differs from boot to boot; and no address has a symbol.

#include "helpers/bodies/format.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "helpers/bodies/memory_source.h"
#include "helpers/spec/errno.h"

namespace skep {
namespace {

constexpr u32 kMaxWidth = (1 << 23) - 1;  // FIELD_WIDTH_MAX
constexpr u32 kPointerDigits = 16;

constexpr bool is_plain(u8 c) {
  return !is_ascii(c) || is_space(c) || (c >= ' ' && c < 0x7f);
}

// What may follow a specifier that takes its letters greedily.
constexpr bool ends_specifier(u8 c) {
  return c == 0 || is_space(c) || is_punctuation(c);
}

std::size_t append(char* to, u64 value, int base, u32 min_digits) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
  const auto count = static_cast<u32>(end - digits);
  const u32 zeros = count < min_digits ? min_digits - count : 0;
  std::memset(to, '0', zeros);
  std::memcpy(to + zeros, digits, count);
  return zeros + count;
}

}  // namespace

// Counts everything and keeps what fits.
class Formatter::Writer {
 public:
  explicit Writer(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    if (length_ < out_.size()) {
      const u64 count = std::min<u64>(text.size(), out_.size() - length_);
      std::memcpy(out_.data() + length_, text.data(), count);
    }
    length_ += text.size();
  }
  void fill(char c, u64 count) {
    if (length_ < out_.size()) {
      std::memset(out_.data() + length_, c, std::min<u64>(count, out_.size() - length_));
    }
    length_ += count;
  }
  bool is_full() const { return length_ >= out_.size(); }
  u64 finish() {
    if (!out_.empty()) out_[std::min<u64>(length_, out_.size() - 1)] = 0;
    return length_;
  }

 private:
  std::span<char> out_;
  u64 length_ = 0;
};

int Formatter::prepare(std::span<const u64> args) {
  for (u32 i = 0; i < format_.size(); ++i) {
    if (!is_plain(at(i))) return kEINVAL;
    if (at(i) != '%') continue;
    if (at(i + 1) == '%') {
      ++i;
      continue;
    }
    if (spec_count_ >= args.size()) return kEINVAL;
    Spec& spec = specs_[spec_count_];
    spec.begin = i++;
    const int error = parse_spec(i, args[spec_count_], spec);
    if (error != 0) return error;
    spec.end = i + 1;
    ++spec_count_;
  }
  return 0;
}

// The kernel skips what stands before the conversion; order and repetition don't matter.
void Formatter::parse_flags(u32& i, Spec& spec) const {
  for (;; ++i) {
    switch (at(i)) {
      case '0': spec.zero = true; continue;
      case '+': spec.plus = true; continue;
      case '-': spec.left = true; continue;
      case ' ': spec.space = true; continue;
      default: break;
    }
    break;
  }
  for (; is_digit(at(i)); ++i) {
    spec.width = std::min(spec.width * 10 + (at(i) - u32('0')), kMaxWidth);
  }
}

// On return `i` is at the specifier's last character.
int Formatter::parse_spec(u32& i, u64 arg, Spec& spec) {
  if (!is_ascii(at(i))) return kEINVAL;
  parse_flags(i, spec);
  switch (at(i)) {
    case 'p': return parse_pointer(i, arg, spec);
    case 's': return take_string(i + 1, arg, 's', spec);
    case 'c':
      if (used_ == kArgumentBytes) return kENOSPC;
      ++used_;
      spec.kind = Kind::Character;
      spec.value = arg;
      return 0;
    default: return parse_number(i, arg, spec);
  }
}

int Formatter::parse_number(u32& i, u64 arg, Spec& spec) {
  u32 bytes = 4;
  for (u32 letters = 0; letters < 2 && at(i) == 'l'; ++letters, ++i) bytes = 8;
  switch (at(i)) {
    case 'i':
    case 'd': spec.kind = Kind::Decimal; break;
    case 'u': spec.kind = Kind::Unsigned; break;
    case 'x': spec.kind = Kind::Hex; break;
    case 'X': spec.kind = Kind::UpperHex; break;
    default: return kEINVAL;
  }
  const bool sign = spec.kind == Kind::Decimal;
  spec.value = bytes == 8 ? arg
               : sign     ? static_cast<u64>(static_cast<i64>(static_cast<i32>(arg)))
                          : static_cast<u32>(arg);
  return take_word(bytes);
}

// %p and what may follow it. Letters and digits after it belong to it, as vsprintf.c has it.
int Formatter::parse_pointer(u32& i, u64 arg, Spec& spec) {
  const u8 first = at(i + 1);
  const u8 second = at(i + 2);
  int error = 0;
  if (ends_specifier(first) || first == 'K' || first == 'x') {
    spec.kind = Kind::Address;
    spec.value = arg;
    error = take_word(8);
  } else if ((first == 'k' || first == 'u') && second == 's') {
    error = take_string(i + 3, arg, static_cast<char>(first), spec);
    spec.written = true;
  } else if (first == 's' || first == 'S' || first == 'B') {
    char text[20] = "0x";
    const std::size_t digits = append(text + 2, arg, 16, 1);
    if (first != 'B') error = take_word(8);
    spec.written = first == 'B';
    take_text({text, digits + 2}, spec);
    if (first == 'B') used_ += static_cast<u32>(digits) + 3;
  } else if ((first == 'i' || first == 'I') && (second == '4' || second == '6')) {
    error = take_address(arg, first, second, spec);
  } else {
    return kEINVAL;
  }
  while (is_letter(at(i + 1)) || is_digit(at(i + 1))) ++i;
  return error;
}

int Formatter::take_string(u32 next, u64 arg, char space, Spec& spec) {
  if (!ends_specifier(at(next))) return kEINVAL;
  if (used_ >= kArgumentBytes) return kENOSPC;
  const Space from = space == 'k' ? Space::Kernel : space == 'u' ? Space::User : Space::Any;
  char* text = strings_ + strings_used_;
  const i64 length =
      read_string(run_, from, arg, reinterpret_cast<u8*>(text), kArgumentBytes - used_);
  spec.kind = Kind::String;
  spec.text = strings_used_;
  spec.text_size = length > 0 ? static_cast<u32>(length) - 1 : 0;
  strings_used_ += spec.text_size;
  used_ += length > 0 ? static_cast<u32>(length) : 1;
  return 0;
}

// Internet addresses, which the kernel writes out while it takes the arguments.
int Formatter::take_address(u64 arg, u8 letter, u8 version, Spec& spec) {
  const u32 size = version == '4' ? 4 : 16;
  if (used_ + size > kArgumentBytes) return kENOSPC;
  u8 bytes[16] = {};
  if (!read_memory(run_, Space::Kernel, arg, bytes, size)) std::memset(bytes, 0, sizeof bytes);
  char text[48];
  std::size_t length = 0;
  for (u32 i = 0; i < size; ++i) {
    if (version == '4') {
      if (i != 0) text[length++] = '.';
      length += append(text + length, bytes[i], 10, letter == 'i' ? 3 : 1);
    } else {
      if (i != 0 && i % 2 == 0 && letter == 'I') text[length++] = ':';
      length += append(text + length, bytes[i], 16, 2);
    }
  }
  spec.written = true;
  take_text({text, length}, spec);
  used_ += static_cast<u32>(length) + 1;
  return 0;
}

int Formatter::take_word(u32 bytes) {
  const u32 aligned = (used_ + 3) & ~3u;
  if (aligned + bytes > kArgumentBytes) return kENOSPC;
  used_ = aligned + bytes;
  return 0;
}

void Formatter::take_text(std::string_view text, Spec& spec) {
  spec.kind = Kind::String;
  spec.text = strings_used_;
  spec.text_size =
      static_cast<u32>(std::min<std::size_t>(text.size(), sizeof strings_ - strings_used_));
  std::memcpy(strings_ + strings_used_, text.data(), spec.text_size);
  strings_used_ += spec.text_size;
}

u64 Formatter::render(std::span<char> out) const {
  Writer writer(out);
  u32 next = 0;
  for (u32 i = 0; i < format_.size();) {
    if (next < spec_count_ && specs_[next].begin == i) {
      const Spec& spec = specs_[next++];
      const bool text = spec.kind == Kind::String || spec.kind == Kind::Character;
      text ? render_text(writer, spec) : render_number(writer, spec);
      i = spec.end;
    } else {
      writer.put(format_.substr(i, 1));
      i += at(i) == '%' ? 2 : 1;  // what is left of percent signs are pairs
    }
  }
  return writer.finish();
}

void Formatter::render_number(Writer& out, const Spec& spec) const {
  const bool negative = spec.kind == Kind::Decimal && static_cast<i64>(spec.value) < 0;
  char digits[24];
  const int base = spec.kind == Kind::Decimal || spec.kind == Kind::Unsigned ? 10 : 16;
  const std::size_t count = append(digits, negative ? 0 - spec.value : spec.value, base, 1);
  if (spec.kind == Kind::UpperHex) {
    for (char& c : std::span(digits, count)) {
      if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  std::string_view sign = negative ? "-" : "";
  if (spec.kind == Kind::Decimal && !negative) sign = spec.plus ? "+" : spec.space ? " " : "";
  const bool bare_address = spec.kind == Kind::Address && spec.width == 0;
  const u32 width = bare_address ? kPointerDigits : spec.width;
  const u64 used = count + sign.size();
  const u64 pad = width > used ? width - used : 0;
  const bool zero = (spec.zero || bare_address) && !spec.left;
  if (!spec.left && !zero) out.fill(' ', pad);
  out.put(sign);
  if (zero) out.fill('0', pad);
  out.put({digits, count});
  if (spec.left) out.fill(' ', pad);
}

void Formatter::render_text(Writer& out, const Spec& spec) const {
  const char character = static_cast<char>(spec.value);
  const std::string_view text = spec.kind == Kind::Character
                                    ? std::string_view(&character, 1)
                                    : std::string_view(strings_ + spec.text, spec.text_size);
  if (spec.written) {
    if (!out.is_full()) out.put(text);  // beyond the end the kernel does not count it
    return;
  }
  const u64 pad = spec.width > text.size() ? spec.width - text.size() : 0;
  if (!spec.left) out.fill(' ', pad);
  out.put(text);
  if (spec.left) out.fill(' ', pad);
}

}  // namespace skep
