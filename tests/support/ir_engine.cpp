// Each inst as jit/ir.def says, over the same Run as any engine has.

#include "tests/support/ir_engine.h"

#include <bit>
#include <cstring>

#include "helpers/bodies/bind.h"
#include "helpers/contexts/access.h"
#include "helpers/maps/map.h"
#include "isa/arith.h"
#include "jit/ir_text.h"
#include "jit/lift.h"
#include "vm/engine.h"

namespace skep::test {
namespace {

using ir::Function;
using ir::Inst;
using ir::kNone;
using ir::Ref;

class IrProgram;
struct IrCallable : Callable {
  const IrProgram* program = nullptr;
};

class IrProgram final : public Loaded {
 public:
  static Result<std::unique_ptr<Loaded>> make(std::shared_ptr<const Image> image,
                                              std::span<Map* const> maps,
                                              const IrEngineOptions& options);
  RunResult run(Frame& frame, const RunOptions& options) override;
  const Callable* callable() const override { return &callable_; }

  const EngineProgram& engine() const { return engine_; }
  const ir::Module& module() const { return module_; }

 private:
  EngineProgram engine_;
  ir::Module module_;
  IrCallable callable_;
};

HelperTarget resolve(const void* user, u32 id) {
  const HelperUse use = find_helper_use(*static_cast<const Image*>(user), id);
  return {use.entry, use.host, use.forbidden};
}

u64 eval_on(skep::Op op, u32 bits, u64 x, u64 y) {
  return bits == 32 ? eval<u32>(op, static_cast<u32>(x), static_cast<u32>(y)) : eval<u64>(op, x, y);
}

bool holds(skep::Op op, u32 bits, u64 x, u64 y) {
  return bits == 32 ? taken<u32>(op, static_cast<u32>(x), static_cast<u32>(y))
                    : taken<u64>(op, x, y);
}

u64 low_bytes(u64 value, u32 size) {
  return size == 8 ? value : value & ((u64{1} << 8 * size) - 1);
}

u64 sign_extended(u64 value, u32 size) {
  const u32 shift = 64 - 8 * size;
  return static_cast<u64>(static_cast<i64>(value << shift) >> shift);
}

u64 load_bytes(u64 address, u32 size) {
  switch (size) {
    case 1: return load_relaxed<u8>(address);
    case 2: return load_relaxed<u16>(address);
    case 4: return load_relaxed<u32>(address);
    default: return load_relaxed<u64>(address);
  }
}

void store_bytes(u64 address, u32 size, u64 value) {
  switch (size) {
    case 1: return store_relaxed<u8>(address, static_cast<u8>(value));
    case 2: return store_relaxed<u16>(address, static_cast<u16>(value));
    case 4: return store_relaxed<u32>(address, static_cast<u32>(value));
    default: return store_relaxed<u64>(address, value);
  }
}

// One run of one function.
class Evaluation {
 public:
  Evaluation(Run& run, const IrProgram& program, const Function& function)
      : run_(run), program_(program), function_(function), values_(function.insts.size()) {}

  // r0; 0 if the run has ended.
  u64 run(const u64 (&args)[5]) {
    if (!open_frame()) return 0;
    ir::BlockId block = function_.order.front();
    for (int i = 0; i < 5; ++i) values_[function_.params(block)[i]] = args[i];
    while (!done_) block = run_block(block);
    if (run_.fault.set) return 0;
    --run_.depth;
    return result_;
  }

 private:
  bool open_frame() {
    if (run_.depth >= kMaxFrames) {
      run_.set_fault(Code::too_many_frames);
      return false;
    }
    const u32 cleared = function_.cleared * 8;
    u8* frame = run_.stack + run_.depth * kStackSize;
    u16& unclear = run_.unclear[run_.depth++];
    unclear = 0;
    frame_end_ = reinterpret_cast<u64>(frame) + kStackSize;
    if (run_.mode == Mode::Proved) return true;
    std::memset(frame, 0xa5, kStackSize - cleared);
    std::memset(frame + kStackSize - cleared, 0, cleared);
    unclear = static_cast<u16>(kStackSize - cleared);
    return true;
  }

