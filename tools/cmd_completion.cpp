// `skep completion bash`: a completion script made from the very options that the verbs declare to
// CLI11, so that it can't fall behind them. Tested by tests/tools/cli_test.cpp.
#include "tools/command.h"

namespace skep {
namespace {

// Words that an option or positional can take, where they are few. Anything else is a file.
struct Choices {
  const char* option;
  const char* words;
};
constexpr Choices kChoices[] = {
    {"--color", "auto always never"},
    {"--engine", "interpreter kernel"},
    {"--mode", "checked trusted"},
    {"--format", "hex bin c"},
};

std::string options_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) words += " -" + name;
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  }
  return words.empty() ? words : words.substr(1);
}

std::string verb_names() {
  std::string words;
  for (const Verb* verb : verbs())
    words += fmt::format("{}{}", words.empty() ? "" : " ", verb->name);
  return words;
}

std::string all_codes() {
  std::string words;
  for (const DiagnosticRow& row : kDiagnostics)
    words += fmt::format("{}{}", words.empty() ? "" : " ", row.name);
  return words;
}

std::string bash_script() {
  OutputOptions common;
  std::vector<Action> actions;
  const auto app = make_command_line(common, actions);
  std::string script =
      "# bash completion of skep; put it where bash looks, or: source <(skep completion bash)\n"
      "_skep() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= i\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} != -* ]] && verb=${COMP_WORDS[i]} && break\n"
      "  done\n"
      "  case $before in\n";
  for (const Choices& choices : kChoices) {
    script += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n",
                          choices.option, choices.words);
  }
  script += fmt::format(
      "    explain) [[ $word == -* ]] || {{ COMPREPLY=($(compgen -W '{}' -- \"$word\")); return; "
      "}} ;;\n"
      "    completion) [[ $word == -* ]] || {{ COMPREPLY=($(compgen -W 'bash' -- \"$word\")); "
      "return; }} ;;\n"
      "  esac\n"
      "  case $verb in\n"
      "    '') COMPREPLY=($(compgen -W '{} {}' -- \"$word\")); return ;;\n",
      all_codes(), verb_names(), options_of(*app));
  for (const Verb* verb : verbs()) {
    script += fmt::format(
        "    {}) [[ $word == -* ]] && COMPREPLY=($(compgen -W '{}' -- \"$word\")) && return ;;\n",
        verb->name, options_of(*app->get_subcommand(verb->name)));
  }
  return script +
         "  esac\n"
         "  COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "}\n"
         "complete -o filenames -F _skep skep\n";
}

}  // namespace

const Verb kCompletionVerb{
    "completion", "Print a completion script for a shell",
    "  source <(skep completion bash)\n"
    "  skep completion bash > ~/.local/share/bash-completion/completions/skep",
    [](CLI::App& app) -> Action {
      const auto shell = std::make_shared<std::string>();
      app.add_option("shell", *shell, "bash")
          ->type_name("SHELL")
          ->required()
          ->check(CLI::IsMember({"bash"}).description(""));
      return [shell](Output& output) {
        const std::string script = bash_script();
        output.text("{}", script);
        output.document({{"shell", "bash"}, {"script", script}});
        return Exit::Good;
      };
    }};

}  // namespace skep
