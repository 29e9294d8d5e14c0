// `skep feature`: what a kernel has, asked of the running one or read from a file, and how that
// differs from skep's tables. Tested by tests/tools/feature_test.cpp.
#include "helpers/spec/sections.h"
#include "tools/command.h"
#include "tools/engine.h"
#include "tools/feature_json.h"
#include "tools/io.h"
#include "tools/json_values.h"

#ifdef SKEP_HAS_KERNEL
#include "kernel/probe.h"
#endif

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep feature                     the running kernel: needs root\n"
    "  skep feature -j > here.json\n"
    "  skep feature --from here.json    or from what `bpftool feature probe -j` printed\n"
    "  skep feature --compare           where skep's tables say something else";

struct Arguments {
  std::string from;
  bool compare = false;
};

KernelFacts ask_running() {
  find_engine("kernel");  // says if this build has none
#ifdef SKEP_HAS_KERNEL
  return must(probe_kernel());
#else
  return {};
#endif
}

// What was refused and why, and what could not be asked: once for all attach types.
void show_refusals(const KernelFacts& facts, Output& output) {
  std::string last;
  for (const TypeFacts& type : facts.types) {
    if (type.why.empty()) continue;
    std::string line = fmt::format("{}: {}", name(type.type), type.why);
    if (line != last) output.text("refused: {}\n", line);
    last = std::move(line);
  }
  for (const std::string& line : facts.unasked) output.text("not asked: {}\n", line);
}

void show(const KernelFacts& facts, Output& output) {
  output.text("{} as profile {}\n\n", facts.release.empty() ? "a kernel" : facts.release,
              output.strong(facts.profile().text()));
  Table types({"program type", "attach type", "loads", "helpers", "accesses"});
  for (const TypeFacts& type : facts.types) {
    types.add({std::string(name(type.type)),
               type.attach_type == AttachType::none
                   ? "-"
                   : std::string(attach_type_name(static_cast<u32>(type.attach_type))),
               type.loads ? "yes" : "no",
               type.helpers_asked ? std::to_string(type.helpers.size()) : "-",
               type.contexts_asked ? std::to_string(type.accesses.size()) : "-"});
  }
  output.text("{}\n", types.text());
  std::string maps, no_maps, features, no_features;
  for (const auto& [type, there] : facts.maps)
    (there ? maps : no_maps) += fmt::format(" {}", find_map_kind(type)->name);
  for (const auto& [feature, there] : facts.features) {
    (there ? features : no_features) +=
        fmt::format(" {}", feature_rows()[static_cast<std::size_t>(feature)].name);
  }
  output.text("map types:{}\nno map types:{}\nfeatures:{}\nno features:{}\nlimits:", maps, no_maps,
              features, no_features);
  for (const auto& [limit, value] : facts.limits)
    output.text(" {} {}", std::ranges::find(limit_rows(), limit, &LimitRow::limit)->name, value);
  output.text("\n");
  show_refusals(facts, output);
}

Exit feature(const Arguments& arguments, Output& output) {
  const KernelFacts facts =
      arguments.from.empty()
          ? ask_running()
          : facts_from_json(parse_json(read_text(arguments.from), arguments.from), arguments.from);
  if (!arguments.compare) {
    show(facts, output);
    output.document(facts_to_json(facts));
    return Exit::Good;
  }
  const std::vector<std::string> lines = differences(facts);
  for (const std::string& line : lines) output.text("{}\n", line);
  output.text("{} differences\n", lines.size());
  output.document({{"differences", lines}});
  return lines.empty() ? Exit::Good : Exit::Bad;
}

}  // namespace

const Verb kFeatureVerb{"feature", "Ask what a kernel has: types, helpers, maps, features",
                        kExamples, [](CLI::App& app) -> Action {
                          const auto arguments = std::make_shared<Arguments>();
                          app.add_option("--from", arguments->from,
                                         "Read it from a file of `skep feature -j` or bpftool")
                              ->type_name("FILE");
                          app.add_flag("--compare", arguments->compare,
                                       "Show where skep's tables differ; exit code 1 if they do");
                          return
                              [arguments](Output& output) { return feature(*arguments, output); };
                        }};

}  // namespace skep
