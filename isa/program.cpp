// The structure that engines rely on: every jump and call stays where it may go, functions cover
// the program, and none runs off its end.

#include "isa/program.h"

#include <algorithm>
#include <new>

namespace skep {
namespace {

// A function starts at 0 and at whatever a local call or LoadFunc names.
Result<std::vector<Subprogram>> find_subprograms(const Program& program) {
  std::vector<Pc> starts = {{0}};
  for (const Decoded& insn : program.decoded()) {
    const bool refers = insn.op == Op::CallLocal || insn.op == Op::LoadFunc;
    if (!refers || insn.second_slot || insn.target.value >= program.size()) continue;
    // A target inside of an lddw begins no function, so check_jump refuses it.
    if (program.at(insn.target).second_slot) continue;
    const auto place = std::ranges::lower_bound(starts, insn.target);
    if (place != starts.end() && *place == insn.target) continue;
    if (starts.size() == kMaxSubprograms) return fail<Code::too_many_subprograms>(kMaxSubprograms);
    starts.insert(place, insn.target);
  }
  std::vector<Subprogram> found;
  for (const Pc first : starts) {
    if (!found.empty()) found.back().end = first;
    std::string name = first.value == 0 ? "main" : fmt::format("func_{}", first.value);
    found.push_back({first, {program.size()}, std::move(name), false, 0});
  }
  return found;
}

Status check_jump(const Program& program, const Subprogram& function, Pc pc) {
  const Decoded& insn = program.at(pc);
  if (insn.is_jump()) {
    if (insn.target < function.first || insn.target >= function.end) {
      return fail_at<Code::jump_out_of_range>(pc, static_cast<i32>(insn.target.value),
                                              function.first.value, function.end.value);
    }
    if (program.at(insn.target).second_slot) {
      return fail_at<Code::jump_into_lddw>(pc, insn.target.value, insn.target.value - 1);
    }
  }
  if (insn.op == Op::CallLocal || insn.op == Op::LoadFunc) {
    const auto all = program.subprograms();
    if (!std::ranges::binary_search(all, insn.target, {}, &Subprogram::first)) {
      return fail_at<Code::call_out_of_range>(pc, static_cast<i32>(insn.target.value));
    }
  }
  return {};
}

// Callers give functions too: they must be what subprogram_of() and the checks below rely on.
Status check_functions(const Program& program) {
  Pc next;
  const auto all = program.subprograms();
  if (all.size() > kMaxSubprograms) return fail<Code::too_many_subprograms>(kMaxSubprograms);
  for (const Subprogram& function : all) {
    const bool last = &function == &all.back();
    if (function.first != next || function.end <= function.first ||
        function.end.value > program.size() || (last && function.end.value != program.size())) {
      return fail<Code::bad_subprogram>(function.name, function.first.value, function.end.value,
                                        program.size());
    }
    next = function.end;
  }
  return {};
}

Status check_structure(const Program& program) {
  for (const Subprogram& function : program.subprograms()) {
    Pc last = function.first;
    for (Pc pc = function.first; pc < function.end; pc = pc + program.at(pc).slots()) {
      last = pc;
      if (auto ok = check_jump(program, function, pc); !ok) return ok;
    }
    const Decoded& insn = program.at(last);
    if (insn.falls_through() || last + insn.slots() != function.end) {
      return fail_at<Code::falls_off_end>(last, function.name);
    }
  }
  return {};
}

}  // namespace

const SourceLine* SourceMap::find(Pc pc) const {
  const auto after = std::ranges::upper_bound(lines, pc, {}, &SourceLine::pc);
  return after == lines.begin() ? nullptr : &*std::prev(after);
}

std::string SourceMap::place(Pc pc) const {
  const SourceLine* line = find(pc);
  if (line == nullptr || line->file >= files.size()) return {};
  return fmt::format("{}:{}", files[line->file], line->line);
}

Result<Program> Program::make(std::vector<Insn> insns, std::vector<Subprogram> subprograms,
                              SourceMap source) {
  if (insns.empty()) return fail<Code::empty_program>();
  if (insns.size() > kMaxSlots) return fail<Code::program_too_large>(insns.size(), kMaxSlots);
  std::unique_ptr<Decoded[]> decoded(new (std::nothrow) Decoded[insns.size()]);
  if (decoded == nullptr) return fail<Code::no_memory>("the decoded program");
  if (auto ok = decode_all(insns, {decoded.get(), insns.size()}); !ok) {
    return std::unexpected(std::move(ok).error());
  }
  Program program;
  program.decoded_ = std::move(decoded);
  program.insns_ = std::move(insns);
  program.subprograms_ = std::move(subprograms);
  program.source_ = std::move(source);
  if (program.subprograms_.empty()) program.subprograms_ = TRY(find_subprograms(program));
  TRY(check_functions(program));
  if (auto ok = check_structure(program); !ok) return std::unexpected(std::move(ok).error());
  return program;
}

const Subprogram& Program::subprogram_of(Pc pc) const {
  const auto after = std::ranges::upper_bound(subprograms_, pc, {}, &Subprogram::first);
  return after == subprograms_.begin() ? subprograms_.front() : *std::prev(after);
}

}  // namespace skep
