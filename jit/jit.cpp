// From a program to machine code: lift, optimise, check, allocate, emit. Tested by
// tests/jit/emit_test.cpp.

#include "jit/jit.h"

#include "isa/diagnostic.h"
#include "jit/emit.h"
#include "jit/pipeline.h"
#include "jit/regalloc.h"

namespace skep::jit {
namespace {

#ifdef NDEBUG
constexpr bool kAlwaysCheck = false;
#else
constexpr bool kAlwaysCheck = true;
#endif

// A mistake of ours, said so.
std::unexpected<Error> wrong(std::string_view where, const std::string& what) {
  return fail_at<Code::not_runnable>(
      Pc{}, fmt::format("what the JIT made of this program ({}: {})", where, what));
}

}  // namespace

Result<Compiled> compile(const Image& image, const World& world, const CompileOptions& options) {
  const Target& target = options.target != nullptr ? *options.target : host_target();
  const bool check = options.check || kAlwaysCheck;
  ir::Module module = SKEP_TRY(lift(image, world, options.lift));
  if (options.after) options.after("lifted", module);
  ir::optimise(module, options.level, world, [&](const ir::Pass& pass, const ir::Module& after) {
    if (options.after) options.after(pass.name, after);
  });
  if (check) {
    if (const std::string fault = ir::validate(module); !fault.empty()) return wrong("IR", fault);
  }
  std::vector<Allocation> allocations;
  for (const ir::Function& function : module.functions) {
    allocations.push_back(allocate(function, target));
    if (!check) continue;
    const std::string fault = check_allocation(function, target, allocations.back());
    if (!fault.empty()) return wrong("registers", fault);
  }
  const EmitOptions emit{&world, options.identity, options.text};
  return &target == &kX64 ? emit_x64(module, allocations, emit)
                          : emit_a64(module, allocations, emit);
}

}  // namespace skep::jit