  ir::BlockId run_block(ir::BlockId block) {
    for (Ref ref = function_.blocks[block].first; ref != kNone && !done_;
         ref = function_.at(ref).next) {
      const Inst& inst = function_.at(ref);
      if (ir::ends_block(inst.op)) return leave_block(block, inst);
      step(ref, inst);
      if (run_.fault.set) done_ = true;
    }
    return block;
  }

  ir::BlockId leave_block(ir::BlockId block, const Inst& inst) {
    const auto edges = function_.edges(block);
    switch (inst.op) {
      case ir::Op::Jump: return follow(edges[0]);
      case ir::Op::Branch: return follow(edges[condition(inst) ? 0 : 1]);
      case ir::Op::Exit: result_ = value(inst.in[0]); break;
      default:
        fault(inst, inst.code, inst.in[0] == kNone ? static_cast<u64>(inst.imm) : value(inst.in[0]),
              static_cast<u64>(inst.disp), inst.access);
        break;
    }
    done_ = true;
    return block;
  }

  // All arguments are read before any parameter is written.
  ir::BlockId follow(const ir::Edge& edge) {
    std::vector<u64> brought;
    for (const Ref arg : function_.args(edge)) brought.push_back(value(arg));
    const auto params = function_.params(edge.to);
    for (std::size_t i = 0; i < brought.size(); ++i) values_[params[i]] = brought[i];
    return edge.to;
  }

  void fault(const Inst& inst, Code code, u64 address = 0, u64 size = 0, u8 access = 0) {
    run_.pc = inst.pc;
    run_.set_fault(code, address, size, access);
  }

  u64 value(Ref ref) const { return ref == kNone ? 0 : values_[ref]; }
  u64 second(const Inst& inst) const {
    return inst.in[1] == kNone ? static_cast<u64>(inst.imm) : value(inst.in[1]);
  }
  bool condition(const Inst& inst) const {
    return holds(inst.row, inst.bits, value(inst.in[0]), second(inst));
  }
  u64 address(const Inst& inst) const {
    return value(inst.in[0]) + (value(inst.in[1]) << inst.scale) +
           static_cast<u64>(static_cast<i64>(inst.disp));
  }
  u64 stored(const Inst& inst) const {
    return inst.in[2] == kNone ? static_cast<u64>(inst.imm) : value(inst.in[2]);
  }

  void step(Ref ref, const Inst& inst) {
    const u64 got = compute(inst);
    if (ir::has_result(inst)) values_[ref] = got;
  }

  u64 arithmetic(skep::Op op, const Inst& inst) const {
    return eval_on(op, inst.bits, value(inst.in[0]), second(inst));
  }

