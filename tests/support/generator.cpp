// The grammar of random programs: main, functions of scalars, a callback, and their statements.

#include "tests/support/generator.h"

#include <algorithm>

#include "tests/support/generator_calls.h"

namespace skep::test {
namespace {

constexpr u32 kPacketChecked = 34;  // bytes of the packet that main makes sure of
constexpr u32 kValueSize = kGeneratorValueSize;

// Fields that test runs leave to the machine or to a socket that is not there.
constexpr std::string_view kNotCompared[] = {"family",    "remote_ip4",  "local_ip4", "remote_ip6",
                                             "local_ip6", "remote_port", "local_port"};

class Generator : GeneratorCalls {
 public:
  Generator(u64 seed, const GeneratorOptions& options)
      : GeneratorCalls(seed, options.type), options_(options) {}

  std::vector<Insn> run() {
    loads_packets_ =
        type_ == ProgramType::socket_filter || (type_ == ProgramType::sched_cls && chance(30));
    functions_ = loads_packets_ ? 0 : pick(3);
    repeats_ = may_use(kProgs) && chance(15);
    has_loop_ = functions_ != 0 && pick(3) == 0;
    has_each_ = functions_ != 0 && pick(3) == 0;
    main_function();
    for (u32 i = 0; i < functions_; ++i) scalar_function(i);
    if (has_loop_) loop_callback();
    if (has_each_) each_callback();
    for (const auto& [at, function] : calls_) refer_to(at, starts_[function]);
    return std::move(insns_);
  }

 private:
  // ---- what the type has -----------------------------------------------------------------------
  bool has_packet() const {
    return type_ != ProgramType::socket_filter && type_ != ProgramType::syscall &&
           type_ != ProgramType::raw_tracepoint;
  }
  bool writes_packet() const { return has_packet() && type_ != ProgramType::cgroup_skb; }
  Context context() const { return find_program_type(type_)->context; }

  u8 scalar_reg() { return static_cast<u8>(in_loop_ ? pick(6) : pick(7) == 6 ? 8 : pick(6)); }
  u8 any_scalar() { return static_cast<u8>(pick(7) == 6 ? 8 : pick(6)); }

  // ---- functions -------------------------------------------------------------------------------
  void set_scalars(u8 first = 0) {
    for (u8 reg = first; reg < 6; ++reg) {
      if (chance(30))
        constant(reg, any());
      else
        alu(Op::Mov, reg, number(), chance(70) ? 64 : 32);
    }
  }
  void fill_slots() {
    for (i16 slot = 1; slot <= kSlots; ++slot) {
      if (chance(50))
        store(8, 10, static_cast<i16>(-8 * slot), static_cast<u8>(pick(6)));
      else
        store_imm(8, 10, static_cast<i16>(-8 * slot), number());
    }
  }
  void fill_areas() {
    for (i16 off = kOut; off < kBuffer + kArea; off = static_cast<i16>(off + 8)) {
      store_imm(8, 10, off, number());
    }
  }
  // r0 = a mix of all that the function may have changed.
  void fold() {
    for (u8 reg = 1; reg < 6; ++reg) mix(reg);
    mix(8);
    fold_memory(10, -8 * kSlots, 8 * kSlots);
  }
  void fold_memory(u8 base, i16 from, u32 bytes) {
    for (i16 off = from; off < from + static_cast<i16>(bytes); off = static_cast<i16>(off + 8)) {
      load(8, 1, base, off);
      mix(1);
    }
  }
  void mix(u8 reg) {
    alu(Op::Mul, 0, 31);
    alu_reg(Op::Xor, 0, reg);
  }

  void main_function() {
    alu_reg(Op::Mov, 6, 1);
    set_scalars();
    alu(Op::Mov, 8, number());
    fill_slots();
    fill_areas();
    take_packet();
    take_value();
    set_scalars();
    in_main_ = true;
    statements(options_.statements);
    use_what_is_left();
    if (repeats_) tail_call();
    fold();
    fold_memory(10, kOut, 2 * kArea);
    fold_memory(9, 0, kValueSize);
    finish();
    for (const u32 at : early_) land(at);
    alu(Op::Mov, 0, 1);
    leave();
    in_main_ = false;
  }

