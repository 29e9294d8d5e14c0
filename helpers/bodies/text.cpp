// Text in and out: printing, strings, numbers in strings. Semantics: Linux 6.12
// kernel/trace/bpf_trace.c, kernel/bpf/helpers.c, lib/kstrtox.c.
// Tested by tests/helpers/text_test.cpp.

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "helpers/bodies/bodies.h"
#include "helpers/bodies/format.h"

namespace skep::body {
namespace {

// The text before the terminating zero, which must be inside the bytes.
bool is_terminated(const Bytes& bytes, std::string_view& text) {
  u64 length = 0;
  while (length < bytes.size && load_shared<u8>(bytes.data + length) != 0) ++length;
  text = {reinterpret_cast<const char*>(bytes.data), length};
  return length < bytes.size;
}

// Arguments from the program's memory, 8 bytes each.
struct Arguments {
  u64 values[kMaxFormatArgs];
  u32 count = 0;

  bool take(const MaybeBytes& bytes) {
    if (bytes.size % 8 != 0 || bytes.size > sizeof values) return false;
    if (bytes.size != 0 && bytes.data == nullptr) return false;
    copy_shared(reinterpret_cast<u8*>(values), bytes.data, bytes.size);
    count = static_cast<u32>(bytes.size / 8);
    return true;
  }
};

i64 print(Run& run, const Bytes& format, std::span<const u64> args) {
  std::string_view text;
  if (!is_terminated(format, text)) return kEINVAL;
  Formatter formatter(run, text);
  const int error = formatter.prepare(args);
  if (error != 0) return error;
  char line[kPrintedBytes];
  const u64 length = formatter.render(line);
  run.env->print(run.env->user, {line, strnlen(line, sizeof line)});
  return static_cast<i64>(length);
}

struct Parsed {
  i64 consumed = 0;  // or an error
  u64 value = 0;
  bool negative = false;
};

u32 digit_value(char c) {
  if (is_digit(static_cast<u8>(c))) return static_cast<u32>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<u32>(lower - 'a') + 10 : 99;
}

// How many characters of a prefix stand before the digits; settles a base of 0.
u32 take_radix(const char* text, u32& base) {
  const bool hex = text[0] == '0' && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16;
  if (base == 0) base = text[0] != '0' ? 10 : hex ? 16 : 8;
  return base == 16 && text[0] == '0' && (text[1] | 0x20) == 'x' ? 2 : 0;
}

// Digits of `base` from `text` on: how many there are, and their value or that it overflows.
u32 take_digits(const char* text, u32 base, u64& value, bool& overflow) {
  u32 count = 0;
  for (; digit_value(text[count]) < base; ++count) {
    overflow |= __builtin_mul_overflow(value, base, &value);
    overflow |= __builtin_add_overflow(value, digit_value(text[count]), &value);
  }
  return count;
}

// Spaces, a sign, a prefix, digits: as far as they go, in the first 63 bytes after the sign.
Parsed parse_integer(const Bytes& bytes, u64 flags) {
  constexpr u64 kBaseMask = 0x1f;
  u32 base = flags & kBaseMask;
  const bool known_base = base == 0 || base == 8 || base == 10 || base == 16;
  if (bytes.size == 0 || !known_base || (flags & ~kBaseMask) != 0) return {.consumed = kEINVAL};
  u64 at = 0;
  while (at < bytes.size && is_space(load_shared<u8>(bytes.data + at))) ++at;
  Parsed parsed;
  parsed.negative = at < bytes.size && load_shared<u8>(bytes.data + at) == '-';
  at += parsed.negative;
  if (at == bytes.size) return {.consumed = kEINVAL};
  char text[64 + 2] = {};  // two zeros more, for the look at a prefix
  copy_shared(reinterpret_cast<u8*>(text), bytes.data + at, std::min<u64>(bytes.size - at, 63));
  const u32 prefix = take_radix(text, base);
  bool overflow = false;
  const u32 digits = take_digits(text + prefix, base, parsed.value, overflow);
  if (overflow) return {.consumed = kERANGE};
  if (digits == 0) return {.consumed = kEINVAL};
  parsed.consumed = static_cast<i64>(at + prefix + digits);
  return parsed;
}

}  // namespace

i64 trace_printk(Run& run, Bytes format, More arg1, More arg2, More arg3) {
  const u64 args[] = {arg1.value, arg2.value, arg3.value};
  return print(run, format, args);
}

i64 trace_vprintk(Run& run, Bytes format, MaybeBytes args) {
  Arguments taken;
  if (!taken.take(args)) return kEINVAL;
  return print(run, format, {taken.values, taken.count});
}

i64 snprintf(Run& run, MaybeInOutBytes to, Text format, MaybeBytes args) {
  Arguments taken;
  if (!taken.take(args)) return kEINVAL;
  Formatter formatter(run, format.data);
  const int error = formatter.prepare({taken.values, taken.count});
  if (error != 0) return error;
  const u64 length = formatter.render({reinterpret_cast<char*>(to.data), to.size});
  return static_cast<i64>(length) + 1;
}

// Text is formatted as a whole first: what has no room in the file leaves nothing there.
i64 seq_printf(Run& run, KernelObject, Bytes format, MaybeBytes args) {
  Arguments taken;
  std::string_view text;
  if (!taken.take(args) || !is_terminated(format, text)) return kEINVAL;
  Formatter formatter(run, text);
  const int error = formatter.prepare({taken.values, taken.count});
  if (error != 0) return error;
  const u64 length = formatter.render({});
  std::unique_ptr<char[]> line(new (std::nothrow) char[length + 1]);
  if (line == nullptr) return kENOMEM;
  formatter.render({line.get(), length + 1});
  const u8* bytes = reinterpret_cast<const u8*>(line.get());
  return run.env->seq_write(run.env->user, {bytes, length}) ? 0 : kEOVERFLOW;
}

i64 seq_write(Run& run, KernelObject, Bytes bytes) {
  return run.env->seq_write(run.env->user, {bytes.data, bytes.size}) ? 0 : kEOVERFLOW;
}

i64 strncmp(Run&, Bytes first, Text second) {
  for (u64 i = 0; i < first.size; ++i) {
    const u8 a = load_shared<u8>(first.data + i);
    const u8 b = static_cast<u8>(second.data[i]);
    if (a != b) return a < b ? -1 : 1;
    if (a == 0) return 0;
  }
  return 0;
}

i64 strtol(Run&, Bytes text, u64 flags, Out<i64> result) {
  result.set(0);
  const Parsed parsed = parse_integer(text, flags);
  if (parsed.consumed < 0) return parsed.consumed;
  const i64 value = static_cast<i64>(parsed.negative ? 0 - parsed.value : parsed.value);
  if (parsed.negative ? value > 0 : value < 0) return kERANGE;
  result.set(value);
  return parsed.consumed;
}

i64 strtoul(Run&, Bytes text, u64 flags, Out<u64> result) {
  result.set(0);
  const Parsed parsed = parse_integer(text, flags);
  if (parsed.consumed < 0) return parsed.consumed;
  if (parsed.negative) return kEINVAL;
  result.set(parsed.value);
  return parsed.consumed;
}

}  // namespace skep::body
