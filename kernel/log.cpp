// Reads the log line by line: an insn or a state is progress, what is left is the objection.
// Tested by tests/kernel/log_test.cpp.

#include "kernel/log.h"

#include <charconv>

namespace skep {
namespace {

// Takes a number off the front of `text`.
std::optional<u64> take_number(std::string_view& text) {
  u64 value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()));
  return value;
}

u64 number_after(std::string_view line, std::string_view key) {
  const auto at = line.find(key);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = line.substr(at + key.size());
  return take_number(rest).value_or(0);
}

// "12: (85) call bpf_map_lookup_elem#1" or "12: R0=... R10=fp0": the insn that is looked at.
std::optional<Pc> insn_of(std::string_view line) {
  const auto pc = take_number(line);
  if (!pc || !line.starts_with(": ") || *pc > 0xffffffff) return {};
  return Pc{static_cast<u32>(*pc)};
}

// Lines that say how the verifier went on, not what it objects to.
bool is_progress(std::string_view line) {
  constexpr std::string_view kStarts[] = {
      "from ",
      "last_idx ",
      "regs=",
      "mark_precise",
      "parent ",
      "func#",
      "caller:",
      "callee:",
      "returning from callee",
      "to caller at",
      "propagating",
      "frame",
      "Func#",
      "Validating ",
      "safe for any args",
      "stack depth ",
      "verification time",
      "processed ",
      "max_states",
      "arg#",
      "reg type unsupported for arg",
  };
  for (const std::string_view start : kStarts) {
    if (line.starts_with(start))
      return start != "arg#" || line.find(" expected") == std::string_view::npos;
  }
  return line.starts_with("R") && line.find('=') < 6;
}

void read_counts(std::string_view line, KernelLog& log) {
  log.counted = true;
  log.processed_insns = number_after(line, "processed ");
  log.max_states_per_insn = number_after(line, "max_states_per_insn ");
  log.total_states = number_after(line, "total_states ");
  log.peak_states = number_after(line, "peak_states ");
}

// The row whose wording the message has, the longest if several do, and of equals the verifier's
// rather than a run's. A wording may begin or end in a name, "{}".
std::optional<Code> code_of(std::string_view message) {
  std::optional<Code> found;
  std::size_t longest = 0;
  Kind kind = Kind::Fault;
  for (const DiagnosticRow& row : kDiagnostics) {
    std::string_view wording = row.kernel;
    if (row.kind != Kind::Rejected && row.kind != Kind::Fault) continue;
    if (const auto hole = wording.find("{}"); hole != std::string_view::npos)
      wording = hole < wording.size() / 2 ? wording.substr(hole + 2) : wording.substr(0, hole);
    if (wording.empty() || message.find(wording) == std::string_view::npos) continue;
    const bool better = wording.size() > longest ||
                        (wording.size() == longest && kind == Kind::Fault && row.kind != kind);
    if (!better) continue;
    longest = wording.size();
    kind = row.kind;
    found = row.code;
  }
  return found;
}

}  // namespace

KernelLog parse_log(std::string_view text) {
  KernelLog log;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    if (line.starts_with("processed ")) {
      read_counts(line, log);
    } else if (line.starts_with("verification time ")) {
      log.microseconds = number_after(line, "verification time ");
    } else if (line.starts_with("stack depth ")) {
      log.stack_depth = number_after(line, "stack depth ");
    } else if (line.starts_with("; ")) {
      log.source = line.substr(2);
    } else if (const auto pc = insn_of(line)) {
      log.pc = pc;
      log.message.clear();  // what stood before was about an insn that passed
    } else if (!is_progress(line)) {
      if (!log.message.empty()) log.message += '\n';
      log.message += line;
    }
  }
  log.code = code_of(log.message);
  return log;
}

}  // namespace skep
