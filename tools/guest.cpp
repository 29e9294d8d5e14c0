// This side of a guest: finds the kernel, packs the job, starts qemu, reads the results.
// See guest.h.
#include "tools/guest.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "tools/archive.h"
#include "tools/output.h"
#include "tools/process.h"

namespace skep {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQemu = "qemu-system-x86_64";
constexpr std::string_view kImagePrefix = "vmlinuz-";
constexpr unsigned kMegabytes = 1024;

// Whether a release is of this version: what follows the version must not go on with its number.
bool is_of_version(std::string_view release, std::string_view version) {
  if (!release.starts_with(version)) return false;
  return release.size() == version.size() || !std::isdigit(release[version.size()]);
}

// The images of a folder, or of its boot/, its parts' boot/: as installed, as unpacked.
std::vector<fs::path> images_below(const fs::path& folder) {
  std::vector<fs::path> folders{folder, folder / "boot"}, images;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    folders.push_back(entry.path() / "boot");
  for (const fs::path& place : folders) {
    for (const auto& entry : fs::directory_iterator(place, ignored)) {
      if (entry.path().filename().string().starts_with(kImagePrefix))
        images.push_back(entry.path());
    }
  }
  return images;
}

GuestKernel kernel_of(const fs::path& image) {
  std::string name = image.filename().string();
  if (name.starts_with(kImagePrefix)) name.erase(0, kImagePrefix.size());
  return {fs::absolute(image).string(), name};
}

// The files of a loaded program: itself and the libraries that the loader would map.
std::vector<std::string> libraries_of(const std::string& program) {
  const TemporaryFolder folder;
  const std::string listing = folder.path() + "/ldd";
  if (run_process({"ldd", program}, {.out = listing, .err = "/dev/null"}, 30) != 0) return {};
  std::vector<std::string> files;
  const std::string text = read_text(listing);
  // "\tlibm.so.6 => /lib/libm.so.6 (0x...)", "\t/lib64/ld-linux-x86-64.so.2 (0x...)"
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const auto first = line.find('/');
    const auto last = line.rfind(" (");
    if (first != line.npos && last != line.npos && first < last)
      files.emplace_back(line.substr(first, last - first));
    at = end + 1;
  }
  return files;
}

// What is loaded of a program: the rest (symbols, source lines) would only have to be unpacked.
Buffer loaded_part(Buffer program) {
  Elf64_Ehdr head;
  if (program.size() < sizeof(head)) return program;
  std::memcpy(&head, program.data(), sizeof(head));
  u64 end = sizeof(head) + u64{head.e_phnum} * sizeof(Elf64_Phdr);
  for (u32 i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr segment;
    const u64 at = head.e_phoff + i * sizeof(segment);
    if (at > program.size() || program.size() - at < sizeof(segment)) return program;
    std::memcpy(&segment, program.data() + at, sizeof(segment));
    end = std::max(end, segment.p_offset + segment.p_filesz);
  }
  if (end < program.size()) program.resize(end);
  head.e_shoff = head.e_shnum = head.e_shstrndx = 0;
  std::memcpy(program.data(), &head, sizeof(head));
  return program;
}

class Packer {
 public:
  explicit Packer(const GuestJob& job) : job_(job) {}

  Buffer pack() {
    const std::string self = fs::read_symlink("/proc/self/exe");
    archive_.add_file(guest::kSelf, loaded_part(read_input(self)), true);
    add_libraries(self);
    for (const char* folder : {"dev", "proc", "sys", "tmp", "run"}) archive_.add_folder(folder);
    if (job_.folder != "/") archive_.add_folder(job_.folder);
    for (const std::string& file : job_.files) add(fs::absolute(file).lexically_normal());
    for (const std::string& file : job_.results)
      archive_.add_folder(fs::path(file).parent_path().string());
    Json modules = Json::array();
    for (const std::string& name : job_.modules) modules.push_back(add_module(name));
    archive_.add_file(guest::kInput, job_.input);
    const std::string text = Json{
        {"command", job_.command},
        {"folder", job_.folder},
        {"modules", modules},
        {"results",
         job_.results}}.dump();
    archive_.add_file(guest::kJob, {reinterpret_cast<const u8*>(text.data()), text.size()});
    return archive_.finish();
  }

 private:
  void add(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      archive_.add_folder(path.string());
      for (const auto& entry : fs::directory_iterator(path)) add(entry.path());
      return;
    }
    if (!fs::is_regular_file(path, ignored) && fs::exists(path, ignored)) return;
    const Buffer bytes = read_input(path.string());
    const bool executable = access(path.c_str(), X_OK) == 0;
    archive_.add_file(path.string(), bytes, executable);
    if (executable && is_elf(bytes)) add_libraries(path.string());
  }

  void add_libraries(const std::string& program) {
    for (const std::string& library : libraries_of(program))
      archive_.add_file(library, read_input(library), true);
  }

  // The module's file, found below the kernel's own folder, beside which the image lies or lay.
  std::string add_module(const std::string& name) {
    const fs::path root = fs::path(job_.kernel.image).parent_path().parent_path();
    const fs::path folder = root / "lib/modules" / job_.kernel.release;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      const std::string file = entry.path().filename().string();
      if (!file.starts_with(name + ".ko")) continue;
      const std::string place = "/modules/" + file;
      archive_.add_file(place, read_input(entry.path().string()));
      return place;
    }
    raise<Code::no_kernel>(fmt::format("no module '{}' in {}", name, folder.string()));
  }

  const GuestJob& job_;
  ArchiveWriter archive_;
};

