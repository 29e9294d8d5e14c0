// Instructions as bytes, as hexadecimal text and as C source: what goes into and comes out of
// `skep asm`, `skep dis` and the conformance suite's plug-in protocol. Bytes are little-endian,
// whatever the host is. Tested by tests/isa/wire_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "isa/insn.h"

namespace skep {

std::vector<u8> to_bytes(std::span<const Insn> insns);
Result<std::vector<Insn>> from_bytes(std::span<const u8> bytes);

// Two small digits a byte, nothing between them.
std::string to_hex(std::span<const u8> bytes);
// Blanks and line ends may stand between the bytes.
Result<std::vector<u8>> from_hex(std::string_view text);

// An array of the kernel's struct bpf_insn, each line with the instruction in a comment.
std::string to_c_array(std::span<const Insn> insns, std::string_view name);

}  // namespace skep
