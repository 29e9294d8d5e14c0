// Typed bytes as JSON and as text: map keys and values, records, global variables.
//
// With BTF the forms are those of isa/btf_value.h; without, bytes are hex text, and numbers are
// taken too where 1, 2, 4 or 8 bytes are wanted. Failures are of type Failure (tools/output.h).
// Tested by tests/tools/json_values_test.cpp.
#pragma once

#include "isa/btf_value.h"
#include "tools/output.h"

namespace skep {

Json to_json(const BtfValue& value);
BtfValue from_json(const Json& json);

// `btf` may be null and `type` 0: no type known.
Json bytes_to_json(const Btf* btf, u32 type, std::span<const u8> bytes);
// Writes all of `out`; `place` is named in failures: "rules.json: key of entry 3".
void json_to_bytes(const Btf* btf, u32 type, const Json& json, std::span<u8> out,
                   const std::string& place);

// One line for people: no quotes around names, IPv6 addresses as such, long lists cut.
std::string json_to_text(const Json& json);

// Keys of longest-prefix tries as people write them: "192.0.2.0/24", "2001:db8::/32". The first is
// "" for keys that are neither 4 nor 16 bytes behind the length; the second says whether it fits.
std::string prefix_text(std::span<const u8> key);
bool parse_prefix(const std::string& text, std::span<u8> key);

// Parses JSON text; the failure names `place`. Depth is bounded.
Json parse_json(const std::string& text, const std::string& place);

}  // namespace skep
