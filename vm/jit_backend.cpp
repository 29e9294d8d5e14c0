// Compiled programs: what they are compiled for, their runs, callbacks, and tail calls out of other
// engines. Tested by tests/vm/jit_test.cpp.

#include "vm/jit_backend.h"

#include <new>

#include "helpers/bodies/bind.h"
#include "helpers/contexts/access.h"
#include "helpers/maps/map.h"
#include "isa/diagnostic.h"
#include "vm/jit_program.h"

namespace skep {
namespace {

using jit::State;

State& state_of(Run& run) {
  return reinterpret_cast<State&>(run);  // which begins with it
}

void forget(Run& run) {
  forget_hints(state_of(run));
}

// Run::invoke: runs the function at `function` of the program that runs now.
u64 invoke_callback(Run& run, u64 function, const u64 (&args)[5]) {
  State& state = state_of(run);
  const JitProgram& program = *static_cast<const JitProgram*>(state.program);
  const u32 number = program.function_at(function);
  if (number == JitProgram::kNoFunction) {
    run.set_fault(Code::bad_code_address, function);
    return 0;
  }
  const Pc call = run.pc;
  const u64 r0 = program.enter(state, number, args);
  if (run.fault.set) return 0;
  resume(state, program);  // it may have ended in a tail call
  run.pc = call;
  return r0;
}

HelperTarget resolve(const void* user, u32 id) {
  const HelperUse use = find_helper_use(*static_cast<const Image*>(user), id);
  return {use.entry, use.host, use.forbidden};
}

AccessMark mark_of(const ContextUse& use) {
  AccessMark mark;
  switch (use.kind) {
    case ContextUse::Kind::No: mark.kind = AccessMark::Kind::Plain; break;
    case ContextUse::Kind::Certain: mark.kind = AccessMark::Kind::Context; break;
    case ContextUse::Kind::Maybe: mark.kind = AccessMark::Kind::MaybeContext; break;
  }
  mark.kernel = use.kernel;
  mark.offset = use.offset;
  return mark;
}

class Jit final : public Backend {
 public:
  explicit Jit(JitOptions options) : options_(options) {}
  std::string_view name() const override { return "jit"; }
  Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                       std::span<Map* const> maps) override {
    jit::CompileOptions compile;
    compile.level = options_.level;
    compile.check = options_.check;
    return JitProgram::make(std::move(image), maps, options_.mode, compile, cache_);
  }

 private:
  JitOptions options_;
  jit::CodeCache cache_;
};

u64 enter_once(Run& run, const EngineProgram&, void* user) {
  const JitProgram& program = *static_cast<const JitProgram*>(user);
  State& state = state_of(run);
  state.program = &program;
  const u64 args[5] = {run.context, run.argument2, 0, 0, 0};
  return program.enter(state, 0, args);
}

}  // namespace

std::unique_ptr<Backend> make_jit(JitOptions options) {
  return std::unique_ptr<Backend>(new (std::nothrow) Jit(options));
}

Result<jit::Compiled> compile_image(const Image& image, std::span<Map* const> maps, Mode mode,
                                    jit::CompileOptions options) {
  std::vector<World::MapBinding> bindings;
  for (Map* map : maps) bindings.push_back({&map->spec(), map->layout()});
  const World world{&image, resolve, bindings};
  const std::unique_ptr<ContextUse[]> uses = TRY(mark_context(image));
  std::vector<AccessMark> marks;
  for (u32 pc = 0; pc < image.program.size(); ++pc) marks.push_back(mark_of(uses[pc]));
  options.lift.mode = mode;
  options.lift.marks = marks;
  return jit::compile(image, world, options);
}

Result<std::unique_ptr<Loaded>> JitProgram::make(std::shared_ptr<const Image> image,
                                                 std::span<Map* const> maps, Mode mode,
                                                 jit::CompileOptions options,
                                                 jit::CodeCache& cache) {
  std::unique_ptr<JitProgram> program(new (std::nothrow) JitProgram);
  if (program == nullptr) return fail<Code::no_memory>("a program");
  options.identity = reinterpret_cast<u64>(program.get());
  program->compiled_ = TRY(compile_image(*image, maps, mode, options));
  program->code_ = TRY(cache.reserve(static_cast<u32>(program->compiled_.code.size())));
  program->code_.write(program->compiled_.code);
  program->compiled_.code = {};
  program->program_ = EngineProgram(std::move(image), maps, mode);
  program->callable_.enter = enter_jit;
  program->callable_.image = &program->image();
  program->callable_.program = program.get();
  return program;
}

void JitProgram::become_current(State& state) const {
  program_.become_current(state.run);
  state.program = this;
}

u64 JitProgram::enter(State& state, u32 function, const u64* args) const {
  const auto code = reinterpret_cast<jit::EnterCode>(code_.address() + compiled_.enter);
  const u64 r0 = code(state, args, address_of(function));
  return state.run.fault.set ? 0 : r0;
}

u32 JitProgram::function_at(u64 address) const {
  const Program& code = image().program;
  const u64 pc = address - kFunctionBase;
  if (pc >= code.size()) return kNoFunction;
  const Subprogram& function = code.subprogram_of({static_cast<u32>(pc)});
  if (function.first.value != pc) return kNoFunction;
  return static_cast<u32>(&function - code.subprograms().data());
}

void begin_state(State& state) {
  state.runtime = &kJitRuntime;
  state.run.invoke = invoke_callback;
  state.run.forget = forget;
  state.run.engine = &state;
}

RunResult JitProgram::run(Frame& frame, const RunOptions& options) {
  State state;
  begin_state(state);
  return run_program(state.run, frame, options, program_, enter_once, this);
}

// The run goes on in a State of ours, and comes back as it is then.
u64 enter_jit(Run& run, const Callable& self) {
  const JitProgram& program = *static_cast<const JitCallable&>(self).program;
  State state;
  state.run = run;
  begin_state(state);
  state.run.mode = program.mode();
  program.become_current(state);
  const u64 args[5] = {run.context, run.argument2, 0, 0, 0};
  const u64 r0 = program.enter(state, 0, args);
  state.run.invoke = run.invoke;
  state.run.forget = run.forget;
  state.run.engine = run.engine;
  state.run.mode = run.mode;
  run = state.run;
  return r0;
}

}  // namespace skep
