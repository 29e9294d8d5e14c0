// The driver that the emitters share: order of the code, labels, calls, slow halves out of line.
// What differs between machines is Machine's, one class each (emit_x64.cpp, emit_a64.cpp), which
// sees registers and numbers only.
//
// A function's code: prologue (native frame, then the program's frame), blocks in their order, and
// last what is rarely run. Tested by tests/jit/emit_test.cpp.
#pragma once

#include <functional>
#include <optional>

#include "isa/diagnostic.h"
#include "jit/emit_places.h"

namespace skep::jit {

template <class Machine>
class Driver {
 public:
  using Label = typename Machine::Label;
  using Op = ir::Op;

  Driver(const ir::Module& module, std::span<const Allocation> allocations,
         const EmitOptions& options)
      : module_(module), allocations_(allocations), options_(options), m_(sizes(module)) {}

  Result<Compiled> run() {
    for (std::size_t i = 0; i < module_.functions.size(); ++i) entries_.push_back(m_.new_label());
    for (const ir::Function& function : module_.functions) {
      for (ir::Ref ref = 0; ref < function.insts.size(); ++ref) {
        const ir::Inst& inst = function.insts[ref];
        has_tail_calls_ |= inst.block != ir::kNone && inst.op == Op::TailCall;
      }
    }
    if (options_.text) m_.log();
    m_.comment("enter");
    compiled_.enter = m_.offset();
    m_.trampoline();
    for (const ir::Function& function : module_.functions) {
      if (auto ok = emit(function); !ok) return std::unexpected(std::move(ok).error());
    }
    if (uses_access_stub_) stub(access_stub_, offsetof(Runtime, access));
    if (uses_guard_stub_) stub(guard_stub_, offsetof(Runtime, guard));
    SKEP_TRY(m_.finish(compiled_.code, compiled_.text));
    return std::move(compiled_);
  }

 private:
  static u64 sizes(const ir::Module& module) {
    u64 insts = 0;
    for (const ir::Function& function : module.functions) insts += function.insts.size();
    return insts;
  }

  // ---- functions ------------------------------------------------------------------------------

  Status emit(const ir::Function& function) {
    function_ = &function;
    allocation_ = &allocations_[function.number];
    places_.emplace(m_, function, *allocation_);
    SKEP_TRY(plan_frame());
    fault_exit_ = m_.new_label();
    blocks_.clear();
    for (std::size_t i = 0; i < function.blocks.size(); ++i) blocks_.push_back(m_.new_label());
    m_.align();
    m_.comment("function");
    compiled_.functions.push_back(m_.offset());
    m_.bind(entries_[function.number]);
    mark(function.first);
    m_.prologue(frame_);
    open_frame();
    take_arguments();
    for (std::size_t i = 0; i < function.order.size(); ++i) {
      next_ = i + 1 < function.order.size() ? function.order[i + 1] : ir::kNone;
      emit_block(function.order[i]);
    }
    for (std::size_t i = 0; i < later_.size(); ++i) {  // they may add more
      const auto job = std::move(later_[i]);
      job();
    }
    later_.clear();
    m_.bind(fault_exit_);
    m_.epilogue(frame_);
    m_.ret();
    return {};
  }

  Status plan_frame() {
    frame_ = {};
    frame_.saved = allocation_->registers & ~Machine::target().caller_saved;
    frame_.slots = allocation_->slots;
    // Checked, what nobody names is cleared when somebody looks it up.
    frame_.cleared =
        function_->uses_frame || module_.mode != Mode::Checked ? function_->cleared : 0;
    frame_.tracks_hints = module_.mode == Mode::Checked;
    frame_.unclear = module_.mode != Mode::Proved;
    frame_.opens = opens_frame();
    const u32 bytes = m_.frame_bytes(frame_);
    compiled_.stats.frame_bytes = std::max(compiled_.stats.frame_bytes, bytes);
    if (bytes > kMaxFrameBytes) {
      return fail_at<Code::not_runnable>(
          function_->first, fmt::format("a function that needs {} bytes of native stack", bytes));
    }
    return {};
  }

  // A program that calls nothing and needs no frame does not count one: nobody could tell.
  bool opens_frame() const {
    if (function_->number != 0 || function_->uses_frame || module_.mode == Mode::Checked)
      return true;
    for (const ir::Inst& inst : function_->insts) {
      if (inst.block != ir::kNone && (is_call(inst) || inst.op == Op::CheckDepth)) return true;
    }
    return false;
  }

