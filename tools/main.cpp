// The skep command: reads the command line, runs one verb, turns whatever goes wrong into one line
// on stderr and an exit code. Nothing that is thrown leaves main.
// Tested by tests/tools/cli_test.cpp.
#include <cstdio>
#include <exception>
#include <new>

#include "tools/command.h"

namespace skep {
namespace {

Exit run_verb(const CLI::App& app, std::span<const Action> actions, Output& output) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (app.got_subcommand(verbs()[i]->name)) return actions[i](output);
  }
  raise<Code::usage>("no verb given; `skep --help` lists them");
}

// What CLI11 says about a wrong command line, made one line.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (std::size_t at; (at = text.find('\n')) != std::string::npos;) text.replace(at, 1, "; ");
  const auto chosen = app.get_subcommands();
  return fmt::format("{} (see `skep {}--help`)", text,
                     chosen.empty() ? "" : chosen[0]->get_name() + " ");
}

// The options before an error tell how to answer it, also where CLI11 gave up before reading them.
bool asks_for_json(std::span<char* const> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "-j" || argument == "--json" || argument == "-p" || argument == "--pretty")
      return true;
    if (argument == "--") break;
  }
  return false;
}

Exit parse_and_run(int argc, char** argv) {
  OutputOptions common;
  std::vector<Action> actions;
  const auto app = make_command_line(common, actions);
  try {
    app->parse(argc, argv);
  } catch (const CLI::Success& help) {  // --help, --version
    app->exit(help);
    return Exit::Good;
  } catch (const CLI::ParseError& error) {
    common.json = asks_for_json({argv, static_cast<std::size_t>(argc)});
    Output(common).error(make_error<Code::usage>(complaint(*app, error)));
    return Exit::Usage;
  }
  Output output(common);
  try {
    const Exit code = run_verb(*app, actions, output);
    output.finish();
    return code;
  } catch (const Failure& failure) {
    output.error(failure.error);
    return exit_of(row(failure.error.code).kind);
  } catch (const std::bad_alloc&) {
    output.error(make_error<Code::no_memory>("this input"));
    return Exit::Internal;
  } catch (const std::exception& error) {
    output.error(make_error<Code::unhandled>(error.what()));
    return Exit::Internal;
  }
}

}  // namespace

}  // namespace skep

int main(int argc, char** argv) {
  try {
    return static_cast<int>(skep::parse_and_run(argc, argv));
  } catch (...) {  // out of memory while saying so
    std::fputs("skep: an error of skep itself [unhandled]\n", stderr);
    return static_cast<int>(skep::Exit::Internal);
  }
}
