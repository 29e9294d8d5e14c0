// See load_pins.h.
#include "tools/load_pins.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ranges>

namespace skep {
namespace {

// A bpf file system takes no dots.
std::string path_of(const std::string& folder, const std::string& kind, std::string name) {
  std::ranges::replace(name, '.', '_');
  return fmt::format("{}/{}/{}", folder, kind, name);
}

}  // namespace

Pins::~Pins() {
  for (const std::string& path : std::views::reverse(made_)) {
    if (unlink(path.c_str()) != 0) rmdir(path.c_str());
  }
}

void Pins::make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) {
    made_.push_back(path);
  } else if (errno != EEXIST) {
    raise<Code::kernel_refused>("making folder", path, std::strerror(errno),
                                " (is a bpf file system mounted there?)");
  }
}

void Pins::add(const std::string& kind, const std::string& name,
               const std::function<Status(const std::string& path)>& pin) {
  make_folder(folder_);
  make_folder(folder_ + "/" + kind);
  const std::string path = path_of(folder_, kind, name);
  must(pin(path));
  made_.push_back(path);
}

void Pins::add_map(const KernelMap& map) {
  const std::string path = path_of(folder_, "maps", map.spec().name);
  if (map.spec().pinned && access(path.c_str(), F_OK) == 0) return;
  add("maps", map.spec().name, [&](const std::string& to) { return map.pin(to); });
}

std::unique_ptr<Map> open_pin(const std::string& folder, const MapSpec& spec) {
  const std::string path = path_of(folder, "maps", spec.name);
  if (access(path.c_str(), F_OK) != 0) return nullptr;
  return must(KernelMap::open_pinned(path));
}

}  // namespace skep
