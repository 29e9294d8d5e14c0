// arm64 code, by asmjit's assembler. Atomics are loops of exclusive accesses, so any ARMv8 runs
// them. Conditional branches reach 1 MiB: larger programs jump over unconditional ones, which reach
// 128. Tested by tests/jit/emit_test.cpp.

#include <asmjit/arm.h>
#include <asmjit/arm/a64assembler.h>
#include <asmjit/arm/a64utils.h>

#include <bit>

#include "jit/emit_driver.h"

namespace skep::jit {
namespace {

namespace a64 = asmjit::a64;
using asmjit::imm;
using IrOp = ir::Op;
using Cond = asmjit::arm::CondCode;

constexpr MachineReg kS0 = 16, kS1 = 17, kS2 = 8, kOld = 9, kNew = 10, kFrame = 27, kState = 28,
                     kLink = 30;

a64::Gp x(MachineReg reg) {
  return a64::x(reg);
}
a64::Gp w(MachineReg reg) {
  return a64::w(reg);
}
a64::Gp sized(MachineReg reg, u32 bits) {
  return bits == 64 ? x(reg) : w(reg);
}

// Conditions and their opposites differ in the lowest bit.
Cond negate(Cond cond) {
  return static_cast<Cond>(static_cast<u8>(cond) ^ 1);
}

Cond condition(Op op, bool negated) {
  const auto code = [&] {
    switch (op) {
      case Op::Jeq: return Cond::kEQ;
      case Op::Jgt: return Cond::kHI;
      case Op::Jge: return Cond::kHS;
      case Op::Jlt: return Cond::kLO;
      case Op::Jle: return Cond::kLS;
      case Op::Jsgt: return Cond::kGT;
      case Op::Jsge: return Cond::kGE;
      case Op::Jslt: return Cond::kLT;
      case Op::Jsle: return Cond::kLE;
      default: return Cond::kNE;  // Jne, and Jset after `tst`
    }
  }();
  return negated ? negate(code) : code;
}

class FirstError : public asmjit::ErrorHandler {
 public:
  void handleError(asmjit::Error error, const char* message, asmjit::BaseEmitter*) override {
    if (error_ == asmjit::kErrorOk) text_ = message;
    if (error_ == asmjit::kErrorOk) error_ = error;
  }
  asmjit::Error error() const { return error_; }
  const std::string& text() const { return text_; }

 private:
  asmjit::Error error_ = asmjit::kErrorOk;
  std::string text_;
};

class A64 {
 public:
  using Label = asmjit::Label;

  explicit A64(u64 insts) : far_(insts > kFarInsts) {
    code_.init(asmjit::Environment(asmjit::Arch::kAArch64));
    code_.setErrorHandler(&errors_);
    code_.attach(&a_);
  }

  static const Target& target() { return kA64; }
  static MachineReg argument(std::size_t index) { return kA64.arguments[index]; }

  // ---- the assembler ----------------------------------------------------------------------------

  void log() { code_.setLogger(&logger_); }
  void comment(const char* text) {
    if (code_.logger() != nullptr) a_.commentf("; %s", text);
  }
  Label new_label() { return a_.newLabel(); }
  void bind(const Label& label) { a_.bind(label); }
  u32 offset() const { return static_cast<u32>(a_.offset()); }
  void align() { a_.align(asmjit::AlignMode::kCode, 16); }

  Status finish(std::vector<u8>& code, std::string& text) {
    if (errors_.error() == asmjit::kErrorOk) code_.flatten();
    if (errors_.error() == asmjit::kErrorOk) code_.resolveUnresolvedLinks();
    if (errors_.error() == asmjit::kErrorOutOfMemory) return fail<Code::no_memory>("code");
    if (errors_.error() != asmjit::kErrorOk) {
      return fail_at<Code::not_runnable>(Pc{},
                                         "a program whose code asmjit refuses: " + errors_.text());
    }
    const asmjit::CodeBuffer& buffer = code_.textSection()->buffer();
    code.assign(buffer.data(), buffer.data() + buffer.size());
    if (code_.logger() != nullptr) text = logger_.data();
    return {};
  }

