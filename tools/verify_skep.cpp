// Verdicts of skep's own verifier: each program judged, what was found shown, and where the kernel
// says otherwise. See verify_arguments.h.
#include <algorithm>

#include "tools/globals.h"
#include "tools/names.h"
#include "tools/verify_arguments.h"
#include "verifier/verifier.h"

namespace skep {
namespace {

using Images = std::vector<std::shared_ptr<const Image>>;

// The programs that were asked for, with --set and --type.
Images images_of(const Object& object, const VerifyArguments& arguments) {
  auto maps = object.maps;
  if (!arguments.run.globals.empty()) {
    auto changed = std::make_shared<std::vector<MapSpec>>(*object.maps);
    set_globals(object, arguments.run.globals, *changed);
    maps = changed;
  }
  const std::string& wanted = arguments.run.name;
  Images images;
  for (const auto& image : object.programs) {
    if (!wanted.empty() && image->name != wanted) continue;
    auto copy = std::make_shared<Image>(*image);
    copy->maps = maps;
    if (!arguments.run.type.empty()) {
      const ProgramTypeRow* row = find_program_type(arguments.run.type);
      if (row == nullptr) {
        raise<Code::usage>(fmt::format("--type {}: no such program type", arguments.run.type));
      }
      copy->type = row->type;
      copy->attach_type = 0;
    }
    images.push_back(std::move(copy));
  }
  if (images.empty() && (!wanted.empty() || object.failures.empty())) {
    must(object.image(wanted), arguments.run.program.path);
  }
  return images;
}

KernelProfile profile_of(const VerifyArguments& arguments) {
  const std::string& version = arguments.run.program.kernel;
  return version.empty() ? KernelProfile{} : must(KernelProfile::parse(version));
}

class Judgements {
 public:
  Judgements(const VerifyArguments& arguments, Output& output)
      : arguments_(arguments), output_(output), profile_(profile_of(arguments)) {
    options_.memory_bytes = arguments.memory;
    options_.as_kernel = !arguments.run.program.kernel.empty();
  }

  Exit show(const Object& object) {
    for (const auto& image : images_of(object, arguments_)) show(*image);
    if (arguments_.run.name.empty()) {
      for (const LoadFailure& failure : object.failures) show_failure(failure);
    }
    output_.text("{} of {} accepted by skep, as Linux {}.{} has it\n", accepted_, programs_.size(),
                 profile_.version.major, profile_.version.minor);
    output_.document({{"object", object.name},
                      {"engine", "skep"},
                      {"profile", profile_.text()},
                      {"accepted", accepted_},
                      {"programs", programs_}});
    return rejected_ != 0 ? Exit::Bad : open_ != 0 ? Exit::Unsupported : Exit::Good;
  }

  // The verdict, with the kernel's types read when it turns out that they are needed.
  Verdict judge(const Image& image) {
    Verdict verdict = verify(image, profile_, options_);
    if (!verdict.finding || verdict.finding->code != Code::needs_types) return verdict;
    if (options_.kernel_types != nullptr) return verdict;
    types_ = read_target(arguments_.run.program.target);
    if (types_ == nullptr) return verdict;
    options_.kernel_types = &types_->kernel();
    return verify(image, profile_, options_);
  }

 private:
  void show(const Image& image) {
    const Verdict verdict = judge(image);
    Json entry{{"name", image.name},
               {"section", image.section},
               {"type", name(image.type)},
               {"verdict", name(verdict.outcome)}};
    switch (verdict.outcome) {
      case Outcome::Accepted: ++accepted_; break;
      case Outcome::Rejected: ++rejected_; break;
      case Outcome::Unsupported:
      case Outcome::Undecided: ++open_; break;
    }
    const VerifyStats& stats = verdict.stats;
    output_.text("{}: {}{}\n", output_.strong(printable(image.name)),
                 verdict.accepted() ? output_.good(name(verdict.outcome))
                                    : output_.bad(name(verdict.outcome)),
                 verdict.finding ? ":" : "");
    if (verdict.finding) add_finding(image, *verdict.finding, entry);
    if (arguments_.stats) {
      output_.text(
          "  {} insns judged, {} states kept, {} paths cut short, {} KiB, {} us, {} bytes of "
          "stack\n",
          grouped(stats.visits), grouped(stats.states), grouped(stats.pruned),
          grouped(stats.peak_bytes >> 10), grouped(stats.nanoseconds / 1000), stats.stack_bytes);
    }
    entry["visits"] = stats.visits;
    entry["states"] = stats.states;
    entry["pruned"] = stats.pruned;
    entry["peak_bytes"] = stats.peak_bytes;
    entry["nanoseconds"] = stats.nanoseconds;
    entry["stack_bytes"] = stats.stack_bytes;
    programs_.push_back(std::move(entry));
  }

