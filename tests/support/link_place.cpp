// Namespaces, a cgroup, and traffic. See link_place.h.
#include "tests/support/link_place.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

namespace skep::test {
namespace {

void bring_up_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

// Where cgroup2 is mounted, "" if nowhere.
std::string cgroup_root() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string what, where, type, rest; mounts >> what >> where >> type;) {
    std::getline(mounts, rest);
    if (type == "cgroup2") return where;
  }
  return "";
}

// A folder of this process and thread alone.
std::string make_cgroup() {
  const std::string root = cgroup_root();
  if (root.empty()) return "";
  const std::string path = root + "/skep-test-" + std::to_string(gettid());
  return mkdir(path.c_str(), 0755) == 0 ? path : "";
}

// It is busy until the child's end is through.
void remove_cgroup(const std::string& path) {
  for (int i = 0; i < 100 && rmdir(path.c_str()) != 0 && errno == EBUSY; ++i) usleep(10'000);
}

sockaddr_in loopback(int fd) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

void limit_waiting(int fd) {
  const timeval second{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
}

void connect_by(const char* congestion) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  for (const int fd : {server, client}) limit_waiting(fd);
  const sockaddr_in address = loopback(server);
  listen(server, 1);
  if (congestion != nullptr)
    setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, congestion,
               static_cast<socklen_t>(std::strlen(congestion)));
  if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const int accepted = accept(server, nullptr, nullptr);
    char bytes[100] = {};
    if (send(client, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) recv(accepted, bytes, 1, 0);
    close(accepted);
  }
  close(client);
  close(server);
}

}  // namespace

std::string in_own_world(const std::function<void(World&)>& body) {
  World world;
  std::thread([&] {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
      world.skip = "needs permission: namespaces";
      return;
    }
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (access("/sys/kernel/tracing/events", F_OK) != 0)
      mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr);
    bring_up_loopback();
    world.cgroup = make_cgroup();
    body(world);
    if (!world.cgroup.empty()) remove_cgroup(world.cgroup);
  }).join();
  return world.skip;
}

int in_child(const std::string& cgroup, void (*action)()) {
  const pid_t child = fork();
  if (child == 0) {
    if (!cgroup.empty()) {
      const int fd = open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
      if (write(fd, "0", 1) != 1) _exit(1);
      close(fd);
    }
    action();
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

void use_udp() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  limit_waiting(fd);
  int size = 1 << 16;
  socklen_t length = sizeof(size);
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
  const sockaddr_in address = loopback(fd);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  char byte = 1;
  if (sendto(fd, &byte, 1, 0, to, sizeof(address)) == 1) recv(fd, &byte, 1, 0);
  connect(fd, to, sizeof(address));
  close(fd);
}

void use_tcp() {
  connect_by(nullptr);
}

void use_skep_tcp() {
  connect_by("skep_test");
}

void use_files() {
  for (const char* path : {"/proc/sys/kernel/ostype", "/dev/null"}) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;
    (void)!read(fd, &byte, 1);
    close(fd);
  }
}

void use_priority() {
  getpriority(PRIO_PROCESS, 0);
}

void use_time() {
  usleep(5'000);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(40);
  while (std::chrono::steady_clock::now() < end) {
  }
}

void use_function() {
  skep_link_test_function();
}

}  // namespace skep::test

__attribute__((noinline)) void skep_link_test_function() {
  __asm__ volatile("" ::: "memory");  // so that calls stay
}
