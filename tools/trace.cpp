// Traces by comparing registers before and after. See trace.h.
#include "tools/trace.h"

#include "helpers/spec/image_names.h"

namespace skep {

void Trace::attach(RunOptions& options) {
  options.trace = step;
  options.trace_user = this;
}

void Trace::step(void* user, Pc pc, const Image& image, const u64 (&regs)[kRegs]) {
  auto& trace = *static_cast<Trace*>(user);
  if (trace.started_) trace.end_line(regs);
  if (&image != trace.image_) trace.output_.text("-- {}\n", image.name);
  trace.image_ = &image;
  trace.pc_ = pc;
  trace.started_ = true;
  std::copy(std::begin(regs), std::end(regs), trace.regs_);
}

std::string Trace::text_of(Pc pc) const {
  DisasmOptions options = names_of(*image_);
  options.function = [this](Pc first) { return image_->program.subprogram_of(first).name; };
  return disassemble(image_->program.at(pc), pc, options);
}

void Trace::end_line(const u64 (&regs)[kRegs]) {
  std::string changes;
  Json changed = Json::object();
  for (int i = 0; i < kRegs; ++i) {
    if (regs[i] == regs_[i]) continue;
    changes += fmt::format(" r{}={:#x}", i, regs[i]);
    if (output_.json()) changed[fmt::format("r{}", i)] = regs[i];
  }
  const std::string text = text_of(pc_);
  output_.text("{:4}: {}\n", pc_.value,
               changes.empty() ? text : fmt::format("{:<40} ;{}", text, changes));
  if (!output_.json()) return;
  if (steps_.size() == kKept) {
    ++dropped_;
  } else {
    steps_.push_back(
        {{"program", image_->name}, {"pc", pc_.value}, {"insn", text}, {"changed", changed}});
  }
}

void Trace::finish(const RunResult& result) {
  if (!started_) return;
  u64 regs[kRegs];
  std::copy(std::begin(regs_), std::end(regs_), regs);
  if (result.ok()) regs[0] = result.r0;
  end_line(regs);
}

Json Trace::document() const {
  Json document = steps_;
  if (dropped_ != 0) document.push_back({{"dropped", dropped_}});
  return document;
}

}  // namespace skep
