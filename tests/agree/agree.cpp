// Compares engines on random programs: agree [--programs N] [--seed S] [--minimum M] [--no-kernel].
//
// Each program runs on the interpreter (checked, trusted, traced), as machine code of the JIT, and
// in the kernel, on the same packet; r0, packet, maps and records must be the same. Programs that
// the kernel refuses are counted, not compared. The first difference is minimised and printed, and
// the exit code is 1. The report counts what was executed; with --minimum, a row, helper or map
// type that was executed fewer times than M is a failure as well. Exit code 77: the kernel may not
// be asked.

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "helpers/bodies/bind.h"
#include "helpers/spec/proto.h"
#include "isa/disasm.h"
#include "kernel/backend.h"
#include "tests/support/agree.h"
#include "tests/support/engines.h"
#include "tests/support/generator.h"
#include "tests/support/permission.h"

namespace skep::test {
namespace {

constexpr u32 kTailCallHelper = 12;
constexpr ProgramType kTypes[] = {ProgramType::xdp,           ProgramType::sched_cls,
                                  ProgramType::socket_filter, ProgramType::sched_cls,
                                  ProgramType::cgroup_skb,    ProgramType::lwt_xmit,
                                  ProgramType::syscall,       ProgramType::raw_tracepoint};

struct Options {
  u64 programs = 500;
  u64 seed = 1;
  u64 minimum = 0;
  bool kernel = true;
};

struct Counts {
  std::array<u64, kOps> rows{};
  std::map<i32, u64> helpers;
  std::map<std::string, u64> maps;
  u64 loops = 0;  // jumps back that were taken
  u64 calls = 0;  // local
};

struct Report {
  u64 generated = 0, refused = 0, compared = 0;
  Counts counts;
  std::vector<u64> lengths;  // executed insns of each program
  std::map<std::string, u64> refusals;
};

struct Tracer {
  Counts& counts;
  u64 insns = 0;
  const Program* program = nullptr;  // that ran `last`: tail calls change it
  Pc last{};
};

void count_insn(void* user, Pc pc, const Image& image, const u64 (&)[kRegs]) {
  Tracer& tracer = *static_cast<Tracer*>(user);
  const Decoded& insn = image.program.at(pc);
  ++tracer.insns;
  ++tracer.counts.rows[static_cast<int>(insn.op)];
  if (insn.op == Op::CallHelper) ++tracer.counts.helpers[static_cast<i32>(insn.imm)];
  if (insn.op == Op::CallLocal) ++tracer.counts.calls;
  if (insn.op == Op::LoadMap || insn.op == Op::LoadMapIdx) {
    ++tracer.counts.maps[std::string(find_map_kind((*image.maps)[insn.map_index()].type)->name)];
  }
  if (tracer.program == &image.program && pc < tracer.last &&
      image.program.at(tracer.last).is_jump()) {
    ++tracer.counts.loops;
  }
  tracer.program = &image.program;
  tracer.last = pc;
}

// A packet, of IPv4 mostly, to this host mostly; or the memory of types without one.
std::vector<u8> bytes_of(u64 seed, ProgramType type) {
  const bool memory = type == ProgramType::syscall || type == ProgramType::raw_tracepoint;
  std::mt19937_64 random(seed);
  std::vector<u8> bytes(memory ? kContextMemory : 64 + random() % 64);
  for (u8& byte : bytes) byte = static_cast<u8>(random());
  if (memory) return bytes;
  if (random() % 4 != 0) std::fill_n(bytes.begin(), 6, u8(0));
  constexpr u8 kEtherTypes[][2] = {{8, 0},    {8, 0},       {8, 0}, {0x86, 0xdd},
                                   {0x81, 0}, {0x88, 0xa8}, {0, 9}};
  std::ranges::copy(kEtherTypes[random() % std::size(kEtherTypes)], &bytes[12]);
  return bytes;
}

std::vector<u8> bytes_of_word(u32 word) {
  const auto bytes = std::bit_cast<std::array<u8, sizeof word>>(word);
  return {bytes.begin(), bytes.end()};
}

RunInput input_of(u64 seed, ProgramType type, const std::vector<MapSpec>& maps) {
  static const std::vector<MapSpec> all = generator_maps();
  RunInput input{.bytes = bytes_of(seed, type), .unread = {all[kUnreadEvents].name}};
  for (const GeneratorElement& element : generator_elements()) {
    if (maps[element.map].type != all[element.map].type) continue;  // nobody uses it
    input.elements.push_back(
        {all[element.map].name, bytes_of_word(element.key), bytes_of_word(element.value)});
  }
  return input;
}

// The program that tail calls reach.
std::vector<Insn> target_of(u64 seed, ProgramType type) {
  return generate(seed ^ 0x5bd1e995, {.type = type, .statements = 4}).insns;
}

// The program and its target, sharing maps.
std::vector<std::shared_ptr<const Image>> images_of(const std::vector<Insn>& insns, u64 seed,
                                                    ProgramType type) {
  auto program = image_of_insns(insns, type);
  auto target = image_of_insns(target_of(seed, type), type, "target");
  if (program == nullptr || target == nullptr) return {};
  return with_maps_in_use({{program, target}});
}

// Puts the user's memory where generated programs look for it. False: it can't be.
bool map_user_memory() {
  const auto bytes = generator_user_bytes();
  void* const wanted = reinterpret_cast<void*>(kUserMemory);
  void* const got = mmap(wanted, bytes.size(), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != wanted) return false;
  std::memcpy(got, bytes.data(), bytes.size());
  return true;
}

class Comparison {
 public:
  Comparison(const Options& options, Report& report)
      : options_(options), report_(report), cpu_(stay_on_one_cpu()) {}

