// Codes, texts and severities of everything that can go wrong, from isa/diagnostics.def.
//
// fail<Code::x>(...) makes the Error of a row; the row's text is checked against the arguments
// when compiled, so a message can't fail to render when it is needed.
// Tested by tests/isa/diagnostic_test.cpp.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string_view>

#include "isa/result.h"

namespace skep {

enum class Code : u16 {
#define DIAG(code, kind, title, message, kernel, explanation) code,
#include "isa/diagnostics.def"
#undef DIAG
};

// What sort of failure it is. The `skep` command's exit code follows from it.
enum class Kind : u8 {
  Rejected,     // the program breaks a rule
  Fault,        // a run was ended
  Usage,        // the caller asked for something that makes no sense
  Unreadable,   // the input can't be read
  Unsupported,  // well formed, but not something that skep does (yet)
  Internal,     // out of memory, or a bug of ours
};

struct DiagnosticRow {
  Code code;
  Kind kind;
  std::string_view name;
  std::string_view title;
  std::string_view message;
  std::string_view kernel;
  std::string_view explanation;
};

inline constexpr DiagnosticRow kDiagnostics[] = {
#define DIAG(code, kind, title, message, kernel, explanation) \
  {Code::code, Kind::kind, #code, title, message, kernel, explanation},
#include "isa/diagnostics.def"
#undef DIAG
};

constexpr const DiagnosticRow& row(Code code) {
  return kDiagnostics[static_cast<u16>(code)];
}
constexpr std::string_view name(Code code) {
  return row(code).name;
}
const DiagnosticRow* find_diagnostic(std::string_view name);

// The Error of a row, its text rendered with `args`.
template <Code code, class... Args>
Error make_error(Args&&... args) {
  constexpr std::string_view text = row(code).message;
  return {code, fmt::format(fmt::format_string<Args...>(text), std::forward<Args>(args)...), {}};
}

// The same as the failure of a Result: return fail<Code::x>(...);
template <Code code, class... Args>
std::unexpected<Error> fail(Args&&... args) {
  return std::unexpected(make_error<code>(std::forward<Args>(args)...));
}

// The same, at an instruction; every such row's first argument is that pc.
template <Code code, class... Args>
std::unexpected<Error> fail_at(Pc pc, Args&&... args) {
  Error error = make_error<code>(pc.value, std::forward<Args>(args)...);
  error.pc = pc;
  return std::unexpected(std::move(error));
}

}  // namespace skep
