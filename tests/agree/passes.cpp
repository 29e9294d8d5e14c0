// Compares the JIT's intermediate representation with the interpreter on random programs:
// passes [--programs N] [--seed S] [--pass NAME].
//
// Each program runs on the interpreter and, as the oracle evaluates it (tests/support/ir_engine.h),
// as lifted, after each pass alone, and after the whole pipeline; and as machine code, at both
// levels; checked and trusted. The
// representation is validated after every pass. The programs come in two sorts: those that a
// verifier accepts (tests/support/generator.h), whose whole outcome is compared, and any insns that
// decode, in checked mode, of which most end in a fault: its code, place and address are compared,
// the memory left behind, and the insns charged. Budgets are cut at random.
// The first difference is minimised and printed, and the exit code is 1.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>

#include "isa/disasm.h"
#include "jit/ir_text.h"
#include "jit/pipeline.h"
#include "tests/support/agree.h"
#include "tests/support/generator.h"
#include "tests/support/ir_engine.h"
#include "tests/support/wild_programs.h"
#include "vm/jit_backend.h"

namespace skep::test {
namespace {

struct Options {
  u64 programs = 500;
  u64 seed = 1;
  std::string_view pass;  // "": all
};

// A way to change what was lifted.
struct Variant {
  std::string name;
  std::vector<const ir::Pass*> passes;
  std::optional<ir::Level> compiled = {};  // run as machine code, else by the oracle

  std::unique_ptr<Backend> engine(Mode mode) const {
    if (compiled) return make_jit({.mode = mode, .level = *compiled, .check = true});
    return make_ir_engine({.mode = mode, .passes = passes});
  }
};

std::vector<Variant> variants(const Options& options) {
  std::vector<Variant> all;
  if (options.pass.empty()) all.push_back({"lifted", {}});
  for (const ir::Pass& pass : ir::passes()) {
    if (options.pass.empty() || options.pass == pass.name) {
      all.push_back({std::string(pass.name), {&pass}});
    }
  }
  if (options.pass.empty()) {
    Variant pipeline{"pipeline", {}};
    for (const std::string_view name : ir::pipeline(ir::Level::O2)) {
      pipeline.passes.push_back(ir::find_pass(name));
    }
    all.push_back(std::move(pipeline));
    all.push_back({"jit:O0", {}, ir::Level::O0});
    all.push_back({"jit:O2", {}, ir::Level::O2});
  }
  return all;
}

// What a run is given, but for the engine.
struct Trial {
  std::vector<std::shared_ptr<const Image>> images;
  RunInput input;
  i64 budget = INT64_MAX;
  bool whole = true;  // an end of the run by a fault is no answer
};

Outcome run(Backend& backend, const Trial& trial) {
  return run_on(backend, trial.images, trial.input, {.budget = trial.budget});
}

// The same with all addresses elsewhere: on the stack, and of maps.
[[gnu::noinline]] Outcome run_elsewhere(Backend& backend, const Trial& trial, u32 bytes) {
  volatile u8* const room = static_cast<u8*>(__builtin_alloca(bytes));
  room[0] = 1;
  std::vector<std::unique_ptr<u8[]>> taken;
  for (u32 i = 0; i < 64; ++i) taken.push_back(std::make_unique<u8[]>(16 * i + bytes % 1000));
  return run(backend, trial);
}

std::string difference(const Outcome& a, const Outcome& b) {
  if (a.refused || b.refused) {
    if (a.refused && b.refused && a.trouble == b.trouble) return "";
    return fmt::format("refused: '{}' / '{}'", a.trouble, b.trouble);
  }
  if (a.fault.set != b.fault.set || a.fault.code != b.fault.code || a.fault.pc != b.fault.pc ||
      a.fault.size != b.fault.size || a.fault.access != b.fault.access ||
      a.fault.cls != b.fault.cls) {
    return fmt::format("ended by '{}' / '{}'", a.trouble, b.trouble);
  }
  if (a.whole_r0 != b.whole_r0) return fmt::format("r0 = {:#x} / {:#x}", a.whole_r0, b.whole_r0);
  if (a.insns != b.insns) return fmt::format("insns {} / {}", a.insns, b.insns);
  Outcome left = a, right = b;  // memory and maps count, however the run ended
  left.ran = right.ran = true;
  return Outcome::difference(left, right);
}

class Comparison {
 public:
  explicit Comparison(const Options& options) : variants_(variants(options)) {}

  // What differs, "" if nothing does.
  std::string compare(const Trial& trial, Mode mode) {
    const auto interpreter = make_interpreter({.mode = mode});
    const Outcome expected = run(*interpreter, trial);
    if (trial.whole && !expected.ran) return "";
    if (depends_on_addresses(*interpreter, trial, expected, 2)) return "";
    ++compared;
    faulted += expected.fault.set;
    for (const Variant& variant : variants_) {
      const auto engine = variant.engine(mode);
      const Outcome got = run(*engine, trial);
      const std::string what = difference(expected, got);
      if (what.empty()) continue;
      if (depends_on_addresses(*engine, trial, got, 40)) return "";
      if (depends_on_addresses(*interpreter, trial, expected, 40)) return "";
      return fmt::format("{}: interpreter / {}", what, variant.name);
    }
    return "";
  }