  // ---- moves ------------------------------------------------------------------------------------

  void move(MachineReg to, MachineReg from) { a_.mov(x(to), x(from)); }

  // Four pieces of 16 bits: what is not like the rest is put in one by one.
  void constant(MachineReg to, i64 value) {
    const u64 bits = static_cast<u64>(value);
    u32 zeros = 0, ones = 0;
    for (u32 i = 0; i < 64; i += 16) {
      zeros += (bits >> i & 0xffff) == 0;
      ones += (bits >> i & 0xffff) == 0xffff;
    }
    const u64 rest = ones > zeros ? 0xffff : 0;
    bool first = true;
    for (u32 i = 0; i < 64; i += 16) {
      const u64 piece = bits >> i & 0xffff;
      if (piece == rest) continue;
      if (!first)
        a_.movk(x(to), imm(piece), asmjit::arm::lsl(i));
      else if (rest == 0)
        a_.movz(x(to), imm(piece), asmjit::arm::lsl(i));
      else
        a_.movn(x(to), imm(~piece & 0xffff), asmjit::arm::lsl(i));
      first = false;
    }
    if (first && rest == 0) a_.movz(x(to), imm(0));
    if (first && rest != 0) a_.movn(x(to), imm(0));
  }
  void add(MachineReg to, MachineReg from, i64 value) {
    if (value == 0) return move(to, from);
    if (value > 0 && value < 4096) return void(a_.add(x(to), x(from), imm(value)));
    if (value < 0 && value > -4096) return void(a_.sub(x(to), x(from), imm(-value)));
    constant(kS2, value);
    a_.add(x(to), x(from), x(kS2));
  }
  void lea(MachineReg to, const Mem& mem) {
    if (mem.index == kNoReg) {
      if (mem.disp != 0 || mem.base != to) add(to, mem.base, mem.disp);
      return;
    }
    if (mem.disp == 0) {
      a_.add(x(to), x(mem.base), x(mem.index), asmjit::arm::lsl(mem.scale));
      return;
    }
    a_.add(x(kS2), x(mem.base), x(mem.index), asmjit::arm::lsl(mem.scale));
    if (mem.disp > -4096 && mem.disp < 4096) return add(to, kS2, mem.disp);
    // Two constants would want one more register: the sum goes to the target first.
    a_.mov(x(kS1), x(kS2));
    add(to, kS1, mem.disp);
  }
  void load_slot(MachineReg to, u32 slot) { a_.ldr(x(to), slot_at(slot)); }
  void store_slot(u32 slot, MachineReg from) { a_.str(x(from), slot_at(slot)); }

  void load_state(MachineReg to, u32 offset, u32 size) { load(to, state(offset), size, false); }
  void store_state(u32 offset, MachineReg from, u32 size) { store(state(offset), from, size); }
  void store_state_number(u32 offset, i32 value) {
    constant(kS2, static_cast<u32>(value));
    store(state(offset), kS2, 4);
  }

  void load(MachineReg to, const Mem& mem, u32 size, bool is_signed) {
    const a64::Mem from = pointer(mem, size);
    switch (size) {
      case 1: is_signed ? a_.ldrsb(x(to), from) : a_.ldrb(w(to), from); break;
      case 2: is_signed ? a_.ldrsh(x(to), from) : a_.ldrh(w(to), from); break;
      case 4: is_signed ? a_.ldrsw(x(to), from) : a_.ldr(w(to), from); break;
      default: a_.ldr(x(to), from);
    }
  }
  void store(const Mem& mem, MachineReg from, u32 size) {
    const a64::Mem to = pointer(mem, size);
    switch (size) {
      case 1: a_.strb(w(from), to); break;
      case 2: a_.strh(w(from), to); break;
      case 4: a_.str(w(from), to); break;
      default: a_.str(x(from), to);
    }
  }
  void store_imm(const Mem& mem, i64 value, u32 size) {
    constant(kS1, size == 8 ? value : static_cast<i64>(static_cast<u32>(value)));
    store(mem, kS1, size);
  }

  // ---- arithmetic -------------------------------------------------------------------------------

