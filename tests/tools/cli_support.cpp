// Commands by way of bash, output by way of files: nothing can block, and nothing gets lost.
// See cli_support.h.
#include "tests/tools/cli_support.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace skep {
namespace {

std::string make_folder() {
  std::string name = std::filesystem::temp_directory_path() / "skep-cli-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

struct Folder {
  std::string path = make_folder();
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

const std::string& work_folder() {
  static const Folder folder;
  return folder.path;
}

void write_file(const std::string& name, const std::string& content) {
  std::ofstream(work_folder() + "/" + name, std::ios::binary) << content;
}

std::string read_file(const std::string& name) {
  const std::string path = name.starts_with('/') ? name : work_folder() + "/" + name;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Ran run_shell(const std::string& command) {
  // SKEP_COMMAND is a command line: an emulator may stand before the program.
  write_file(".command",
             "cd '" + work_folder() + "'\nskep() { " SKEP_COMMAND " \"$@\"; }\n" + command + "\n");
  const std::string base = work_folder() + "/";
  const int status = std::system(
      ("bash '" + base + ".command' > '" + base + ".out' 2> '" + base + ".err' < /dev/null")
          .c_str());
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.out = read_file(".out");
  ran.err = read_file(".err");
  return ran;
}

std::string kernel_missing() {
  write_file("probe.s", "; run: type=xdp\nr0 = 2\nexit\n");
  const Ran ran = run_shell("skep run probe.s --engine kernel");
  if (ran.code == 0) return "";
  const bool refused = ran.err.find("[no_kernel]") != std::string::npos;
  const bool absent = ran.err.find("is not in this build") != std::string::npos;
  EXPECT_TRUE(ran.code == 4 && (refused || absent))
      << "the kernel engine fails by itself, exit code " << ran.code << ": " << ran.err;
  return (absent ? "needs kernel feature: " : "needs permission: ") + ran.err;
}

}  // namespace skep
