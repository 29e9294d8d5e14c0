// judge_all: the verifier over every program of objects, a line a program: object, program, type,
// outcome, code, pc, visits, states, microseconds, peak KiB and the finding, tab-separated. For
// collections of real objects, which tests/scripts/ makes; compare_verdicts.py reads it.
//
//   judge_all [--btf FILE] [--kernel VERSION] [--prog NAME] [--visits N] [--memory N] PATH...
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "loader/loader.h"
#include "verifier/verifier.h"

namespace {

using namespace skep;

std::vector<u8> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Arguments {
  std::vector<std::filesystem::path> paths;
  std::optional<CoreTarget> target;
  KernelProfile profile;
  std::string program;
  VerifyOptions options;
};

bool read_target(Arguments& arguments, const char* path) {
  auto btf = load_btf(read_file(path));
  if (!btf) return false;
  auto target = CoreTarget::make(std::make_shared<const Btf>(std::move(*btf)));
  if (!target) return false;
  arguments.target.emplace(std::move(*target));
  arguments.options.kernel_types = &arguments.target->kernel();
  return true;
}

bool parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      if (!std::filesystem::is_directory(word)) {
        arguments.paths.emplace_back(word);
        continue;
      }
      for (const auto& entry : std::filesystem::directory_iterator(word)) {
        if (entry.path().extension() == ".o") arguments.paths.push_back(entry.path());
      }
      continue;
    }
    if (word == "--strict-alignment") {
      arguments.options.strict_alignment = true;
      continue;
    }
    if (++i == count) return false;
    const std::string_view value = words[i];
    if (word == "--btf") {
      if (!read_target(arguments, words[i])) return false;
    } else if (word == "--kernel") {
      auto profile = KernelProfile::parse(value);
      if (!profile) return false;
      arguments.profile = *profile;
      arguments.options.as_kernel = true;
    } else if (word == "--prog") {
      arguments.program = value;
    } else if (word == "--memory") {
      std::from_chars(value.data(), value.data() + value.size(), arguments.options.memory_bytes);
    } else if (word == "--visits") {
      std::from_chars(value.data(), value.data() + value.size(), arguments.options.budget.visits);
    } else {
      return false;
    }
  }
  std::ranges::sort(arguments.paths);
  return !arguments.paths.empty();
}

void judge(const Arguments& arguments, const std::string& object, const Image& image) {
  const Verdict verdict = verify(image, arguments.profile, arguments.options);
  const bool found = verdict.finding.has_value();
  fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", object, image.name, name(image.type),
             name(verdict.outcome), found ? name(verdict.finding->code) : "-",
             found ? verdict.finding->pc.value : 0, verdict.stats.visits, verdict.stats.states,
             verdict.stats.nanoseconds / 1000, verdict.stats.peak_bytes >> 10,
             found ? verdict.finding->text : "");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  if (!parse(count, words, arguments)) {
    fmt::print(stderr,
               "usage: judge_all [--btf FILE] [--kernel VERSION] [--prog NAME] "
               "[--visits N] PATH...\n");
    return 2;
  }
  for (const auto& path : arguments.paths) {
    const std::string name = path.filename();
    LoadOptions options;
    options.name = name;
    if (arguments.target) options.target = &*arguments.target;
    auto object = load(read_file(path), options);
    if (!object) {
      fmt::print("{}\t-\t-\tnot loaded\t{}\t0\t0\t0\t0\t0\t{}\n", name,
                 skep::name(object.error().code), object.error().text);
      continue;
    }
    for (const auto& image : object->programs) {
      if (!arguments.program.empty() && image->name != arguments.program) continue;
      judge(arguments, name, *image);
    }
    for (const LoadFailure& failure : object->failures) {
      fmt::print("{}\t{}\t-\tnot loaded\t{}\t0\t0\t0\t0\t0\t{}\n", name, failure.name,
                 skep::name(failure.error.code), failure.error.text);
    }
  }
  return 0;
}