  u64 compared = 0;
  u64 faulted = 0;    // of them
  u64 dependent = 0;  // not compared: what they do depends on addresses

 private:
  // Whether the same engine does something else with all addresses elsewhere.
  bool depends_on_addresses(Backend& engine, const Trial& trial, const Outcome& expected,
                            u32 times) {
    for (u32 i = 1; i <= times; ++i) {
      const u32 bytes = i * (5 * 4096 + 16 * 7);
      if (difference(expected, run_elsewhere(engine, trial, bytes)).empty()) continue;
      ++dependent;
      return true;
    }
    return false;
  }

  std::vector<Variant> variants_;
};

std::vector<u8> random_bytes(std::mt19937_64& random, std::size_t count) {
  std::vector<u8> bytes(count);
  for (u8& byte : bytes) byte = static_cast<u8>(random());
  return bytes;
}

Trial trial_of(const std::vector<Insn>& insns, u64 seed, ProgramType type, bool wild) {
  std::mt19937_64 random(seed);
  Trial trial;
  auto program = image_of_insns(insns, type);
  auto target =
      image_of_insns(generate(seed ^ 0x5bd1e995, {.type = ProgramType::xdp, .statements = 4}).insns,
                     type, "target");
  if (program == nullptr || target == nullptr) return trial;
  trial.images = with_maps_in_use({{program, target}});
  trial.input.bytes = random_bytes(random, type == ProgramType::raw ? 64 : 64 + random() % 64);
  if (type != ProgramType::raw) trial.input.bytes[12] = 8, trial.input.bytes[13] = 0;
  trial.whole = !wild;
  if (wild) trial.budget = static_cast<i64>(20 + random() % 3000);
  return trial;
}

constexpr ProgramType kTypes[] = {ProgramType::xdp, ProgramType::sched_cls,
                                  ProgramType::socket_filter, ProgramType::cgroup_skb};

struct Subject {
  u64 seed;
  ProgramType type;
  bool wild;
  Mode mode;
};

Subject subject_of(u64 seed) {
  Subject subject{.seed = seed, .type = kTypes[seed / 2 % 4], .wild = seed % 2 == 1, .mode = {}};
  if (subject.wild && seed / 2 % 3 == 0) subject.type = ProgramType::raw;
  if (!subject.wild && seed / 8 % 2 == 1) subject.mode = Mode::Trusted;
  return subject;
}

void show(Comparison& comparison, const std::vector<Insn>& insns, const Subject& subject,
          const std::string& what) {
  const auto variant_of = [](const std::string& text) {
    const auto at = text.rfind('/');
    return at == std::string::npos ? std::string() : text.substr(at);
  };
  const auto still = [&](const std::vector<Insn>& candidate) {
    const Trial trial = trial_of(candidate, subject.seed, subject.type, subject.wild);
    if (trial.images.empty()) return false;
    return variant_of(comparison.compare(trial, subject.mode)) == variant_of(what);
  };
  const auto small = minimise(insns, still);
  const Trial trial = trial_of(small, subject.seed, subject.type, subject.wild);
  fmt::print("DIFFERENCE seed {}, {}, {}: {}\nminimised, {}:\n{}\n", subject.seed,
             name(subject.type), subject.mode == Mode::Checked ? "checked" : "trusted", what,
             comparison.compare(trial, subject.mode),
             disassemble(*Program::make(small), {.source = false}));
}

int run(const Options& options) {
  Comparison comparison(options);
  for (u64 i = 0; i < options.programs; ++i) {
    const Subject subject = subject_of(options.seed + i);
    const auto insns = subject.wild ? wild_program(subject.seed)
                                    : generate(subject.seed, {.type = subject.type}).insns;
    const Trial trial = trial_of(insns, subject.seed, subject.type, subject.wild);
    if (trial.images.empty()) {
      const auto wrong = Program::make(insns);
      fmt::print("seed {}: the insns are no program: {}\n", subject.seed,
                 wrong ? "" : wrong.error().text);
      return 1;
    }
    const std::string what = comparison.compare(trial, subject.mode);
    if (what.empty()) continue;
    show(comparison, insns, subject, what);
    fmt::print("found after {} programs\n", i + 1);
    return 1;
  }
  fmt::print(
      "{} programs from seed {} on: compared {}, of which {} ended in a fault; {} depend on "
      "addresses\n",
      options.programs, options.seed, comparison.compared, comparison.faulted,
      comparison.dependent);
  return comparison.compared * 2 > options.programs ? 0 : 1;
}

}  // namespace
}  // namespace skep::test

int main(int argc, char** argv) {
  skep::test::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i], text = argv[i + 1];
    if (name == "--pass") {
      options.pass = text;
      continue;
    }
    skep::u64* const value = name == "--programs" ? &options.programs
                             : name == "--seed"   ? &options.seed
                                                  : nullptr;
    if (value == nullptr) {
      std::fprintf(stderr, "usage: passes [--programs N] [--seed S] [--pass NAME]\n");
      return 2;
    }
    std::from_chars(text.data(), text.data() + text.size(), *value);
  }
  return skep::test::run(options);
}
