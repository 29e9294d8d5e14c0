// x86-64 code, by asmjit's assembler. Two-operand instructions: the result's register first gets
// the first operand, unless the second one is in it. Tested by tests/jit/emit_test.cpp.

#include <asmjit/x86.h>

#include <bit>

#include "jit/emit_driver.h"

namespace skep::jit {
namespace {

namespace x86 = asmjit::x86;
using asmjit::imm;
using IrOp = ir::Op;
using Id = x86::Inst::Id;

x86::Gp r64(MachineReg reg) {
  return x86::gpq(reg);
}
x86::Gp r32(MachineReg reg) {
  return x86::gpd(reg);
}
x86::Gp sized(MachineReg reg, u32 bits) {
  return bits == 64 ? r64(reg) : r32(reg);
}
x86::Gp of_size(MachineReg reg, u32 bytes) {
  switch (bytes) {
    case 1: return x86::gpb_lo(reg);
    case 2: return x86::gpw(reg);
    case 4: return x86::gpd(reg);
    default: return x86::gpq(reg);
  }
}

constexpr MachineReg kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRsp = 4, kRbp = 5, kRsi = 6, kRdi = 7,
                     kR8 = 8, kR9 = 9, kS0 = 10, kS1 = 11;
constexpr MachineReg kCalleeSaved[] = {12, 13, 14, 15};
constexpr MachineReg kStubSaves[] = {kRax, kRcx, kRdx, kRsi, kRdi, kR8, kR9};

x86::CondCode condition(Op op, bool negated) {
  const auto code = [&] {
    switch (op) {
      case Op::Jeq: return x86::CondCode::kE;
      case Op::Jgt: return x86::CondCode::kA;
      case Op::Jge: return x86::CondCode::kAE;
      case Op::Jlt: return x86::CondCode::kB;
      case Op::Jle: return x86::CondCode::kBE;
      case Op::Jsgt: return x86::CondCode::kG;
      case Op::Jsge: return x86::CondCode::kGE;
      case Op::Jslt: return x86::CondCode::kL;
      case Op::Jsle: return x86::CondCode::kLE;
      default: return x86::CondCode::kNE;  // Jne, and Jset after `test`
    }
  }();
  return negated ? x86::negateCond(code) : code;
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

class X64 {
 public:
  using Label = asmjit::Label;

  explicit X64(u64 /*insts*/) {
    code_.init(asmjit::Environment(asmjit::Arch::kX64));
    code_.setErrorHandler(&errors_);
    code_.attach(&a_);
  }

  static const Target& target() { return kX64; }
  static MachineReg argument(std::size_t index) { return kX64.arguments[index]; }

  // ---- the assembler ----------------------------------------------------------------------------

  void log() {
    logger_.addFlags(asmjit::FormatFlags::kNone);
    code_.setLogger(&logger_);
  }
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

  void move(MachineReg to, MachineReg from) { a_.mov(r64(to), r64(from)); }

  // Leaves the flags as they are.
  void constant(MachineReg to, i64 value) {
    if (static_cast<u64>(value) <= UINT32_MAX) {
      a_.mov(r32(to), imm(static_cast<u32>(value)));
    } else {
      a_.mov(r64(to), imm(value));
    }
  }
  void add(MachineReg to, MachineReg from, i64 value) {
    if (value == 0) return move(to, from);
    a_.lea(r64(to), x86::ptr(r64(from), static_cast<i32>(value)));
  }
  void lea(MachineReg to, const Mem& mem) {
    if (mem.index == kNoReg && mem.disp == 0) {
      if (mem.base != to) move(to, mem.base);
      return;
    }
    a_.lea(r64(to), pointer(mem, 0));
  }
  void load_slot(MachineReg to, u32 slot) { a_.mov(r64(to), slot_at(slot)); }
  void store_slot(u32 slot, MachineReg from) { a_.mov(slot_at(slot), r64(from)); }

  void load_state(MachineReg to, u32 offset, u32 size) {
    load(to, {kRbx, kNoReg, 0, i32(offset)}, size, false);
  }
  void store_state(u32 offset, MachineReg from, u32 size) {
    store({kRbx, kNoReg, 0, i32(offset)}, from, size);
  }
  void store_state_number(u32 offset, i32 value) { a_.mov(state32(offset), imm(value)); }

  void load(MachineReg to, const Mem& mem, u32 size, bool is_signed) {
    const x86::Mem from = pointer(mem, size);
    if (is_signed) {
      if (size == 4)
        a_.movsxd(r64(to), from);
      else if (size == 8)
        a_.mov(r64(to), from);
      else
        a_.movsx(r64(to), from);
    } else {
      if (size == 8)
        a_.mov(r64(to), from);
      else if (size == 4)
        a_.mov(r32(to), from);
      else
        a_.movzx(r32(to), from);
    }
  }
  void store(const Mem& mem, MachineReg from, u32 size) {
    a_.mov(pointer(mem, size), of_size(from, size));
  }
  void store_imm(const Mem& mem, i64 value, u32 size) {
    const x86::Mem to = pointer(mem, size);
    switch (size) {
      case 1: a_.mov(to, imm(static_cast<i8>(value))); break;
      case 2: a_.mov(to, imm(static_cast<i16>(value))); break;
      default: a_.mov(to, imm(static_cast<i32>(value)));  // sign-extended to 8 bytes
    }
  }

  // ---- arithmetic -------------------------------------------------------------------------------

  void binary(const ir::Inst& inst, MachineReg to, MachineReg x, MachineReg y) {
    const u32 bits = inst.bits;
    switch (inst.op) {
      case IrOp::Add: return two(x86::Inst::kIdAdd, bits, to, x, y, true);
      case IrOp::Sub: return two(x86::Inst::kIdSub, bits, to, x, y, false);
      case IrOp::Mul: return two(x86::Inst::kIdImul, bits, to, x, y, true);
      case IrOp::And: return two(x86::Inst::kIdAnd, bits, to, x, y, true);
      case IrOp::Or: return two(x86::Inst::kIdOr, bits, to, x, y, true);
      case IrOp::Xor: return two(x86::Inst::kIdXor, bits, to, x, y, true);
      case IrOp::Lsh: return shift(x86::Inst::kIdShl, bits, to, x, y);
      case IrOp::Rsh: return shift(x86::Inst::kIdShr, bits, to, x, y);
      case IrOp::Arsh: return shift(x86::Inst::kIdSar, bits, to, x, y);
      case IrOp::Rotl: return shift(x86::Inst::kIdRol, bits, to, x, y);
      case IrOp::MulHigh: return multiply_high(x86::Inst::kIdMul, bits, to, x, y);
      case IrOp::SMulHigh: return multiply_high(x86::Inst::kIdImul, bits, to, x, y);
      default: return divide(inst, to, x, y, !inst.has(ir::kNonZero), true);
    }
  }

  void binary_imm(const ir::Inst& inst, MachineReg to, MachineReg x, i64 value) {
    const u32 bits = inst.bits;
    const i32 small = static_cast<i32>(value);
    switch (inst.op) {
      case IrOp::Add: return two_imm(x86::Inst::kIdAdd, bits, to, x, small);
      case IrOp::Sub: return two_imm(x86::Inst::kIdSub, bits, to, x, small);
      case IrOp::And: return two_imm(x86::Inst::kIdAnd, bits, to, x, small);
      case IrOp::Or: return two_imm(x86::Inst::kIdOr, bits, to, x, small);
      case IrOp::Xor: return two_imm(x86::Inst::kIdXor, bits, to, x, small);
      case IrOp::Mul: a_.imul(sized(to, bits), sized(x, bits), imm(small)); return;
      case IrOp::Lsh: return two_imm(x86::Inst::kIdShl, bits, to, x, small & i32(bits - 1));
      case IrOp::Rsh: return two_imm(x86::Inst::kIdShr, bits, to, x, small & i32(bits - 1));
      case IrOp::Arsh: return two_imm(x86::Inst::kIdSar, bits, to, x, small & i32(bits - 1));
      case IrOp::Rotl: return two_imm(x86::Inst::kIdRol, bits, to, x, small & i32(bits - 1));
      default: break;
    }
    constant(kS1, bits == 64 ? value : static_cast<i64>(static_cast<u32>(value)));
    switch (inst.op) {
      case IrOp::MulHigh: return multiply_high(x86::Inst::kIdMul, bits, to, x, kS1);
      case IrOp::SMulHigh: return multiply_high(x86::Inst::kIdImul, bits, to, x, kS1);
      default: {
        const i64 y = bits == 64 ? value : small;
        return divide(inst, to, x, kS1, y == 0, y == -1);
      }
    }
  }

  void unary(const ir::Inst& inst, MachineReg to, MachineReg x) {
    switch (inst.op) {
      case IrOp::Neg:
        a_.mov(sized(to, inst.bits), sized(x, inst.bits));
        a_.neg(sized(to, inst.bits));
        break;
      case IrOp::SignExtend: sign_extend(inst.bits, inst.size, to, x); break;
      case IrOp::ZeroExtend:
        if (inst.size == 8)
          a_.mov(r64(to), r64(x));
        else if (inst.size == 4)
          a_.mov(r32(to), r32(x));
        else
          a_.movzx(r32(to), of_size(x, inst.size));
        break;
      default:  // ByteSwap
        if (inst.size == 8) {
          a_.mov(r64(to), r64(x));
          a_.bswap(r64(to));
          break;
        }
        a_.mov(r32(to), r32(x));
        a_.bswap(r32(to));
        if (inst.size == 2) a_.shr(r32(to), imm(16));
    }
  }

  // ---- comparing --------------------------------------------------------------------------------

  void compare(Op cond, u32 bits, MachineReg x, MachineReg y) {
    if (cond == Op::Jset)
      a_.test(sized(x, bits), sized(y, bits));
    else
      a_.cmp(sized(x, bits), sized(y, bits));
  }
  void compare_imm(Op cond, u32 bits, MachineReg x, i64 value) {
    const i32 small = static_cast<i32>(value);
    if (cond == Op::Jset)
      a_.test(sized(x, bits), imm(small));
    else if (small == 0)
      a_.test(sized(x, bits), sized(x, bits));
    else
      a_.cmp(sized(x, bits), imm(small));
  }
  void set(Op cond, MachineReg to) {
    a_.set(condition(cond, false), x86::gpb_lo(to));
    a_.movzx(r32(to), x86::gpb_lo(to));
  }
  void select(Op cond, MachineReg to, MachineReg yes, MachineReg no) {
    if (to == yes) return void(a_.cmov(condition(cond, true), r64(to), r64(no)));
    if (to != no) move(to, no);
    a_.cmov(condition(cond, false), r64(to), r64(yes));
  }
  void branch(Op cond, bool negated, const Label& to) { a_.j(condition(cond, negated), to); }
  void jump(const Label& to) { a_.jmp(to); }

  // ---- checks -----------------------------------------------------------------------------------

  // Scratch 0 becomes the distance from the region's start, which keep_address() relies on.
  Mem check(const Mem& mem, u32 base, u32 limit, const Label& slow) {
    lea(kS0, mem);
    a_.sub(r64(kS0), state64(base));
    a_.cmp(r64(kS0), state64(limit));
    a_.jae(slow);
    if (mem.base != kS0) return mem;
    a_.add(r64(kS0), state64(base));
    return {kS0, kNoReg, 0, 0};
  }
  void keep_address(u32 base) {
    a_.add(r64(kS0), state64(base));
    a_.mov(state64(at::kAddress), r64(kS0));
  }
  void restore_address() { a_.mov(r64(kS0), state64(at::kAddress)); }

  void check_stretch(const Mem& mem, u32 base, u32 limit, u32 bytes, const Label& slow) {
    lea(kS0, mem);
    a_.mov(r64(kS1), state64(limit));
    a_.sub(r64(kS1), imm(bytes));
    a_.jb(slow);
    a_.sub(r64(kS0), state64(base));
    a_.cmp(r64(kS0), r64(kS1));
    a_.ja(slow);
  }

  void test_alignment(const Mem& mem, u32 size, const Label& bad) {
    lea(kS1, mem);
    a_.test(r32(kS1), imm(size - 1));
    a_.jnz(bad);
  }

  void charge(i64 cost, const Label& spent) {
    a_.sub(state64(at::kBudget), imm(cost));
    a_.js(spent);
  }
  void check_depth(u32 more, const Label& too_many) {
    a_.cmp(state32(at::kDepth), imm(kMaxFrames - more));
    a_.ja(too_many);
  }
  void jump_if_faulted(const Label& to) {
    a_.cmp(x86::byte_ptr(x86::rbx, at::kFaultSet), imm(0));
    a_.jne(to);
  }
  void jump_unless_program(u64 identity, const Label& to) {
    a_.mov(r64(kS1), imm(identity));
    a_.cmp(r64(kS1), state64(at::kProgram));
    a_.jne(to);
  }

  // ---- atomics ----------------------------------------------------------------------------------

  template <class Put>
  void prepare_exchange(const Put& put) {
    put(kRax);
  }

  void atomic(const ir::Inst& inst, const Mem& mem, MachineReg value) {
    a_.lock().emit(operation(inst.row), pointer(mem, inst.size), of_size(value, inst.size));
  }

  // The register that has the old value.
  MachineReg atomic_fetch(const ir::Inst& inst, const Mem& mem, MachineReg value) {
    const x86::Mem place = pointer(mem, inst.size);
    switch (inst.row) {
      case Op::CmpXchg:
        if (inst.size == 4) a_.mov(x86::eax, x86::eax);
        a_.lock().cmpxchg(place, of_size(value, inst.size));
        return kRax;
      case Op::Xchg:
      case Op::FetchAdd:
        if (value != kS1) a_.mov(of_size(kS1, inst.size), of_size(value, inst.size));
        if (inst.row == Op::Xchg)
          a_.xchg(place, of_size(kS1, inst.size));
        else
          a_.lock().xadd(place, of_size(kS1, inst.size));
        return kS1;
      default: break;
    }
    if (value == kS1) move(kRcx, kS1);
    const x86::Gp old = of_size(kRax, inst.size);
    const x86::Gp changed = of_size(kS1, inst.size);
    const Label again = new_label();
    a_.mov(old, place);
    bind(again);
    a_.mov(changed, old);
    a_.emit(operation(inst.row), changed, of_size(value == kS1 ? kRcx : value, inst.size));
    a_.lock().cmpxchg(place, changed);
    a_.jne(again);
    return kRax;
  }

  void load_acquire(MachineReg to, const Mem& mem, u32 size) { load(to, mem, size, false); }
  void store_release(const Mem& mem, MachineReg from, u32 size) { store(mem, from, size); }

  // ---- calls and frames -------------------------------------------------------------------------

  void call_runtime(u32 entry) {
    move(kRdi, kRbx);
    a_.mov(r64(kS1), state64(at::kRuntime));
    a_.call(x86::qword_ptr(x86::r11, i32(entry)));
  }
  void call_address(u64 address) {
    move(kRdi, kRbx);
    a_.mov(x86::rax, imm(address));
    a_.call(x86::rax);
  }
  void call_label(const Label& label) { a_.call(label); }
  void call_stub(const Label& label, u32 site) {
    a_.mov(r32(kS1), imm(site));
    a_.call(label);
  }
  void slow_stub(u32 entry) {  // 7 registers, and the return address: aligned
    for (const MachineReg reg : kStubSaves) a_.push(r64(reg));
    a_.mov(x86::esi, r32(kS1));
    call_runtime(entry);
    for (std::size_t i = std::size(kStubSaves); i-- > 0;) a_.pop(r64(kStubSaves[i]));
    a_.ret();
  }

  // u64 enter(State&, const u64* args, u64 function)
  void trampoline() {
    a_.push(x86::rbx);
    a_.mov(x86::rbx, x86::rdi);
    a_.mov(x86::rax, x86::rdx);
    a_.mov(x86::rdx, x86::qword_ptr(x86::rsi, 8));
    a_.mov(x86::rcx, x86::qword_ptr(x86::rsi, 16));
    a_.mov(x86::r8, x86::qword_ptr(x86::rsi, 24));
    a_.mov(x86::r9, x86::qword_ptr(x86::rsi, 32));
    a_.mov(x86::rsi, x86::qword_ptr(x86::rsi));
    a_.call(x86::rax);
    a_.pop(x86::rbx);
    a_.ret();
  }

  // With the return address: what a function takes of the native stack.
  u32 frame_bytes(const NativeFrame& frame) const { return 8 + pushed(frame) * 8 + room(frame); }

  void prologue(const NativeFrame& frame) {
    a_.push(x86::rbp);
    for (const MachineReg reg : kCalleeSaved) {
      if ((frame.saved >> reg & 1) != 0) a_.push(r64(reg));
    }
    if (room(frame) != 0) a_.sub(x86::rsp, imm(room(frame)));
  }
  void epilogue(const NativeFrame& frame) {
    if (room(frame) != 0) a_.add(x86::rsp, imm(room(frame)));
    for (std::size_t i = std::size(kCalleeSaved); i-- > 0;) {
      if ((frame.saved >> kCalleeSaved[i] & 1) != 0) a_.pop(r64(kCalleeSaved[i]));
    }
    a_.pop(x86::rbp);
  }
  void ret() { a_.ret(); }

  // Counts the program's frame, clears it as far as asked, and points rbp at its end. Arguments are
  // in their registers.
  void open_frame(const NativeFrame& frame, const Label& too_many) {
    const u32 cleared = frame.cleared * 8;
    a_.mov(r32(kS0), state32(at::kDepth));
    a_.cmp(r32(kS0), imm(kMaxFrames));
    a_.jae(too_many);
    a_.mov(x86::word_ptr(x86::rbx, r64(kS0), 1, at::kUnclear),
           imm(frame.unclear ? static_cast<i16>(kStackSize - cleared) : 0));
    a_.add(r32(kS0), imm(1));
    a_.mov(state32(at::kDepth), r32(kS0));
    a_.shl(r32(kS0), imm(std::countr_zero(kStackSize)));
    a_.add(r64(kS0), state64(at::kStack));
    move(kRbp, kS0);
    if (cleared == 0) return;
    constexpr u32 kUnrolled = 8;
    a_.xor_(x86::eax, x86::eax);
    if (frame.cleared <= kUnrolled) {
      for (u32 i = 1; i <= frame.cleared; ++i)
        a_.mov(x86::qword_ptr(x86::rbp, -8 * i32(i)), x86::rax);
      return;
    }
    const Label again = new_label();
    a_.sub(r64(kS0), imm(cleared));
    bind(again);
    a_.mov(x86::qword_ptr(r64(kS0)), x86::rax);
    a_.add(r64(kS0), imm(8));
    a_.cmp(r64(kS0), x86::rbp);
    a_.jne(again);
  }
  void close_frame(const Label* slow) {
    a_.sub(state32(at::kDepth), imm(1));
    if (slow == nullptr) return;
    a_.cmp(state32(at::kStackHints), imm(0));
    a_.jne(*slow);
  }

  // ---- tail calls: TailResult is in rax and rdx -------------------------------------------------

  void jump_if_entered(const Label& to) {
    a_.test(x86::rax, x86::rax);
    a_.jnz(to);
  }
  void take_tail_result(const Label& done) {
    move(kS1, kRax);
    move(kRax, kRdx);
    a_.cmp(r64(kS1), imm(static_cast<i32>(TailResult::kDone)));
    a_.je(done);
  }
  void tail_jump() {
    a_.mov(x86::rsi, state64(at::kContext));
    a_.mov(x86::rdx, state64(at::kArgument2));
    for (const MachineReg reg : {kRcx, kR8, kR9}) a_.xor_(r32(reg), r32(reg));
    a_.jmp(r64(kS1));
  }

 private:
  static u32 pushed(const NativeFrame& frame) {
    return 1 + static_cast<u32>(std::popcount(frame.saved));
  }
  // Below what is pushed; keeps the stack aligned to 16.
  static u32 room(const NativeFrame& frame) {
    const u32 slots = frame.slots * 8;
    return slots + ((8 + pushed(frame) * 8 + slots) % 16 != 0 ? 8 : 0);
  }

  static x86::Mem pointer(const Mem& mem, u32 size) {
    x86::Mem out = mem.index == kNoReg
                       ? x86::ptr(r64(mem.base), mem.disp)
                       : x86::ptr(r64(mem.base), r64(mem.index), mem.scale, mem.disp);
    out.setSize(size);
    return out;
  }
  static x86::Mem slot_at(u32 slot) { return x86::qword_ptr(x86::rsp, i32(slot * 8)); }
  static x86::Mem state64(u32 offset) { return x86::qword_ptr(x86::rbx, i32(offset)); }
  static x86::Mem state32(u32 offset) { return x86::dword_ptr(x86::rbx, i32(offset)); }

  static asmjit::InstId operation(Op op) {
    switch (op) {
      case Op::AtomicOr:
      case Op::FetchOr: return x86::Inst::kIdOr;
      case Op::AtomicAnd:
      case Op::FetchAnd: return x86::Inst::kIdAnd;
      case Op::AtomicXor:
      case Op::FetchXor: return x86::Inst::kIdXor;
      default: return x86::Inst::kIdAdd;
    }
  }

  void two(asmjit::InstId id, u32 bits, MachineReg to, MachineReg x, MachineReg y, bool commutes) {
    if (to == y && to != x) {
      if (commutes) return void(a_.emit(id, sized(to, bits), sized(x, bits)));
      if (x != kS0) a_.mov(sized(kS0, bits), sized(x, bits));
      a_.emit(id, sized(kS0, bits), sized(y, bits));
      a_.mov(sized(to, bits), sized(kS0, bits));
      return;
    }
    if (to != x) a_.mov(sized(to, bits), sized(x, bits));
    a_.emit(id, sized(to, bits), sized(y, bits));
  }

  // Shifts by 0 must clear the upper half too.
  void two_imm(asmjit::InstId id, u32 bits, MachineReg to, MachineReg x, i32 value) {
    if (to != x || value == 0) a_.mov(sized(to, bits), sized(x, bits));
    a_.emit(id, sized(to, bits), imm(value));
  }

  // Shifts by cl.
  void shift(asmjit::InstId id, u32 bits, MachineReg to, MachineReg x, MachineReg y) {
    a_.mov(sized(kS0, bits), sized(x, bits));
    if (y != kRcx) a_.mov(x86::ecx, r32(y));
    a_.emit(id, sized(kS0, bits), x86::cl);
    if (to != kS0) a_.mov(sized(to, bits), sized(kS0, bits));
  }

  void multiply_high(asmjit::InstId id, u32 bits, MachineReg to, MachineReg x, MachineReg y) {
    if (y == kRax) move(kS1, kRax), y = kS1;
    a_.mov(sized(kRax, bits), sized(x, bits));
    a_.emit(id, sized(y, bits));
    a_.mov(sized(to, bits), sized(kRdx, bits));
  }

  // `zero`, `minus_one`: the divisor may be that. rax and rdx are free to be changed.
  void divide(const ir::Inst& inst, MachineReg to, MachineReg x, MachineReg y, bool zero,
              bool minus_one) {
    const u32 bits = inst.bits;
    const bool is_signed = inst.op == IrOp::SDiv || inst.op == IrOp::SMod;
    const bool quotient = inst.op == IrOp::Div || inst.op == IrOp::SDiv;
    const x86::Gp rax = sized(kRax, bits), rdx = sized(kRdx, bits);
    const Label by_zero = new_label(), by_minus_one = new_label(), done = new_label();
    if (y == kRax || y == kRdx) {
      move(kS1, y);
      y = kS1;
    }
    const x86::Gp divisor = sized(y, bits);
    a_.mov(rax, sized(x, bits));
    if (zero) {
      a_.test(divisor, divisor);
      a_.jz(by_zero);
    }
    if (is_signed && minus_one) {
      a_.cmp(divisor, imm(-1));
      a_.je(by_minus_one);
    }
    if (!is_signed)
      a_.xor_(x86::edx, x86::edx), a_.div(divisor);
    else if (bits == 64)
      a_.cqo(), a_.idiv(divisor);
    else
      a_.cdq(), a_.idiv(divisor);
    if (zero || (is_signed && minus_one)) a_.jmp(done);
    if (is_signed && minus_one) {
      bind(by_minus_one);
      if (quotient)
        a_.neg(rax);
      else
        a_.xor_(x86::edx, x86::edx);
      if (zero) a_.jmp(done);
    }
    if (zero) {
      bind(by_zero);
      if (quotient)
        a_.xor_(x86::eax, x86::eax);
      else
        a_.mov(rdx, rax);
    }
    bind(done);
    a_.mov(sized(to, bits), quotient ? rax : rdx);
  }

  void sign_extend(u32 bits, u32 size, MachineReg to, MachineReg x) {
    if (size == 8)
      a_.mov(r64(to), r64(x));
    else if (size == 4 && bits == 64)
      a_.movsxd(r64(to), r32(x));
    else if (size == 4)
      a_.mov(r32(to), r32(x));
    else
      a_.movsx(sized(to, bits), of_size(x, size));
  }

  asmjit::CodeHolder code_;
  FirstError errors_;
  asmjit::StringLogger logger_;
  x86::Assembler a_;
};

}  // namespace

Result<Compiled> emit_x64(const ir::Module& module, std::span<const Allocation> allocations,
                          const EmitOptions& options) {
  return Driver<X64>(module, allocations, options).run();
}

}  // namespace skep::jit