  void open_frame() {
    if (!frame_.opens) return;
    const Label too_many = m_.new_label();
    m_.open_frame(frame_, too_many);
    later_.push_back([this, too_many] {
      m_.bind(too_many);
      m_.constant(Machine::argument(1), static_cast<i64>(kKeepPc));
      call_runtime(offsetof(Runtime, too_many_frames));
      m_.jump(fault_exit_);
    });
  }

  // From the registers that arguments come in to where the entry block wants them.
  void take_arguments() {
    std::vector<Move> moves;
    const auto params = function_->params(function_->order.front());
    for (std::size_t i = 0; i < params.size(); ++i) {
      const u32 place = allocation_->place[params[i]];
      if (place == Allocation::kNowhere) continue;
      moves.push_back({{Source::Kind::Place, Machine::argument(i + 1), 0}, place});
    }
    places_->make(moves);
  }

  void emit_block(ir::BlockId block) {
    const ir::Block& home = function_->blocks[block];
    m_.bind(blocks_[block]);
    for (ir::Ref ref = home.first; ref != ir::kNone; ref = function_->at(ref).next) {
      const ir::Inst& inst = function_->at(ref);
      mark(inst.pc);
      ++compiled_.stats.insts;
      emit(ref, inst, block);
    }
  }

  void mark(Pc pc) {
    if (compiled_.lines.empty() || compiled_.lines.back().pc != pc) {
      compiled_.lines.push_back({m_.offset(), pc});
    }
  }

  // Saves all that emitted code may hold, and calls the engine with the number of a site.
  void stub(const Label& label, u32 entry) {
    m_.align();
    m_.bind(label);
    m_.slow_stub(entry);
  }

  // ---- ends of blocks -------------------------------------------------------------------------

  bool has_moves(const ir::Edge& edge) const {
    const auto args = function_->args(edge);
    const auto params = function_->params(edge.to);
    for (std::size_t i = 0; i < args.size(); ++i) {
      const u32 to = allocation_->place[params[i]];
      if (to == Allocation::kNowhere) continue;
      const Source from = places_->source(args[i]);
      if (from.kind != Source::Kind::Place || from.place != to) return true;
    }
    return false;
  }

  void follow(const ir::Edge& edge) {
    std::vector<Move> moves;
    const auto args = function_->args(edge);
    const auto params = function_->params(edge.to);
    for (std::size_t i = 0; i < args.size(); ++i) {
      const u32 to = allocation_->place[params[i]];
      if (to != Allocation::kNowhere) moves.push_back({places_->source(args[i]), to});
    }
    places_->make(moves);
  }

  void jump_along(const ir::Edge& edge) {
    follow(edge);
    if (edge.to != next_) m_.jump(blocks_[edge.to]);
  }

  void branch(const ir::Inst& inst, ir::BlockId block) {
    const auto edges = function_->edges(block);
    skep::Op cond = inst.row;
    const ir::Edge* taken = &edges[0];
    const ir::Edge* other = &edges[1];
    skep::Op negated = cond;
    // The edge that needs no moves is the jump; of two such, the one that is not next.
    const bool turn = taken->to == next_ || (has_moves(*taken) && !has_moves(*other));
    const bool test = cond == skep::Op::Jset;
    if (turn && other->to != next_ && (test || ir::negate(negated))) {
      std::swap(taken, other);
      cond = negated;
    }
    const bool turned = taken != &edges[0];
    compare(inst);
    const ir::Edge target = *taken;
    const Label to = has_moves(target) ? m_.new_label() : blocks_[target.to];
    m_.branch(cond, test && turned, to);
    if (has_moves(target)) {
      later_.push_back([this, target, to] {
        next_ = ir::kNone;
        m_.bind(to);
        jump_along(target);
      });
    }
    jump_along(*other);
  }

  void compare(const ir::Inst& inst) {
    const MachineReg x = places_->use(inst.in[0], 0);
    if (inst.in[1] == ir::kNone) {
      m_.compare_imm(inst.row, inst.bits, x, inst.imm);
    } else {
      m_.compare(inst.row, inst.bits, x, places_->use(inst.in[1], 1));
    }
  }

  void exit(const ir::Inst& inst) {
    places_->put(places_->source(inst.in[0]), Machine::target().result);
    leave();
  }

