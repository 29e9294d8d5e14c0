// See process.h.
#include "tools/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "tools/output.h"

extern char** environ;

namespace skep {
namespace {

// posix_spawn's list of files to open, freed with it.
struct Actions {
  posix_spawn_file_actions_t list;
  Actions() { posix_spawn_file_actions_init(&list); }
  Actions(const Actions&) = delete;
  ~Actions() { posix_spawn_file_actions_destroy(&list); }
  void open(int fd, const std::string& path, int flags) {
    posix_spawn_file_actions_addopen(&list, fd, path.c_str(), flags, 0600);
  }
};

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Waits in short steps: the time of a guest is seconds.
int wait_for(pid_t child, unsigned seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return exit_code(status);
    if (ended < 0 && errno != EINTR) raise<Code::unhandled>(std::strerror(errno));
    if (std::chrono::steady_clock::now() > end) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

int run_process(const std::vector<std::string>& words, const ProcessFiles& files,
                unsigned seconds) {
  Actions actions;
  actions.open(0, files.in, O_RDONLY);
  actions.open(1, files.out, O_WRONLY | O_CREAT | O_TRUNC);
  if (!files.err.empty()) actions.open(2, files.err, O_WRONLY | O_CREAT | O_TRUNC);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], &actions.list, nullptr, argv.data(), environ);
  if (error != 0) raise<Code::file_unreadable>(words[0], std::strerror(error));
  return wait_for(child, seconds);
}

TemporaryFolder::TemporaryFolder() {
  std::error_code ignored;
  path_ = (std::filesystem::temp_directory_path(ignored) / "skep-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) raise<Code::file_unwritable>(path_, std::strerror(errno));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace skep
