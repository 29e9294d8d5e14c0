// Files in and out, whole and bounded; `-` is stdin. Bytes written in hex.
// Failures are of type Failure (tools/output.h). Tested by tests/tools/cli_test.cpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "isa/types.h"

namespace skep {

using Buffer = std::vector<u8>;

inline constexpr std::size_t kMaxInput = 256u << 20;

// All of a file, or of stdin for "-", which can be had once.
Buffer read_input(const std::string& path, std::size_t limit = kMaxInput);
std::string read_text(const std::string& path, std::size_t limit = kMaxInput);

// "-" is stdout.
void write_output(const std::string& path, std::span<const u8> bytes);

// Claims stdin for `what`; a second claim is a usage error, because the first ate it all.
void claim_stdin(const std::string& what);

// Pairs of hex digits with blanks between them, perhaps after 0x. `place` names them in failures.
Buffer parse_hex(std::string_view text, std::string_view place);
bool looks_like_hex(std::string_view text);

// What --data takes: "-", a file's name, or hex.
Buffer read_data(const std::string& argument, std::string_view option);

// The input is an ELF file, whatever its name.
bool is_elf(std::span<const u8> bytes);

}  // namespace skep
