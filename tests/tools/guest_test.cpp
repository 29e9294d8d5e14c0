// Archives there and back; kernels found by version; what is said when a guest can't be had. qemu
// is played by scripts here: real guests need a kernel image and are for `./dev kernels`.
#include "tools/guest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/tools/cli_support.h"
#include "tools/archive.h"
#include "tools/output.h"
#include "tools/process.h"

namespace skep {
namespace {

namespace fs = std::filesystem;

Buffer bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

// The text of the Failure that `action` ends in.
template <class Action>
std::string failure_of(Action action) {
  try {
    action();
  } catch (const Failure& failure) {
    return failure.error.text;
  }
  return "no failure";
}

TEST(Archive, GivesBackWhatWasPutIn) {
  ArchiveWriter writer;
  writer.add_file("/a/b/one", bytes_of("1"));
  writer.add_file("two", bytes_of("four"), true);
  writer.add_file("a/b/one", bytes_of("not again"));
  writer.add_folder("/a/c");
  const Buffer bytes = writer.finish();
  std::string names;
  for (const ArchiveEntry& entry : read_archive(bytes, "here")) {
    names += fmt::format("{}={} ", entry.name, std::string(entry.bytes.begin(), entry.bytes.end()));
  }
  EXPECT_EQ(names, "a= a/b= a/b/one=1 two=four a/c= ");
}

TEST(Archive, CutShortOrChangedIsAFailure) {
  ArchiveWriter writer;
  writer.add_file("one", bytes_of("12345"));
  const Buffer whole = writer.finish();
  for (std::size_t size = 0; size + 4 < whole.size(); ++size) {
    const std::string text = failure_of([&] { read_archive({whole.data(), size}, "here"); });
    EXPECT_NE(text.find("cut short"), std::string::npos) << size << ": " << text;
  }
  // The magic, the size made 0xf0000005, a digit of the name's size that is none.
  for (const auto& [at, byte] : {std::pair{0u, 'x'}, {54u, 'f'}, {94u, 'x'}}) {
    Buffer bytes = whole;
    bytes[at] = static_cast<u8>(byte);
    EXPECT_NE(failure_of([&] { read_archive(bytes, "here"); }), "no failure") << at;
  }
}

struct KernelCase {
  const char* version;
  const char* release;  // "": none
};

TEST(GuestKernels, AreFoundByVersion) {
  const TemporaryFolder folder;
  for (const char* name : {"6.1.0-9-cloud", "6.1.0-56-cloud", "6.12.9-cloud", "6.12.117-cloud"}) {
    const fs::path boot = fs::path(folder.path()) / name / "boot";
    fs::create_directories(boot);
    std::ofstream(boot / fmt::format("vmlinuz-{}", name)) << "image";
  }
  const std::vector<std::string> folders{"/nowhere", folder.path()};
  constexpr KernelCase kCases[] = {
      {"6.1", "6.1.0-56-cloud"},
      {"6.12", "6.12.117-cloud"},
      {"6.12.9", "6.12.9-cloud"},
      {"6", "6.12.117-cloud"},
      {"6.11", ""},
      {"", ""},
      {"/no/vmlinuz", ""},
  };
  for (const KernelCase& which : kCases) {
    std::string release;
    const std::string failure =
        failure_of([&] { release = find_guest_kernel(which.version, folders).release; });
    EXPECT_EQ(release, which.release) << which.version << ": " << failure;
    if (release.empty()) {
      EXPECT_NE(failure.find(which.version), std::string::npos) << failure;
    }
  }
  const std::string path = folder.path() + "/6.12.9-cloud/boot/vmlinuz-6.12.9-cloud";
  EXPECT_EQ(find_guest_kernel(path, folders).image, path);
}

TEST(Processes, EndBeforeTheirTimeOrAreKilled) {
  EXPECT_EQ(run_process({"sh", "-c", "exit 7"}, {}, 10), 7);
  EXPECT_EQ(run_process({"sh", "-c", "kill -9 $$"}, {}, 10), 128 + 9);
  EXPECT_EQ(run_process({"sleep", "30"}, {}, 0), -1);
  // Under qemu-user the failure of exec does not reach the parent: the child ends with 127.
  int code = 0;
  const std::string text = failure_of([&] { code = run_process({"/no/such/program"}, {}, 1); });
  EXPECT_TRUE(code == 127 || text.find("No such file") != std::string::npos) << code << text;
}

// `skep guest` with this shell text as qemu; RESULTS is the file that it writes its results to,
// FILES the archive that it is given.
Ran run_with_qemu(const std::string& qemu) {
  write_file("qemu-system-x86_64",
             "#!/bin/bash\nwhile [ $# -gt 0 ]; do\n"
             "  case $1 in\n    file:*results) RESULTS=${1#file:} ;;\n"
             "    file:*console) CONSOLE=${1#file:} ;;\n    -initrd) FILES=$2 ;;\n  esac\n"
             "  shift\ndone\n" +
                 qemu + "\n");
  fs::permissions(work_folder() + "/qemu-system-x86_64", fs::perms::owner_all);
  write_file("vmlinuz-9.9-test", "image");
  return run_shell("export PATH=$PWD:$PATH; skep guest ./vmlinuz-9.9-test -- skep --version");
}

struct TroubleCase {
  const char* qemu;
  const char* text;
};
constexpr TroubleCase kTroubles[] = {
    {"echo 'no such machine' >&2; exit 1", "no such machine"},
    {"printf 'booting\\nKernel panic - no init\\n' > \"$CONSOLE\"", "Kernel panic - no init"},
    {"echo rubbish > \"$RESULTS\"", "cut short"},
    {"head -c 200 \"$FILES\" > \"$RESULTS\"", "cut short"},
};

TEST(Guests, SayWhatWentWrong) {
#ifdef __x86_64__
  for (const TroubleCase& which : kTroubles) {
    const Ran ran = run_with_qemu(which.qemu);
    EXPECT_NE(ran.code, 0) << which.qemu;
    EXPECT_NE(ran.err.find(which.text), std::string::npos) << which.qemu << "\n" << ran.err;
  }
#else
  EXPECT_EQ(run_with_qemu("exit 0").code, static_cast<int>(Exit::Unsupported));
#endif
}

TEST(GuestEngines, TakeTheFilesOfTheCommandLineAlong) {
  const TemporaryFolder folder;
  const auto file = [&](const char* name) {
    std::ofstream(folder.path() + "/" + name) << name;
    return folder.path() + "/" + name;
  };
  const std::string object = file("a.o"), map = file("map.json"), path = file("text");
  const GuestJob job =
      guest_job("kernel:6.12",
                {"build/skep", "run", object, "--engine=kernel:6.12", "--map", "m=" + map, "--ctx",
                 "arg2=@user:file:" + path, "--data", "-", "--data-out", "kernel:6.12"},
                {"", "-", "/out/packet"});
  EXPECT_EQ(job.files, (std::vector<std::string>{object, map, path}));
  EXPECT_EQ(job.results, std::vector<std::string>{"/out/packet"});
  ASSERT_EQ(job.command.size(), 12u);
  EXPECT_EQ(job.command[0], "skep");
  EXPECT_EQ(job.command[3], "--engine=kernel");
  EXPECT_EQ(job.command[11], "kernel:6.12");  // a file's name
  EXPECT_EQ(guest_job("kernel:6.1", {"skep", "run", "--engine", "kernel:6.1"}, {}).command[3],
            "kernel");
  EXPECT_TRUE(is_guest_engine("kernel:6.12"));
  for (const char* engine : {"kernel", "kernel:", "interpreter"})
    EXPECT_FALSE(is_guest_engine(engine)) << engine;
  const Ran ran = run_shell("skep run /dev/null --engine kernel:99.9");
  EXPECT_EQ(ran.code, static_cast<int>(Exit::Unsupported)) << ran.err;
  EXPECT_NE(ran.err.find("99.9"), std::string::npos) << ran.err;
}

TEST(Guests, OnlyTheFirstProcessIsInside) {
  EXPECT_EQ(run_shell("skep guest --inside").code, static_cast<int>(Exit::Usage));
  EXPECT_EQ(run_shell("skep guest 6.12").code, static_cast<int>(Exit::Usage));
}

}  // namespace
}  // namespace skep
