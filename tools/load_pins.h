// The folder of `skep load --pin`: programs/, maps/ and links/ in a bpf file system. What was put
// there goes again if the verb fails on the way. Tested by tests/tools/load_test.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/map.h"
#include "tools/output.h"

namespace skep {

class Pins {
 public:
  explicit Pins(std::string folder) : folder_(std::move(folder)) {}
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;
  ~Pins();

  // Pins something as FOLDER/kind/name; names lose what a bpf file system does not take.
  void add(const std::string& kind, const std::string& name,
           const std::function<Status(const std::string& path)>& pin);
  // A map, unless it is there already: then it came from there.
  void add_map(const KernelMap& map);
  // All is well: what was put there stays.
  void keep() { made_.clear(); }

 private:
  void make_folder(const std::string& path);

  std::string folder_;
  std::vector<std::string> made_;  // in the order of making
};

// The map that an earlier `skep load --pin` left there for this spec; null if there is none.
std::unique_ptr<Map> open_pin(const std::string& folder, const MapSpec& spec);

}  // namespace skep
