// The grammar of random programs: main, functions of scalars, a callback, and their statements.

#include "tests/support/generator.h"

#include <algorithm>
#include <array>

namespace skep::test {
namespace {

constexpr u32 kPacketChecked = 34;  // bytes of the packet that main makes sure of
constexpr i16 kSlots = 8;           // scalar slots of the stack, at r10 - 8 * (1 to kSlots)
constexpr i16 kKey = -72;           // where keys are made
constexpr i16 kBuffer = -128;       // 48 bytes for values and memory arguments
constexpr u32 kValueSize = kGeneratorValueSize;

// How a helper's arguments are made.
enum class Arg : u8 {
  None,
  Context,
  Array,
  Hash,
  PerCpu,
  Lpm,
  Ring,
  Key,
  LpmKey,
  Value,
  Size32,
  Size4,
  Zero,
  Small,
  Flags,
  Buffer,
  Eight,
  Data
};
struct HelperUse {
  i32 id;
  u64 types;  // bits of ProgramType
  std::array<Arg, 5> args;
  enum Result : u8 { Scalar, Ignored, Pointer } result;  // Ignored: differs from run to run
  bool moves_packet = false;
};

constexpr u64 bit(ProgramType type) {
  return u64{1} << static_cast<u16>(type);
}
constexpr u64 kXdp = bit(ProgramType::xdp);
constexpr u64 kTc = bit(ProgramType::sched_cls);
constexpr u64 kAll = ~u64{0};

using enum Arg;
constexpr HelperUse kHelpers[] = {
    {1, kAll, {Array, Key}, HelperUse::Pointer},
    {1, kAll, {Hash, Key}, HelperUse::Pointer},
    {1, kAll, {PerCpu, Key}, HelperUse::Pointer},
    {1, kAll, {Lpm, LpmKey}, HelperUse::Pointer},
    {2, kAll, {Array, Key, Value, Flags}, HelperUse::Scalar},
    {2, kAll, {Hash, Key, Value, Flags}, HelperUse::Scalar},
    {2, kAll, {PerCpu, Key, Value, Flags}, HelperUse::Scalar},
    {2, kAll, {Lpm, LpmKey, Value, Flags}, HelperUse::Scalar},
    {3, kAll, {Array, Key}, HelperUse::Scalar},
    {3, kAll, {Hash, Key}, HelperUse::Scalar},
    {3, kAll, {Lpm, LpmKey}, HelperUse::Scalar},
    {5, kAll, {}, HelperUse::Ignored},    // ktime_get_ns
    {7, kAll, {}, HelperUse::Ignored},    // get_prandom_u32
    {8, kAll, {}, HelperUse::Ignored},    // get_smp_processor_id
    {42, kAll, {}, HelperUse::Ignored},   // get_numa_node_id
    {118, kAll, {}, HelperUse::Ignored},  // jiffies64
    {125, kAll, {}, HelperUse::Ignored},  // ktime_get_boot_ns
    {28, kXdp | kTc, {Buffer, Size32, Buffer, Size32, Data}, HelperUse::Scalar},  // csum_diff
    {28, kXdp | kTc, {Zero, Zero, Buffer, Size4, Data}, HelperUse::Scalar},
    {130, kAll, {Ring, Value, Size32, Zero}, HelperUse::Scalar},               // ringbuf_output
    {134, kAll, {Ring, Small}, HelperUse::Scalar},                             // ringbuf_query
    {44, kXdp, {Context, Small}, HelperUse::Scalar, true},                     // xdp_adjust_head
    {65, kXdp, {Context, Small}, HelperUse::Scalar, true},                     // xdp_adjust_tail
    {54, kXdp, {Context, Small}, HelperUse::Scalar, true},                     // xdp_adjust_meta
    {26, kTc, {Context, Small, Buffer, Size4}, HelperUse::Scalar},             // skb_load_bytes
    {9, kTc, {Context, Small, Buffer, Size4, Zero}, HelperUse::Scalar, true},  // skb_store_bytes
    {188, kXdp, {Context}, HelperUse::Scalar},                                 // xdp_get_buff_len
    {189, kXdp, {Context, Small, Buffer, Size4}, HelperUse::Scalar},           // xdp_load_bytes
    {190, kXdp, {Context, Small, Buffer, Size4}, HelperUse::Scalar, true},     // xdp_store_bytes
    {182, kAll, {Buffer, Eight, Value}, HelperUse::Scalar},  // strncmp, of a read-only string
};

class Generator {
 public:
  Generator(u64 seed, const GeneratorOptions& options) : random_(seed), options_(options) {}

