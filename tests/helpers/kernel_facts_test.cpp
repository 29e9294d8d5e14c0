// What kernels answered, compared with the tables.
#include "helpers/spec/kernel_facts.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace skep {
namespace {

// Facts of a kernel that has what the tables say of it are no difference; one changed fact is one.
TEST(Facts, DifferencesAreFound) {
  KernelFacts facts;
  facts.version = {6, 18};
  facts.maps = {{MapType::hash, true}, {MapType::rhash, false}};
  facts.features = {{Feature::bounded_loops, true}};
  facts.limits = {{Limit::insns, 1'000'000}};
  EXPECT_TRUE(differences(facts).empty());
  EXPECT_EQ(facts.profile(), KernelProfile(6, 18));
  facts.maps[1].second = true;
  facts.features[0].second = false;
  facts.limits[0].second = 4096;
  EXPECT_EQ(differences(facts).size(), 3u);
  EXPECT_EQ(facts.profile().text(), "6.18-bounded_loops");
  TypeFacts& type = facts.types.emplace_back();
  type.type = ProgramType::xdp;
  type.loads = true;
  type.helpers = {1};
  EXPECT_EQ(differences(facts).size(), 3u) << "where helpers were not asked";
  type.helpers_asked = true;
  EXPECT_GT(differences(facts).size(), 50u);  // each helper that XDP programs have but one
}

TEST(Facts, WhatIsForbiddenIsNoDifference) {
  KernelFacts facts;
  facts.version = {6, 18};
  TypeFacts& type = facts.types.emplace_back();
  type.type = ProgramType::xdp;
  type.error = EINVAL;
  EXPECT_EQ(differences(facts),
            std::vector<std::string>{"program type xdp: the table says yes, the kernel no"});
  type.error = EPERM;
  EXPECT_TRUE(differences(facts).empty());
}

TEST(Facts, ReleasesHaveAVersion) {
  EXPECT_EQ(version_of_release("6.18.5-amd64"), (Version{6, 18}));
  EXPECT_EQ(version_of_release("5.15"), (Version{5, 15}));
  for (const char* bad : {"", "six", "6", "6.", ".1"}) EXPECT_FALSE(version_of_release(bad)) << bad;
}

}  // namespace
}  // namespace skep