  // The kernel wants a small r0 of some types.
  void finish() {
    if (type_ == ProgramType::cgroup_skb) {
      store(8, 9, 0, 0);
      alu(Op::And, 0, 1);
    }
    leave();
  }

  // The kernel refuses functions that nobody calls.
  void use_what_is_left() {
    for (u32 i = 0; i < functions_; ++i) {
      if (std::ranges::find(calls_, i, &std::pair<u32, u32>::second) == calls_.end())
        call_function(i);
    }
    // Code that no path reaches is taken out, and functions with it: "No program to jit".
    if (has_loop_) call_loop(1 + pick(11));
    if (has_each_) call_each();
  }

  // r7 = packet, with kPacketChecked bytes sure to be there. Clobbers r1 to r3.
  void take_packet() {
    if (!has_packet()) return;
    const bool xdp = type_ == ProgramType::xdp;
    load(4, 7, 6, xdp ? 0 : 76);
    load(4, 2, 6, xdp ? 4 : 80);
    alu_reg(Op::Mov, 1, 7);
    alu(Op::Add, 1, kPacketChecked);
    early_.push_back(
        emit({.op = Op::Jgt, .bits = 64, .dst = 1, .src = 2, .target = Pc{here() + 1}}));
    set_scalars(1);
  }
  // r9 = a value of the array, sure not to be null. Clobbers r0 to r5.
  void take_value() {
    store_imm(4, 10, kKey, static_cast<i32>(pick(4)));
    map(1, kArray);
    alu_reg(Op::Mov, 2, 10);
    alu(Op::Add, 2, kKey);
    helper(1);
    early_.push_back(jump_if(Op::Jeq, 0, 0));
    alu_reg(Op::Mov, 9, 0);
  }

  // A function of scalars r1 to r5; calls only functions after it.
  void scalar_function(u32 index) {
    current_ = index + 1;
    starts_.push_back(here());
    alu_reg(Op::Mov, 0, 1);
    alu(Op::Mov, 8, number());
    fill_slots();
    statements(3 + pick(8));
    fold();
    leave();
    current_ = 0;
  }

  // For bpf_loop: r1 = turn, r2 = pointer to a slot of main's stack.
  void loop_callback() {
    const u32 first = here();
    load(8, 3, 2, 0);
    alu(Op::Mul, 3, 5);
    alu_reg(Op::Add, 3, 1);
    store(8, 2, 0, 3);
    alu(Op::Mov, 0, 0);
    const u32 on = jump_if(Op::Jlt, 1, static_cast<i32>(3 + pick(20)));
    alu(Op::Mov, 0, 1);
    land(on);
    leave();
    for (const u32 at : loop_uses_) refer_to(at, first);
  }

  // For bpf_for_each_map_elem: r2 = key, r3 = value, r4 = pointer to a slot of main's stack. What
  // comes out is a sum, the same in any order, unless it stops: then the keys must be in order.
  void each_callback() {
    const u32 first = here();
    load(4, 2, 2, 0);
    load(8, 1, 3, 0);
    alu_reg(Op::Mul, 1, 2);
    alu_reg(Op::Add, 1, 2);
    load(8, 5, 4, 0);
    alu_reg(Op::Add, 5, 1);
    store(8, 4, 0, 5);
    alu(Op::Mov, 0, 0);
    load(8, 1, 4, 8);
    const u32 on = jump_if(Op::Jeq, 1, 0);
    const u32 early = jump_if(Op::Jlt, 2, 2);
    alu(Op::Mov, 0, 1);
    land(on);
    land(early);
    leave();
    for (const u32 at : each_uses_) refer_to(at, first);
  }

  // ---- statements ------------------------------------------------------------------------------
  void statements(u32 count) {
    for (u32 i = 0; i < count; ++i) statement();
  }

  void statement() {
    const u32 kind = pick(100);
    if (kind < 36) return arithmetic();
    if (kind < 47) return stack_access();
    if (kind < 55) return branch();
    if (kind < 59) return loop();
    if (!in_main_) return kind < 68 && current_ < functions_ ? call_function() : arithmetic();
    if (kind < 64) return packet_access();
    if (kind < 70) return value_access();
    if (kind < 72) return global_access();
    if (kind < 75) return context_access();
    if (kind < 78) return packet_load();
    if (kind < 80) return functions_ != 0 ? call_function() : arithmetic();
    if (in_loop_) return arithmetic();
    if (kind < 82) return call_back();
    if (kind < 83) return record();
    call_helper();
  }