  // Closes the program's frame and returns what is in the result register.
  void leave() {
    if (frame_.opens) {
      if (frame_.tracks_hints) {
        const Label slow = m_.new_label();
        const Label back = m_.new_label();
        m_.close_frame(&slow);
        m_.bind(back);
        later_.push_back([this, slow, back] {
          m_.bind(slow);
          m_.store_state(at::kValue, Machine::target().result, 8);
          call_runtime(offsetof(Runtime, forget_frame));
          m_.load_state(Machine::target().result, at::kValue, 8);
          m_.jump(back);
        });
      } else {
        m_.close_frame(nullptr);
      }
    }
    m_.epilogue(frame_);
    m_.ret();
  }

  void fault(const ir::Inst& inst) {
    std::vector<Move> moves;
    Source address = places_->source(inst.in[0]);
    if (address.kind == Source::Kind::Nothing) address = {Source::Kind::Number, 0, inst.imm};
    pass(moves, 1, number(static_cast<i64>(inst.code)));
    pass(moves, 2, address);
    pass(moves, 3, number(static_cast<i64>(static_cast<u32>(inst.disp) | u64{inst.access} << 32)));
    pass(moves, 4, number(inst.pc.value));
    places_->make(moves);
    call_runtime(offsetof(Runtime, fault));
    m_.jump(fault_exit_);
  }

  // ---- calls ----------------------------------------------------------------------------------

  static Source number(i64 value) { return {Source::Kind::Number, 0, value}; }
  static void pass(std::vector<Move>& moves, u32 index, const Source& from) {
    if (from.kind != Source::Kind::Nothing) moves.push_back({from, Machine::argument(index)});
  }

  void call_runtime(u32 entry) { m_.call_runtime(entry); }

  void leave_if_faulted() { m_.jump_if_faulted(fault_exit_); }

  // Calls the engine with these arguments.
  void call_engine(u32 entry, std::initializer_list<Source> arguments) {
    std::vector<Move> moves;
    u32 index = 1;
    for (const Source& argument : arguments) pass(moves, index++, argument);
    places_->make(moves);
    call_runtime(entry);
  }

  void store_pc(Pc pc) { m_.store_state_number(at::kPc, static_cast<i32>(pc.value)); }

  void pass_program_arguments(const ir::Inst& inst) {
    std::vector<Move> moves;
    const auto args = function_->inputs(inst);
    for (u32 i = 0; i < args.size(); ++i) pass(moves, i + 1, places_->source(args[i]));
    places_->make(moves);
  }

  void call_helper(ir::Ref ref, const ir::Inst& inst) {
    const HelperTarget target =
        options_.world->resolve(options_.world->user, static_cast<u32>(inst.imm));
    if (target.entry == nullptr) {
      keep_arguments(function_->inputs(inst));
      call_engine(
          offsetof(Runtime, call_host),
          {number(static_cast<i64>(reinterpret_cast<u64>(target.host))), number(inst.pc.value)});
    } else {
      store_pc(inst.pc);
      pass_program_arguments(inst);
      m_.call_address(reinterpret_cast<u64>(target.entry));
    }
    leave_if_faulted();
    places_->keep(ref, Machine::target().result);
  }

  void keep_arguments(std::span<const ir::Ref> args) {
    for (u32 i = 0; i < args.size(); ++i) {
      if (args[i] != ir::kNone) m_.store_state(at::kArguments + 8 * i, places_->use(args[i], 0), 8);
    }
  }

  void call_local(ir::Ref ref, const ir::Inst& inst) {
    store_pc(inst.pc);
    pass_program_arguments(inst);
    m_.call_label(entries_[static_cast<std::size_t>(inst.imm)]);
    leave_if_faulted();
    if (has_tail_calls_) {
      const Label slow = m_.new_label();
      const Label back = m_.new_label();
      m_.jump_unless_program(options_.identity, slow);
      m_.bind(back);
      later_.push_back([this, slow, back] {
        m_.bind(slow);
        m_.store_state(at::kValue, Machine::target().result, 8);
        call_engine(offsetof(Runtime, resume), {number(static_cast<i64>(options_.identity))});
        m_.load_state(Machine::target().result, at::kValue, 8);
        m_.jump(back);
      });
    }
    places_->keep(ref, Machine::target().result);
  }

  void call_indirect(ir::Ref ref, const ir::Inst& inst) {
    const auto args = function_->inputs(inst);
    keep_arguments(args.subspan(1));
    call_engine(offsetof(Runtime, call_indirect),
                {places_->source(args[0]), number(inst.pc.value)});
    leave_if_faulted();
    places_->keep(ref, Machine::target().result);
  }