  u64 compute(const Inst& inst) {
    switch (inst.op) {
      case ir::Op::Const: return static_cast<u64>(inst.imm);
      case ir::Op::FrameAddress: return frame_end_ + static_cast<u64>(static_cast<i64>(inst.disp));
      case ir::Op::RunField:
        return load_bytes(reinterpret_cast<u64>(&run_) + static_cast<u32>(inst.disp), inst.size);
      case ir::Op::Add: return arithmetic(Op::Add, inst);
      case ir::Op::Sub: return arithmetic(Op::Sub, inst);
      case ir::Op::Mul: return arithmetic(Op::Mul, inst);
      case ir::Op::Div: return arithmetic(Op::Div, inst);
      case ir::Op::SDiv: return arithmetic(Op::SDiv, inst);
      case ir::Op::Mod: return arithmetic(Op::Mod, inst);
      case ir::Op::SMod: return arithmetic(Op::SMod, inst);
      case ir::Op::Or: return arithmetic(Op::Or, inst);
      case ir::Op::And: return arithmetic(Op::And, inst);
      case ir::Op::Xor: return arithmetic(Op::Xor, inst);
      case ir::Op::Lsh: return arithmetic(Op::Lsh, inst);
      case ir::Op::Rsh: return arithmetic(Op::Rsh, inst);
      case ir::Op::Arsh: return arithmetic(Op::Arsh, inst);
      case ir::Op::Neg: return arithmetic(Op::Neg, inst);
      case ir::Op::SignExtend: {
        const u64 extended = sign_extended(value(inst.in[0]), inst.size);
        return inst.bits == 32 ? low_bytes(extended, 4) : extended;
      }
      case ir::Op::ZeroExtend: return low_bytes(value(inst.in[0]), inst.size);
      case ir::Op::ByteSwap: return __builtin_bswap64(value(inst.in[0])) >> (64 - 8 * inst.size);
      case ir::Op::Rotl: return rotate(inst);
      case ir::Op::MulHigh:
      case ir::Op::SMulHigh: return upper_product(inst);
      case ir::Op::Address: return address(inst);
      case ir::Op::Compare: return condition(inst);
      case ir::Op::Select: return value(inst.in[condition(inst) ? 2 : 3]);
      default: return act(inst);
    }
  }

  u64 rotate(const Inst& inst) const {
    const u64 x = value(inst.in[0]);
    const int by = static_cast<int>(second(inst) & (inst.bits - 1));
    return inst.bits == 32 ? std::rotl(static_cast<u32>(x), by) : std::rotl(x, by);
  }

  u64 upper_product(const Inst& inst) const {
    const u64 x = value(inst.in[0]), y = second(inst);
    const bool is_signed = inst.op == ir::Op::SMulHigh;
    if (inst.bits == 32) {
      const i64 product = is_signed ? i64{static_cast<i32>(x)} * static_cast<i32>(y)
                                    : static_cast<i64>((x & 0xffffffff) * (y & 0xffffffff));
      return static_cast<u32>(static_cast<u64>(product) >> 32);
    }
    using Wide = unsigned __int128;
    if (!is_signed) return static_cast<u64>(static_cast<Wide>(x) * y >> 64);
    const __int128 product = static_cast<__int128>(static_cast<i64>(x)) * static_cast<i64>(y);
    return static_cast<u64>(static_cast<Wide>(product) >> 64);
  }