  void call_back() {
    if (has_loop_ && chance(50)) return call_loop(pick(12));
    has_each_ ? call_each() : arithmetic();
  }

  void arithmetic() {
    constexpr Op kOps[] = {Op::Add, Op::Sub, Op::Mul, Op::Div,  Op::SDiv, Op::Or,  Op::And,
                           Op::Lsh, Op::Rsh, Op::Mod, Op::SMod, Op::Xor,  Op::Mov, Op::Arsh};
    constexpr Op kSwaps[] = {Op::Le16, Op::Le32,    Op::Le64,    Op::Be16,   Op::Be32,
                             Op::Be64, Op::Bswap16, Op::Bswap32, Op::Bswap64};
    const u8 dst = scalar_reg();
    const u8 bits = chance(50) ? 64 : 32;
    switch (pick(10)) {
      case 0: emit({.op = Op::Neg, .bits = bits, .immediate = true, .dst = dst}); return;
      case 1: emit({.op = one_of(kSwaps), .bits = 64, .immediate = true, .dst = dst}); return;
      case 2: {
        const Op op = bits == 64 && chance(33) ? Op::MovSx32
                      : chance(50)             ? Op::MovSx8
                                               : Op::MovSx16;
        emit({.op = op, .bits = bits, .dst = dst, .src = any_scalar()});
        return;
      }
      default: break;
    }
    const Op op = one_of(kOps);
    if (chance(55)) {
      alu_reg(op, dst, any_scalar(), bits);
      return;
    }
    i32 imm = number();
    const bool shift = op == Op::Lsh || op == Op::Rsh || op == Op::Arsh;
    const bool divides = op == Op::Div || op == Op::SDiv || op == Op::Mod || op == Op::SMod;
    if (shift) imm &= bits - 1;        // the kernel refuses others
    if (divides && imm == 0) imm = 3;  // and this
    alu(op, dst, imm, bits);
  }

  // Loads, stores, atomics of one place. `base` + [low, low + bytes) may be read, and more.
  enum class May : u32 { Read = 3, Write = 5, Atomics = 8 };
  void access(u8 base, i16 low, u32 bytes, May may) {
    const u8 width = size();
    const i16 off = static_cast<i16>(low + static_cast<i16>(pick(bytes / width) * width));
    const u32 kind = pick(static_cast<u32>(may));
    switch (kind) {
      case 0:
      case 1: load(width, scalar_reg(), base, off); return;
      case 2: load(width, scalar_reg(), base, off, width < 8); return;
      case 3: store(width, base, off, any_scalar()); return;
      case 4: store_imm(width, base, off, number()); return;
      case 5:
        emit({.op = Op::LoadAcquire, .size = width, .dst = scalar_reg(), .src = base, .off = off});
        return;
      case 6:
        emit({.op = Op::StoreRelease, .size = width, .dst = base, .src = any_scalar(), .off = off});
        return;
      default: return atomic(base, static_cast<i16>(low + static_cast<i16>(pick(bytes / 8) * 8)));
    }
  }

  void atomic(u8 base, i16 off) {
    constexpr Op kOps[] = {Op::AtomicAdd, Op::AtomicOr, Op::AtomicAnd, Op::AtomicXor, Op::FetchAdd,
                           Op::FetchOr,   Op::FetchAnd, Op::FetchXor,  Op::Xchg,      Op::CmpXchg};
    const Op op = one_of(kOps);
    const u8 width = chance(50) ? 4 : 8;
    if (op == Op::CmpXchg && chance(60)) {  // so that it also succeeds
      load(width, 0, base, off);
      if (width == 4 && chance(40)) {  // whatever is above
        constant(5, any() << 32);
        alu_reg(Op::Or, 0, 5);
      }
    }
    emit({.op = op, .size = width, .dst = base, .src = scalar_reg(), .off = off});
  }

  void stack_access() {
    if (in_main_ && chance(20)) return access(10, kOut, 2 * kArea, May::Atomics);
    access(10, -8 * kSlots, 8 * kSlots, May::Atomics);
  }