  void binary(const ir::Inst& inst, MachineReg to, MachineReg left, MachineReg right) {
    const u32 bits = inst.bits;
    const a64::Gp d = sized(to, bits), a = sized(left, bits), b = sized(right, bits);
    switch (inst.op) {
      case IrOp::Add: a_.add(d, a, b); break;
      case IrOp::Sub: a_.sub(d, a, b); break;
      case IrOp::Mul: a_.mul(d, a, b); break;
      case IrOp::And: a_.and_(d, a, b); break;
      case IrOp::Or: a_.orr(d, a, b); break;
      case IrOp::Xor: a_.eor(d, a, b); break;
      case IrOp::Lsh: a_.lsl(d, a, b); break;
      case IrOp::Rsh: a_.lsr(d, a, b); break;
      case IrOp::Arsh: a_.asr(d, a, b); break;
      case IrOp::Rotl:
        a_.neg(sized(kS2, bits), b);
        a_.ror(d, a, sized(kS2, bits));
        break;
      case IrOp::Div: a_.udiv(d, a, b); break;   // by 0 gives 0, as the instruction set wants
      case IrOp::SDiv: a_.sdiv(d, a, b); break;  // and the least number by -1 itself
      case IrOp::Mod:                            // x - (x / y) * y is x where x / 0 is 0
        a_.udiv(sized(kS2, bits), a, b);
        a_.msub(d, sized(kS2, bits), b, a);
        break;
      case IrOp::SMod:
        a_.sdiv(sized(kS2, bits), a, b);
        a_.msub(d, sized(kS2, bits), b, a);
        break;
      default: multiply_high(inst, to, left, right);
    }
  }

  void binary_imm(const ir::Inst& inst, MachineReg to, MachineReg left, i64 value) {
    const u32 bits = inst.bits;
    const a64::Gp d = sized(to, bits), a = sized(left, bits);
    const u32 count = static_cast<u32>(value) & (bits - 1);
    switch (inst.op) {
      case IrOp::Lsh: return void(a_.lsl(d, a, imm(count)));
      case IrOp::Rsh: return void(a_.lsr(d, a, imm(count)));
      case IrOp::Arsh: return void(a_.asr(d, a, imm(count)));
      case IrOp::Rotl: return void(a_.ror(d, a, imm((bits - count) & (bits - 1))));
      case IrOp::Add:
      case IrOp::Sub: {
        const bool adds = (inst.op == IrOp::Add) == (value >= 0);
        const i64 size = value < 0 ? -value : value;
        if (size >= 4096) break;
        adds ? a_.add(d, a, imm(size)) : a_.sub(d, a, imm(size));
        return;
      }
      case IrOp::And:
      case IrOp::Or:
      case IrOp::Xor: {
        const u64 mask = bits == 64 ? static_cast<u64>(value) : static_cast<u32>(value);
        if (!a64::Utils::isLogicalImm(mask, bits)) break;
        if (inst.op == IrOp::And)
          a_.and_(d, a, imm(mask));
        else if (inst.op == IrOp::Or)
          a_.orr(d, a, imm(mask));
        else
          a_.eor(d, a, imm(mask));
        return;
      }
      default: break;
    }
    constant(kS1, bits == 64 ? value : static_cast<i64>(static_cast<u32>(value)));
    binary(inst, to, left, kS1);
  }

  void unary(const ir::Inst& inst, MachineReg to, MachineReg from) {
    switch (inst.op) {
      case IrOp::Neg: a_.neg(sized(to, inst.bits), sized(from, inst.bits)); break;
      case IrOp::SignExtend: {
        const a64::Gp d = sized(to, inst.bits);
        if (inst.size == 1)
          a_.sxtb(d, w(from));
        else if (inst.size == 2)
          a_.sxth(d, w(from));
        else if (inst.size == 4 && inst.bits == 64)
          a_.sxtw(d, w(from));
        else
          a_.mov(d, sized(from, inst.bits));
        break;
      }
      case IrOp::ZeroExtend:
        if (inst.size == 1)
          a_.uxtb(w(to), w(from));
        else if (inst.size == 2)
          a_.uxth(w(to), w(from));
        else
          a_.mov(sized(to, inst.size * 8u), sized(from, inst.size * 8u));
        break;
      default:  // ByteSwap
        if (inst.size == 8) {
          a_.rev(x(to), x(from));
          break;
        }
        a_.rev(w(to), w(from));
        if (inst.size == 2) a_.lsr(w(to), w(to), imm(16));
    }
  }

