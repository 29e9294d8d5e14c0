// The mnemonics of the conformance suite: `ldxdw %r0, [%r1+2]`, `lock fetch add [%r1], %r2`.
//
// Arithmetic and jumps are the names of their rows in small letters, with 32 after the name for 32
// bits. Commas between operands may be left out, as the suite's own assembler does.

#include <algorithm>

#include "isa/asm_statement.h"

namespace skep {
namespace {

bool is_small_form(std::string_view word, std::string_view name) {
  return std::ranges::equal(word, name, [](char small, char c) {
    return small == (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
}

// The row of `kind` whose name is `word`.
const OpRow* find_name(OpKind kind, std::string_view word) {
  for (int i = 0; i < kOps; ++i) {
    const OpRow& candidate = row(static_cast<Op>(i));
    if (candidate.kind == kind && is_small_form(word, candidate.name)) return &candidate;
  }
  return nullptr;
}

struct Mnemonic {
  Op op;
  u8 bits;
};

// add, add32, jeq, neg32, movsx832, bswap16 and the like.
std::optional<Mnemonic> find_mnemonic(std::string_view word) {
  for (OpKind kind : {OpKind::Alu, OpKind::Unary, OpKind::Jump}) {
    if (const OpRow* row = find_name(kind, word)) return Mnemonic{row->op, 64};
    if (!word.ends_with("32")) continue;
    const OpRow* row = find_name(kind, word.substr(0, word.size() - 2));
    if (row != nullptr) return Mnemonic{row->op, 32};
  }
  if (const OpRow* row = find_row(OpKind::Swap, word)) return Mnemonic{row->op, 64};
  if (word.size() < 3) return {};
  const std::string_view front = word.substr(0, word.size() - 2);
  const OpRow* row = find_name(OpKind::MovSx, front);
  if (row == nullptr) return {};
  if (word.ends_with("64")) return Mnemonic{row->op, 64};
  if (word.ends_with("32")) return Mnemonic{row->op, 32};
  return {};
}

struct MemoryMnemonic {
  std::string_view name;
  Op op;
};
constexpr MemoryMnemonic kMemory[] = {
    {"ldxs", Op::LoadSigned}, {"ldx", Op::Load}, {"stx", Op::Store}, {"st", Op::StoreImm}};

// ldxb, ldxsw, stdw and the like: the table's name and a size.
std::optional<Decoded> find_memory(std::string_view word) {
  for (const MemoryMnemonic& row : kMemory) {
    if (!word.starts_with(row.name)) continue;
    const std::string_view size = word.substr(row.name.size());
    Decoded out;
    out.op = row.op;
    out.size = size == "b" ? 1 : size == "h" ? 2 : size == "w" ? 4 : size == "dw" ? 8 : 0;
    out.immediate = row.op == Op::StoreImm;
    if (out.size != 0) return out;
  }
  return {};
}

Result<u8> require_reg(AsmCursor& cursor) {
  const AsmCursor start = cursor;
  const AsmReg reg = TRY(cursor.require_reg());
  if (reg.half) return start.expected("a register (%r0 to %r10)");
  return reg.number;
}

Status require_operand(AsmCursor& cursor, Decoded& insn) {
  insn.immediate = !AsmCursor(cursor).accept_reg();
  if (insn.immediate) {
    insn.imm = TRY(require_immediate(cursor, true, "a register or a number"));
  } else {
    insn.src = TRY(require_reg(cursor));
  }
  return {};
}

// [%r1+4]
Result<AsmAddress> require_place(AsmCursor& cursor) {
  TRY(cursor.require("["));
  const AsmAddress address = TRY(require_address(cursor));
  TRY(cursor.require("]"));
  return address;
}

Result<AsmStatement> memory(AsmCursor& cursor, const Decoded& insn) {
  AsmStatement out;
  out.insn = insn;
  const bool loads = insn.op == Op::Load || insn.op == Op::LoadSigned;
  if (loads) {
    out.insn.dst = TRY(require_reg(cursor));
    cursor.accept(",");
  }
  const AsmAddress address = TRY(require_place(cursor));
  (loads ? out.insn.src : out.insn.dst) = address.reg;
  out.insn.off = address.off;
  if (loads) return out;
  cursor.accept(",");
  if (insn.op == Op::StoreImm) {
    out.insn.imm = TRY(require_immediate(cursor, true));
  } else {
    out.insn.src = TRY(require_reg(cursor));
  }
  return out;
}

Result<AsmStatement> wide_load(AsmCursor& cursor) {
  AsmStatement out;
  out.insn.op = Op::LoadImm;
  out.insn.bits = 64;
  out.insn.immediate = true;
  out.insn.dst = TRY(require_reg(cursor));
  cursor.accept(",");
  out.insn.imm = static_cast<i64>(TRY(cursor.require_number()).bits());
  return out;
}

// Arithmetic and conditional jumps, after the name.
Result<AsmStatement> operation(AsmCursor& cursor, Mnemonic name) {
  AsmStatement out;
  out.insn.op = name.op;
  out.insn.bits = name.bits;
  out.insn.dst = TRY(require_reg(cursor));
  switch (kind(name.op)) {
    case OpKind::Unary:
    case OpKind::Swap: out.insn.immediate = true; return out;
    case OpKind::MovSx:
      cursor.accept(",");
      out.insn.src = TRY(require_reg(cursor));
      return out;
    default: break;
  }
  cursor.accept(",");
  TRY(require_operand(cursor, out.insn));
  if (kind(name.op) == OpKind::Jump) {
    cursor.accept(",");
    TRY(require_target(cursor, out));
  }
  return out;
}

}  // namespace

Result<AsmStatement> parse_atomic_mnemonic(AsmCursor& cursor) {
  const bool fetches = cursor.accept("fetch");
  const AsmCursor start = cursor;
  std::string_view word = cursor.accept_word();
  AsmStatement out;
  out.insn.size = word.ends_with("32") ? 4 : 8;
  if (out.insn.size == 4) word.remove_suffix(2);
  const OpRow* row = nullptr;
  if (word == "xchg" || word == "cmpxchg") {
    if (!fetches) row = find_row(OpKind::Atomic, word);
  } else {
    row = find_name(OpKind::Atomic, fmt::format("{}{}", fetches ? "fetch" : "atomic", word));
  }
  if (row == nullptr) return start.expected("add, and, or, xor, xchg or cmpxchg");
  out.insn.op = row->op;
  const AsmAddress address = TRY(require_place(cursor));
  cursor.accept(",");
  out.insn.dst = address.reg;
  out.insn.off = address.off;
  out.insn.src = TRY(require_reg(cursor));
  return out;
}

Result<AsmStatement> parse_mnemonic(AsmCursor& cursor) {
  const AsmCursor start = cursor;
  std::string_view word = cursor.accept_word();
  if (word == "lddw") return wide_load(cursor);
  if (word == "ja" || word == "ja32") {
    AsmStatement out;
    out.insn.op = word == "ja" ? Op::Ja : Op::JaLong;
    TRY(require_target(cursor, out));
    return out;
  }
  if (const auto insn = find_memory(word)) return memory(cursor, *insn);
  // The suite has two names for bswap.
  constexpr std::string_view kSwaps[] = {"bswap16", "bswap32", "bswap64"};
  for (std::string_view name : kSwaps) {
    if (word == name.substr(1)) word = name;
  }
  if (const auto name = find_mnemonic(word)) return operation(cursor, *name);
  return start.expected("an instruction");
}

}  // namespace skep