  void add_finding(const Image& image, const Finding& finding, Json& entry) {
    (void)image;
    entry["code"] = name(finding.code);
    entry["pc"] = finding.pc.value;
    entry["text"] = finding.text;
    if (!finding.place.empty()) entry["place"] = finding.place;
    if (!finding.line.empty()) entry["line"] = finding.line;
    if (!finding.place.empty()) {
      output_.text("  {}: {}\n", printable(finding.place), printable(finding.line));
    }
    output_.text("  {} [{}]\n", printable(finding.text), name(finding.code));
  }

  void show_failure(const LoadFailure& failure) {
    ++rejected_;
    output_.text("{}: {}: {}\n", output_.strong(printable(failure.name)), output_.bad("not made"),
                 printable(failure.error.text));
    programs_.push_back({{"name", failure.name},
                         {"section", failure.section},
                         {"verdict", "not made"},
                         {"code", name(failure.error.code)},
                         {"text", failure.error.text}});
  }

  const VerifyArguments& arguments_;
  Output& output_;
  KernelProfile profile_;
  VerifyOptions options_;
  std::shared_ptr<const CoreTarget> types_;
  Json programs_ = Json::array();
  std::size_t accepted_ = 0, rejected_ = 0, open_ = 0;
};

Object object_of(const VerifyArguments& arguments) {
  return load_program(read_program(arguments.run.program), arguments.run.program);
}

}  // namespace

Exit verify_by_skep(const VerifyArguments& arguments, Output& output) {
  return Judgements(arguments, output).show(object_of(arguments));
}

Exit compare_verdicts(const VerifyArguments& arguments, Output& output,
                      std::span<const KernelAnswer> answers) {
  const Object object = object_of(arguments);
  Judgements judgements(arguments, output);
  Table table({"program", "skep", "kernel", "us", "kernel us", ""});
  Json programs = Json::array();
  u32 different = 0;
  for (const auto& image : images_of(object, arguments)) {
    const auto answer = std::ranges::find(answers, image->name, &KernelAnswer::program);
    if (answer == answers.end()) continue;
    const Verdict verdict = judgements.judge(*image);
    const bool same = verdict.accepted() == answer->accepted;
    if (!same) ++different;
    const std::string why = same ? "" : verdict.finding ? verdict.finding->text : answer->why;
    table.add({printable(image->name), std::string(name(verdict.outcome)),
               answer->accepted ? "accepted" : "rejected",
               grouped(verdict.stats.nanoseconds / 1000), grouped(answer->microseconds),
               printable(why)});
    programs.push_back({{"name", image->name},
                        {"skep", name(verdict.outcome)},
                        {"kernel", answer->accepted ? "accepted" : "rejected"},
                        {"nanoseconds", verdict.stats.nanoseconds},
                        {"kernel_microseconds", answer->microseconds},
                        {"visits", verdict.stats.visits},
                        {"kernel_processed_insns", answer->processed_insns},
                        {"text", verdict.finding ? verdict.finding->text : ""},
                        {"message", answer->why}});
  }
  output.text("{}{} of {} verdicts differ\n", table.text(""), different, programs.size());
  output.document({{"object", object.name}, {"different", different}, {"programs", programs}});
  return different == 0 ? Exit::Good : Exit::Bad;
}

}  // namespace skep
