// The table of verbs and the options that all of them take. See command.h.
#include "tools/command.h"

#include <map>

namespace skep {
namespace {

constexpr const Verb* kVerbs[] = {&kRunVerb,   &kVerifyVerb,  &kLoadVerb,  &kFeatureVerb,
                                  &kInfoVerb,  &kDisVerb,     &kAsmVerb,   &kConformanceVerb,
                                  &kBenchVerb, &kExplainVerb, &kGuestVerb, &kCompletionVerb,
                                  &kJitVerb};

constexpr const char* kFooter =
    "A file name of '-' is stdin. Colours follow NO_COLOR, CLICOLOR_FORCE and the terminal.\n"
    "Exit codes:\n"
    "  0 good   1 test failed, program rejected or ended by a fault   2 wrong use\n"
    "  3 input unreadable   4 not supported   5 internal error";

void add_common(CLI::App& app, OutputOptions& common) {
  static const std::map<std::string, Color> kColors{
      {"auto", Color::Auto}, {"always", Color::Always}, {"never", Color::Never}};
  app.add_flag("-j,--json", common.json, "Answer in JSON; nothing else goes to stdout")
      ->group("Output");
  app.add_flag("-p,--pretty", common.pretty, "The same, indented")->group("Output");
  app.add_option("--color", common.color, "Colours in text: auto, always or never")
      ->transform(CLI::CheckedTransformer(kColors).description(""))
      ->type_name("WHEN")
      ->group("Output");
}

}  // namespace

std::span<const Verb* const> verbs() {
  return kVerbs;
}

std::unique_ptr<CLI::App> make_command_line(OutputOptions& common, std::vector<Action>& actions) {
  auto app = std::make_unique<CLI::App>("Runs, inspects and tests eBPF programs without a kernel.",
                                        "skep");
  app->set_version_flag("--version", "skep " SKEP_VERSION);
  app->require_subcommand(0, 1);
  app->footer(kFooter);
  add_common(*app, common);
  for (const Verb* verb : verbs()) {
    CLI::App* sub = app->add_subcommand(verb->name, verb->summary);
    sub->footer(fmt::format("Examples:\n{}", verb->examples));
    actions.push_back(verb->add(*sub));
    add_common(*sub, common);
  }
  return app;
}

}  // namespace skep