  // ---- comparing --------------------------------------------------------------------------------

  void compare(Op cond, u32 bits, MachineReg left, MachineReg right) {
    if (cond == Op::Jset)
      a_.tst(sized(left, bits), sized(right, bits));
    else
      a_.cmp(sized(left, bits), sized(right, bits));
  }
  void compare_imm(Op cond, u32 bits, MachineReg left, i64 value) {
    const u64 mask = bits == 64 ? static_cast<u64>(value) : static_cast<u32>(value);
    if (cond == Op::Jset && a64::Utils::isLogicalImm(mask, bits)) {
      a_.tst(sized(left, bits), imm(mask));
    } else if (cond != Op::Jset && value >= 0 && value < 4096) {
      a_.cmp(sized(left, bits), imm(value));
    } else if (cond != Op::Jset && value < 0 && value > -4096) {
      a_.cmn(sized(left, bits), imm(-value));
    } else {
      constant(kS1, static_cast<i64>(mask));
      compare(cond, bits, left, kS1);
    }
  }
  void set(Op cond, MachineReg to) { a_.cset(x(to), imm(condition(cond, false))); }
  void select(Op cond, MachineReg to, MachineReg yes, MachineReg no) {
    a_.csel(x(to), x(yes), x(no), imm(condition(cond, false)));
  }
  void branch(Op cond, bool negated, const Label& to) { branch_on(condition(cond, negated), to); }
  void jump(const Label& to) { a_.b(to); }

  // ---- checks -----------------------------------------------------------------------------------

  // Scratch 0 becomes the address, which keep_address() relies on.
  Mem check(const Mem& mem, u32 base, u32 limit, const Label& slow) {
    lea(kS0, mem);
    a_.ldr(x(kS1), state_at(base));
    a_.sub(x(kS1), x(kS0), x(kS1));
    a_.ldr(x(kS2), state_at(limit));
    a_.cmp(x(kS1), x(kS2));
    branch_on(Cond::kHS, slow);
    return {kS0, kNoReg, 0, 0};
  }
  void keep_address(u32 /*base*/) { a_.str(x(kS0), state_at(at::kAddress)); }
  void restore_address() { a_.ldr(x(kS0), state_at(at::kAddress)); }

  void check_stretch(const Mem& mem, u32 base, u32 limit, u32 bytes, const Label& slow) {
    lea(kS0, mem);
    a_.ldr(x(kS1), state_at(base));
    a_.sub(x(kS0), x(kS0), x(kS1));
    a_.ldr(x(kS1), state_at(limit));
    constant(kS2, bytes);
    a_.subs(x(kS1), x(kS1), x(kS2));
    branch_on(Cond::kLO, slow);
    a_.cmp(x(kS0), x(kS1));
    branch_on(Cond::kHI, slow);
  }

  void test_alignment(const Mem& mem, u32 size, const Label& bad) {
    lea(kS1, mem);
    a_.tst(x(kS1), imm(size - 1));
    branch_on(Cond::kNE, bad);
  }

  void charge(i64 cost, const Label& spent) {
    a_.ldr(x(kS0), state_at(at::kBudget));
    if (cost < 4096) {
      a_.subs(x(kS0), x(kS0), imm(cost));
    } else {
      constant(kS1, cost);
      a_.subs(x(kS0), x(kS0), x(kS1));
    }
    a_.str(x(kS0), state_at(at::kBudget));
    branch_on(Cond::kMI, spent);
  }
  void check_depth(u32 more, const Label& too_many) {
    a_.ldr(w(kS0), state_at(at::kDepth));
    a_.cmp(w(kS0), imm(kMaxFrames - more));
    branch_on(Cond::kHI, too_many);
  }
  void jump_if_faulted(const Label& to) {
    a_.ldrb(w(kS0), state_at(at::kFaultSet));
    a_.cmp(w(kS0), imm(0));
    branch_on(Cond::kNE, to);
  }
  void jump_unless_program(u64 identity, const Label& to) {
    constant(kS0, static_cast<i64>(identity));
    a_.ldr(x(kS1), state_at(at::kProgram));
    a_.cmp(x(kS0), x(kS1));
    branch_on(Cond::kNE, to);
  }