  std::vector<Insn> run() {
    functions_ = options_.type == ProgramType::socket_filter ? 0 : pick(3);
    has_callback_ = functions_ != 0 && pick(3) == 0;
    main_function();
    for (u32 i = 0; i < functions_; ++i) scalar_function(i);
    if (has_callback_) callback();
    for (const auto& [at, function] : calls_) {
      insns_[at].imm = static_cast<i32>(starts_[function]) - static_cast<i32>(at) - 1;
    }
    return std::move(insns_);
  }

 private:
  // ---- random choices ------------------------------------------------------------------------
  u32 pick(u32 count) { return static_cast<u32>(random_() % count); }
  bool chance(u32 percent) { return pick(100) < percent; }
  template <class T, std::size_t N>
  const T& one_of(const T (&items)[N]) {
    return items[pick(N)];
  }
  // Numbers that arithmetic goes wrong at.
  i32 number() {
    constexpr i32 kCorners[] = {0,      1,      -1,     2,          7,         8,      31,  32,
                                33,     63,     64,     127,        128,       255,    256, -128,
                                0x7fff, 0x8000, 0xffff, 0x7fffffff, INT32_MIN, -0x8000};
    return chance(50) ? one_of(kCorners) : static_cast<i32>(random_());
  }
  u8 scalar_reg() { return static_cast<u8>(in_loop_ ? pick(6) : pick(7) == 6 ? 8 : pick(6)); }
  u8 any_scalar() { return static_cast<u8>(pick(7) == 6 ? 8 : pick(6)); }

  // ---- writing insns ---------------------------------------------------------------------------
  u32 here() const { return static_cast<u32>(insns_.size()); }
  u32 emit(Decoded insn) {
    const u32 at = here();
    const Encoded encoded = encode(insn, Pc{at});
    for (u32 i = 0; i < encoded.count; ++i) insns_.push_back(encoded.slots[i]);
    return at;
  }
  u32 alu(Op op, u8 dst, i64 imm, u8 bits = 64) {
    return emit({.op = op, .bits = bits, .immediate = true, .dst = dst, .imm = imm});
  }
  u32 alu_reg(Op op, u8 dst, u8 src, u8 bits = 64) {
    return emit({.op = op, .bits = bits, .dst = dst, .src = src});
  }
  u32 load(u8 size, u8 dst, u8 src, i16 off, bool sign = false) {
    return emit(
        {.op = sign ? Op::LoadSigned : Op::Load, .size = size, .dst = dst, .src = src, .off = off});
  }
  u32 store(u8 size, u8 dst, i16 off, u8 src) {
    return emit({.op = Op::Store, .size = size, .dst = dst, .src = src, .off = off});
  }
  u32 store_imm(u8 size, u8 dst, i16 off, i32 imm) {
    return emit(
        {.op = Op::StoreImm, .size = size, .immediate = true, .dst = dst, .off = off, .imm = imm});
  }
  u32 constant(u8 dst, u64 value) {
    return emit({.op = Op::LoadImm,
                 .bits = 64,
                 .immediate = true,
                 .dst = dst,
                 .imm = static_cast<i64>(value)});
  }
  u32 map(u8 dst, u32 index) {
    return emit({.op = Op::LoadMap, .bits = 64, .immediate = true, .dst = dst, .imm = index});
  }
  u32 helper(i32 id) { return emit({.op = Op::CallHelper, .imm = id}); }
  u32 leave() { return emit({.op = Op::Exit}); }
  // A jump whose target is set by land().
  u32 jump_if(Op op, u8 dst, i32 imm) {
    return emit({.op = op,
                 .bits = 64,
                 .immediate = true,
                 .dst = dst,
                 .imm = imm,
                 .target = Pc{here() + 1}});
  }
  u32 jump() {
    const bool far = chance(20);
    return emit({.op = far ? Op::JaLong : Op::Ja, .imm = 0, .target = Pc{here() + 1}});
  }
  void land(u32 jump_at) { jump_to(jump_at, here()); }
  void jump_to(u32 jump_at, u32 target) {
    const i32 distance = static_cast<i32>(target) - static_cast<i32>(jump_at) - 1;
    if (insns_[jump_at].opcode == 0x06) {
      insns_[jump_at].imm = distance;
    } else {
      insns_[jump_at].off = static_cast<i16>(distance);
    }
  }