// The last lines of what the guest's kernel said.
std::string last_words(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return "";
  std::string text = read_text(path);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  const std::size_t lines = text.rfind('\n', text.size() > 600 ? text.size() - 600 : 0);
  return printable(lines == text.npos ? text : text.substr(lines + 1));
}

GuestOutcome unpack(std::span<const u8> bytes, const GuestJob& job) {
  GuestOutcome outcome;
  for (const ArchiveEntry& entry : read_archive(bytes, "what the guest sent")) {
    const std::string path = "/" + entry.name;
    const std::string text(entry.bytes.begin(), entry.bytes.end());
    if (path == guest::kTrouble) {
      raise<Code::no_kernel>(fmt::format("the guest of {}: {}", job.kernel.release, text));
    } else if (path == guest::kOut) {
      outcome.out = text;
    } else if (path == guest::kErr) {
      outcome.err = text;
    } else if (path == guest::kCode) {
      outcome.code = std::atoi(text.c_str());
    } else if (std::ranges::find(job.results, path) != job.results.end()) {
      outcome.files.emplace_back(path, Buffer(entry.bytes.begin(), entry.bytes.end()));
    }
  }
  return outcome;
}

std::vector<std::string> folders_to_search() {
  std::vector<std::string> folders;
  const char* named = std::getenv("SKEP_KERNELS");
  for (std::string_view rest = named == nullptr ? "" : named; !rest.empty();) {
    const auto colon = std::min(rest.find(':'), rest.size());
    if (colon != 0) folders.emplace_back(rest.substr(0, colon));
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  folders.push_back("/boot");
  return folders;
}

}  // namespace

GuestKernel find_guest_kernel(const std::string& version, std::span<const std::string> folders) {
  std::error_code ignored;
  if (version.find('/') != version.npos) {
    if (!fs::is_regular_file(version, ignored))
      raise<Code::no_kernel>(fmt::format("{}: no such kernel image", version));
    return kernel_of(version);
  }
  GuestKernel best;
  for (const std::string& folder : folders) {
    for (const fs::path& image : images_below(folder)) {
      GuestKernel found = kernel_of(image);
      if (!is_of_version(found.release, version)) continue;
      if (strverscmp(found.release.c_str(), best.release.c_str()) > 0) best = std::move(found);
    }
  }
  if (!version.empty() && !best.image.empty()) return best;
  std::string places;
  for (const std::string& folder : folders) places += " " + folder;
  raise<Code::no_kernel>(fmt::format(
      "no vmlinuz-{0}* in{1}; install Debian's linux-image package of {0}, or unpack it (apt-get "
      "download, dpkg -x) and name the folder in SKEP_KERNELS or the vmlinuz by its path",
      version, places));
}

GuestKernel find_guest_kernel(const std::string& version) {
  return find_guest_kernel(version, folders_to_search());
}

GuestOutcome run_in_guest(const GuestJob& job) {
#ifndef __x86_64__
  raise<Code::no_kernel>("guests are x86-64 machines: skep must be built for that");
#endif
  const TemporaryFolder folder;
  const std::string files = folder.path() + "/files", results = folder.path() + "/results",
                    console = folder.path() + "/console", trouble = folder.path() + "/qemu";
  write_output(files, Packer(job).pack());
  int code = 0;
  try {
    code = run_process(
        {kQemu,
         "-nodefaults",
         "-no-user-config",
         "-display",
         "none",
         "-no-reboot",
         "-machine",
         "pc,accel=tcg",
         "-cpu",
         "max",
         "-m",
         fmt::format("{}", kMegabytes),
         "-serial",
         "file:" + console,
         "-serial",
         "file:" + results,
         "-kernel",
         job.kernel.image,
         "-initrd",
         files,
         "-append",
         fmt::format("console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
                     "rdinit={} -- guest --inside",
                     guest::kSelf)},
        {.err = trouble}, job.seconds);
  } catch (const Failure& failure) {
    raise<Code::no_kernel>(
        fmt::format("{} (Debian's package is qemu-system-x86)", failure.error.text));
  }
  std::error_code ignored;
  if (code == 0 && fs::file_size(results, ignored) > 0 && !ignored)
    return unpack(read_input(results), job);
  std::string text = code == -1 ? fmt::format("still busy after {} s; ", job.seconds) : "";
  text += code > 0 ? printable(read_text(trouble)) : last_words(console);
  raise<Code::no_kernel>(
      fmt::format("the guest of {} sent no results: {}", job.kernel.release, text));
}

}  // namespace skep
