// The text form of the kernel and of LLVM, one statement at a time.
//
// Several spellings exist of some instructions (the kernel's log, bpftool, LLVM by version); all
// are read. `r` and `w` registers choose between 64 and 32 bits for arithmetic and jumps; memory
// accesses carry their size, so there both are read where the width allows. A line copied from
// the kernel's log, "5: (b7) r0 = 1", tells its opcode, which settles what its text leaves open.

#include <algorithm>

#include "isa/asm_statement.h"

namespace skep {
namespace {

enum class Width : u8 { Full, Half, Either };

// A register of the width asked for; a failure points at the register.
Result<u8> require_reg(AsmCursor& cursor, Width width) {
  const AsmCursor start = cursor;
  const AsmReg reg = TRY(cursor.require_reg());
  if (width == Width::Full && reg.half) return start.expected("a 64-bit register (r0 to r10)");
  if (width == Width::Half && !reg.half) return start.expected("a 32-bit register (w0 to w10)");
  return reg.number;
}

// Where 8 bytes are moved, w registers have no place.
Width width_for(u8 size) {
  return size == 8 ? Width::Full : Width::Either;
}

AsmStatement statement(Op op, u8 bits, u8 size, bool immediate) {
  AsmStatement out;
  out.insn.op = op;
  out.insn.bits = bits;
  out.insn.size = size;
  out.insn.immediate = immediate;
  return out;
}

// The row of `kind` with the longest symbol that stands here.
const OpRow* accept_symbol(AsmCursor& cursor, OpKind of) {
  const OpRow* best = nullptr;
  for (int i = 0; i < kOps; ++i) {
    const OpRow& candidate = row(static_cast<Op>(i));
    if (candidate.kind != of || (best != nullptr && candidate.text.size() <= best->text.size())) {
      continue;
    }
    AsmCursor probe = cursor;
    if (probe.accept(candidate.text)) best = &candidate;
  }
  if (best != nullptr) cursor.accept(best->text);
  return best;
}

// Register or immediate, of one width.
Status require_operand(AsmCursor& cursor, bool half, bool any, Decoded& insn) {
  AsmCursor probe = cursor;
  insn.immediate = !probe.accept_reg();
  if (insn.immediate) {
    insn.imm = TRY(require_immediate(cursor, any, "a register or a number"));
  } else {
    insn.src = TRY(require_reg(cursor, half ? Width::Half : Width::Full));
  }
  return {};
}

struct SizeName {
  std::string_view name;
  u8 size;
  bool is_signed;
};
constexpr SizeName kSizes[] = {{"u8", 1, false},  {"u16", 2, false}, {"u32", 4, false},
                               {"u64", 8, false}, {"s8", 1, true},   {"s16", 2, true},
                               {"s32", 4, true}};

// (u8 *)
Result<SizeName> require_cast(AsmCursor& cursor) {
  TRY(cursor.require("("));
  const AsmCursor start = cursor;
  const auto* found = std::ranges::find(kSizes, cursor.accept_word(), &SizeName::name);
  if (found == std::end(kSizes)) return start.expected("u8, u16, u32, u64, s8, s16 or s32");
  TRY(cursor.require("*"));
  TRY(cursor.require(")"));
  return *found;
}

// The same, where signed types have no meaning.
Result<u8> require_size(AsmCursor& cursor) {
  const AsmCursor start = cursor;
  const SizeName type = TRY(require_cast(cursor));
  if (type.is_signed) return start.expected("an unsigned type");
  return type.size;
}

// (r1 + 4)
Result<AsmAddress> require_place(AsmCursor& cursor) {
  TRY(cursor.require("("));
  const AsmAddress address = TRY(require_address(cursor));
  TRY(cursor.require(")"));
  return address;
}

// skb[4], skb[r1], skb[r1 + 4]; after `skb`.
Result<AsmStatement> packet_load(AsmCursor& cursor, u8 size) {
  TRY(cursor.require("["));
  AsmStatement out = statement(Op::LoadAbs, 0, size, true);
  if (const auto reg = cursor.accept_reg()) {
    out.insn.op = Op::LoadInd;
    out.insn.immediate = false;
    out.insn.src = reg->number;
    if (!cursor.at('+') && !cursor.at('-')) {
      TRY(cursor.require("]"));
      return out;
    }
  }
  out.insn.imm = TRY(require_immediate(cursor, false));
  TRY(cursor.require("]"));
  return out;
}

// *(u8 *)(r1 + 4) and the packet loads; after the first star.
Result<AsmStatement> load(AsmCursor& cursor, const AsmCursor& line, AsmReg dst) {
  const AsmCursor start = cursor;
  const SizeName type = TRY(require_cast(cursor));
  if (cursor.accept("skb")) {
    if (type.is_signed || type.size == 8) return start.expected("(u8 *), (u16 *) or (u32 *)");
    if (dst.number != 0) return line.expected("r0 (which receives packet data)");
    return packet_load(cursor, type.size);
  }
  if (dst.half && (type.is_signed || type.size == 8)) {
    return line.expected("a 64-bit register (r0 to r10)");
  }
  AsmStatement out = statement(type.is_signed ? Op::LoadSigned : Op::Load, 0, type.size, false);
  const AsmAddress address = TRY(require_place(cursor));
  out.insn.dst = dst.number;
  out.insn.src = address.reg;
  out.insn.off = address.off;
  return out;
}

// After `lock`: *(u64 *)(r1 + 0) += r2
Result<AsmStatement> locked(AsmCursor& cursor, i32) {
  if (!cursor.at('*')) return parse_atomic_mnemonic(cursor);
  TRY(cursor.require("*"));
  AsmStatement out = statement(Op::AtomicAdd, 0, TRY(require_size(cursor)), false);
  const AsmAddress address = TRY(require_place(cursor));
  const AsmCursor start = cursor;
  const OpRow* row = accept_symbol(cursor, OpKind::Atomic);
  if (row == nullptr || row->text.back() != '=') return start.expected("'+=', '|=', '&=' or '^='");
  out.insn.op = row->op;
  out.insn.dst = address.reg;
  out.insn.off = address.off;
  out.insn.src = TRY(require_reg(cursor, width_for(out.insn.size)));
  return out;
}

// Spellings: atomic_fetch_add (LLVM; the kernel for 32 bits), atomic64_fetch_add (kernel), xchg_64
// and xchg32_32 (LLVM), atomic_xchg and atomic64_xchg (kernel); the same for cmpxchg.
struct AtomicName {
  const OpRow* row = nullptr;
  u8 size = 0;  // 0: the cast says it
};
AtomicName atomic_name(std::string_view word) {
  AtomicName out;
  const auto strip = [&](std::string_view ending, u8 size) {
    if (out.size != 0 || !word.ends_with(ending)) return;
    word.remove_suffix(ending.size());
    out.size = size;
  };
  if (word.starts_with("atomic64_")) {
    word.remove_prefix(9);
    out.size = 8;
  } else if (word.starts_with("atomic_")) {
    word.remove_prefix(7);
  } else {
    strip("32_32", 4);
    strip("_32", 4);
    strip("_64", 8);
  }
  out.row = find_row(OpKind::Atomic, word.starts_with("fetch_")
                                         ? std::string_view(fmt::format("atomic_{}", word))
                                         : word);
  return out;
}

// r2 = atomic_fetch_add((u64 *)(r1 + 0), r2), r0 = cmpxchg_64(r1 + 0, r0, r2); after the name.
Result<AsmStatement> fetch(AsmCursor& cursor, const AsmCursor& line, AsmReg dst,
                           const AtomicName& name) {
  TRY(cursor.require("("));
  u8 size = name.size;
  AsmAddress address;
  if (cursor.at('(') || size == 0) {
    const AsmCursor start = cursor;
    size = TRY(require_size(cursor));
    if (name.size != 0 && size != name.size) return start.expected("the size that the name says");
    address = TRY(require_place(cursor));
  } else {
    address = TRY(require_address(cursor));
  }
  const Width width = width_for(size);
  const bool compares = name.row->op == Op::CmpXchg;
  if (dst.half && size == 8) return line.expected("a 64-bit register (r0 to r10)");
  if (compares) {
    if (dst.number != 0) return line.expected("r0 (which receives the old value)");
    TRY(cursor.require(","));
    const AsmCursor start = cursor;
    if (TRY(require_reg(cursor, width)) != 0) return start.expected("r0 (the value compared)");
  }
  TRY(cursor.require(","));
  AsmStatement out = statement(name.row->op, 0, size, false);
  const AsmCursor start = cursor;
  out.insn.src = TRY(require_reg(cursor, width));
  if (!compares && out.insn.src != dst.number) {
    return start.expected(fmt::format("r{} (which also receives the old value)", dst.number));
  }
  TRY(cursor.require(")"));
  out.insn.dst = address.reg;
  out.insn.off = address.off;
  return out;
}

// load_acquire((u64 *)(r1 + 0)); after the name.
Result<AsmStatement> load_acquire(AsmCursor& cursor, const AsmCursor& line, AsmReg dst) {
  TRY(cursor.require("("));
  AsmStatement out = statement(Op::LoadAcquire, 0, TRY(require_size(cursor)), false);
  if (dst.half && out.insn.size == 8) return line.expected("a 64-bit register (r0 to r10)");
  const AsmAddress address = TRY(require_place(cursor));
  TRY(cursor.require(")"));
  out.insn.dst = dst.number;
  out.insn.src = address.reg;
  out.insn.off = address.off;
  return out;
}

// store_release((u64 *)(r1 + 0), r2); after the name.
Result<AsmStatement> store_release(AsmCursor& cursor, i32) {
  TRY(cursor.require("("));
  AsmStatement out = statement(Op::StoreRelease, 0, TRY(require_size(cursor)), false);
  const AsmAddress address = TRY(require_place(cursor));
  TRY(cursor.require(","));
  out.insn.src = TRY(require_reg(cursor, width_for(out.insn.size)));
  TRY(cursor.require(")"));
  out.insn.dst = address.reg;
  out.insn.off = address.off;
  return out;
}

// addr_space_cast(r2, 0, 1); after the name.
Result<AsmStatement> addr_space_cast(AsmCursor& cursor) {
  TRY(cursor.require("("));
  AsmStatement out = statement(Op::AddrSpaceCast, 0, 0, false);
  out.insn.src = TRY(require_reg(cursor, Width::Full));
  u32 spaces[2] = {};
  for (u32& space : spaces) {
    TRY(cursor.require(","));
    const u32 column = cursor.column();
    const AsmNumber number = TRY(cursor.require_number("an address space"));
    if (!number.fits_unsigned(16)) return cursor.too_large(column, number, "16 bits");
    space = static_cast<u32>(number.magnitude);
  }
  TRY(cursor.require(")"));
  out.insn.imm = static_cast<i32>(spaces[0] << 16 | spaces[1]);
  return out;
}

Result<u32> require_u32(AsmCursor& cursor, std::string_view what) {
  const u32 column = cursor.column();
  const AsmNumber number = TRY(cursor.require_number(what));
  if (!number.fits_unsigned(32)) return cursor.too_large(column, number, "32 bits");
  return static_cast<u32>(number.magnitude);
}

// What stands in brackets up to ']': a number, or a name.
Result<AsmStatement> bracketed(AsmCursor& cursor, Op op, AsmRef ref, std::string_view what) {
  AsmStatement out = statement(op, 64, 0, true);
  AsmCursor probe = cursor;
  if (probe.accept_unsigned() && (probe.at(']') || probe.at(','))) {
    out.insn.imm = TRY(require_u32(cursor, what));
    return out;
  }
  out.ref = ref;
  out.name_column = cursor.column();
  out.name = cursor.accept_before(']');
  if (out.name.empty()) return cursor.expected(what);
  return out;
}

// map[NAME], map[3], map[fd:3], map[idx:3], each with [0], [0] + 8 or + 8; after `map`.
Result<AsmStatement> map_address(AsmCursor& cursor) {
  TRY(cursor.require("["));
  AsmCursor probe = cursor;
  const std::string_view word = probe.accept_word();
  const bool by_index = word == "idx" && probe.accept(":");
  const bool by_file = (word == "fd" || word == "id") && probe.accept(":");
  if (by_index || by_file) cursor = probe;
  AsmStatement out = TRY(bracketed(cursor, by_index ? Op::LoadMapIdx : Op::LoadMap, AsmRef::Map,
                                   "the name or index of a map"));
  if (by_index && out.ref != AsmRef::None) return probe.expected("an index");
  TRY(cursor.require("]"));
  bool of_value = false;
  if (cursor.accept("[")) {
    TRY(cursor.require("0"));
    TRY(cursor.require("]"));
    of_value = true;
  }
  u64 offset = 0;
  if (cursor.accept("+")) {
    offset = TRY(require_u32(cursor, "an offset in the value"));
    of_value = true;
  }
  if (of_value) out.insn.op = by_index ? Op::LoadValueIdx : Op::LoadValue;
  out.insn.imm |= static_cast<i64>(offset << 32);
  return out;
}

// ksym[NAME], ksym[12], ksym[12, 3]; after `ksym`.
Result<AsmStatement> kernel_variable(AsmCursor& cursor) {
  TRY(cursor.require("["));
  AsmStatement out = TRY(
      bracketed(cursor, Op::LoadBtfId, AsmRef::Extern, "the name or number of a kernel variable"));
  if (out.ref == AsmRef::None && cursor.accept(",")) {
    const u64 module = TRY(require_u32(cursor, "a module"));
    out.insn.imm |= static_cast<i64>(module << 32);
  }
  TRY(cursor.require("]"));
  return out;
}

// func[NAME], func[+5]; after `func`. Also &NAME.
Result<AsmStatement> function_address(AsmCursor& cursor, bool brackets) {
  AsmStatement out = statement(Op::LoadFunc, 64, 0, true);
  if (brackets) TRY(cursor.require("["));
  TRY(require_target(cursor, out));
  if (out.ref == AsmRef::Target) out.ref = AsmRef::Local;
  if (brackets) TRY(cursor.require("]"));
  return out;
}

// r1 = be16 r1; after the name.
Result<AsmStatement> swap(AsmCursor& cursor, AsmReg dst, Op op) {
  AsmStatement out = statement(op, 64, 0, true);
  const AsmCursor start = cursor;
  if (TRY(require_reg(cursor, Width::Full)) != dst.number) {
    return start.expected(fmt::format("r{} (the register assigned to)", dst.number));
  }
  out.insn.dst = dst.number;
  return out;
}

// What a word after `=` begins. These give 64 bits, but for what the functions themselves judge.
Result<AsmStatement> named_value(AsmCursor& cursor, const AsmCursor& line, AsmReg dst) {
  const AsmCursor start = cursor;
  const std::string_view word = cursor.accept_word();
  if (word == "load_acquire") return load_acquire(cursor, line, dst);
  if (const AtomicName name = atomic_name(word); name.row != nullptr && cursor.at('(')) {
    return fetch(cursor, line, dst, name);
  }
  if (dst.half) return line.expected("a 64-bit register (r0 to r10)");
  if (const OpRow* row = find_row(OpKind::Swap, word)) return swap(cursor, dst, row->op);
  AsmStatement out;
  if (word == "addr_space_cast") {
    out = TRY(addr_space_cast(cursor));
  } else if (word == "map" && cursor.at('[')) {
    out = TRY(map_address(cursor));
  } else if (word == "ksym" && cursor.at('[')) {
    out = TRY(kernel_variable(cursor));
  } else if ((word == "func" || word == "subprog") && cursor.at('[')) {
    out = TRY(function_address(cursor, true));
  } else if (cursor.accept("ll")) {
    out = statement(Op::LoadMap, 64, 0, true);
    out.ref = AsmRef::Address;
    out.name = word;
    out.name_column = start.column();
  } else {
    return start.expected("a register, a number or a value");
  }
  out.insn.dst = dst.number;
  return out;
}

// r1 = -r1; after the minus.
Result<AsmStatement> negate(AsmCursor& cursor, AsmReg dst) {
  AsmStatement out = statement(Op::Neg, dst.half ? 32 : 64, 0, true);
  const AsmCursor start = cursor;
  const AsmReg reg = TRY(cursor.require_reg());
  if (reg.number != dst.number || reg.half != dst.half) {
    return start.expected("the register assigned to");
  }
  out.insn.dst = dst.number;
  return out;
}

// r1 = (s8)r2; after the parenthesis.
Result<AsmStatement> sign_extend(AsmCursor& cursor, AsmReg dst) {
  const AsmCursor start = cursor;
  const auto* type = std::ranges::find(kSizes, cursor.accept_word(), &SizeName::name);
  if (type == std::end(kSizes) || !type->is_signed || (dst.half && type->size == 4)) {
    return start.expected(dst.half ? "s8 or s16" : "s8, s16 or s32");
  }
  TRY(cursor.require(")"));
  const Op op = type->size == 1 ? Op::MovSx8 : type->size == 2 ? Op::MovSx16 : Op::MovSx32;
  AsmStatement out = statement(op, dst.half ? 32 : 64, 0, false);
  out.insn.dst = dst.number;
  out.insn.src = TRY(require_reg(cursor, dst.half ? Width::Half : Width::Full));
  return out;
}

// 0x1122334455667788 ll: all 64 bits, if it is written so or the log's opcode says it.
std::optional<AsmStatement> wide_number(AsmCursor& cursor, AsmReg dst, i32 kernel_opcode) {
  AsmCursor probe = cursor;
  const auto number = probe.require_number();
  if (!number || dst.half) return {};
  if (!probe.accept("ll") && kernel_opcode != kLddwOpcode) return {};
  cursor = probe;
  AsmStatement out = statement(Op::LoadImm, 64, 0, true);
  out.insn.dst = dst.number;
  out.insn.imm = static_cast<i64>(number->bits());
  return out;
}

// After `r1 =`, where something other than plain arithmetic follows.
std::optional<Result<AsmStatement>> special_value(AsmCursor& cursor, const AsmCursor& line,
                                                  AsmReg dst, i32 kernel_opcode) {
  AsmCursor probe = cursor;
  if (probe.accept_reg()) return {};
  if (probe.accept("-") && AsmCursor(probe).accept_reg()) {
    cursor = probe;
    return negate(cursor, dst);
  }
  if (cursor.accept("(")) return sign_extend(cursor, dst);
  if (cursor.accept("*")) return load(cursor, line, dst);
  if (cursor.accept("&")) {
    if (dst.half) return line.expected("a 64-bit register (r0 to r10)");
    auto out = function_address(cursor, false);
    if (out) out->insn.dst = dst.number;
    return out;
  }
  if (!cursor.peek_word().empty()) return named_value(cursor, line, dst);
  if (auto wide = wide_number(cursor, dst, kernel_opcode)) return *std::move(wide);
  return {};
}

// r1 += 5, w1 = w2 and all that begins like it. `line` is the cursor at dst.
Result<AsmStatement> assignment(AsmCursor& cursor, const AsmCursor& line, AsmReg dst,
                                i32 kernel_opcode) {
  const OpRow* row = accept_symbol(cursor, OpKind::Alu);
  if (row == nullptr) return cursor.expected("'=' or an operator such as '+='");
  if (row->op == Op::Mov) {
    if (auto value = special_value(cursor, line, dst, kernel_opcode)) return *std::move(value);
  }
  AsmStatement out = statement(row->op, dst.half ? 32 : 64, 0, false);
  out.insn.dst = dst.number;
  TRY(require_operand(cursor, dst.half, dst.half, out.insn));
  return out;
}

// *(u32 *)(r10 - 4) = 0; after the star.
Result<AsmStatement> store(AsmCursor& cursor) {
  AsmStatement out = statement(Op::StoreImm, 0, TRY(require_size(cursor)), true);
  const AsmAddress address = TRY(require_place(cursor));
  TRY(cursor.require("="));
  out.insn.dst = address.reg;
  out.insn.off = address.off;
  AsmCursor probe = cursor;
  if (probe.accept_reg()) {
    out.insn.op = Op::Store;
    out.insn.immediate = false;
    out.insn.src = TRY(require_reg(cursor, width_for(out.insn.size)));
  } else {
    out.insn.imm = TRY(require_immediate(cursor, out.insn.size < 8, "a register or a number"));
  }
  return out;
}

// if r1 s> 4 goto +3; after `if`.
Result<AsmStatement> conditional(AsmCursor& cursor, i32 kernel_opcode) {
  const AsmReg dst = TRY(cursor.require_reg());
  const OpRow* row = accept_symbol(cursor, OpKind::Jump);
  if (row == nullptr) return cursor.expected("a comparison such as '==' or 's<'");
  AsmStatement out = statement(row->op, dst.half ? 32 : 64, 0, false);
  out.insn.dst = dst.number;
  // The kernel prints the immediate of any jump as 32 unsigned bits.
  TRY(require_operand(cursor, dst.half, dst.half || kernel_opcode >= 0, out.insn));
  TRY(cursor.require("goto"));
  TRY(require_target(cursor, out));
  return out;
}

template <Op op>
Result<AsmStatement> jump(AsmCursor& cursor, i32) {
  AsmStatement out = statement(op, 0, 0, false);
  TRY(require_target(cursor, out));
  return out;
}

template <Op op>
Result<AsmStatement> indirect(AsmCursor& cursor, i32) {
  AsmStatement out = statement(op, 0, 0, false);
  out.insn.dst = TRY(require_reg(cursor, Width::Full));
  return out;
}

struct Keyword {
  std::string_view name;
  Result<AsmStatement> (*parse)(AsmCursor& cursor, i32 kernel_opcode);
};
constexpr Keyword kKeywords[] = {
    {"if", conditional},
    {"lock", locked},
    {"goto", jump<Op::Ja>},
    {"gotol", jump<Op::JaLong>},
    {"may_goto", jump<Op::MayGoto>},
    {"gotox", indirect<Op::Gotox>},
    {"callx", indirect<Op::Callx>},
    {"store_release", store_release},
    {"call", [](AsmCursor& cursor, i32) { return parse_call(cursor); }},
    {"exit",
     [](AsmCursor&, i32) -> Result<AsmStatement> { return statement(Op::Exit, 0, 0, false); }},
};

}  // namespace

Result<AsmStatement> parse_kernel_form(AsmCursor& cursor, i32 kernel_opcode) {
  const AsmCursor line = cursor;
  if (const auto dst = cursor.accept_reg()) return assignment(cursor, line, *dst, kernel_opcode);
  if (cursor.accept("*")) return store(cursor);
  const auto* keyword = std::ranges::find(kKeywords, cursor.peek_word(), &Keyword::name);
  if (keyword == std::end(kKeywords)) return parse_mnemonic(cursor);
  cursor.accept_word();
  return keyword->parse(cursor, kernel_opcode);
}

}  // namespace skep
