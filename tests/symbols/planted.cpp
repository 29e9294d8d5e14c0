// Refers to everything that tests/symbols/forbidden.txt forbids: rules_test compiles this and wants
// every rule to find something. Never run.
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <assert.h>
#include <fmt/core.h>
#include <fmt/format.h>
#include <unistd.h>

extern "C" void __cxa_rethrow();

int run_before_main() {
  return std::rand();
}
int global = run_before_main();

void ends(int way) {
  switch (way) {
    case 0: std::abort();
    case 1: std::exit(1);
    case 2: _exit(1);
    case 3: std::quick_exit(1);
    case 4: __assert_fail("", "", 0, "");
    case 5: std::terminate();
    case 6: std::raise(9);
    case 7: __cxa_rethrow();
  }
}

void prints(const char* text, FILE* file, va_list list) {
  std::cout << text;
  std::cerr << text;
  std::printf("%s %d", text, 1);
  std::vfprintf(file, text, list);
  char buffer[64];
  std::vsnprintf(buffer, sizeof buffer, text, list);
  std::puts(text);
  std::fputs(text, file);
  std::fwrite(text, 1, 10, file);
  obstack_printf(nullptr, text);
  fmt::print("{}", text);
  fmt::vprint(text, fmt::make_format_args());
}

int lazy() {
  static int value = run_before_main();
  return value;
}
