// Differences between our tables and what others say, and the list of their reasons. What no reason
// takes is a failure, and so is a reason that takes another number of differences than it says.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "isa/types.h"

namespace skep::test {

struct Explanation {
  std::string_view start, end;  // of the difference's text
  std::string_view reason;
  u32 count;  // of differences that it takes
};

inline void expect_explained(const std::vector<std::string>& lines,
                             std::span<const Explanation> explanations) {
  std::vector<u32> used(explanations.size());
  for (const std::string& line : lines) {
    const auto found = std::ranges::find_if(explanations, [&](const Explanation& explanation) {
      return line.starts_with(explanation.start) && line.ends_with(explanation.end);
    });
    if (found == explanations.end()) {
      ADD_FAILURE() << line;
    } else {
      ++used[static_cast<std::size_t>(found - explanations.begin())];
    }
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    EXPECT_EQ(used[i], explanations[i].count)
        << explanations[i].start << " ... " << explanations[i].end << ": "
        << explanations[i].reason;
}

}  // namespace skep::test
