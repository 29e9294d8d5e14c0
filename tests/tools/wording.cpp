// wording: which diagnostic of ours says what the kernel's verifier says. Reads a message a line
// and writes the code's name, or nothing, a line each. For tests/verdicts/run.
#include <fmt/format.h>

#include <iostream>
#include <string>

#include "kernel/log.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const auto code = skep::parse_log(line).code;
    fmt::print("{}\n", code ? skep::name(*code) : "");
  }
}