  // What does more than give a value.
  u64 act(const Inst& inst) {
    run_.pc = inst.pc;
    Region found;
    u64 got = 0;
    switch (inst.op) {
      case ir::Op::Load:
        if (inst.has(ir::kChecked)) {
          load_checked(run_, address(inst), inst.size, inst.has(ir::kSigned),
                       inst.has(ir::kMayBeContext), got, found);
          return got;
        }
        got = load_bytes(address(inst), inst.size);
        return inst.has(ir::kSigned) ? sign_extended(got, inst.size) : got;
      case ir::Op::Store:
        if (inst.has(ir::kChecked)) {
          store_checked(run_, address(inst), inst.size, inst.has(ir::kMayBeContext), stored(inst),
                        found);
        } else {
          store_bytes(address(inst), inst.size, stored(inst));
        }
        return 0;
      // Functions are evaluated on one thread at a time: there is nothing to order.
      case ir::Op::LoadAcquire:
        return may_order(inst, kRead) ? load_bytes(address(inst), inst.size) : 0;
      case ir::Op::StoreRelease:
        if (may_order(inst, kWrite)) store_bytes(address(inst), inst.size, value(inst.in[2]));
        return 0;
      case ir::Op::Atomic:
        if (!may_order(inst, kRead | kWrite)) return 0;
        return inst.size == 4 ? atomic<u32>(inst) : atomic<u64>(inst);
      case ir::Op::LoadContext: {
        const u64 offset = static_cast<u32>(inst.disp);
        if (!context_load(run_, offset, inst.size, inst.has(ir::kSigned), got))
          fault(inst, Code::bad_context_access, offset, inst.size, kRead);
        return got;
      }
      case ir::Op::StoreContext: {
        const u64 offset = static_cast<u32>(inst.disp);
        if (!context_store(run_, offset, inst.size, stored(inst)))
          fault(inst, Code::bad_context_access, offset, inst.size, kWrite);
        return 0;
      }
      case ir::Op::LoadKernel:
        load_through_kernel(run_, address(inst), inst.size, inst.has(ir::kSigned), got);
        return got;
      case ir::Op::LoadPacket: {
        const u64 at = value(inst.in[0]) + static_cast<u64>(inst.imm);
        return load_packet(run_, static_cast<i32>(at), inst.size, got) ? got : ~u64{0};
      }
      case ir::Op::Charge:
        run_.budget -= inst.imm;
        if (run_.budget >= 0) return 0;
        run_.budget += inst.imm;
        fault(inst, Code::budget_spent);
        return 0;
      case ir::Op::Guard: guard(inst); return 0;
      case ir::Op::CheckDepth:
        if (run_.depth + static_cast<u64>(inst.imm) > kMaxFrames)
          fault(inst, Code::too_many_frames);
        return 0;
      case ir::Op::CheckCode: check_code(inst); return 0;
      case ir::Op::CallHelper: return call_number(inst, static_cast<u64>(inst.imm), 0);
      case ir::Op::CallLocal: return call_function(inst, static_cast<u32>(inst.imm), 0);
      case ir::Op::CallIndirect: return call_indirect(inst);
      case ir::Op::TailCall: return tail_call(inst);
      default: fault(inst, Code::unhandled); return 0;  // a row without a meaning here
    }
  }

  bool may_order(const Inst& inst, u8 access) {
    const u64 at = address(inst);
    if (at % inst.size != 0) {
      fault(inst, Code::misaligned_atomic, at, inst.size, access);
      return false;
    }
    Region found;
    return !inst.has(ir::kChecked) || run_.find(at, inst.size, access, found);
  }

