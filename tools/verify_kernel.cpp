// Verdicts of the running kernel: maps made, each program given to its verifier, what it said
// shown. See verify_arguments.h.
#include <sys/utsname.h>

#include <algorithm>

#include "kernel/backend.h"
#include "kernel/kernel_types.h"
#include "tools/verify_arguments.h"

namespace skep {
namespace {

constexpr u32 kCountsLevel = 4;

std::string kernel_release() {
  utsname names{};
  return uname(&names) == 0 ? names.release : "";
}

// The verifier's counts as the document has them; nothing if the log had none.
void add_counts(const KernelLog& log, Json& entry) {
  if (!log.counted) return;
  entry["processed_insns"] = log.processed_insns;
  entry["total_states"] = log.total_states;
  entry["peak_states"] = log.peak_states;
  entry["max_states_per_insn"] = log.max_states_per_insn;
  entry["stack_depth"] = log.stack_depth;
  entry["microseconds"] = log.microseconds;
}

// The kernel, asked what it says of each program; nothing stays loaded.
class Judge final : public Backend {
 public:
  explicit Judge(KernelOptions options)
      : options_(options), kernel_(make_kernel_backend(options)) {}
  std::string_view name() const override { return kernel_->name(); }
  Result<std::unique_ptr<Map>> create_map(const MapSpec& spec, const MapWorld& world,
                                          const Image& image) override {
    return kernel_->create_map(spec, world, image);
  }
  Status fill_slot(Map& map, const MapSlot& slot, Loaded* program, Map* inner) override {
    return inner == nullptr ? Status{} : kernel_->fill_slot(map, slot, program, inner);
  }
  Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                       std::span<Map* const> maps) override {
    // Read once for all programs, if one needs them. Who can't have them is told what is missing.
    if (options_.types == nullptr && needs_kernel_btf(*image)) {
      if (auto types = read_kernel_btf()) options_.types = std::move(*types);
    }
    verdicts_.push_back(kernel_verify(std::move(image), maps, options_));
    return std::unique_ptr<Loaded>();
  }

  // In the order of the programs.
  std::span<const Result<KernelVerdict>> verdicts() const { return verdicts_; }

 private:
  KernelOptions options_;
  std::unique_ptr<Backend> kernel_;
  std::vector<Result<KernelVerdict>> verdicts_;
};

class Verdicts {
 public:
  Verdicts(const VerifyArguments& arguments, const Session& session, Output& output)
      : arguments_(arguments), session_(session), output_(output) {}

  Exit show(std::span<const Result<KernelVerdict>> verdicts) {
    for (std::size_t i = 0; i < verdicts.size(); ++i)
      show(*session_.instance->programs()[i].image, verdicts[i]);
    if (arguments_.run.name.empty()) show_failures();
    const std::string release = kernel_release();
    output_.text("{} of {} accepted by Linux {}\n", accepted_, programs_.size(), release);
    output_.document({{"object", session_.object->name},
                      {"engine", "kernel"},
                      {"kernel", release},
                      {"accepted", accepted_},
                      {"programs", programs_}});
    return accepted_ == programs_.size() ? Exit::Good : Exit::Bad;
  }

 private:
  void show(const Image& image, const Result<KernelVerdict>& verdict) {
    Json entry{{"name", image.name}, {"section", image.section}, {"type", name(image.type)}};
    if (!verdict) {  // the verifier was not reached
      if (verdict.error().code == Code::no_kernel) throw Failure{verdict.error()};
      return reject(verdict.error(), "rejected", std::move(entry));
    }
    add_counts(verdict->log, entry);
    if (arguments_.log_level != 0) entry["log"] = verdict->text;
    if (verdict->accepted) {
      accept(verdict->log, std::move(entry));
    } else {
      add_place(image, *verdict, entry);
      reject(*verdict->refusal, "rejected", std::move(entry));
    }
    if (arguments_.log_level != 0) output_.text("{}\n", printable_lines(verdict->text));
  }

  static void add_place(const Image& image, const KernelVerdict& verdict, Json& entry) {
    entry["errno"] = verdict.error;
    entry["message"] = verdict.log.message;
    if (verdict.log.code) entry["rule"] = name(*verdict.log.code);
    const auto pc = verdict.refusal->pc;
    if (!pc) return;
    entry["pc"] = pc->value;
    if (image.program.source().find(*pc) != nullptr)
      entry["place"] = image.program.source().place(*pc);
  }

  void accept(const KernelLog& log, Json entry) {
    ++accepted_;
    output_.text("{}: {}: {} insns processed, {} states, {} bytes of stack\n",
                 output_.strong(entry["name"].get<std::string>()), output_.good("accepted"),
                 grouped(log.processed_insns), grouped(log.total_states), log.stack_depth);
    entry["verdict"] = "accepted";
    programs_.push_back(std::move(entry));
  }

  void reject(const Error& why, std::string_view verdict, Json entry) {
    output_.text("{}: {}: {}\n", output_.strong(entry["name"].get<std::string>()),
                 output_.bad(verdict), printable_lines(why.text));
    entry["verdict"] = verdict;
    entry["code"] = name(why.code);
    entry["text"] = why.text;
    programs_.push_back(std::move(entry));
  }

  // Programs that the object has and that could not be made.
  void show_failures() {
    for (const LoadFailure& failure : session_.object->failures)
      reject(failure.error, "not made", {{"name", failure.name}, {"section", failure.section}});
  }

  // Safe for a terminal, line by line.
  static std::string printable_lines(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      safe += printable(text.substr(0, end));
      if (end < text.size()) safe += '\n';
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return safe;
  }

  const VerifyArguments& arguments_;
  const Session& session_;
  Output& output_;
  Json programs_ = Json::array();
  std::size_t accepted_ = 0;
};

}  // namespace

namespace {

struct Asked {
  std::unique_ptr<Session> session;
  const Judge* judge = nullptr;  // the session's backend
};

Asked ask(const VerifyArguments& arguments) {
  must(check_permission());
  KernelOptions options{.log_level = arguments.log_level | kCountsLevel,
                        .object_types = std::make_shared<ObjectTypes>()};
  // A kernel without types judges what needs none.
  if (auto types = read_kernel_btf()) options.types = std::move(*types);
  auto judge = std::make_unique<Judge>(options);
  Asked asked;
  asked.judge = judge.get();
  ObjectSession wanted;
  wanted.backend = std::move(judge);
  wanted.all = true;
  asked.session = make_object_session(arguments.run, std::move(wanted));
  return asked;
}

}  // namespace

Exit verify_by_kernel(const VerifyArguments& arguments, Output& output) {
  const Asked asked = ask(arguments);
  return Verdicts(arguments, *asked.session, output).show(asked.judge->verdicts());
}

std::vector<KernelAnswer> ask_kernel(const VerifyArguments& arguments) {
  VerifyArguments by_kernel = arguments;
  by_kernel.run.engine = "kernel";
  const Asked asked = ask(by_kernel);
  std::vector<KernelAnswer> answers;
  const auto verdicts = asked.judge->verdicts();
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    KernelAnswer answer{.program = asked.session->instance->programs()[i].image->name, .why = {}};
    if (!verdicts[i]) {
      answer.why = verdicts[i].error().text;
    } else {
      answer.accepted = verdicts[i]->accepted;
      answer.processed_insns = verdicts[i]->log.processed_insns;
      answer.microseconds = verdicts[i]->log.microseconds;
      if (!answer.accepted) answer.why = verdicts[i]->log.message;
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace skep