  void tail_call(ir::Ref ref, const ir::Inst& inst) {
    call_engine(offsetof(Runtime, tail_call),
                {places_->source(inst.in[0]), places_->source(inst.in[1]), number(inst.pc.value)});
    leave_if_faulted();
    const Label entered = m_.new_label();
    m_.jump_if_entered(entered);
    m_.constant(Machine::target().result, -2);
    places_->keep(ref, Machine::target().result);
    later_.push_back([this, entered] {
      m_.bind(entered);
      const Label done = m_.new_label();
      m_.take_tail_result(done);
      m_.epilogue(frame_);
      m_.tail_jump();
      m_.bind(done);
      leave();
    });
  }

  static i64 shape_of(const ir::Inst& inst) {
    return inst.size | (inst.has(ir::kSigned) ? 0x80 : 0);
  }

  // ---- memory ---------------------------------------------------------------------------------

  // Judges an access before it is made, if it is to be; gives its address. `made`: the slow half
  // makes it, and goes on there.
  Mem judge(const ir::Inst& inst, Mem mem, u8 access, Site::Kind kind, const Label* made,
            ir::Ref value) {
    if (!inst.has(ir::kChecked)) return mem;
    const Label slow = m_.new_label();
    const u32 hint = at::hint(access, inst.hint);
    mem = m_.check(mem, hint + at::kBase, hint + at::limit(inst.size), slow);
    const u32 site = static_cast<u32>(compiled_.sites.size());
    compiled_.sites.push_back({kind, inst.size, access, inst.hint, inst.has(ir::kSigned),
                               inst.has(ir::kMayBeContext), inst.pc});
    uses_access_stub_ = true;
    const Label back = made != nullptr ? *made : m_.new_label();
    if (made == nullptr) m_.bind(back);
    const i64 imm = inst.imm;
    later_.push_back([this, slow, back, kind, hint, site, value, imm] {
      m_.bind(slow);
      m_.keep_address(hint + at::kBase);
      if (kind == Site::Kind::Store) m_.store_state(at::kValue, use_or(value, imm, 1), 8);
      m_.call_stub(access_stub_, site);
      leave_if_faulted();
      if (kind == Site::Kind::Load) take_loaded(value);
      if (kind == Site::Kind::Judge) m_.restore_address();
      m_.jump(back);
    });
    return mem;
  }

  // What Runtime::access has loaded, to where the load's result belongs.
  void take_loaded(ir::Ref ref) {
    m_.load_state(places_->result(ref), at::kValue, 8);
    places_->keep(ref, places_->result(ref));
  }

  MachineReg use_or(ir::Ref ref, i64 imm, int scratch) {
    if (ref != ir::kNone) return places_->use(ref, scratch);
    m_.constant(Machine::target().scratch[scratch], imm);
    return Machine::target().scratch[scratch];
  }

  void load(ir::Ref ref, const ir::Inst& inst) {
    const Label made = m_.new_label();
    const Mem mem = judge(inst, places_->address(inst), kRead, Site::Kind::Load, &made, ref);
    m_.load(places_->result(ref), mem, inst.size, inst.has(ir::kSigned));
    places_->keep(ref, places_->result(ref));
    m_.bind(made);
  }

  void store(const ir::Inst& inst) {
    const Label made = m_.new_label();
    const Mem mem =
        judge(inst, places_->address(inst), kWrite, Site::Kind::Store, &made, inst.in[2]);
    if (inst.in[2] == ir::kNone) {
      m_.store_imm(mem, inst.imm, inst.size);
    } else {
      m_.store(mem, places_->use(inst.in[2], 1), inst.size);
    }
    m_.bind(made);
  }

  // Faults unless the address is a multiple of the access's size.
  void require_alignment(const ir::Inst& inst, const Mem& mem, u8 access) {
    if (inst.size == 1) return;
    const Label bad = m_.new_label();
    m_.test_alignment(mem, inst.size, bad);
    const ir::Inst copy = inst;
    later_.push_back([this, copy, access, bad] {
      m_.bind(bad);
      m_.lea(Machine::target().scratch[0], places_->address(copy));
      call_engine(offsetof(Runtime, fault),
                  {number(static_cast<i64>(Code::misaligned_atomic)),
                   {Source::Kind::Place, Machine::target().scratch[0], 0},
                   number(static_cast<i64>(copy.size | u64{access} << 32)),
                   number(copy.pc.value)});
      m_.jump(fault_exit_);
    });
  }

  Mem ordered_address(const ir::Inst& inst, u8 access) {
    const Mem mem = places_->address(inst);
    require_alignment(inst, mem, access);
    return judge(inst, mem, access, Site::Kind::Judge, nullptr, ir::kNone);
  }

