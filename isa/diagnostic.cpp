// Looking a diagnostic up by its name, for `skep explain` and tests.

#include "isa/diagnostic.h"

#include <algorithm>

namespace skep {

const DiagnosticRow* find_diagnostic(std::string_view name) {
  const auto* found = std::ranges::find(kDiagnostics, name, &DiagnosticRow::name);
  return found == std::end(kDiagnostics) ? nullptr : found;
}

}  // namespace skep