  // Stack that was never written and addresses that leak differ by themselves, so the smaller
  // versions of a program must have none of them. Strict: the kernel's verifier refuses both;
  // Cleared: for programs that this verifier does not take; clears the stack.
  enum class How { AsItIs, Strict, Cleared };

  // What differs between the engines, "" if nothing does.
  std::string compare(const std::vector<Insn>& insns, u64 seed, ProgramType type, How how) {
    const auto images = images_of(insns, seed, type);
    if (images.empty()) return "the generated insns are no program";
    const RunInput input = input_of(seed, type, *images.front()->maps);
    Outcome kernel;
    if (options_.kernel) {
      const WithoutPermissionToLeak while_this(how == How::Strict);
      kernel = run(how == How::AsItIs ? *kernel_ : *quiet_kernel_,
                   how == How::Cleared ? images_of(with_cleared_frames(insns), seed, type) : images,
                   input);
      if (kernel.refused) {
        refusal_ = kernel.trouble;
        return "";
      }
    }
    accepted_ = true;
    const Outcome checked = run(*checked_, images, input);
    if (!checked.ran) return fmt::format("the interpreter ended it: {}", checked.trouble);
    std::string difference;
    if (how != How::AsItIs) {  // nothing out of clocks, chance or the task
      difference = Outcome::difference(checked, run(*checked_, images, input, {}, 2));
      if (!difference.empty()) return "one world / another: " + difference;
    }
    if (options_.kernel) difference = Outcome::difference(checked, kernel);
    if (!difference.empty()) return "interpreter / kernel: " + difference;
    for (const OurEngine& engine : others_) {
      difference = Outcome::difference(checked, run(*engine.backend, images, input));
      if (!difference.empty()) return fmt::format("interpreter / {}: {}", engine.name, difference);
    }
    return "";
  }

  // The same for the report, which counts what was executed.
  std::string compare_and_count(const std::vector<Insn>& insns, u64 seed, ProgramType type) {
    ++report_.generated;
    accepted_ = false;
    std::string difference = compare(insns, seed, type, How::AsItIs);
    if (!accepted_) refused();
    if (!accepted_ || !difference.empty()) return difference;
    ++report_.compared;
    Tracer tracer{.counts = report_.counts};
    const auto images = images_of(insns, seed, type);
    const RunInput input = input_of(seed, type, *images.front()->maps);
    const Outcome traced =
        run(*traced_, images, input, {.trace = count_insn, .trace_user = &tracer});
    report_.lengths.push_back(tracer.insns);
    difference = Outcome::difference(run(*checked_, images, input), traced);
    return difference.empty() ? "" : "checked / traced: " + difference;
  }

