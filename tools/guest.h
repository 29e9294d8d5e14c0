// Other kernels: a machine under qemu, emulated whole, that boots a Debian kernel with a first file
// system made of this very program, what it loads, and the files that a command needs; runs the
// command there, and gives back what it wrote. About three seconds, no network, no disk, no root.
//
// On this side: guest.cpp. In there this program is the init process: guest_init.cpp. Between them
// two archives (tools/archive.h): one is unpacked by the kernel, one comes back by a serial line.
// Failures are of type Failure (tools/output.h). Tested by tests/tools/guest_test.cpp.
#pragma once

#include "tools/io.h"
#include "tools/output.h"

namespace skep {

// A kernel to boot, and where its modules are.
struct GuestKernel {
  std::string image;    // vmlinuz
  std::string release;  // "6.12.117+deb12-cloud-amd64"
};

// By version ("6.12" is also 6.12.117, never 6.120) from the folders that SKEP_KERNELS names, apart
// by colons, and from /boot; or by the path of a vmlinuz. The newest one of several. A Failure
// (no_kernel) says how to come by it.
GuestKernel find_guest_kernel(const std::string& version);
// The same with the folders given.
GuestKernel find_guest_kernel(const std::string& version, std::span<const std::string> folders);

struct GuestJob {
  GuestKernel kernel;
  std::vector<std::string> command;  // "skep" is this program; else a path among the files
  std::string folder = "/";          // where the command runs
  std::vector<std::string> files;    // files and folders of this machine, at the same place there
  std::vector<std::string> modules;  // names of kernel modules to load before, in order
  std::vector<std::string> results;  // files that the command writes, to bring back
  Buffer input;                      // its stdin
  u32 seconds = 120;                 // for all of it
};

struct GuestOutcome {
  int code = -1;  // of the command
  std::string out;
  std::string err;
  std::vector<std::pair<std::string, Buffer>> files;  // of the results, those that it wrote
};

GuestOutcome run_in_guest(const GuestJob& job);

// `--engine kernel:VERSION` or kernel:PATH: the same command in a guest with `--engine kernel`.
bool is_guest_engine(std::string_view engine);
// The job of a command line that has this engine: with all files that it names. `results` are the
// files that the command writes; "" and "-" are none.
GuestJob guest_job(const std::string& engine, std::vector<std::string> words,
                   const std::vector<std::string>& results);
// Does this process' own command line so, and gives its exit code.
Exit rerun_in_guest(const std::string& engine, const std::vector<std::string>& results);

// The init process of a guest: mounts what programs expect, does the job, sends the results, turns
// the machine off. Refuses to be anything but process 1.
[[noreturn]] void guest_init();

// Places that both sides know.
namespace guest {
inline constexpr const char* kSelf = "/skep";
inline constexpr const char* kJob = "/skep.job";  // JSON: command, folder, modules, results
inline constexpr const char* kInput = "/skep.stdin";
inline constexpr const char* kOut = "/skep.out";  // in the results too, with the next two
inline constexpr const char* kErr = "/skep.err";
inline constexpr const char* kCode = "/skep.code";
inline constexpr const char* kTrouble = "/skep.trouble";  // why the job was not done at all
}  // namespace guest

}  // namespace skep
