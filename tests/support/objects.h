// Objects for tests of the loader: compiled ones (tests/loader/*.bpf.c) and types by hand.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "loader/loader.h"
#include "tests/support/btf_builder.h"
#include "tests/support/elf_builder.h"

namespace skep::test {

// The bytes of tests/loader/<name>.bpf.c as clang compiled it.
inline std::vector<u8> fixture(const std::string& name) {
  std::ifstream in(std::string(SKEP_OBJECT_DIR) + "/" + name + ".bpf.o", std::ios::binary);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// An object that was loaded without any failure.
inline Object good(Result<Object> object) {
  if (!object) {
    ADD_FAILURE() << object.error().text;
    return {};
  }
  for (const LoadFailure& failure : object->failures) ADD_FAILURE() << failure.error.text;
  for (const LoadFailure& error : object->errors) ADD_FAILURE() << error.error.text;
  return *std::move(object);
}

inline Object load_good(std::span<const u8> bytes, const LoadOptions& options = {}) {
  return good(load(bytes, options));
}

inline Object load_fixture(const std::string& name, LoadOptions options = {}) {
  if (options.name.empty()) options.name = name;
  return load_good(fixture(name), options);
}

inline const MapSpec& map_of(const Object& object, std::string_view name) {
  static const MapSpec kNone;
  for (const MapSpec& spec : *object.maps) {
    if (spec.name == name) return spec;
  }
  ADD_FAILURE() << "no map " << name;
  return kNone;
}

}  // namespace skep::test
