// The table of engines. See engine.h.
#include "tools/engine.h"

#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tools/guest.h"

#ifdef SKEP_HAS_JIT
#include "vm/jit_backend.h"
#endif
#ifdef SKEP_HAS_KERNEL
#include "kernel/backend.h"
#include "kernel/printk.h"
#include "kernel/test_run.h"
#endif

namespace skep {
namespace {

std::unique_ptr<Backend> make_interpreter_engine(const EngineOptions& options) {
  return make_interpreter(
      {.mode = options.trusted ? Mode::Trusted : Mode::Checked, .trace = options.trace});
}

using MakeEngine = std::unique_ptr<Backend> (*)(const EngineOptions& options);

#ifdef SKEP_HAS_JIT
template <ir::Level level>
std::unique_ptr<Backend> make_jit_engine(const EngineOptions& options) {
  return make_jit({.mode = options.trusted ? Mode::Trusted : Mode::Checked, .level = level});
}
constexpr MakeEngine kMakeO0 = make_jit_engine<ir::Level::O0>;
constexpr MakeEngine kMakeO2 = make_jit_engine<ir::Level::O2>;
#else
constexpr MakeEngine kMakeO0 = nullptr, kMakeO2 = nullptr;
#endif

#ifdef SKEP_HAS_KERNEL
std::unique_ptr<Backend> make_kernel_engine(const EngineOptions&) {
  return make_kernel_backend();
}
#else
constexpr MakeEngine make_kernel_engine = nullptr;
#endif

constexpr Engine kEngines[] = {
    {"interpreter", "skep's own, which checks each memory access", true, true,
     make_interpreter_engine},
    {"jit", "machine code of this machine, optimised: jit:O2", true, false, kMakeO2},
    {"jit:O0", "machine code, insn by insn", true, false, kMakeO0},
    {"jit:O2", "machine code, optimised", true, false, kMakeO2},
    {"kernel", "the running kernel, through bpf(2)", false, false, make_kernel_engine},
};

std::string engine_names(std::string_view between) {
  std::string names;
  for (const Engine& engine : kEngines)
    names += fmt::format("{}{}", names.empty() ? "" : between, engine.name);
  return names;
}

}  // namespace

std::span<const Engine> engines() {
  return kEngines;
}

const Engine& find_engine(std::string_view name) {
  for (const Engine& engine : kEngines) {
    if (name != engine.name) continue;
    if (engine.make == nullptr)
      raise<Code::engine_cannot>("--engine " + std::string(name), name, "is not in this build");
    return engine;
  }
  raise<Code::usage>(
      fmt::format("--engine {}: no such engine; there are: {}", name, engine_names(", ")));
}

CLI::Option* add_engine_option(CLI::App& app, std::string& name) {
  const auto check = [](const std::string& given) {
    const bool known = std::ranges::find(kEngines, given, &Engine::name) != std::end(kEngines);
    return known || is_guest_engine(given)
               ? std::string()
               : fmt::format("no such engine; there are: {}, kernel:VERSION", engine_names(", "));
  };
  return app
      .add_option("--engine", name,
                  fmt::format("{}, or kernel:VERSION, another kernel in a machine of its own "
                              "(default: {})",
                              engine_names(", "), name))
      ->check(CLI::Validator(check, ""))
      ->type_name("ENGINE");
}

u32 engine_cpus([[maybe_unused]] const Engine& engine, u32 wanted) {
#ifdef SKEP_HAS_KERNEL
  if (!engine.emulates) return possible_cpus();
#endif
  return std::max(wanted, 1u);
}

void take_cpu(const Engine& engine, u32 cpu) {
  if (engine.emulates) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    raise<Code::engine_cannot>(fmt::format("--cpu {}", cpu), engine.name,
                               fmt::format("can't run there: {}", std::strerror(errno)));
  }
}

void open_events([[maybe_unused]] const Engine& engine, [[maybe_unused]] Map& map) {
#ifdef SKEP_HAS_KERNEL
  constexpr u64 kRing = 256 << 10;
  if (!engine.emulates && map.spec().type == MapType::perf_event_array)
    must(static_cast<KernelMap&>(map).open_events(kRing));
#endif
}

Prints open_prints([[maybe_unused]] const Engine& engine) {
#ifdef SKEP_HAS_KERNEL
  if (!engine.emulates) {
    const auto reader = std::make_shared<PrintkReader>(must(PrintkReader::open()));
    return [reader] { return must(reader->read()); };
  }
#endif
  return nullptr;
}

bool takes_field(const Engine& engine, [[maybe_unused]] ProgramType type,
                 [[maybe_unused]] std::string_view field) {
#ifdef SKEP_HAS_KERNEL
  if (!engine.emulates) {
    const auto taken = test_run_fields(type);
    return std::ranges::find(taken, field.substr(0, field.find('['))) != taken.end();
  }
#endif
  return engine.emulates;
}

}  // namespace skep