  // ---- atomics ----------------------------------------------------------------------------------

  template <class Put>
  void prepare_exchange(const Put& put) {
    put(kNew);
  }

  void atomic(const ir::Inst& inst, const Mem& mem, MachineReg value) {
    atomic_fetch(inst, mem, value);
  }

  // The register that has the old value. x9 and x10 hold no operands.
  MachineReg atomic_fetch(const ir::Inst& inst, const Mem& mem, MachineReg value) {
    const u32 bits = inst.size * 8u;
    const a64::Mem place = plain(mem);
    const a64::Gp old = sized(kOld, bits), changed = sized(kNew, bits), s = sized(value, bits);
    const Label again = new_label(), out = new_label();
    bind(again);
    a_.ldaxr(old, place);
    switch (inst.row) {
      case Op::AtomicAdd:
      case Op::FetchAdd: a_.add(changed, old, s); break;
      case Op::AtomicOr:
      case Op::FetchOr: a_.orr(changed, old, s); break;
      case Op::AtomicAnd:
      case Op::FetchAnd: a_.and_(changed, old, s); break;
      case Op::AtomicXor:
      case Op::FetchXor: a_.eor(changed, old, s); break;
      case Op::CmpXchg:
        a_.cmp(old, changed);  // which holds what is compared with
        a_.b_ne(out);
        break;
      default: break;
    }
    const bool stores_value = inst.row == Op::Xchg || inst.row == Op::CmpXchg;
    // asmjit 1.9 takes the 64-bit form only with a 64-bit status register; the code is the same.
    a_.emit(a64::Inst::kIdStlxr, sized(kS2, bits), stores_value ? s : changed, place);
    a_.cbnz(w(kS2), again);
    bind(out);
    return kOld;
  }

  void load_acquire(MachineReg to, const Mem& mem, u32 size) {
    const a64::Mem from = plain(mem);
    switch (size) {
      case 1: a_.ldarb(w(to), from); break;
      case 2: a_.ldarh(w(to), from); break;
      case 4: a_.ldar(w(to), from); break;
      default: a_.ldar(x(to), from);
    }
  }
  // By its number: asmjit 1.9 encodes stlr as stllr, which orders less.
  void store_release(const Mem& mem, MachineReg from, u32 size) {
    const bool bare = mem.index == kNoReg && mem.disp == 0;
    if (!bare) lea(kS0, mem);
    constexpr u32 kStlrb = 0x089ffc00;
    const u32 base = bare ? mem.base : kS0;
    a_.embedUInt32(kStlrb | static_cast<u32>(std::countr_zero(size)) << 30 | base << 5 | from);
  }

  // ---- calls and frames -------------------------------------------------------------------------

  void call_runtime(u32 entry) {
    move(0, kState);
    a_.ldr(x(kS0), state_at(at::kRuntime));
    a_.ldr(x(kS0), a64::ptr(x(kS0), static_cast<i32>(entry)));
    a_.blr(x(kS0));
  }
  void call_address(u64 address) {
    move(0, kState);
    constant(kS0, static_cast<i64>(address));
    a_.blr(x(kS0));
  }
  void call_label(const Label& label) { a_.bl(label); }
  void call_stub(const Label& label, u32 site) {
    constant(kS1, site);
    a_.bl(label);
  }
  void slow_stub(u32 entry) {
    constexpr i32 kRoom = 144;  // the link, and x0 to x15
    a_.sub(a64::sp, a64::sp, imm(kRoom));
    a_.str(x(kLink), a64::ptr(a64::sp));
    for (u32 i = 0; i < 16; i += 2)
      a_.stp(x(u8(i)), x(u8(i + 1)), a64::ptr(a64::sp, 16 + i32(i) * 8));
    move(1, kS1);
    call_runtime(entry);
    for (u32 i = 0; i < 16; i += 2)
      a_.ldp(x(u8(i)), x(u8(i + 1)), a64::ptr(a64::sp, 16 + i32(i) * 8));
    a_.ldr(x(kLink), a64::ptr(a64::sp));
    a_.add(a64::sp, a64::sp, imm(kRoom));
    ret();
  }

