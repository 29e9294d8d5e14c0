// Refers to what our library may refer to; rules_test wants nothing found here.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

constexpr int kTable[] = {1, 2, 3};

std::string text(int value, std::vector<int>& values) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%d", value);
  values.resize(static_cast<std::size_t>(kTable[value % 3]));
  return fmt::format("{} {}", buffer, values.size());
}

// Names that only resemble forbidden ones.
extern "C" int abort_count();
extern "C" int my_printf();
int exit_code() {
  return abort_count() + my_printf();
}
