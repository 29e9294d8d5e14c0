// What the two dialects of the assembler share: addresses, targets, immediates, calls.

#include "isa/asm_statement.h"

namespace skep {
namespace {

// A distance in slots after its sign was seen.
Status require_distance(AsmCursor& cursor, AsmStatement& out) {
  const u32 column = cursor.column();
  const AsmNumber number = TRY(cursor.require_number("a distance"));
  const bool by_offset = out.insn.is_jump() && out.insn.op != Op::JaLong;
  if (!number.fits_signed(by_offset ? 16 : 32)) {
    return cursor.too_large(column, number,
                            by_offset ? "the 16 bits of a jump (gotol has 32)" : "32 bits");
  }
  out.ref = AsmRef::Distance;
  out.distance = static_cast<i64>(number.bits());
  return {};
}

AsmStatement call(Op op) {
  AsmStatement out;
  out.insn.op = op;
  return out;
}

// N, after `helper` or `runtime` or nothing.
Result<AsmStatement> call_number(AsmCursor& cursor, Op op) {
  AsmStatement out = call(op);
  out.insn.imm = TRY(require_immediate(cursor, true));
  return out;
}

Result<i16> require_module(AsmCursor& cursor) {
  const u32 column = cursor.column();
  const AsmNumber number = TRY(cursor.require_number("a module"));
  if (!number.fits_signed(16)) return cursor.too_large(column, number, "16 bits");
  return static_cast<i16>(number.bits());
}

// NAME, ID, ID:MODULE, NAME#ID or NAME#ID:MODULE, after `kfunc`.
Result<AsmStatement> call_kfunc(AsmCursor& cursor) {
  AsmStatement out = call(Op::CallKfunc);
  out.name_column = cursor.column();
  out.name = cursor.accept_word();
  if (!out.name.empty() && !cursor.accept("#")) {
    out.ref = AsmRef::Extern;
    return out;
  }
  out.insn.imm = TRY(require_immediate(cursor, true));
  if (cursor.accept(":")) out.insn.off = TRY(require_module(cursor));
  return out;
}

// NAME or NAME#ID. The kernel's log writes calls of its own functions like those of helpers, by
// their BTF ids, which are far above the numbers of helpers: before the functions come the types.
constexpr i64 kLeastFunctionId = 1000;
Result<AsmStatement> call_name(AsmCursor& cursor) {
  AsmStatement out = call(Op::CallHelper);
  out.name_column = cursor.column();
  out.name = TRY(cursor.require_word("a function: a name, a helper's number, pc+N or a register"));
  if (cursor.accept("#")) {
    out.insn.imm = TRY(require_immediate(cursor, true));
    if (out.insn.imm >= kLeastFunctionId) out.insn.op = Op::CallKfunc;
  } else {
    out.ref = AsmRef::Callee;
  }
  return out;
}

}  // namespace

const OpRow* find_row(OpKind kind, std::string_view text) {
  for (int i = 0; i < kOps; ++i) {
    const OpRow& candidate = row(static_cast<Op>(i));
    if (candidate.kind == kind && candidate.text == text) return &candidate;
  }
  return nullptr;
}

Result<i32> require_immediate(AsmCursor& cursor, bool any, std::string_view what) {
  const u32 column = cursor.column();
  const AsmNumber number = TRY(cursor.require_number(what));
  if (number.fits_signed(32) || (any && number.fits_unsigned(32))) {
    return static_cast<i32>(number.bits());
  }
  return cursor.too_large(column, number, any ? "32 bits" : "a sign-extended immediate of 32 bits");
}

Result<AsmAddress> require_address(AsmCursor& cursor) {
  const AsmCursor start = cursor;
  const AsmReg base = TRY(cursor.require_reg());
  if (base.half) return start.expected("a 64-bit register (r0 to r10)");
  AsmAddress out{base.number, 0};
  if (!cursor.at('+') && !cursor.at('-')) return out;
  const u32 column = cursor.column();
  const AsmNumber offset = TRY(cursor.require_number("an offset"));
  if (!offset.fits_signed(16)) return cursor.too_large(column, offset, "an offset of 16 bits");
  out.off = static_cast<i16>(offset.bits());
  return out;
}

Status require_target(AsmCursor& cursor, AsmStatement& out) {
  AsmCursor probe = cursor;
  if (probe.accept_word() == "pc" && (probe.at('+') || probe.at('-'))) cursor = probe;
  if (cursor.at('+') || cursor.at('-')) {
    TRY(require_distance(cursor, out));
  } else {
    out.ref = AsmRef::Target;
    out.name_column = cursor.column();
    out.name = TRY(cursor.require_word("a label, or a distance such as +3"));
  }
  // Where objdump and the disassembler say what the distance leads to.
  if (cursor.accept("<")) {
    cursor.accept_before('>');
    TRY(cursor.require(">"));
  }
  return {};
}

Result<AsmStatement> parse_call(AsmCursor& cursor) {
  AsmCursor probe = cursor;
  if (const auto reg = probe.accept_reg(); reg && !reg->half) {
    cursor = probe;
    AsmStatement out = call(Op::Callx);
    out.insn.dst = reg->number;
    return out;
  }
  probe.accept("-");
  if (probe.accept_unsigned()) return call_number(cursor, Op::CallHelper);

  probe = cursor;
  const std::string_view word = probe.accept_word();
  if (word == "pc" && !probe.at_end()) {
    AsmStatement out = call(Op::CallLocal);
    TRY(require_target(cursor, out));
    return out;
  }
  // A function may have one of these names: then nothing follows it.
  if (probe.at_end() || probe.at('#')) return call_name(cursor);
  if (word == "helper" || word == "runtime" || word == "kfunc" || word == "local") cursor = probe;
  if (word == "helper") {
    return cursor.peek_word().empty() ? call_number(cursor, Op::CallHelper) : call_name(cursor);
  }
  if (word == "runtime") return call_number(cursor, Op::CallKfunc);
  if (word == "kfunc") return call_kfunc(cursor);
  if (word != "local") return call_name(cursor);
  AsmStatement out = call(Op::CallLocal);
  TRY(require_target(cursor, out));
  if (out.ref == AsmRef::Target) out.ref = AsmRef::Local;
  return out;
}

}  // namespace skep