  // u64 enter(State&, const u64* args, u64 function)
  void trampoline() {
    a_.stp(x(29), x(kLink), a64::ptr_pre(a64::sp, -32));
    a_.mov(x(29), a64::sp);
    a_.str(x(kState), a64::ptr(a64::sp, 16));
    move(kState, 0);
    move(kS0, 2);
    move(kOld, 1);
    a_.ldp(x(1), x(2), a64::ptr(x(kOld)));
    a_.ldp(x(3), x(4), a64::ptr(x(kOld), 16));
    a_.ldr(x(5), a64::ptr(x(kOld), 32));
    a_.blr(x(kS0));
    a_.ldr(x(kState), a64::ptr(a64::sp, 16));
    a_.ldp(x(29), x(kLink), a64::ptr_post(a64::sp, 32));
    ret();
  }

  u32 frame_bytes(const NativeFrame& frame) const {
    return (kHead + saved(frame) * 8 + frame.slots * 8 + 15) / 16 * 16;
  }

  // From sp up: slots, saved registers, then x29, x30, x27 at the top.
  void prologue(const NativeFrame& frame) {
    a_.sub(a64::sp, a64::sp, imm(frame_bytes(frame)));
    each_saved(frame,
               [this](MachineReg reg, i32 offset) { a_.str(x(reg), a64::ptr(a64::sp, offset)); });
    const i32 top = static_cast<i32>(frame_bytes(frame) - kHead);
    a_.stp(x(29), x(kLink), a64::ptr(a64::sp, top + 8));
    a_.str(x(kFrame), a64::ptr(a64::sp, top));
    a_.add(x(29), a64::sp, imm(top + 8));
  }
  void epilogue(const NativeFrame& frame) {
    each_saved(frame,
               [this](MachineReg reg, i32 offset) { a_.ldr(x(reg), a64::ptr(a64::sp, offset)); });
    const i32 top = static_cast<i32>(frame_bytes(frame) - kHead);
    a_.ldp(x(29), x(kLink), a64::ptr(a64::sp, top + 8));
    a_.ldr(x(kFrame), a64::ptr(a64::sp, top));
    a_.add(a64::sp, a64::sp, imm(frame_bytes(frame)));
  }
  void ret() { a_.ret(x(kLink)); }

  // Counts the program's frame, clears it as far as asked, and points x27 at its end. Arguments are
  // in their registers.
  void open_frame(const NativeFrame& frame, const Label& too_many) {
    const u32 cleared = frame.cleared * 8;
    a_.ldr(w(kS0), state_at(at::kDepth));
    a_.cmp(w(kS0), imm(kMaxFrames));
    branch_on(Cond::kHS, too_many);
    a_.add(x(kS1), x(kState), x(kS0), asmjit::arm::lsl(1));
    constant(kS2, frame.unclear ? kStackSize - cleared : 0);
    a_.strh(w(kS2), a64::ptr(x(kS1), static_cast<i32>(at::kUnclear)));
    a_.add(w(kS0), w(kS0), imm(1));
    a_.str(w(kS0), state_at(at::kDepth));
    a_.ldr(x(kS1), state_at(at::kStack));
    a_.add(x(kFrame), x(kS1), x(kS0), asmjit::arm::lsl(std::countr_zero(kStackSize)));
    if (cleared == 0) return;
    const Label again = new_label();
    a_.sub(x(kS0), x(kFrame), imm(cleared));
    bind(again);
    a_.str(a64::xzr, a64::ptr_post(x(kS0), 8));
    a_.cmp(x(kS0), x(kFrame));
    a_.b_ne(again);
  }
  void close_frame(const Label* slow) {
    a_.ldr(w(kS0), state_at(at::kDepth));
    a_.sub(w(kS0), w(kS0), imm(1));
    a_.str(w(kS0), state_at(at::kDepth));
    if (slow == nullptr) return;
    a_.ldr(w(kS0), state_at(at::kStackHints));
    a_.cmp(w(kS0), imm(0));
    branch_on(Cond::kNE, *slow);
  }

