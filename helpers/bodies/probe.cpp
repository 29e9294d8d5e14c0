// Reads of memory outside of what the verifier tracks. Semantics: Linux 6.12
// kernel/trace/bpf_trace.c, mm/maccess.c; what fails clears the destination.
// Tested by tests/helpers/probe_test.cpp.

#include <algorithm>

#include "helpers/bodies/bodies.h"
#include "helpers/bodies/memory_source.h"

namespace skep {
namespace {

std::span<const u8> own_bytes_at(Run& run, u64 address) {
  Region found;
  if (!run.probe(run, address, 1, kRead, found)) return {};
  return {reinterpret_cast<const u8*>(address), found.base + found.size - address};
}

// The bytes from `address` on that are in one piece; empty if there are none.
std::span<const u8> bytes_at(Run& run, Space space, u64 address) {
  std::span<const u8> bytes;
  if (space != Space::Kernel) bytes = mapped_at(*run.env, address, true);
  if (bytes.empty() && space != Space::User) bytes = mapped_at(*run.env, address, false);
  if (bytes.empty() && space != Space::User) bytes = own_bytes_at(run, address);
  return bytes;
}

// Why nothing could be read. Readers of kernel memory don't even try addresses outside of the
// kernel's half (Linux arch/x86/mm/maccess.c, copy_from_kernel_nofault_allowed).
i64 refusal(Space space, u64 address) {
  constexpr u32 kUserBits = 47;
  const bool user_half = address >> kUserBits == 0;
  const bool kernel_half = address >> kUserBits == ~u64(0) >> kUserBits;
  if (space == Space::User || (space == Space::Any && user_half)) return kEFAULT;
  return kernel_half ? kEFAULT : kERANGE;
}

i64 read_or_clear(Run& run, Space space, u64 address, OutBytes to) {
  if (to.size == 0) {  // the address counts even so
    const bool refused = refusal(space, address) == kERANGE;
    return refused && bytes_at(run, space, address).empty() ? kERANGE : 0;
  }
  if (read_memory(run, space, address, to.data, to.size)) return 0;
  clear_shared(to.data, to.size);
  return refusal(space, address);
}

// Strings of users are copied a word at a time where a whole word fits and is there, and what
// follows the end in its word is cleared (Linux lib/strncpy_from_user.c): programs that take such
// strings as keys rely on it. `length` has the end with it.
void clear_word_behind(const Run& run, u64 address, const OutBytes& to, u64 length) {
  constexpr u64 kWord = 8;
  const u64 word = (length - 1) / kWord * kWord;
  if (word + kWord > to.size || load_shared<u8>(to.data + length - 1) != 0) return;
  u8 bytes[kWord];
  if (!read_mapped(*run.env, address + word, true, bytes)) return;
  clear_shared(to.data + length, word + kWord - length);
}

i64 read_string_or_clear(Run& run, Space space, u64 address, OutBytes to) {
  if (to.size == 0) return 0;
  const i64 length = read_string(run, space, address, to.data, to.size);
  if (length < 0) {
    clear_shared(to.data, to.size);
    return refusal(space, address);
  } else if (space != Space::Kernel) {
    clear_word_behind(run, address, to, static_cast<u64>(length));
  }
  return length;
}

}  // namespace

bool read_memory(Run& run, Space space, u64 address, u8* to, u64 size) {
  while (size != 0) {
    const std::span<const u8> bytes = bytes_at(run, space, address);
    if (bytes.empty()) return false;
    const u64 count = std::min<u64>(bytes.size(), size);
    copy_shared(to, bytes.data(), count);
    to += count;
    address += count;
    size -= count;
  }
  return true;
}

i64 read_string(Run& run, Space space, u64 address, u8* to, u64 size) {
  if (size == 0) return 0;
  std::span<const u8> bytes;
  for (u64 done = 0; done < size; ++done) {
    if (bytes.empty()) bytes = bytes_at(run, space, address + done);
    if (bytes.empty()) {
      store_shared<u8>(to, 0);
      return kEFAULT;
    }
    const u8 byte = load_shared<u8>(bytes.data());
    bytes = bytes.subspan(1);
    store_shared<u8>(to + done, done + 1 == size ? u8(0) : byte);
    if (byte == 0) return static_cast<i64>(done) + 1;
  }
  return static_cast<i64>(size);
}

namespace body {

i64 probe_read(Run& run, OutBytes to, u64 address) {
  return read_or_clear(run, Space::Any, address, to);
}
i64 probe_read_user(Run& run, OutBytes to, u64 address) {
  return read_or_clear(run, Space::User, address, to);
}
i64 probe_read_kernel(Run& run, OutBytes to, u64 address) {
  return read_or_clear(run, Space::Kernel, address, to);
}
i64 probe_read_str(Run& run, OutBytes to, u64 address) {
  return read_string_or_clear(run, Space::Any, address, to);
}
i64 probe_read_user_str(Run& run, OutBytes to, u64 address) {
  return read_string_or_clear(run, Space::User, address, to);
}
i64 probe_read_kernel_str(Run& run, OutBytes to, u64 address) {
  return read_string_or_clear(run, Space::Kernel, address, to);
}
i64 copy_from_user(Run& run, OutBytes to, u64 address) {
  return read_or_clear(run, Space::User, address, to);
}

// Of the user memory of other tasks than the current one nothing is known.
i64 copy_from_user_task(Run& run, OutBytes to, u64 address, KernelObject task, u64 flags) {
  if (flags != 0) return kEINVAL;
  if (to.size == 0) return 0;
  if (task.address == run.env->task.address) return read_or_clear(run, Space::User, address, to);
  clear_shared(to.data, to.size);
  return kEFAULT;
}

i64 probe_write_user(Run& run, u64 address, Bytes from) {
  return write_user(*run.env, address, {from.data, from.size}) ? 0 : kEFAULT;
}

}  // namespace body
}  // namespace skep
