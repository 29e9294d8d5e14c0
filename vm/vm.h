// Vm: the front door. It owns maps, brings images to life on a backend, and finds them by name.
//
//   skep::Vm vm;
//   auto object = SKEP_TRY(skep::load(bytes, {}));             // loader/loader.h
//   auto instance = SKEP_TRY(vm.load(object.images(), {}));
//   skep::Frame frame = ...;                                    // helpers/contexts/frames.h
//   skep::Env env = skep::Env::host();
//   auto result = instance->find("xdp_firewall")->run(frame, {.env = &env});
//
// A Vm and its instances may be used by many threads at once; an Instance must not outlive its Vm.
// Tested by tests/vm/vm_test.cpp.
#pragma once

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "helpers/spec/host_rows.h"
#include "vm/backend.h"
#include "vm/map_table.h"

namespace skep {

struct VmOptions {
  u32 cpus = 1;  // values of per-CPU maps; RunOptions::cpu is below it
  u32 max_maps = 4096;
  Allocator memory = {};  // of what maps hold
};

// One program of an instance: loaded, or why not.
struct InstanceProgram {
  std::shared_ptr<const Image> image;
  std::unique_ptr<Loaded> loaded;  // null if it could not be loaded
  std::optional<Error> error;
};

// The programs of one object on one backend, with their maps.
class Instance {
 public:
  std::span<const InstanceProgram> programs() const { return programs_; }
  Loaded* find(std::string_view program) const;         // null if unknown or not loaded
  Map* map(std::string_view name) const;                // by the object's name of it
  std::span<Map* const> maps() const { return maps_; }  // in the order of the object

 private:
  friend class Vm;
  std::vector<InstanceProgram> programs_;
  std::vector<Map*> maps_;
  std::vector<std::shared_ptr<Map>> shared_maps_;  // the same: they live as long as this
};

class Vm {
 public:
  explicit Vm(VmOptions options = {});

  MapTable& maps() { return maps_; }
  // As many CPUs as per-CPU maps have values: for Env::slots, so that each run takes one.
  CpuSlots& cpu_slots() { return slots_; }

  // Adds a helper or a program type of the host's own (helpers/spec/host_rows.h): programs that are
  // loaded with rows() from then on have it. Safe for many threads at once; fails with
  // bad_host_row.
  Status add_helper(const HelperProto& proto, HostEntry entry);
  Result<ProgramType> add_program_type(HostProgramType type);
  // All that was added so far, for LoadOptions::host; null if nothing was. It stays as it is.
  std::shared_ptr<const HostRows> rows() const;

  // Creates the maps that the images share (all images of one call come from one object), loads
  // each image, and fills prog arrays with the programs that the object puts there. A program that
  // fails to load leaves its error in the instance; a map that fails fails the call. `reuse` gives
  // maps that exist already, by name: they must have the spec's type and sizes.
  Result<std::unique_ptr<Instance>> load(std::span<const std::shared_ptr<const Image>> images,
                                         Backend& backend,
                                         std::span<const std::pair<std::string, u32>> reuse = {});
  // The same on a checked interpreter.
  Result<std::unique_ptr<Instance>> load(std::span<const std::shared_ptr<const Image>> images);

 private:
  MapTable maps_;
  CpuSlots slots_;
  mutable std::mutex adding_;
  std::shared_ptr<const HostRows> rows_;
};

}  // namespace skep
