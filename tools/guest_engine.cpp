// `--engine kernel:VERSION`: this very command line, in a guest, with `--engine kernel`. See
// guest.h.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/guest.h"
#include "tools/output.h"

namespace skep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "kernel:";

std::vector<std::string> own_command_line() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  return words;
}

// The files that a word of a command line may name: itself, and what follows a '=' or ':' of it, as
// in --map NAME=FILE and --ctx arg2=@user:file:PATH.
void add_files(const std::string& word, std::vector<std::string>& files) {
  std::error_code ignored;
  for (std::size_t at = 0; at != std::string::npos && files.size() < 10'000;) {
    const std::string part = word.substr(at);
    if (fs::is_regular_file(part, ignored)) files.push_back(part);
    const auto next = word.find_first_of("=:", at);
    at = next == std::string::npos ? next : next + 1;
  }
}

bool reads_stdin(const std::string& word) {
  return word == "-" || word.ends_with("=-");
}

}  // namespace

bool is_guest_engine(std::string_view engine) {
  return engine.starts_with(kPrefix) && engine.size() > kPrefix.size();
}

GuestJob guest_job(const std::string& engine, std::vector<std::string> words,
                   const std::vector<std::string>& results) {
  GuestJob job;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string option = "--engine=";
    const std::size_t at = words[i].starts_with(option) ? option.size() : 0;
    const bool named = at != 0 || (i > 0 && words[i - 1] == "--engine");
    if (named && words[i].substr(at) == engine) words[i].resize(at + kPrefix.size() - 1);
    add_files(words[i], job.files);
  }
  if (!words.empty()) words[0] = "skep";
  job.command = std::move(words);
  job.folder = fs::current_path().string();
  for (const std::string& file : results) {
    if (!file.empty() && file != "-")
      job.results.push_back(fs::absolute(file).lexically_normal().string());
  }
  return job;
}

Exit rerun_in_guest(const std::string& engine, const std::vector<std::string>& results) {
  GuestJob job = guest_job(engine, own_command_line(), results);
  job.kernel = find_guest_kernel(engine.substr(kPrefix.size()));
  if (std::ranges::any_of(job.command, reads_stdin)) job.input = read_input("-");
  const GuestOutcome outcome = run_in_guest(job);
  for (const auto& [path, bytes] : outcome.files) write_output(path, bytes);
  write_output("-", {reinterpret_cast<const u8*>(outcome.out.data()), outcome.out.size()});
  write_error(outcome.err);
  return static_cast<Exit>(outcome.code & 255);
}

}  // namespace skep