  void packet_access() {
    if (type_ == ProgramType::syscall) return access(6, 0, kContextMemory, May::Write);
    if (type_ == ProgramType::raw_tracepoint) return argument_access();
    if (!has_packet()) return arithmetic();
    access(7, 0, kPacketChecked - 2, writes_packet() ? May::Write : May::Read);
  }

  // A word of a raw tracepoint's arguments.
  void argument_access() {
    load(8, scalar_reg(), 6, static_cast<i16>(8 * pick(kContextMemory / 8)));
  }

  // A global variable: by its address, in a register that is then a scalar again.
  void global_access() {
    const u8 base = 5;
    map_value(base, kGlobal, 0);
    const i16 off = static_cast<i16>(8 * pick(kValueSize / 8));
    const u8 value = static_cast<u8>(pick(5));
    switch (pick(4)) {
      case 0: load(8, value, base, off); break;
      case 1: store(8, base, off, value); break;
      default:
        emit({.op = chance(50) ? Op::AtomicAdd : Op::FetchAdd,
              .size = 8,
              .dst = base,
              .src = value,
              .off = off});
    }
    alu(Op::Mov, base, number());
  }

  // A field that the type may read or write.
  void context_access() {
    if (type_ == ProgramType::syscall || type_ == ProgramType::raw_tracepoint)
      return packet_access();
    if (chance(1)) return kernel_address();
    const auto all = fields(context());
    const FieldRow& field = all[pick(static_cast<u32>(all.size()))];
    const bool scalar = field.is == FieldIs::Scalar || field.is == FieldIs::Length;
    if (!scalar || std::ranges::find(kNotCompared, field.name) != std::end(kNotCompared)) return;
    const u32 count = field.size / field.element;
    const i16 off = static_cast<i16>(field.offset + field.element * pick(count));
    const bool write = chance(40);
    if (find_access(context(), type_, AttachType::none, static_cast<u64>(off), field.element,
                    write) == nullptr)
      return;
    if (!write) {
      load(field.element, scalar_reg(), 6, off);
    } else if (chance(50)) {
      store(field.element, 6, off, any_scalar());
    } else {
      store_imm(field.element, 6, off, number());
    }
  }

  // Of a function of the kernel's; it is not compared.
  void kernel_address() {
    wide(Op::LoadBtfId, 1, 0);
    alu(Op::Mov, 1, number());
  }

  void value_access() {
    if (chance(70)) return access(9, 0, kValueSize, May::Atomics);
    // A variable place: the verifier must see the bound.
    const u8 index = 1, place = 2;
    alu_reg(Op::Mov, index, any_scalar());
    alu(Op::And, index, static_cast<i32>(kValueSize - 8));
    alu_reg(Op::Mov, place, 9);
    alu_reg(Op::Add, place, index);
    const u8 value = static_cast<u8>(3 + pick(3));
    if (chance(50))
      load(8, value, place, 0);
    else
      store(8, place, 0, value);
    alu(Op::Mov, place, number());
  }

  // LD_ABS and LD_IND: they clobber r1 to r5, and may end the program.
  void packet_load() {
    if (!loads_packets_) return arithmetic();
    const u8 width = static_cast<u8>(1u << pick(3));
    if (chance(50)) {
      emit({.op = Op::LoadAbs,
            .size = width,
            .immediate = true,
            .imm = static_cast<i64>(pick(chance(95) ? 40 : 200))});
    } else if (chance(30)) {  // at the very end, or one past it
      load(4, 3, 6, 0);
      alu(Op::Sub, 3, chance(90) ? width : width - 1);
      emit({.op = Op::LoadInd, .size = width, .src = 3, .imm = 0});
    } else {
      alu(Op::Mov, 3, static_cast<i32>(pick(24)));
      emit({.op = Op::LoadInd, .size = width, .src = 3, .imm = static_cast<i64>(pick(16))});
    }
    set_scalars(1);
  }

  void branch() {
    constexpr Op kOps[] = {Op::Jeq,  Op::Jgt, Op::Jge, Op::Jset, Op::Jne, Op::Jsgt,
                           Op::Jsge, Op::Jlt, Op::Jle, Op::Jslt, Op::Jsle};
    if (depth_ >= 2) return arithmetic();
    ++depth_;
    const u8 bits = chance(50) ? 64 : 32;
    const bool immediate = chance(50);
    const u32 over = emit({.op = one_of(kOps),
                           .bits = bits,
                           .immediate = immediate,
                           .dst = any_scalar(),
                           .src = immediate ? u8{0} : any_scalar(),
                           .imm = immediate ? number() : 0,
                           .target = Pc{here() + 1}});
    statements(1 + pick(3));
    if (chance(50)) {
      const u32 end = jump();
      land(over);
      statements(1 + pick(3));
      land(end);
    } else {
      land(over);
    }
    --depth_;
  }

