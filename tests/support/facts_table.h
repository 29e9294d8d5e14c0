// Tables of facts in tests/data: lines of cells between tabs, after comments and a line of
// headings.
#pragma once

#include <cctype>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "isa/types.h"

namespace skep::test {

inline std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t end; (end = text.find(at)) != text.npos; text.remove_prefix(end + 1))
    parts.emplace_back(text.substr(0, end));
  parts.emplace_back(text);
  return parts;
}

inline std::string upper(std::string_view text) {
  std::string all(text);
  for (char& letter : all) letter = static_cast<char>(std::toupper(letter));
  return all;
}

inline u32 number(std::string_view text) {
  u32 value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "6.12", with or without a 'v' before it.
inline Version version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  const auto parts = split(text, '.');
  return {static_cast<u16>(number(parts[0])), static_cast<u16>(number(parts[1]))};
}

// "1-3,8" in steps of 1: 1, 2, 3, 8.
inline std::vector<u32> ranges(std::string_view text, u32 step = 1) {
  std::vector<u32> all;
  for (const std::string& part : split(text, ',')) {
    const auto ends = split(part, '-');
    for (u32 i = number(ends.front()); i <= number(ends.back()); i += step) all.push_back(i);
  }
  return all;
}

// The rows of a file; none if it cannot be read.
inline std::vector<std::vector<std::string>> facts(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(path);
  bool headed = false;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (headed) rows.push_back(split(line, '\t'));
    headed = true;
  }
  return rows;
}

}  // namespace skep::test
