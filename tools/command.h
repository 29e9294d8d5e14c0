// A verb of the skep command: one file cmd_*.cpp each, listed in main.cpp. A verb declares its
// options to CLI11, which also gives --help and the completion, and returns what to do with them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <span>

#include "tools/output.h"

namespace skep {

using Action = std::function<Exit(Output&)>;

struct Verb {
  const char* name;
  const char* summary;
  const char* examples;  // lines under "Examples:" of --help
  // `app` is the verb's; options live as long as the action, which must hold them.
  Action (*add)(CLI::App& app);
};

extern const Verb kRunVerb, kInfoVerb, kDisVerb, kAsmVerb, kConformanceVerb, kExplainVerb,
    kBenchVerb, kLoadVerb, kVerifyVerb, kFeatureVerb, kGuestVerb, kCompletionVerb, kJitVerb;
std::span<const Verb* const> verbs();

// The whole command line with all verbs; `actions` gets one a verb, in the order of verbs().
// Verbs take the common options too, so that they may stand on either side of the verb.
std::unique_ptr<CLI::App> make_command_line(OutputOptions& common, std::vector<Action>& actions);

}  // namespace skep
