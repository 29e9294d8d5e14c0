// The inside of a guest: process 1 of a machine that has nothing but a kernel and the files of the
// job. See guest.h.
#include "tools/guest.h"

#ifdef __linux__
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/archive.h"
#include "tools/output.h"
#include "tools/process.h"

namespace skep {
namespace {

constexpr const char* kResultsDevice = "/dev/ttyS1";
constexpr unsigned kLong = 24 * 3600;           // the other side keeps the time
constexpr unsigned kCompressedModule = 1 << 2;  // MODULE_INIT_COMPRESSED_FILE

struct MountRow {
  const char* type;
  const char* place;
};
constexpr MountRow kMounts[] = {
    {"devtmpfs", "/dev"},
    {"proc", "/proc"},
    {"sysfs", "/sys"},
    {"bpf", "/sys/fs/bpf"},
    {"cgroup2", "/sys/fs/cgroup"},
    {"tracefs", "/sys/kernel/tracing"},
};

void mount_all() {
  for (const MountRow& row : kMounts) {
    // A kernel without one of them: the program that wants it will say so.
    (void)mount(row.type, row.place, row.type, 0, nullptr);
  }
}

void bring_up_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (fd >= 0) {
    (void)ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
  }
}

void load_module(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const unsigned flags = path.ends_with(".ko") ? 0 : kCompressedModule;
  const long error = fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", flags);
  const int why = errno;
  if (fd >= 0) close(fd);
  if (error != 0 && why != EEXIST) raise<Code::file_unreadable>(path, std::strerror(why));
}

std::string do_job() {
  const Json job = Json::parse(read_text(guest::kJob));
  for (const auto& module : job["modules"]) load_module(module.get<std::string>());
  std::filesystem::current_path(job["folder"].get<std::string>());
  auto command = job["command"].get<std::vector<std::string>>();
  if (!command.empty() && command[0] == "skep") command[0] = guest::kSelf;
  const int code =
      run_process(command, {.in = guest::kInput, .out = guest::kOut, .err = guest::kErr}, kLong);
  return fmt::format("{}", code);
}

std::span<const u8> bytes_of(std::string_view text) {
  return {reinterpret_cast<const u8*>(text.data()), text.size()};
}

// What the job left, as an archive.
Buffer pack_results() {
  ArchiveWriter archive;
  try {
    archive.add_file(guest::kCode, bytes_of(do_job()));
    const Json job = Json::parse(read_text(guest::kJob));
    auto files = job["results"].get<std::vector<std::string>>();
    for (const char* always : {guest::kOut, guest::kErr}) files.push_back(always);
    for (const std::string& file : files) {
      if (access(file.c_str(), R_OK) == 0) archive.add_file(file, read_input(file));
    }
  } catch (const Failure& failure) {
    archive.add_file(guest::kTrouble, bytes_of(failure.error.text));
  } catch (const std::exception& error) {
    archive.add_file(guest::kTrouble, bytes_of(error.what()));
  }
  return archive.finish();
}

// By the second serial line, which must leave bytes as they are.
void send(std::span<const u8> bytes) {
  const int fd = open(kResultsDevice, O_WRONLY | O_NOCTTY);
  termios settings{};
  if (tcgetattr(fd, &settings) == 0) {
    cfmakeraw(&settings);
    tcsetattr(fd, TCSANOW, &settings);
  }
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) break;
    if (written > 0) bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  tcdrain(fd);
}

}  // namespace

void guest_init() {
  if (getpid() != 1) raise<Code::usage>("--inside is for the first process of a guest");
  mount_all();
  bring_up_loopback();
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("HOME", "/", 1);
  send(pack_results());
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

}  // namespace skep

#else

#include "tools/output.h"

namespace skep {
void guest_init() {
  raise<Code::usage>("--inside is for the first process of a guest");
}
}  // namespace skep
#endif