 private:
  using Images = std::vector<std::shared_ptr<const Image>>;
  Outcome run(Backend& backend, const Images& images, const RunInput& input,
              RunOptions options = {}, u64 world = 1) const {
    const MappedMemory memory[] = {{.address = kUserMemory,
                                    .bytes = user_bytes_.data(),
                                    .size = user_bytes_.size(),
                                    .user = true}};
    Env env = Env::deterministic(world);
    env.now *= world;
    const u32 pid = 1 + static_cast<u32>(world);
    env.task = {.pid = pid, .tgid = pid, .comm = {static_cast<char>('0' + world)}};
    env.cpus = possible_cpus();
    env.memory = memory;
    options.env = &env;
    options.cpu = cpu_;
    return run_on(backend, images, input, options);
  }

  void refused() {
    ++report_.refused;
    const KernelLog log = parse_log(refusal_);
    ++report_.refusals[log.message.substr(0, 100)];
  }

  const Options& options_;
  Report& report_;
  const u32 cpu_;
  mutable std::vector<u8> user_bytes_ = generator_user_bytes();
  bool accepted_ = false;
  std::string refusal_;
  std::unique_ptr<Backend> kernel_ = make_kernel_backend();
  std::unique_ptr<Backend> quiet_kernel_ = make_kernel_backend({.log_level = 0});  // says not why
  std::unique_ptr<Backend> checked_ = make_interpreter();
  const std::vector<OurEngine> others_ = other_engines();
  std::unique_ptr<Backend> traced_ = make_interpreter({.trace = true});
};

void show(const std::vector<Insn>& insns, u64 seed, ProgramType type, const std::string& what,
          std::size_t before) {
  const auto program = Program::make(insns);
  std::size_t count = 0;
  for (Pc pc; pc.value < program->size(); pc = pc + program->at(pc).slots()) ++count;
  fmt::print("DIFFERENCE seed {}, {}: {}\nminimised from {} slots to {} insns:\n{}\n", seed,
             name(type), what, before, count, disassemble(*program, {.source = false}));
}

// What no run on this kernel can have, with the reason. What occurs after all must not be here.
struct Exempt {
  std::string_view name;
  const char* reason;
};
constexpr Exempt kExemptRows[] = {
    {"CallKfunc", "kernel functions are not emulated yet"},
    {"AddrSpaceCast", "arenas are not emulated yet"},
    {"Gotox", "not in Linux 6.18"},
    {"Callx", "not in Linux 6.18"},
};
constexpr const char* kAtFunctions = "for programs at functions, and test runs give those nothing";
constexpr const char* kInIterators = "for iterators, which run when their file is read";
constexpr const char* kNoSymbols = "this kernel has no symbols of per-CPU variables (KALLSYMS_ALL)";
constexpr Exempt kExemptHelpers[] = {
    {"get_func_arg", kAtFunctions},
    {"get_func_ret", kAtFunctions},
    {"get_func_arg_cnt", kAtFunctions},
    {"get_func_ip", kAtFunctions},
    {"override_return", "for kprobes, which have no test run"},
    {"perf_prog_read_value", "for programs at perf events, which have no test run"},
    {"seq_printf", kInIterators},
    {"seq_write", kInIterators},
    {"d_path", "takes a struct path, which only traced functions give"},
    {"per_cpu_ptr", kNoSymbols},
    {"this_cpu_ptr", kNoSymbols},
    {"probe_write_user", "refused by a kernel that is locked down"},
    {"kptr_xchg", "only kernel functions can release what it gives"},
};

const char* reason_of(std::span<const Exempt> exempt, std::string_view name) {
  const auto found = std::ranges::find(exempt, name, &Exempt::name);
  return found != exempt.end() ? found->reason : nullptr;
}

bool print_report(Report& report, const Options& options) {
  bool enough = true;
  std::ranges::sort(report.lengths);
  const u64 median = report.lengths.empty() ? 0 : report.lengths[report.lengths.size() / 2];
  fmt::print(
      "generated {} from seed {} on, refused by the kernel {} ({:.1f} %), compared {}, median {} "
      "insns executed\n",
      report.generated, options.seed, report.refused,
      100.0 * static_cast<double>(report.refused) / static_cast<double>(report.generated),
      report.compared, median);
  if (median < 100 && options.minimum != 0) enough = false;
  for (const auto& [why, count] : report.refusals) fmt::print("  refused {}: {}\n", count, why);
  const auto line = [&](std::string_view kind, std::string_view name, u64 count,
                        std::span<const Exempt> exempt = {}) {
    const char* const reason = reason_of(exempt, name);
    const bool stale = reason != nullptr && count != 0;
    const bool few = reason == nullptr && count < options.minimum;
    enough &= !few && !stale;
    fmt::print("  {} {} {}{}{}\n", kind, name, count,
               reason != nullptr ? fmt::format("  ({})", reason) : "",
               few     ? "  TOO FEW"
               : stale ? "  OCCURS AFTER ALL"
                       : "");
  };
  for (int op = 0; op < kOps; ++op) {
    line("row", row(static_cast<Op>(op)).name, report.counts.rows[static_cast<std::size_t>(op)],
         kExemptRows);
  }
  for (const HelperProto& proto : helpers()) {
    if (proto.id != kTailCallHelper && helper_entry(proto.id) == nullptr) continue;
    line("helper", proto.name, report.counts.helpers[static_cast<i32>(proto.id)], kExemptHelpers);
  }
  for (u32 id = 0; const MapKind* kind = find_map_kind(static_cast<MapType>(id)); ++id) {
    if (kind->runs) line("map", kind->name, report.counts.maps[std::string(kind->name)]);
  }
  line("loop", "turns", report.counts.loops);
  line("local", "calls", report.counts.calls);
  return enough;
}

// The part of a difference that says between whom it is.
std::string engines_of(const std::string& difference) {
  return difference.substr(0, difference.find(':'));
}

// Makes the program small as the strict verifier takes it, if that shows the difference at all.
void minimise_and_show(Comparison& comparison, const std::vector<Insn>& insns, u64 seed,
                       ProgramType type, const std::string& what) {
  using How = Comparison::How;
  const std::string engines = engines_of(what);
  const auto differs = [&](const std::vector<Insn>& candidate, How how) {
    return engines_of(comparison.compare(candidate, seed, type, how)) == engines;
  };
  // If what goes wrong is the program that a tail call reached, that one by itself shows it.
  auto target = target_of(seed, type);
  const bool reached = differs(target, How::Cleared);
  const auto& start = reached ? target : insns;
  const How how = differs(start, How::Strict) ? How::Strict : How::Cleared;
  const auto small =
      minimise(start, [&](const std::vector<Insn>& candidate) { return differs(candidate, how); });
  show(small, seed, type, comparison.compare(small, seed, type, how), insns.size());
}

int run(const Options& options) {
  Report report;
  Comparison comparison(options, report);
  for (u64 i = 0; i < options.programs; ++i) {
    const u64 seed = options.seed + i;
    const ProgramType type = kTypes[seed % std::size(kTypes)];
    const auto insns = generate(seed, {.type = type}).insns;
    const std::string what = comparison.compare_and_count(insns, seed, type);
    if (what.empty()) continue;
    fmt::print("seed {}: {}\n", seed, what);
    minimise_and_show(comparison, insns, seed, type, what);
    fmt::print("found after {} programs\n", i + 1);
    return 1;
  }
  return print_report(report, options) ? 0 : 1;
}

}  // namespace
}  // namespace skep::test

int main(int argc, char** argv) {
  skep::test::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--no-kernel") {
      options.kernel = false;
      continue;
    }
    skep::u64* const value = name == "--programs"  ? &options.programs
                             : name == "--seed"    ? &options.seed
                             : name == "--minimum" ? &options.minimum
                                                   : nullptr;
    if (value == nullptr || i + 1 == argc) {
      std::fprintf(stderr, "usage: agree [--programs N] [--seed S] [--minimum M] [--no-kernel]\n");
      return 2;
    }
    const std::string_view text = argv[++i];
    std::from_chars(text.data(), text.data() + text.size(), *value);
  }
  if (auto ok = skep::check_permission(); options.kernel && !ok) {
    fmt::print("needs permission: {}\n", ok.error().text);
    return 77;
  }
  if (options.kernel && !skep::test::map_user_memory()) {
    fmt::print("something else is at {:#x}\n", skep::test::kUserMemory);
    return 1;
  }
  return skep::test::run(options);
}