  void atomic(ir::Ref ref, const ir::Inst& inst) {
    const Mem mem = ordered_address(inst, kRead | kWrite);
    if (inst.row == skep::Op::CmpXchg)
      m_.prepare_exchange([&](MachineReg to) { places_->put(places_->source(inst.in[3]), to); });
    const MachineReg value = places_->use(inst.in[2], 1);
    if (!ir::fetches(inst.row)) {
      m_.atomic(inst, mem, value);
      return;
    }
    const MachineReg old = m_.atomic_fetch(inst, mem, value);
    places_->keep(ref, old);
  }

  void guard(const ir::Inst& inst) {
    const Mem mem = places_->address(inst);
    const Label slow = m_.new_label();
    const Label back = m_.new_label();
    const u32 hint = at::hint(inst.access, inst.hint);
    const u32 bytes = static_cast<u32>(inst.imm);
    m_.check_stretch(mem, hint + at::kBase, hint + at::limit(1), bytes, slow);
    m_.bind(back);
    const u32 site = static_cast<u32>(compiled_.guards.size());
    compiled_.guards.push_back(
        {static_cast<u32>(compiled_.parts.size()), inst.parts, bytes, inst.access, inst.hint});
    for (u32 i = 0; i < inst.parts; ++i) {
      const ir::GuardPart& part = function_->guard_parts[inst.pool + i];
      compiled_.parts.push_back({part.pc, part.disp - inst.disp, part.size, part.access});
    }
    uses_guard_stub_ = true;
    const ir::Inst copy = inst;
    later_.push_back([this, copy, slow, back, site] {
      m_.bind(slow);
      const MachineReg scratch = Machine::target().scratch[0];
      m_.lea(scratch, places_->address(copy));
      m_.store_state(at::kAddress, scratch, 8);
      m_.call_stub(guard_stub_, site);
      leave_if_faulted();
      m_.jump(back);
    });
  }

  // ---- one operation ----------------------------------------------------------------------------

  void binary(ir::Ref ref, const ir::Inst& inst) {
    const MachineReg x = places_->use(inst.in[0], 0);
    if (inst.in[1] == ir::kNone) {
      m_.binary_imm(inst, places_->result(ref), x, inst.imm);
    } else {
      m_.binary(inst, places_->result(ref), x, places_->use(inst.in[1], 1));
    }
    places_->keep(ref, places_->result(ref));
  }

  void select(ir::Ref ref, const ir::Inst& inst) {
    compare(inst);
    const MachineReg yes = places_->use(inst.in[2], 0);  // the flags stay as they are
    const MachineReg no = places_->use(inst.in[3], 1);
    m_.select(inst.row, places_->result(ref), yes, no);
    places_->keep(ref, places_->result(ref));
  }

  void charge(const ir::Inst& inst) {
    const Label spent = m_.new_label();
    m_.charge(inst.imm, spent);
    const i64 cost = inst.imm;
    const Pc pc = inst.pc;
    later_.push_back([this, spent, cost, pc] {
      m_.bind(spent);
      call_engine(offsetof(Runtime, out_of_budget), {number(cost), number(pc.value)});
      m_.jump(fault_exit_);
    });
  }

  void check_depth(const ir::Inst& inst) {
    const Label too_many = m_.new_label();
    m_.check_depth(static_cast<u32>(inst.imm), too_many);
    const Pc pc = inst.pc;
    later_.push_back([this, too_many, pc] {
      m_.bind(too_many);
      call_engine(offsetof(Runtime, too_many_frames), {number(pc.value)});
      m_.jump(fault_exit_);
    });
  }

  void load_packet(ir::Ref ref, const ir::Inst& inst) {
    // The sum is cut to 32 bits by the engine.
    const MachineReg scratch = Machine::target().scratch[0];
    Source offset = number(inst.imm);
    if (inst.in[0] != ir::kNone) {
      m_.add(scratch, places_->use(inst.in[0], 0), inst.imm);
      offset = {Source::Kind::Place, scratch, 0};
    }
    call_engine(offsetof(Runtime, load_packet), {offset, number(inst.size)});
    places_->keep(ref, Machine::target().result);
  }

