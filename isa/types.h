// The words every module speaks: fixed-width integers, program counters, kernel versions.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace skep {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

// Number of an instruction slot (8 bytes) in a program: what the kernel log calls "insn N".
// An lddw takes two slots. A strong type, so that it never mixes with byte offsets.
struct Pc {
  u32 value = 0;
  friend constexpr auto operator<=>(Pc, Pc) = default;
  constexpr Pc operator+(u32 slots) const { return {value + slots}; }
};

inline constexpr int kRegs = 11;          // r0 to r10
inline constexpr u8 kFrameReg = 10;       // r10, read only
inline constexpr u32 kStackSize = 512;    // bytes of one frame
inline constexpr u32 kMaxFrames = 8;      // local calls and callbacks nested at most
inline constexpr u32 kMaxTailCalls = 33;  // Linux include/linux/bpf.h, MAX_TAIL_CALL_CNT

// A kernel release, as the tables' `since` columns name it: 6.12_v.
struct Version {
  u16 major = 0;
  u16 minor = 0;
  friend constexpr auto operator<=>(Version, Version) = default;
};

// Raw literal, so that 5.10_v is not 5.1_v.
consteval Version operator""_v(const char* text) {
  Version v;
  u16* part = &v.major;
  for (; *text != 0; ++text) {
    if (*text == '.') {
      part = &v.minor;
    } else {
      *part = static_cast<u16>(*part * 10 + (*text - '0'));
    }
  }
  return v;
}

}  // namespace skep