  // ---- functions -------------------------------------------------------------------------------
  void set_scalars(u8 first = 0) {
    for (u8 reg = first; reg < 6; ++reg) {
      if (chance(30))
        constant(reg, random_());
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
  void fill_buffer() {
    for (i16 off = kBuffer; off < kBuffer + 48; off = static_cast<i16>(off + 8)) {
      store_imm(8, 10, off, number());
    }
  }
  // r0 = a mix of all that the function may have changed.
  void fold() {
    for (u8 reg = 1; reg < 6; ++reg) mix(reg);
    mix(8);
    for (i16 slot = 1; slot <= kSlots; ++slot) {
      load(8, 1, 10, static_cast<i16>(-8 * slot));
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
    fill_buffer();
    take_packet();
    take_value();
    set_scalars();
    in_main_ = true;
    statements(options_.statements);
    use_what_is_left();
    // Linux 6.18 can't compile some programs with both: "No program to jit".
    if (options_.type != ProgramType::socket_filter && !has_callback_ && chance(15)) tail_call();
    fold();
    for (i16 off = 0; off < static_cast<i16>(kValueSize); off = static_cast<i16>(off + 8)) {
      load(8, 1, 9, off);
      mix(1);
    }
    leave();
    for (const u32 at : early_) land(at);
    alu(Op::Mov, 0, 1);
    leave();
    in_main_ = false;
  }

  // The kernel refuses functions that nobody calls.
  void use_what_is_left() {
    for (u32 i = 0; i < functions_; ++i) {
      if (std::ranges::find(calls_, i, &std::pair<u32, u32>::second) == calls_.end())
        call_function(i);
    }
    if (has_callback_ && callback_uses_.empty()) call_loop();
  }

  // r7 = packet, with kPacketChecked bytes sure to be there. Clobbers r1 to r3.
  void take_packet() {
    if (!has_packet()) return;
    const bool xdp = options_.type == ProgramType::xdp;
    load(4, 7, 6, xdp ? 0 : 76);
    load(4, 2, 6, xdp ? 4 : 80);
    alu_reg(Op::Mov, 1, 7);
    alu(Op::Add, 1, kPacketChecked);
    early_.push_back(
        emit({.op = Op::Jgt, .bits = 64, .dst = 1, .src = 2, .target = Pc{here() + 1}}));
    set_scalars(1);
  }
  bool has_packet() const { return options_.type != ProgramType::socket_filter; }

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
  void callback() {
    callback_at_ = here();
    load(8, 3, 2, 0);
    alu(Op::Mul, 3, 5);
    alu_reg(Op::Add, 3, 1);
    store(8, 2, 0, 3);
    alu(Op::Mov, 0, 0);
    const u32 on = jump_if(Op::Jlt, 1, static_cast<i32>(3 + pick(20)));
    alu(Op::Mov, 0, 1);
    land(on);
    leave();
    for (const u32 at : callback_uses_)
      insns_[at].imm = static_cast<i32>(callback_at_) - static_cast<i32>(at) - 1;
  }

  // ---- statements ------------------------------------------------------------------------------
  void statements(u32 count) {
    for (u32 i = 0; i < count; ++i) statement();
  }

  void statement() {
    const u32 kind = pick(100);
    if (kind < 45) return arithmetic();
    if (kind < 58) return stack_access();
    if (kind < 66) return branch();
    if (kind < 71) return loop();
    if (!in_main_) return kind < 80 && current_ < functions_ ? call_function() : arithmetic();
    if (kind < 76) return packet_access();
    if (kind < 83) return value_access();
    if (kind < 86) return packet_load();
    if (kind < 90) return functions_ != 0 ? call_function() : arithmetic();
    if (kind < 92) return has_callback_ && !in_loop_ ? call_loop() : arithmetic();
    if (kind < 93) return record();
    return in_loop_ ? arithmetic() : call_helper();
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

  u8 size() { return static_cast<u8>(1u << pick(4)); }

  // Loads, stores, atomics of one place. `base` + [low, low + bytes) may be read and written.
  void access(u8 base, i16 low, u32 bytes, bool atomics) {
    const u8 width = size();
    const i16 off = static_cast<i16>(low + static_cast<i16>(pick(bytes / width) * width));
    const u32 kind = pick(atomics ? 8 : 5);
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
    if (op == Op::CmpXchg && chance(60)) load(width, 0, base, off);  // so that it also succeeds
    emit({.op = op, .size = width, .dst = base, .src = scalar_reg(), .off = off});
  }

  void stack_access() { access(10, -8 * kSlots, 8 * kSlots, true); }
  void packet_access() {
    if (has_packet())
      access(7, 0, kPacketChecked - 2, false);
    else
      arithmetic();
  }

  void value_access() {
    if (chance(70)) return access(9, 0, kValueSize, true);
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

  // LD_ABS and LD_IND, where the kernel has them; they clobber r1 to r5, and may end the program.
  void packet_load() {
    if (options_.type != ProgramType::socket_filter) return arithmetic();
    const u8 width = static_cast<u8>(1u << pick(3));
    if (chance(50)) {
      emit({.op = Op::LoadAbs,
            .size = width,
            .immediate = true,
            .imm = static_cast<i64>(pick(chance(95) ? 40 : 200))});
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

  void call_loop() {
    alu(Op::Mov, 1, static_cast<i32>(pick(12)));
    callback_uses_.push_back(emit(
        {.op = Op::LoadFunc, .bits = 64, .immediate = true, .dst = 2, .target = Pc{here() + 1}}));
    alu_reg(Op::Mov, 3, 10);
    alu(Op::Add, 3, -8);
    alu(Op::Mov, 4, 0);
    helper(181);
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
    const HelperUse* use = &one_of(kHelpers);
    while ((use->types & bit(options_.type)) == 0) use = &one_of(kHelpers);
    for (u8 i = 0; i < 5; ++i) argument(use->args[i], static_cast<u8>(i + 1), use->id);
    helper(use->id);
    if (use->result == HelperUse::Pointer) {
      const u32 none = jump_if(Op::Jeq, 0, 0);
      if (chance(50)) store_imm(4, 0, 4, number());
      load(8, 0, 0, 0);
      land(none);
    }
    if (use->result == HelperUse::Ignored) alu(Op::Mov, 0, number());
    set_scalars(1);
    if (use->moves_packet) take_packet();
  }

  void argument(Arg arg, u8 reg, i32 id) {
    switch (arg) {
      case None: return;
      case Context: alu_reg(Op::Mov, reg, 6); return;
      case Array: map(reg, kArray); return;
      case Hash: map(reg, kHash); return;
      case PerCpu: map(reg, kPerCpuArray); return;
      case Lpm: map(reg, kLpm); return;
      case Ring: map(reg, kRing); return;
      case Key: store_imm(4, 10, kKey, static_cast<i32>(pick(6))); return stack_pointer(reg, kKey);
      case LpmKey:
        store_imm(4, 10, kKey, static_cast<i32>(pick(4) == 0 ? pick(40) : 8 * pick(5)));
        store_imm(4, 10, kKey + 4, static_cast<i32>(pick(4)) * 0x01010101);
        return stack_pointer(reg, kKey);
      case Value:
        if (id == 182) return stack_string(reg);
        return stack_pointer(reg, kBuffer);
      case Buffer: return stack_pointer(reg, kBuffer + 8 * static_cast<i16>(pick(2)));
      case Size32: alu(Op::Mov, reg, 32); return;
      case Size4: alu(Op::Mov, reg, static_cast<i32>(4 * (1 + pick(8)))); return;
      case Eight: alu(Op::Mov, reg, 8); return;
      case Zero: alu(Op::Mov, reg, 0); return;
      case Small:
        alu(Op::Mov, reg, id == 134 ? static_cast<i32>(pick(5)) : static_cast<i32>(pick(48)) - 16);
        return;
      case Flags: alu(Op::Mov, reg, static_cast<i32>(pick(5) == 0 ? pick(6) : 0)); return;
      case Data: alu(Op::Mov, reg, static_cast<i32>(pick(0x10000))); return;
    }
  }
  void stack_pointer(u8 reg, i16 off) {
    alu_reg(Op::Mov, reg, 10);
    alu(Op::Add, reg, off);
  }
  // bpf_strncmp wants a constant string: the first value of the read-only map.
  void stack_string(u8 reg) {
    emit({.op = Op::LoadValue,
          .bits = 64,
          .immediate = true,
          .dst = reg,
          .imm = static_cast<i64>(kText)});
  }

  void tail_call() {
    alu_reg(Op::Mov, 1, 6);
    map(2, kProgs);
    alu(Op::Mov, 3, static_cast<i32>(pick(3)));
    helper(12);
    set_scalars();
  }

  static constexpr u32 kText = 6;

  std::mt19937_64 random_;
  GeneratorOptions options_;
  std::vector<Insn> insns_;
  std::vector<u32> early_;                  // jumps to main's other way out
  std::vector<u32> starts_;                 // of functions
  std::vector<std::pair<u32, u32>> calls_;  // at, function
  std::vector<u32> callback_uses_;
  u32 callback_at_ = 0;
  u32 functions_ = 0;
  u32 current_ = 0;  // functions from this one on may be called
  u32 depth_ = 0;
  bool has_callback_ = false;
  bool in_loop_ = false;
  bool in_main_ = false;
};

}  // namespace

Generated generate(u64 seed, const GeneratorOptions& options) {
  return {Generator(seed, options).run(), seed};
}

}  // namespace skep::test
