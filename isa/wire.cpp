// Byte order and digits by hand: no host order, no locale. Code from outside is bounded by what a
// program may be before it is copied.

#include "isa/wire.h"

#include "isa/disasm.h"

namespace skep {
namespace {

constexpr u64 kMaxBytes = u64{kMaxSlots} * sizeof(Insn);

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

std::vector<u8> to_bytes(std::span<const Insn> insns) {
  std::vector<u8> out;
  out.reserve(insns.size() * sizeof(Insn));
  for (const Insn& insn : insns) {
    out.push_back(insn.opcode);
    out.push_back(insn.regs);
    for (int shift = 0; shift < 16; shift += 8) out.push_back(static_cast<u8>(insn.off >> shift));
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<u8>(insn.imm >> shift));
  }
  return out;
}

Result<std::vector<Insn>> from_bytes(std::span<const u8> bytes) {
  if (bytes.size() > kMaxBytes) {
    return fail<Code::program_too_large>(bytes.size() / sizeof(Insn), kMaxSlots);
  }
  if (bytes.size() % sizeof(Insn) != 0) {
    return fail<Code::bad_code_bytes>(bytes.size(), "the code ends inside of an instruction");
  }
  std::vector<Insn> out;
  out.reserve(bytes.size() / sizeof(Insn));
  for (; !bytes.empty(); bytes = bytes.subspan(sizeof(Insn))) {
    const u32 imm = static_cast<u32>(bytes[4]) | static_cast<u32>(bytes[5]) << 8 |
                    static_cast<u32>(bytes[6]) << 16 | static_cast<u32>(bytes[7]) << 24;
    out.push_back(
        {bytes[0], bytes[1], static_cast<i16>(bytes[2] | bytes[3] << 8), static_cast<i32>(imm)});
  }
  return out;
}

std::string to_hex(std::span<const u8> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (u8 byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Result<std::vector<u8>> from_hex(std::string_view text) {
  std::vector<u8> out;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    const std::string_view pair = text.substr(at, 2);
    if (pair.size() < 2 || hex_digit(pair[0]) < 0 || hex_digit(pair[1]) < 0) {
      return fail<Code::bad_code_bytes>(out.size(), "expected two hexadecimal digits");
    }
    if (out.size() == kMaxBytes) {
      return fail<Code::program_too_large>(kMaxSlots + 1, kMaxSlots);
    }
    out.push_back(static_cast<u8>(hex_digit(pair[0]) << 4 | hex_digit(pair[1])));
    at += 2;
  }
  return out;
}

std::string to_c_array(std::span<const Insn> insns, std::string_view name) {
  std::string out = fmt::format("static const struct bpf_insn {}[] = {{\n", name);
  std::string comment;
  for (Pc pc; pc.value < insns.size(); pc = pc + 1) {
    const Insn& insn = insns[pc.value];
    const auto decoded = decode(insns, pc);
    const bool second_half = pc.value > 0 && insns[pc.value - 1].opcode == kLddwOpcode;
    comment = decoded       ? "  // " + disassemble(*decoded, pc)
              : second_half ? ""
                            : "  // not an instruction";
    fmt::format_to(
        std::back_inserter(out),
        "    {{.code = {:#04x}, .dst_reg = {}, .src_reg = {}, .off = {}, .imm = {}}},{}\n",
        insn.opcode, insn.dst(), insn.src(), insn.off, insn.imm, comment);
  }
  return out + "};\n";
}

}  // namespace skep
