// Compares engines on random programs: agree [--programs N] [--seed S] [--minimum M] [--no-kernel].
//
// Each program runs on the interpreter (checked, trusted, traced) and in the kernel, on the same
// packet; r0, packet, maps and records must be the same. Programs that the kernel refuses are
// counted, not compared. The first difference is minimised and printed, and the exit code is 1.
// The report counts what was executed; with --minimum, a row, helper or map type that was executed
// fewer times than M is a failure as well. Exit code 77: the kernel may not be asked.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "isa/disasm.h"
#include "kernel/backend.h"
#include "tests/support/agree.h"
#include "tests/support/generator.h"

namespace skep::test {
namespace {

constexpr ProgramType kTypes[] = {ProgramType::xdp, ProgramType::sched_cls,
                                  ProgramType::socket_filter};

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
  if (insn.op == Op::LoadMap) {
    ++tracer.counts.maps[std::string(find_map_kind((*image.maps)[insn.map_index()].type)->name)];
  }
  if (tracer.program == &image.program && pc < tracer.last &&
      image.program.at(tracer.last).is_jump()) {
    ++tracer.counts.loops;
  }
  tracer.program = &image.program;
  tracer.last = pc;
}

std::vector<u8> packet_of(u64 seed) {
  std::mt19937_64 random(seed);
  std::vector<u8> packet(64 + random() % 64);
  for (u8& byte : packet) byte = static_cast<u8>(random());
  packet[12] = 8;  // IPv4, so that the kernel sets the same protocol
  packet[13] = 0;
  return packet;
}

// The program and the one that tail calls reach, sharing maps.
std::vector<std::shared_ptr<const Image>> images_of(const std::vector<Insn>& insns, u64 seed,
                                                    ProgramType type) {
  auto program = image_of_insns(insns, type);
  auto target = image_of_insns(generate(seed ^ 0x5bd1e995, {.type = type, .statements = 4}).insns,
                               type, "target");
  if (program == nullptr || target == nullptr) return {};
  auto copy = std::make_shared<Image>(*target);
  copy->maps = program->maps;
  return {program, copy};
}

class Comparison {
 public:
  Comparison(const Options& options, Report& report) : options_(options), report_(report) {}

  // What differs between the engines, "" if nothing does.
  std::string compare(const std::vector<Insn>& insns, u64 seed, ProgramType type, bool count) {
    const auto images = images_of(insns, seed, type);
    if (images.empty()) return "the generated insns are no program";
    const auto packet = packet_of(seed);
    Outcome kernel;
    if (options_.kernel) {
      kernel = run_on(*kernel_, images, packet);
      if (kernel.refused) {
        if (count) refused(kernel.trouble);
        return "";
      }
    }
    if (count) ++report_.compared;
    const Outcome checked = run_on(*checked_, images, packet);
    if (!checked.ran) return fmt::format("the interpreter ended it: {}", checked.trouble);
    std::string difference = Outcome::difference(checked, run_on(*trusted_, images, packet));
    if (!difference.empty()) return "checked / trusted: " + difference;
    if (options_.kernel) {
      difference = Outcome::difference(checked, kernel);
      if (!difference.empty()) return "interpreter / kernel: " + difference;
    }
    if (!count) return "";
    Tracer tracer{.counts = report_.counts};
    const Outcome traced =
        run_on(*traced_, images, packet, {.trace = count_insn, .trace_user = &tracer});
    report_.lengths.push_back(tracer.insns);
    difference = Outcome::difference(checked, traced);
    return difference.empty() ? "" : "checked / traced: " + difference;
  }

 private:
  void refused(const std::string& why) {
    ++report_.refused;
    const KernelLog log = parse_log(why);
    ++report_.refusals[log.message.substr(0, 60)];
  }

  const Options& options_;
  Report& report_;
  std::unique_ptr<Backend> kernel_ = make_kernel_backend();
  std::unique_ptr<Backend> checked_ = make_interpreter();
  std::unique_ptr<Backend> trusted_ = make_interpreter({.mode = Mode::Trusted});
  std::unique_ptr<Backend> traced_ = make_interpreter({.trace = true});
};

void show(const Comparison&, const std::vector<Insn>& insns, u64 seed, const std::string& what,
          std::size_t before) {
  const auto program = Program::make(insns);
  std::size_t count = 0;
  for (Pc pc; pc.value < program->size(); pc = pc + program->at(pc).slots()) ++count;
  fmt::print("DIFFERENCE seed {}: {}\nminimised from {} slots to {} insns:\n{}\n", seed, what,
             before, count, disassemble(*program, {.source = false}));
}

// Rows that no run on this kernel can have, with the reason.
const char* unreachable_row(Op op) {
  switch (op) {
    case Op::LoadValueIdx:
    case Op::LoadMapIdx: return "written by loaders that use fd_array";
    case Op::LoadBtfId: return "kernel variables: addresses differ";
    case Op::CallKfunc: return "kernel functions are not emulated yet";
    case Op::AddrSpaceCast: return "arenas are not emulated yet";
    case Op::Gotox:
    case Op::Callx: return "not in Linux 6.18";
    default: return nullptr;
  }
}

bool print_report(Report& report, const Options& options) {
  std::ranges::sort(report.lengths);
  const u64 median = report.lengths.empty() ? 0 : report.lengths[report.lengths.size() / 2];
  fmt::print(
      "generated {}, refused by the kernel {} ({:.1f} %), compared {}, median {} insns executed\n",
      report.generated, report.refused,
      100.0 * static_cast<double>(report.refused) / static_cast<double>(report.generated),
      report.compared, median);
  for (const auto& [why, count] : report.refusals) fmt::print("  refused {}: {}\n", count, why);
  bool enough = true;
  const auto line = [&](std::string_view kind, std::string_view name, u64 count,
                        const char* excuse) {
    const bool few = count < options.minimum && excuse == nullptr;
    enough &= !few;
    fmt::print("  {} {} {}{}\n", kind, name, count,
               excuse != nullptr ? fmt::format("  ({})", excuse)
               : few             ? "  TOO FEW"
                                 : "");
  };
  for (int op = 0; op < kOps; ++op) {
    line("row", row(static_cast<Op>(op)).name, report.counts.rows[static_cast<std::size_t>(op)],
         unreachable_row(static_cast<Op>(op)));
  }
  for (const auto& [id, count] : report.counts.helpers)
    line("helper", std::to_string(id), count, nullptr);
  for (const auto& [name, count] : report.counts.maps) line("map", name, count, nullptr);
  line("loop", "turns", report.counts.loops, nullptr);
  line("local", "calls", report.counts.calls, nullptr);
  return enough;
}

int run(const Options& options) {
  Report report;
  Comparison comparison(options, report);
  for (u64 i = 0; i < options.programs; ++i) {
    const u64 seed = options.seed + i;
    const ProgramType type = kTypes[seed % std::size(kTypes)];
    const auto insns = generate(seed, {.type = type}).insns;
    ++report.generated;
    const std::string what = comparison.compare(insns, seed, type, true);
    if (what.empty()) continue;
    const auto small = minimise(insns, [&](const std::vector<Insn>& candidate) {
      return !comparison.compare(candidate, seed, type, false).empty();
    });
    show(comparison, small, seed, comparison.compare(small, seed, type, false), insns.size());
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
  return skep::test::run(options);
}
