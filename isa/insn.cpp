// The table of forms, and decoding and encoding by it.

#include "isa/insn.h"

#include <algorithm>
#include <array>

namespace skep {
namespace {

constexpr u8 width_code(int size) {
  return size == 4 ? 0x00 : size == 2 ? 0x08 : size == 1 ? 0x10 : 0x18;
}

// Collects forms at compile time. `any` in the table's columns means that the field is an operand.
struct FormList {
  std::array<Form, 256> items{};
  std::size_t count = 0;

  constexpr void add(const Form& form) { items[count++] = form; }

  constexpr void alu(Op op, u8 code, i32 off) {
    for (u8 bits : {u8(64), u8(32)}) {
      const u8 base = (bits == 64 ? cls::kAlu64 : cls::kAlu) | code;
      add({base, op, bits, 0, true, Form::kDst | Form::kImm, Form::kOff, off});
      add({u8(base | kSourceReg), op, bits, 0, false, Form::kDst | Form::kSrc, Form::kOff, off});
    }
  }
  constexpr void unary(Op op, u8 code) {
    add({u8(cls::kAlu64 | code), op, 64, 0, true, Form::kDst});
    add({u8(cls::kAlu | code), op, 32, 0, true, Form::kDst});
  }
  constexpr void movsx(Op op, i32 from) {
    add({0xbf, op, 64, 0, false, Form::kDst | Form::kSrc, Form::kOff, from});
    if (from < 32) add({0xbc, op, 32, 0, false, Form::kDst | Form::kSrc, Form::kOff, from});
  }
  constexpr void jump(Op op, u8 code) {
    for (u8 bits : {u8(64), u8(32)}) {
      const u8 base = (bits == 64 ? cls::kJmp : cls::kJmp32) | code;
      add({base, op, bits, 0, true, Form::kDst | Form::kImm | Form::kOff});
      add({u8(base | kSourceReg), op, bits, 0, false, Form::kDst | Form::kSrc | Form::kOff});
    }
  }
  constexpr void memory(Op op, u8 cls, u8 mode, int sizes) {
    u8 uses = Form::kDst | Form::kSrc | Form::kOff;
    if (op == Op::StoreImm) uses = Form::kDst | Form::kOff | Form::kImm;
    if (op == Op::LoadAbs) uses = Form::kImm;
    if (op == Op::LoadInd) uses = Form::kSrc | Form::kImm;
    const bool immediate = op == Op::StoreImm || op == Op::LoadAbs;
    for (u8 size : {u8(4), u8(2), u8(1), u8(8)}) {
      if (sizes & size) add({u8(cls | mode | width_code(size)), op, 0, size, immediate, uses});
    }
  }
  constexpr void atomic(Op op, i32 imm, int sizes) {
    for (u8 size : {u8(4), u8(2), u8(1), u8(8)}) {
      if (sizes & size) {
        add({u8(cls::kStx | kAtomicMode | width_code(size)), op, 0, size, false,
             Form::kDst | Form::kSrc | Form::kOff, Form::kImm, imm});
      }
    }
  }
};

// Columns of OTHER rows are a number or `any`; for these rows this says what the operands are.
constexpr u8 other_uses(Op op) {
  switch (op) {
    case Op::Ja:
    case Op::MayGoto: return Form::kOff;
    case Op::JaLong:
    case Op::CallHelper:
    case Op::CallLocal: return Form::kImm;
    case Op::CallKfunc: return Form::kImm | Form::kOff;
    case Op::Gotox:
    case Op::Callx: return Form::kDst;
    case Op::AddrSpaceCast: return Form::kDst | Form::kSrc | Form::kImm;
    default: return Form::kNone;
  }
}

constexpr FormList make_forms() {
  FormList list;
  constexpr i32 any = 0;
#define ALU(name, code, off, since, symbol, meaning) list.alu(Op::name, code, off);
#define UNARY(name, code, since, text, meaning) list.unary(Op::name, code);
#define MOVSX(name, from, since, meaning) list.movsx(Op::name, from);
#define SWAP(name, opcode, width, since, text, meaning) \
  list.add({opcode, Op::name, 64, 0, true, Form::kDst, Form::kImm, width});
#define JUMP(name, code, since, symbol, taken) list.jump(Op::name, code);
#define MEMORY(name, cls, mode, sizes, since, meaning) list.memory(Op::name, cls, mode, sizes);
#define ATOMIC(name, imm, sizes, since, symbol, fetch, meaning) list.atomic(Op::name, imm, sizes);
#define ORDERED(name, imm, sizes, since, text) list.atomic(Op::name, imm, sizes);
#define LDDW(name, src, since, meaning) \
  list.add({kLddwOpcode, Op::name, 64, 0, true, Form::kDst | Form::kImm, Form::kSrc, src});
#define OTHER(name, opcode, src, off, since, text, meaning)      \
  list.add({opcode, Op::name, 0, 0, false, other_uses(Op::name), \
            Op::name == Op::AddrSpaceCast ? Form::kOff : Form::kSrc, off == 1 ? 1 : src});
#include "isa/insn.def"
  std::sort(list.items.begin(), list.items.begin() + list.count, [](const Form& a, const Form& b) {
    return a.opcode != b.opcode ? a.opcode < b.opcode : a.op < b.op;
  });
  return list;
}

constexpr FormList kForms = make_forms();

// First form of each opcode; one more entry ends the last.
constexpr std::array<u16, 257> kFirstForm = [] {
  std::array<u16, 257> first{};
  for (std::size_t opcode = 0, at = 0; opcode <= 256; ++opcode) {
    while (at < kForms.count && kForms.items[at].opcode < opcode) ++at;
    first[opcode] = static_cast<u16>(at);
  }
  return first;
}();

constexpr OpRow kRows[] = {
#define ALU(name, code, off, since, symbol, meaning) {Op::name, OpKind::Alu, #name, symbol, since},
#define UNARY(name, code, since, text, meaning) {Op::name, OpKind::Unary, #name, text, since},
#define MOVSX(name, from, since, meaning) {Op::name, OpKind::MovSx, #name, "=", since},
#define SWAP(name, opcode, width, since, text, meaning) \
  {Op::name, OpKind::Swap, #name, text, since},
#define JUMP(name, code, since, symbol, taken) {Op::name, OpKind::Jump, #name, symbol, since},
#define MEMORY(name, cls, mode, sizes, since, meaning) \
  {Op::name, OpKind::Memory, #name, "=", since},
#define ATOMIC(name, imm, sizes, since, symbol, fetch, meaning) \
  {Op::name, OpKind::Atomic, #name, symbol, since},
#define ORDERED(name, imm, sizes, since, text) {Op::name, OpKind::Ordered, #name, text, since},
#define LDDW(name, src, since, meaning) {Op::name, OpKind::Lddw, #name, "ll", since},
#define OTHER(name, opcode, src, off, since, text, meaning) \
  {Op::name, OpKind::Other, #name, text, since},
#include "isa/insn.def"
};
static_assert(std::size(kRows) == kOps);

i32 field(const Insn& insn, Form::Field which) {
  switch (which) {
    case Form::kDst: return insn.dst();
    case Form::kSrc: return insn.src();
    case Form::kOff: return insn.off;
    case Form::kImm: return insn.imm;
    case Form::kNone: break;
  }
  return 0;
}

std::string_view field_name(Form::Field which) {
  switch (which) {
    case Form::kDst: return "dst_reg";
    case Form::kSrc: return "src_reg";
    case Form::kOff: return "off";
    case Form::kImm: return "imm";
    case Form::kNone: break;
  }
  return "";
}

constexpr Form::Field kFields[] = {Form::kDst, Form::kSrc, Form::kOff, Form::kImm};

Result<const Form*> select_form(const Insn& insn, Pc pc) {
  const u16 first = kFirstForm[insn.opcode];
  const u16 end = kFirstForm[insn.opcode + 1u];
  if (first == end) return fail_at<Code::unknown_opcode>(pc, insn.opcode);
  for (u16 i = first; i < end; ++i) {
    const Form& form = kForms.items[i];
    if (form.select == Form::kNone || field(insn, form.select) == form.value) return &form;
  }
  // Where zero is the only choice, the field is simply reserved.
  const Form& form = kForms.items[first];
  if (end - first == 1 && form.value == 0) {
    return fail_at<Code::reserved_field>(pc, field_name(form.select), row(form.op).name,
                                         field(insn, form.select));
  }
  return fail_at<Code::unknown_variant>(
      pc, insn.opcode, fmt::format("{} = {}", field_name(form.select), field(insn, form.select)));
}

// The register that the instruction writes, or -1. r0 of calls and of cmpxchg can't be r10.
int written_reg(const Decoded& insn) {
  switch (kind(insn.op)) {
    case OpKind::Alu:
    case OpKind::Unary:
    case OpKind::MovSx:
    case OpKind::Swap:
    case OpKind::Lddw: return insn.dst;
    case OpKind::Memory: return insn.op == Op::Load || insn.op == Op::LoadSigned ? insn.dst : -1;
    case OpKind::Atomic:
      switch (insn.op) {
        case Op::FetchAdd:
        case Op::FetchOr:
        case Op::FetchAnd:
        case Op::FetchXor:
        case Op::Xchg: return insn.src;
        default: return -1;
      }
    case OpKind::Ordered: return insn.op == Op::LoadAcquire ? insn.dst : -1;
    case OpKind::Other: return insn.op == Op::AddrSpaceCast ? insn.dst : -1;
    case OpKind::Jump: return -1;
  }
  return -1;
}

Status check_fields(const Insn& insn, const Form& form, Pc pc) {
  for (Form::Field which : kFields) {
    const i32 value = field(insn, which);
    if (which == form.select) continue;
    if (!(form.uses & which)) {
      if (value != 0) {
        return fail_at<Code::reserved_field>(pc, field_name(which), row(form.op).name, value);
      }
    } else if ((which == Form::kDst || which == Form::kSrc) && value >= kRegs) {
      return fail_at<Code::bad_register>(pc, value);
    }
  }
  return {};
}

// Joins the two slots of an lddw and checks the second.
Status join_lddw(std::span<const Insn> insns, Pc pc, Decoded& out) {
  if (pc.value + 1 >= insns.size()) {
    return fail_at<Code::truncated_lddw>(pc, "the program ends after the first");
  }
  const Insn& second = insns[pc.value + 1];
  if (second.opcode != 0) {
    return fail_at<Code::truncated_lddw>(pc, "the next slot is another instruction");
  }
  for (Form::Field which : {Form::kDst, Form::kSrc, Form::kOff}) {
    if (field(second, which) != 0) {
      return fail_at<Code::reserved_field>(pc,
                                           fmt::format("{} of the second slot", field_name(which)),
                                           row(out.op).name, field(second, which));
    }
  }
  switch (out.op) {
    case Op::LoadImm:
    case Op::LoadValue:
    case Op::LoadValueIdx:
    case Op::LoadBtfId:
      out.imm = static_cast<i64>(static_cast<u64>(static_cast<u32>(second.imm)) << 32 |
                                 static_cast<u32>(out.imm));
      break;
    default:
      if (second.imm != 0) {
        return fail_at<Code::reserved_field>(pc, "imm of the second slot", row(out.op).name,
                                             second.imm);
      }
  }
  return {};
}

}  // namespace

const OpRow& row(Op op) {
  return kRows[static_cast<int>(op)];
}

std::span<const Form> forms() {
  return {kForms.items.data(), kForms.count};
}

Result<Decoded> decode(std::span<const Insn> insns, Pc pc) {
  const Insn& insn = insns[pc.value];
  const Form& form = *TRY(select_form(insn, pc));
  if (auto ok = check_fields(insn, form, pc); !ok) return std::unexpected(std::move(ok).error());

  Decoded out;
  out.op = form.op;
  out.bits = form.bits;
  out.size = form.size;
  out.immediate = form.immediate;
  if (form.uses & Form::kDst) out.dst = insn.dst();
  if (form.uses & Form::kSrc) out.src = insn.src();
  if (form.uses & Form::kOff) out.off = insn.off;
  if (form.uses & Form::kImm) out.imm = insn.imm;
  if (form.op == Op::CallKfunc) out.off = insn.off;
  if (kind(form.op) == OpKind::Lddw) {
    if (auto ok = join_lddw(insns, pc, out); !ok) return std::unexpected(std::move(ok).error());
  }
  // Wraps for wild offsets; Program::make refuses what is outside of the function.
  const bool by_imm = out.op == Op::JaLong || out.op == Op::CallLocal || out.op == Op::LoadFunc;
  if (out.is_jump() || by_imm) {
    out.target = {pc.value + 1 + static_cast<u32>(by_imm ? static_cast<i32>(out.imm) : out.off)};
  }
  return out;
}

bool writes_frame_pointer(const Decoded& insn) {
  return written_reg(insn) == kFrameReg;
}

Status decode_all(std::span<const Insn> insns, std::span<Decoded> all) {
  for (Pc pc; pc.value < insns.size(); pc.value += all[pc.value].slots()) {
    all[pc.value] = TRY(decode(insns, pc));
    if (all[pc.value].slots() == 2) all[pc.value + 1].second_slot = true;
  }
  return {};
}

Encoded encode(const Decoded& insn, Pc pc) {
  const auto all = forms();
  const auto form = std::ranges::find_if(all, [&](const Form& f) {
    return f.op == insn.op && f.bits == insn.bits && f.size == insn.size &&
           f.immediate == insn.immediate;
  });
  Encoded out;
  if (form == all.end()) return out;  // not from decode(): nothing sensible to write
  Insn& slot = out.slots[0];
  slot = make_insn(form->opcode, insn.dst, insn.src, insn.off, static_cast<i32>(insn.imm));
  if (insn.is_jump() || insn.op == Op::CallLocal || insn.op == Op::LoadFunc) {
    const i32 distance = static_cast<i32>(insn.target.value - pc.value - 1);
    if (form->uses & Form::kOff && insn.op != Op::CallLocal) {
      slot.off = static_cast<i16>(distance);
    } else {
      slot.imm = distance;
    }
  }
  switch (form->select) {
    case Form::kSrc: slot.regs = static_cast<u8>((slot.regs & 15) | form->value << 4); break;
    case Form::kOff: slot.off = static_cast<i16>(form->value); break;
    case Form::kImm: slot.imm = form->value; break;
    case Form::kDst:
    case Form::kNone: break;
  }
  if (kind(insn.op) == OpKind::Lddw) {
    out.count = 2;
    const bool wide = insn.op == Op::LoadImm || insn.op == Op::LoadValue ||
                      insn.op == Op::LoadValueIdx || insn.op == Op::LoadBtfId;
    out.slots[1].imm = wide ? static_cast<i32>(static_cast<u64>(insn.imm) >> 32) : 0;
  }
  return out;
}

Version since(const Decoded& insn) {
  const Version v = row(insn.op).since;
  return kind(insn.op) == OpKind::Jump && insn.bits == 32 ? std::max(v, 5.1_v) : v;
}

}  // namespace skep
