// Soundness of the verifier, on random programs: sound [--programs N] [--seed S].
//
// Each program that the verifier accepts runs in the interpreter, which checks every access, on a
// packet; it must not fault. At each insn where the verifier keeps states, the registers and the
// stack of the frame that runs must be inside of one of those: each number in its set, each pointer
// at its place. The report counts what was accepted, run and looked at; the exit code is 1 when
// something escapes. With --forget, what is known is made wrong on purpose, and must escape.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>

#include "isa/disasm.h"
#include "tests/support/agree.h"
#include "tests/support/generator.h"
#include "verifier/state_view.h"
#include "verifier/verifier.h"

namespace skep::test {
namespace {

using abstract::Byte;
using abstract::Cell;
using abstract::kSlots;
using abstract::Slot;
using abstract::StateView;
using abstract::Type;
using abstract::Value;

constexpr ProgramType kTypes[] = {ProgramType::xdp, ProgramType::sched_cls,
                                  ProgramType::socket_filter, ProgramType::cgroup_skb,
                                  ProgramType::lwt_xmit};

// What the verifier kept of one place, copied out of it.
struct Known {
  Value value;
  Scalar number = Scalar::unknown();
};
struct KeptSlot {
  Slot slot;
  Known spilled;
};
struct Kept {
  u32 depth = 0;
  std::array<Known, kRegs> regs;
  std::array<KeptSlot, kSlots> slots;
};

struct Options {
  u64 programs = 300;
  u64 seed = 1;
  bool forget = false;
};

struct Report {
  u64 generated = 0, accepted = 0, ran = 0, looked = 0, escaped = 0, wrongs = 0;
  std::map<std::string, u64> refusals;
};

Known known_of(const StateView& view, const Cell& cell) {
  const Value& value = view.value(cell);
  return {value, value.type == Type::Nothing ? Scalar::unknown() : view.number(value.number)};
}

Kept kept_of(const StateView& view, bool forget) {
  Kept kept;
  kept.depth = view.depth();
  for (u32 reg = 0; reg < kRegs; ++reg) kept.regs[reg] = known_of(view, view.reg(kept.depth, reg));
  for (u32 i = 0; i < kSlots; ++i) {
    const Slot& slot = view.slot(kept.depth, i);
    kept.slots[i] = {slot, known_of(view, slot.cell)};
  }
  if (!forget) return kept;
  // A planted mistake: what is known of numbers is one too much.
  for (Known& known : kept.regs) {
    if (known.value.type != Type::Number || !known.number.is_constant()) continue;
    known.number = Scalar::constant(known.number.umin() + 1);
  }
  return kept;
}

// Watches one run.
struct Watch {
  const Image* image = nullptr;
  std::map<u32, std::vector<Kept>> kept;  // by pc
  Report* report = nullptr;
  u64 base = 0;  // r10 of the first frame
  u64 context = 0;
  bool over = false;
  std::string escape;
};

bool holds(const Watch& watch, const Known& known, u64 word, u64 frame) {
  const Value& value = known.value;
  const u64 offset = static_cast<u64>(i64{value.offset});
  switch (value.type) {
    case Type::Number: return known.number.contains(word);
    case Type::Context: return known.number.contains(word - watch.context - offset);
    case Type::Stack:
      return known.number.contains(word - (watch.base + u64{value.object} * kStackSize) - offset);
    case Type::MapValue:
    case Type::Memory:
    case Type::Packet: return value.may_be_null || word != 0;
    default: (void)frame; return true;
  }
}

bool holds(const Watch& watch, const Kept& kept, const u64 (&regs)[kRegs]) {
  const u64 frame = regs[kFrameReg];
  for (u32 reg = 0; reg < kFrameReg; ++reg) {
    if (!holds(watch, kept.regs[reg], regs[reg], frame)) return false;
  }
  for (u32 i = 0; i < kSlots; ++i) {
    const KeptSlot& slot = kept.slots[i];
    const u8* const bytes = reinterpret_cast<const u8*>(frame - kStackSize + u64{i} * 8);
    for (u32 byte = 0; byte < 8; ++byte) {
      if (slot.slot.bytes[byte] == Byte::Zero && bytes[byte] != 0) return false;
    }
    const u32 spilled = slot.slot.spilled();
    if (spilled == 0) continue;
    u64 word = 0;
    std::memcpy(&word, bytes, spilled);
    if (!holds(watch, slot.spilled, word, frame)) return false;
  }
  return true;
}

void look(void* user, Pc pc, const Image& image, const u64 (&regs)[kRegs]) {
  Watch& watch = *static_cast<Watch*>(user);
  if (image.program.decoded().data() != watch.image->program.decoded().data()) return;
  if (pc.value == 0 && watch.base != 0) watch.over = true;  // a tail call to itself, in any frame
  if (watch.over) return;
  if (watch.base == 0) {
    watch.base = regs[kFrameReg];
    watch.context = regs[1];
  }
  const auto found = watch.kept.find(pc.value);
  if (found == watch.kept.end() || !watch.escape.empty()) return;
  ++watch.report->looked;
  const u32 depth = static_cast<u32>((regs[kFrameReg] - watch.base) / kStackSize);
  for (const Kept& kept : found->second) {
    if (kept.depth == depth && holds(watch, kept, regs)) return;
  }
  watch.escape = fmt::format("insn {}, depth {}: none of {} states holds", pc.value, depth,
                             found->second.size());
  for (u32 reg = 0; reg < kRegs; ++reg) watch.escape += fmt::format(" r{}={:#x}", reg, regs[reg]);
}

std::vector<u8> bytes_of(u64 seed) {
  std::mt19937_64 random(seed);
  std::vector<u8> bytes(64 + random() % 64);
  for (u8& byte : bytes) byte = static_cast<u8>(random());
  return bytes;
}

// What escaped, or the fault of an accepted program; "" if all is well.
std::string judge_and_run(u64 seed, const Options& options, Backend& backend, Report& report) {
  const ProgramType type = kTypes[seed % std::size(kTypes)];
  auto program = image_of_insns(generate(seed, {.type = type}).insns, type);
  auto target = image_of_insns(generate(seed ^ 0x5bd1e995, {.type = type, .statements = 4}).insns,
                               type, "target");
  if (program == nullptr || target == nullptr) return "the generated insns are no program";
  const auto images = with_maps_in_use({{program, target}});
  ++report.generated;
  Watch watch{.image = images[0].get(), .kept = {}, .report = &report, .escape = {}};
  VerifyOptions judging;
  judging.budget.visits = 200'000;
  judging.on_state = [&](const StateView& view) {
    watch.kept[view.pc().value].push_back(kept_of(view, options.forget));
  };
  const Verdict verdict = verify(*images[0], KernelProfile{}, judging);
  if (!verdict.accepted()) {
    const std::string& text = verdict.finding->text;
    ++report.refusals[text.substr(text.find(": ") + 2)];
    return "";
  }
  ++report.accepted;
  Env env = Env::deterministic(1);
  RunOptions running{.env = &env, .trace = look, .trace_user = &watch};
  const Outcome outcome = run_on(backend, images, {.bytes = bytes_of(seed)}, running);
  if (outcome.refused) return "";
  ++report.ran;
  if (!outcome.ran) return "accepted, and ended by: " + outcome.trouble;
  return watch.escape;
}

int run(const Options& options) {
  Report report;
  const auto backend = make_interpreter({.trace = true});
  for (u64 i = 0; i < options.programs; ++i) {
    const std::string what = judge_and_run(options.seed + i, options, *backend, report);
    if (what.empty()) continue;
    ++report.escaped;
    if (options.forget) continue;
    fmt::print("seed {}: {}\n", options.seed + i, what);
  }
  fmt::print("{} programs, {} accepted, {} ran, {} times inside of a state, {} escaped\n",
             report.generated, report.accepted, report.ran, report.looked, report.escaped);
  for (const auto& [why, count] : report.refusals) fmt::print("  refused {}: {}\n", count, why);
  if (report.ran == 0 || report.looked == 0) return 1;
  return options.forget ? report.escaped == 0 : report.escaped != 0;
}

}  // namespace
}  // namespace skep::test

int main(int argc, char** argv) {
  skep::test::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--forget") {
      options.forget = true;
      continue;
    }
    skep::u64* const value = word == "--programs" ? &options.programs
                             : word == "--seed"   ? &options.seed
                                                  : nullptr;
    if (value == nullptr || i + 1 == argc) {
      std::fprintf(stderr, "usage: sound [--programs N] [--seed S] [--forget]\n");
      return 2;
    }
    const std::string_view text = argv[++i];
    std::from_chars(text.data(), text.data() + text.size(), *value);
  }
  return skep::test::run(options);
}
