// gendoc FOLDER writes the reference pages, which are the tables (*.def) as text. With --check it
// compares them with what is there and fails where they differ: the ctest case docs/reference.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/gendoc/page.h"

namespace {

namespace fs = std::filesystem;
using skep::gendoc::Page;

struct File {
  const char* name;
  Page (*make)();
};

constexpr File kFiles[] = {
    {"instructions.md", skep::gendoc::instructions_page},
    {"helpers.md", skep::gendoc::helpers_page},
    {"maps.md", skep::gendoc::maps_page},
    {"program-types.md", skep::gendoc::program_types_page},
    {"contexts.md", skep::gendoc::contexts_page},
    {"kernels.md", skep::gendoc::kernels_page},
    {"diagnostics.md", skep::gendoc::diagnostics_page},
    {"support.md", skep::gendoc::support_page},
};

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool is_page(const fs::path& path) {
  for (const File& file : kFiles) {
    if (path.filename() == file.name) return true;
  }
  return false;
}

int check(const fs::path& folder) {
  int stale = 0;
  for (const File& file : kFiles) {
    if (read(folder / file.name) == file.make().text()) continue;
    std::printf("%s is stale: ./dev doc makes it anew\n", (folder / file.name).c_str());
    ++stale;
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_page(entry.path())) continue;
    std::printf("%s is not a page of ours\n", entry.path().c_str());
    ++stale;
  }
  return stale == 0 ? 0 : 1;
}

int write(const fs::path& folder) {
  fs::create_directories(folder);
  for (const File& file : kFiles) {
    std::ofstream stream(folder / file.name, std::ios::binary);
    stream << file.make().text();
    if (!stream.flush()) {
      std::printf("%s can't be written\n", (folder / file.name).c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool checks = argc == 3 && std::string_view(argv[1]) == "--check";
  const std::string_view folder = argc == 2 || checks ? argv[argc - 1] : "";
  if (folder.empty() || folder.starts_with('-')) {
    std::printf("usage: gendoc [--check] FOLDER\n");
    return 2;
  }
  return checks ? check(folder) : write(folder);
}
