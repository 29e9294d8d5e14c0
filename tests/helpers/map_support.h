// What the tests of maps share: specs in one line, keys and values as numbers.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>

#include "helpers/maps/map.h"
#include "tests/support/map_specs.h"

namespace skep {

inline std::unique_ptr<Map> make(const MapSpec& spec, MapWorld world = {}) {
  auto map = create_map(spec, world);
  EXPECT_TRUE(map.has_value()) << map.error().text;
  return map ? std::move(*map) : nullptr;
}

// A number as the bytes of a key or a value of up to 64 bytes: little end first, the rest zero.
struct Bytes {
  alignas(8) u8 bytes[64] = {};
  Bytes(u64 number = 0) { std::memcpy(bytes, &number, sizeof number); }  // NOLINT: implicit
  operator u8*() { return bytes; }
  operator const u8*() const { return bytes; }
  u64 number(u32 size = 8) const {
    u64 value = 0;
    std::memcpy(&value, bytes, size);
    return value;
  }
};

inline u64 number_at(const u8* memory, u32 size = 8) {
  u64 value = 0;
  if (memory != nullptr) std::memcpy(&value, memory, size < 8 ? size : 8);
  return value;
}

inline const char* errno_name(int error) {
  switch (error) {
    case 0: return "0";
    case kEPERM: return "EPERM";
    case kENOENT: return "ENOENT";
    case kE2BIG: return "E2BIG";
    case kEBADF: return "EBADF";
    case kEAGAIN: return "EAGAIN";
    case kENOMEM: return "ENOMEM";
    case kEACCES: return "EACCES";
    case kEBUSY: return "EBUSY";
    case kEEXIST: return "EEXIST";
    case kEINVAL: return "EINVAL";
    case kENOSPC: return "ENOSPC";
    case kEOPNOTSUPP: return "EOPNOTSUPP";
    case kENOTSUPP: return "ENOTSUPP";
    default: return "?";
  }
}

// The name of a parameterized case: every Case has a `name`.
template <class Case>
std::string case_name(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

}  // namespace skep
