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

i64 read_or_clear(Run& run, Space space, u64 address, OutBytes to) {
  if (read_memory(run, space, address, to.data, to.size)) return 0;
  clear_shared(to.data, to.size);
  return kEFAULT;
}

i64 read_string_or_clear(Run& run, Space space, u64 address, OutBytes to) {
  if (to.size == 0) return 0;
  const i64 length = read_string(run, space, address, to.data, to.size);
  if (length < 0) clear_shared(to.data, to.size);
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

}  // namespace body
}  // namespace skep