  // ---- tail calls: TailResult is in x0 and x1 ---------------------------------------------------

  void jump_if_entered(const Label& to) {
    a_.cmp(x(0), imm(0));
    branch_on(Cond::kNE, to);
  }
  void take_tail_result(const Label& done) {
    move(kS1, 0);
    move(0, 1);
    a_.cmp(x(kS1), imm(TailResult::kDone));
    branch_on(Cond::kEQ, done);
  }
  void tail_jump() {
    a_.ldr(x(1), state_at(at::kContext));
    a_.ldr(x(2), state_at(at::kArgument2));
    for (u8 reg = 3; reg <= 5; ++reg) a_.mov(x(reg), a64::xzr);
    a_.br(x(kS1));
  }

 private:
  static constexpr u64 kFarInsts = 8000;  // of the IR: more than 128 bytes each there are not
  static constexpr u32 kHead = 24;        // x27, x29, x30

  static u32 saved(const NativeFrame& frame) {
    return static_cast<u32>(std::popcount(frame.saved));
  }

  template <class Visit>
  static void each_saved(const NativeFrame& frame, const Visit& visit) {
    i32 offset = static_cast<i32>(frame.slots * 8);
    for (MachineReg reg = 0; reg < 31; ++reg) {
      if ((frame.saved >> reg & 1) == 0) continue;
      visit(reg, offset);
      offset += 8;
    }
  }

  static Mem state(u32 offset) { return {kState, kNoReg, 0, static_cast<i32>(offset)}; }
  static a64::Mem state_at(u32 offset) { return a64::ptr(x(kState), static_cast<i32>(offset)); }
  static a64::Mem slot_at(u32 slot) { return a64::ptr(a64::sp, static_cast<i32>(slot * 8)); }

  // As one instruction of this size can address it; else its sum goes to scratch 0.
  a64::Mem pointer(const Mem& mem, u32 size) {
    const i32 bytes = static_cast<i32>(size);
    if (mem.index == kNoReg) {
      const bool fits = (mem.disp >= -256 && mem.disp < 256) ||
                        (mem.disp >= 0 && mem.disp % bytes == 0 && mem.disp / bytes < 4096);
      if (fits) return a64::ptr(x(mem.base), mem.disp);
    } else if (mem.disp == 0 && (mem.scale == 0 || bytes == 1 << mem.scale)) {
      return a64::ptr(x(mem.base), x(mem.index), asmjit::arm::lsl(mem.scale));
    }
    return plain(mem);
  }
  // As a register alone.
  a64::Mem plain(const Mem& mem) {
    if (mem.index == kNoReg && mem.disp == 0) return a64::ptr(x(mem.base));
    lea(kS0, mem);
    return a64::ptr(x(kS0));
  }

  void branch_on(Cond cond, const Label& to) {
    if (!far_) return void(a_.b(cond, to));
    const Label over = new_label();
    a_.b(negate(cond), over);
    a_.b(to);
    bind(over);
  }

  void multiply_high(const ir::Inst& inst, MachineReg to, MachineReg left, MachineReg right) {
    const bool is_signed = inst.op == IrOp::SMulHigh;
    if (inst.bits == 64) {
      is_signed ? a_.smulh(x(to), x(left), x(right)) : a_.umulh(x(to), x(left), x(right));
      return;
    }
    is_signed ? a_.smull(x(to), w(left), w(right)) : a_.umull(x(to), w(left), w(right));
    a_.lsr(x(to), x(to), imm(32));
  }

  asmjit::CodeHolder code_;
  FirstError errors_;
  asmjit::StringLogger logger_;
  a64::Assembler a_;
  bool far_;
};

}  // namespace

Result<Compiled> emit_a64(const ir::Module& module, std::span<const Allocation> allocations,
                          const EmitOptions& options) {
  return Driver<A64>(module, allocations, options).run();
}

}  // namespace skep::jit