  // A few turns, counted in r8; sometimes with a may_goto as a second way out.
  void loop() {
    if (in_loop_ || depth_ > 0) return arithmetic();
    in_loop_ = true;
    ++depth_;
    alu(Op::Mov, 8, static_cast<i32>(2 + pick(6)));
    const u32 head = here();
    u32 out = 0;
    const bool may = chance(40);
    if (may) out = emit({.op = Op::MayGoto, .target = Pc{head + 1}});
    statements(1 + pick(4));
    alu(Op::Sub, 8, 1);
    jump_to(jump_if(Op::Jne, 8, 0), head);
    if (may) land(out);
    --depth_;
    in_loop_ = false;
  }

  void call_function() { call_function(current_ + pick(functions_ - current_)); }
  void call_function(u32 callee) {
    calls_.emplace_back(emit({.op = Op::CallLocal, .imm = 0, .target = Pc{here() + 1}}), callee);
    set_scalars(1);
  }

  void call_loop(u32 turns) {
    alu(Op::Mov, 1, static_cast<i32>(turns));
    loop_uses_.push_back(function(2));
    stack_pointer(3, -8);
    alu(Op::Mov, 4, 0);
    helper(181);
    set_scalars(1);
  }

  void call_each() {
    constexpr u32 kMaps[] = {kArray, kHash, kPerCpuArray, kPerCpuHash, kLru, kLruPerCpu};
    const u32 which = one_of(kMaps);
    store_imm(8, 10, kBuffer + 8, which == kArray || which == kPerCpuArray ? pick(2) : 0);
    map(1, which);
    each_uses_.push_back(function(2));
    stack_pointer(3, kBuffer);
    alu(Op::Mov, 4, 0);
    helper(164);
    set_scalars(1);
  }

  // A reserved record, written and submitted or discarded.
  void record() {
    if (in_loop_ || depth_ > 0) return arithmetic();
    map(1, kRing);
    alu(Op::Mov, 2, 24);
    alu(Op::Mov, 3, 0);
    helper(131);
    const u32 none = jump_if(Op::Jeq, 0, 0);
    store_imm(8, 0, 0, number());
    store_imm(8, 0, 8, number());
    store_imm(8, 0, 16, number());
    alu_reg(Op::Mov, 1, 0);
    alu(Op::Mov, 2, 0);
    helper(chance(70) ? 132 : 133);
    land(none);
    set_scalars();
  }

  void call_helper() {
    const bool moves_packet = call_some_helper();
    set_scalars(1);
    if (moves_packet) take_packet();
  }

  // Counts its turns, so that one too many or too few is seen.
  void tail_call() {
    map_value(1, kGlobal, 0);
    alu(Op::Mov, 2, 1);
    emit({.op = Op::AtomicAdd, .size = 8, .dst = 1, .src = 2, .off = kValueSize - 8});
    alu_reg(Op::Mov, 1, 6);
    map(2, kProgs);
    alu(Op::Mov, 3, static_cast<i32>(pick(4)));
    helper(12);
    set_scalars();
  }

  const GeneratorOptions options_;
  std::vector<u32> early_;                  // jumps to main's other way out
  std::vector<u32> starts_;                 // of functions
  std::vector<std::pair<u32, u32>> calls_;  // at, function
  std::vector<u32> loop_uses_;              // where a callback's address is taken
  std::vector<u32> each_uses_;
  u32 functions_ = 0;
  u32 current_ = 0;  // functions from this one on may be called
  u32 depth_ = 0;
  bool loads_packets_ = false;  // by LD_ABS and LD_IND
  bool has_loop_ = false;
  bool has_each_ = false;
  bool in_loop_ = false;
  bool in_main_ = false;
};

}  // namespace

Generated generate(u64 seed, const GeneratorOptions& options) {
  return {Generator(seed, options).run(), seed};
}

}  // namespace skep::test