  void emit(ir::Ref ref, const ir::Inst& inst, ir::BlockId block) {
    switch (inst.op) {
      case Op::Const:
      case Op::Param:
      case Op::FrameAddress: break;
      case Op::RunField:
        m_.load_state(places_->result(ref), at::kRun + static_cast<u32>(inst.disp), inst.size);
        places_->keep(ref, places_->result(ref));
        break;
      case Op::Add:
      case Op::Sub:
      case Op::Mul:
      case Op::Div:
      case Op::SDiv:
      case Op::Mod:
      case Op::SMod:
      case Op::Or:
      case Op::And:
      case Op::Xor:
      case Op::Lsh:
      case Op::Rsh:
      case Op::Arsh:
      case Op::Rotl:
      case Op::MulHigh:
      case Op::SMulHigh: binary(ref, inst); break;
      case Op::Neg:
      case Op::SignExtend:
      case Op::ZeroExtend:
      case Op::ByteSwap:
        m_.unary(inst, places_->result(ref), places_->use(inst.in[0], 0));
        places_->keep(ref, places_->result(ref));
        break;
      case Op::Address:
        m_.lea(places_->result(ref), places_->address(inst));
        places_->keep(ref, places_->result(ref));
        break;
      case Op::Compare:
        compare(inst);
        m_.set(inst.row, places_->result(ref));
        places_->keep(ref, places_->result(ref));
        break;
      case Op::Select: select(ref, inst); break;
      case Op::Load: load(ref, inst); break;
      case Op::Store: store(inst); break;
      case Op::LoadAcquire:
        m_.load_acquire(places_->result(ref), ordered_address(inst, kRead), inst.size);
        places_->keep(ref, places_->result(ref));
        break;
      case Op::StoreRelease: {
        const Mem mem = ordered_address(inst, kWrite);
        m_.store_release(mem, use_or(inst.in[2], inst.imm, 1), inst.size);
        break;
      }
      case Op::Atomic: atomic(ref, inst); break;
      case Op::LoadContext:
        call_engine(offsetof(Runtime, load_context),
                    {number(inst.disp), number(shape_of(inst)), number(inst.pc.value)});
        leave_if_faulted();
        places_->keep(ref, Machine::target().result);
        break;
      case Op::StoreContext: {
        const Source value =
            inst.in[2] == ir::kNone ? number(inst.imm) : places_->source(inst.in[2]);
        call_engine(offsetof(Runtime, store_context),
                    {number(inst.disp), number(inst.size), value, number(inst.pc.value)});
        leave_if_faulted();
        break;
      }
      case Op::LoadKernel: {
        const MachineReg scratch = Machine::target().scratch[0];
        m_.lea(scratch, places_->address(inst));
        call_engine(
            offsetof(Runtime, load_kernel),
            {{Source::Kind::Place, scratch, 0}, number(shape_of(inst)), number(inst.pc.value)});
        leave_if_faulted();
        places_->keep(ref, Machine::target().result);
        break;
      }
      case Op::LoadPacket: load_packet(ref, inst); break;
      case Op::Charge: charge(inst); break;
      case Op::Guard: guard(inst); break;
      case Op::CheckCode:
        call_engine(offsetof(Runtime, check_code),
                    {places_->source(inst.in[0]), number(inst.pc.value)});
        leave_if_faulted();
        break;
      case Op::CheckDepth: check_depth(inst); break;
      case Op::CallHelper: call_helper(ref, inst); break;
      case Op::CallLocal: call_local(ref, inst); break;
      case Op::CallIndirect: call_indirect(ref, inst); break;
      case Op::TailCall: tail_call(ref, inst); break;
      case Op::Jump: jump_along(function_->edges(block)[0]); break;
      case Op::Branch: branch(inst, block); break;
      case Op::Exit: exit(inst); break;
      case Op::Fault: fault(inst); break;
    }
  }

  const ir::Module& module_;
  std::span<const Allocation> allocations_;
  const EmitOptions& options_;
  Machine m_;
  Compiled compiled_;
  bool has_tail_calls_ = false;
  bool uses_access_stub_ = false;
  bool uses_guard_stub_ = false;
  std::vector<Label> entries_;  // by function
  Label access_stub_ = m_.new_label();
  Label guard_stub_ = m_.new_label();
  // Of the function that is emitted now.
  const ir::Function* function_ = nullptr;
  const Allocation* allocation_ = nullptr;
  std::optional<Places<Machine>> places_;
  NativeFrame frame_;
  Label fault_exit_;
  std::vector<Label> blocks_;                 // by BlockId
  ir::BlockId next_ = ir::kNone;              // what lies behind this block
  std::vector<std::function<void()>> later_;  // slow halves, out of line
};

}  // namespace skep::jit
