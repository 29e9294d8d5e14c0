// Internet checksums: sums in one's complement, kept in 32 bits and folded to 16.
//
// Semantics: Linux 6.12 net/core/filter.c, include/net/checksum.h; bpf_csum_diff as a running
// 6.18 has it, which folds its result, so it gives the same on all machines, and takes any size.
// Packets have no checksum of the hardware's (CHECKSUM_NONE). Tested by
// tests/helpers/checksum_test.cpp.

#include <algorithm>

#include "helpers/bodies/bodies.h"

namespace skep::body {
namespace {

constexpr u64 kFieldMask = 0xf;  // BPF_F_HDR_FIELD_MASK: bytes of the changed field
constexpr u64 kPseudoHeader = 1 << 4, kMarkMangled0 = 1 << 5, kMarkEnforce = 1 << 6, kIpv6 = 1 << 7;
constexpr u16 kMangled0 = 0xffff;  // CSUM_MANGLED_0

u32 add(u32 a, u32 b) {
  const u32 sum = a + b;
  return sum + (sum < b);
}

// A last part of less than 4 bytes counts as if zeros followed it.
u32 sum_of(const u8* data, u64 size, u32 seed) {
  u64 sum = seed;
  for (u64 i = 0; i < size; i += 4) {
    sum += static_cast<u32>(load_bytes(data + i, std::min<u64>(size - i, 4)));
    sum = (sum & 0xffffffff) + (sum >> 32);
  }
  return static_cast<u32>(sum);
}

u16 fold(u32 sum) {
  sum += sum >> 16 | sum << 16;
  return static_cast<u16>(sum >> 16);
}

u16 load16(const u8* from) {
  u16 value;
  copy_shared(reinterpret_cast<u8*>(&value), from, sizeof value);
  return value;
}

void store16(u8* to, u16 value) {
  copy_shared(to, reinterpret_cast<u8*>(&value), sizeof value);
}

// The checksum at `offset`, or null: -EFAULT.
u8* checksum_at(const Frame& frame, u32 offset) {
  if (offset > 0xffff || offset % 2 != 0) return nullptr;
  const auto length = static_cast<u64>(frame.packet.end - frame.packet.data);
  return offset + sizeof(u16) <= length ? frame.packet.data + offset : nullptr;
}

void replace_by_diff(u8* checksum, u32 diff) {
  store16(checksum, static_cast<u16>(~fold(add(diff, static_cast<u32>(~load16(checksum))))));
}

// ~(~checksum - from + to), in 32 bits as csum_replace4 does, or in 16 as csum_replace2.
void replace4(u8* checksum, u32 from, u32 to) {
  const u32 without = add(~static_cast<u32>(load16(checksum)), ~from);
  store16(checksum, static_cast<u16>(~fold(add(without, to))));
}

u16 add16(u16 a, u16 b) {
  const u16 sum = static_cast<u16>(a + b);
  return static_cast<u16>(sum + (sum < b));
}

void replace2(u8* checksum, u16 from, u16 to) {
  const u16 without = add16(static_cast<u16>(~load16(checksum)), static_cast<u16>(~from));
  store16(checksum, static_cast<u16>(~add16(without, to)));
}

}  // namespace

i64 csum_diff(Run&, MaybeBytes from, MaybeBytes to, u32 seed) {
  u32 sum = seed;
  if (to.size != 0) sum = sum_of(to.data, to.size, sum);
  if (from.size != 0) {
    sum = to.size != 0 ? add(sum, ~sum_of(from.data, from.size, 0))
                       : ~sum_of(from.data, from.size, ~sum);
  }
  return fold(sum);
}

i64 csum_update(Run&, Frame*, u32) {
  return kENOTSUPP;
}

i64 csum_level(Run&, Frame* frame, u64 level) {
  constexpr u64 kQuery = 0, kIncrease = 1, kDecrease = 2, kReset = 3;
  constexpr i8 kMaxLevel = 3;
  i8& now = frame->skb.csum_level;
  switch (level) {
    case kQuery: return now < 0 ? kEACCES : now;
    case kIncrease: now = now < kMaxLevel ? static_cast<i8>(now + 1) : now; return 0;
    case kDecrease: now = now >= 0 ? static_cast<i8>(now - 1) : now; return 0;
    case kReset: now = -1; return 0;
    default: return kEINVAL;
  }
}

i64 l3_csum_replace(Run&, Frame* frame, u32 offset, u64 from, u64 to, u64 flags) {
  if ((flags & ~kFieldMask) != 0) return kEINVAL;
  u8* checksum = checksum_at(*frame, offset);
  if (checksum == nullptr) return kEFAULT;
  switch (flags) {
    case 0:
      if (from != 0) return kEINVAL;
      replace_by_diff(checksum, static_cast<u32>(to));
      return 0;
    case 2: replace2(checksum, static_cast<u16>(from), static_cast<u16>(to)); return 0;
    case 4: replace4(checksum, static_cast<u32>(from), static_cast<u32>(to)); return 0;
    default: return kEINVAL;
  }
}

i64 l4_csum_replace(Run&, Frame* frame, u32 offset, u64 from, u64 to, u64 flags) {
  if ((flags & ~(kFieldMask | kPseudoHeader | kMarkMangled0 | kMarkEnforce | kIpv6)) != 0) {
    return kEINVAL;
  }
  u8* checksum = checksum_at(*frame, offset);
  if (checksum == nullptr) return kEFAULT;
  const bool none_is_zero = (flags & kMarkMangled0) != 0;  // UDP: 0 means that there is none
  if (none_is_zero && (flags & kMarkEnforce) == 0 && load16(checksum) == 0) return 0;
  switch (flags & kFieldMask) {
    case 0:
      if (from != 0) return kEINVAL;
      replace_by_diff(checksum, static_cast<u32>(to));
      break;
    case 2: replace4(checksum, static_cast<u16>(from), static_cast<u16>(to)); break;
    case 4: replace4(checksum, static_cast<u32>(from), static_cast<u32>(to)); break;
    default: return kEINVAL;
  }
  if (none_is_zero && load16(checksum) == 0) store16(checksum, kMangled0);
  return 0;
}

}  // namespace skep::body