  template <class T>
  u64 atomic(const Inst& inst) {
    T* memory = reinterpret_cast<T*>(address(inst));
    const T src = static_cast<T>(value(inst.in[2]));
    const T compared = static_cast<T>(value(inst.in[3]));
    T old = __atomic_load_n(memory, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(memory, &old,
                                        atomic_result<T>(inst.row, old, src, compared), true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    return old;
  }

  void guard(const Inst& inst) {
    const u64 at = address(inst) - static_cast<u64>(static_cast<i64>(inst.disp));
    Region found;
    for (u32 i = 0; i < inst.parts && !run_.fault.set; ++i) {
      const ir::GuardPart& part = function_.guard_parts[inst.pool + i];
      run_.pc = part.pc;
      run_.find(at + static_cast<u64>(static_cast<i64>(part.disp)), part.size, part.access, found);
    }
  }

  void check_code(const Inst& inst) {
    const Program& code = program_.engine().image().program;
    const u64 pc = value(inst.in[0]) - kFunctionBase;
    const Subprogram& here = code.subprograms()[function_.number];
    if (pc < here.first.value || pc >= here.end.value ||
        code.at({static_cast<u32>(pc)}).second_slot) {
      fault(inst, Code::bad_code_address, value(inst.in[0]));
    }
  }

  // ---- calls ----------------------------------------------------------------------------------

  u64 argument(const Inst& inst, u32 i) const { return value(function_.inputs(inst)[i]); }

  u64 call_number(const Inst& inst, u64 number, u32 first) {
    const u64 args[5] = {argument(inst, first), argument(inst, first + 1),
                         argument(inst, first + 2), argument(inst, first + 3),
                         argument(inst, first + 4)};
    HelperUse use;
    if (number <= 0xffffffff) {
      use = find_helper_use(program_.engine().image(), static_cast<u32>(number));
    }
    if (use.entry != nullptr) return use.entry(run_, args[0], args[1], args[2], args[3], args[4]);
    if (use.host != nullptr) return call_host_helper(run_, *use.host, args);
    fault(inst, use.forbidden ? Code::helper_not_allowed : Code::bad_code_address, number);
    return 0;
  }

  u64 call_function(const Inst& inst, u32 number, u32 first) {
    const u64 args[5] = {argument(inst, first), argument(inst, first + 1),
                         argument(inst, first + 2), argument(inst, first + 3),
                         argument(inst, first + 4)};
    return Evaluation(run_, program_, program_.module().functions[number]).run(args);
  }

  u64 call_indirect(const Inst& inst) {
    const u64 target = argument(inst, 0);
    const Program& code = program_.engine().image().program;
    const u64 pc = target - kFunctionBase;
    if (pc < code.size()) {
      const Subprogram& function = code.subprogram_of({static_cast<u32>(pc)});
      if (function.first.value == pc) {
        return call_function(inst, static_cast<u32>(&function - code.subprograms().data()), 1);
      }
    }
    return call_number(inst, target, 1);
  }

  u64 tail_call(const Inst& inst) {
    const Callable* target = tail_target(run_, value(inst.in[0]), value(inst.in[1]) & 0xffffffff);
    if (run_.fault.set) return 0;
    if (target == nullptr) return kTailCallFailed;
    --run_.depth;
    result_ = target->enter(run_, *target);
    ++run_.depth;
    if (run_.fault.set) return 0;
    program_.engine().become_current(run_);
    done_ = true;
    return 0;
  }

  Run& run_;
  const IrProgram& program_;
  const Function& function_;
  std::vector<u64> values_;
  u64 frame_end_ = 0;
  u64 result_ = 0;
  bool done_ = false;
};

u64 evaluate(Run& run, const IrProgram& program, u32 function, const u64 (&args)[5]) {
  return Evaluation(run, program, program.module().functions[function]).run(args);
}

u64 invoke(Run& run, u64 function, const u64 (&args)[5]) {
  const IrProgram& program = *static_cast<const IrProgram*>(run.engine);
  const Program& code = program.engine().image().program;
  const u64 pc = function - kFunctionBase;
  if (pc >= code.size() || code.subprogram_of({static_cast<u32>(pc)}).first.value != pc) {
    run.set_fault(Code::bad_code_address, function);
    return 0;
  }
  const Pc call = run.pc;
  const Subprogram& subprogram = code.subprogram_of({static_cast<u32>(pc)});
  const u64 r0 =
      evaluate(run, program, static_cast<u32>(&subprogram - code.subprograms().data()), args);
  if (run.fault.set) return 0;
  run.pc = call;
  return r0;
}

u64 enter(Run& run, const Callable& self) {
  const IrProgram& program = *static_cast<const IrCallable&>(self).program;
  void* const saved_engine = run.engine;
  const Mode saved_mode = run.mode;
  const auto saved_invoke = run.invoke;
  const auto saved_forget = run.forget;
  run.engine = const_cast<IrProgram*>(&program);
  run.invoke = invoke;
  run.forget = [](Run&) {};
  run.mode = program.engine().mode();
  program.engine().become_current(run);
  const u64 r0 = evaluate(run, program, 0, {run.context, run.argument2, 0, 0, 0});
  run.engine = saved_engine;
  run.invoke = saved_invoke;
  run.forget = saved_forget;
  run.mode = saved_mode;
  return r0;
}

Result<std::unique_ptr<Loaded>> IrProgram::make(std::shared_ptr<const Image> image,
                                                std::span<Map* const> maps,
                                                const IrEngineOptions& options) {
  auto program = std::make_unique<IrProgram>();
  program->module_ = TRY(make_module(*image, maps, options));
  program->engine_ = EngineProgram(std::move(image), maps, options.mode);
  program->callable_.enter = enter;
  program->callable_.image = &program->engine_.image();
  program->callable_.program = program.get();
  return program;
}

RunResult IrProgram::run(Frame& frame, const RunOptions& options) {
  Run run;
  run.engine = this;
  run.invoke = invoke;
  run.forget = [](Run&) {};
  return run_program(
      run, frame, options, engine_,
      [](Run& r, const EngineProgram&, void* user) {
        return evaluate(r, *static_cast<IrProgram*>(user), 0, {r.context, r.argument2, 0, 0, 0});
      },
      this);
}

class IrEngine final : public Backend {
 public:
  explicit IrEngine(IrEngineOptions options) : options_(std::move(options)) {}
  std::string_view name() const override { return "ir"; }
  Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                       std::span<Map* const> maps) override {
    return IrProgram::make(std::move(image), maps, options_);
  }

 private:
  IrEngineOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_ir_engine(IrEngineOptions options) {
  return std::make_unique<IrEngine>(std::move(options));
}

std::vector<const ir::Pass*> passes_of(ir::Level level) {
  std::vector<const ir::Pass*> passes;
  for (const std::string_view name : ir::pipeline(level)) passes.push_back(ir::find_pass(name));
  return passes;
}

namespace {

Result<ir::Module> make_module(const Image& image, std::span<const World::MapBinding> maps,
                               const IrEngineOptions& options) {
  const auto uses = TRY(mark_context(image));
  std::vector<AccessMark> marks(image.program.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    marks[i].kind = static_cast<AccessMark::Kind>(uses[i].kind);
    marks[i].kernel = uses[i].kernel;
    marks[i].offset = uses[i].offset;
  }
  const World world{.user = &image, .resolve = resolve, .maps = maps};
  ir::Module module =
      TRY(lift(image, world, {.mode = options.mode, .metered = options.metered, .marks = marks}));
  std::string wrong = validate(module);
  if (!wrong.empty()) return fail<Code::unhandled>("as lifted: " + wrong);
  for (const ir::Pass* pass : options.passes) {
    pass->run(module, world);
    wrong = validate(module);
    if (!wrong.empty())
      return fail<Code::unhandled>(fmt::format("after {}: {}", pass->name, wrong));
  }
  return module;
}

}  // namespace

Result<ir::Module> make_module(const Image& image, std::span<Map* const> maps,
                               const IrEngineOptions& options) {
  std::vector<World::MapBinding> bindings;
  for (const Map* map : maps) bindings.push_back({&map->spec(), map->layout()});
  return make_module(image, bindings, options);
}

std::string ir_listing(const Image& image, const std::string& passes, Mode mode) {
  std::vector<World::MapBinding> maps;
  for (const MapSpec& spec : *image.maps) {
    MapLayout layout;
    const bool per_cpu = spec.type == MapType::percpu_array;
    if (per_cpu || spec.type == MapType::array) {
      layout = {.base = reinterpret_cast<u8*>(0x10000 * (maps.size() + 1)),
                .stride = value_stride(spec),
                .entries = spec.max_entries,
                .cpu_stride = per_cpu ? value_stride(spec) * spec.max_entries : 0};
    }
    maps.push_back({&spec, layout});
  }
  IrEngineOptions options{.mode = mode, .metered = false};
  for (std::size_t at = 0; at < passes.size();) {
    const std::size_t end = std::min(passes.find(',', at), passes.size());
    const std::string name = passes.substr(at, end - at);
    const ir::Pass* pass = ir::find_pass(name);
    if (pass == nullptr) return fmt::format("no pass is named '{}'\n", name);
    options.passes.push_back(pass);
    at = end + 1;
  }
  const auto module = make_module(image, maps, options);
  return module ? print(*module) : module.error().text + "\n";
}

}  // namespace skep::test
