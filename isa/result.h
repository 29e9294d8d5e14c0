// Result<T>: a value or one Error. The library neither throws nor aborts on input; every
// operation that can fail says so in its type.
//
// Never call Result::value(): without exceptions it ends in abort(). TRY and operator* do not.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "isa/types.h"

namespace skep {

enum class Code : u16;  // the rows of isa/diagnostics.def; names and texts are in isa/diagnostic.h

// Why one operation failed. `text` is complete for a person: it names the place and the reason.
struct [[nodiscard]] Error {
  Code code{};
  std::string text;
  std::optional<Pc> pc;  // the instruction at fault, where there is one
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

// Evaluates to the value of a Result, or returns its Error from the enclosing function.
#define SKEP_TRY(expr)                                                                \
  __extension__({                                                                     \
    auto&& skep_try_result = (expr);                                                  \
    if (!skep_try_result) return std::unexpected(std::move(skep_try_result).error()); \
    *std::move(skep_try_result);                                                      \
  })
#define TRY(expr) SKEP_TRY(expr)

}  // namespace skep
