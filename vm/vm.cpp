// Instances: maps made or found, programs loaded, slots filled. Tested by tests/vm/vm_test.cpp.

#include "vm/vm.h"

#include <algorithm>
#include <new>

#include "helpers/maps/map.h"

namespace skep {
namespace {

// Whether an existing map can stand for what an object declares.
Status check_fit(const MapSpec& have, const MapSpec& want) {
  const struct {
    const char* what;
    u64 have, want;
  } pairs[] = {
      {"type", static_cast<u64>(have.type), static_cast<u64>(want.type)},
      {"key_size", have.key_size, want.key_size},
      {"value_size", have.value_size, want.value_size},
      {"max_entries", have.max_entries, want.max_entries},
      {"flags", have.flags, want.flags},
  };
  for (const auto& pair : pairs) {
    if (pair.have != pair.want) {
      return fail<Code::map_mismatch>(want.name, pair.what, pair.have, pair.want);
    }
  }
  return {};
}

// Arrays of perf events without a size have a place for each CPU, as libbpf gives them.
MapSpec sized(const MapSpec& given, const MapWorld& world) {
  MapSpec spec = given;
  if (spec.type == MapType::perf_event_array && spec.max_entries == 0)
    spec.max_entries = world.cpus;
  return spec;
}

Result<u32> find_or_create(MapTable& table, const MapSpec& declared, Backend& backend,
                           const Image& image, std::span<const std::pair<std::string, u32>> reuse) {
  const MapSpec spec = sized(declared, table.world());
  const auto given = std::ranges::find(reuse, spec.name, &std::pair<std::string, u32>::first);
  if (given == reuse.end()) return table.add(TRY(backend.create_map(spec, table.world(), image)));
  const Map* map = table.find(given->second);
  if (map == nullptr)
    return fail<Code::map_mismatch>(spec.name, "id", given->second, "one that exists");
  if (auto ok = check_fit(map->spec(), spec); !ok) return std::unexpected(std::move(ok).error());
  return given->second;
}

// Puts the programs and inner maps that the object names into its prog arrays and maps of maps.
Status fill_slots(Backend& backend, const Instance& instance, std::span<const MapSpec> specs) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    for (const MapSlot& slot : specs[i].slots) {
      Loaded* program = slot.program.empty() ? nullptr : instance.find(slot.program);
      Map* inner = slot.program.empty() && slot.map < instance.maps().size()
                       ? instance.maps()[slot.map]
                       : nullptr;
      if (program == nullptr && inner == nullptr) continue;
      if (auto ok = backend.fill_slot(*instance.maps()[i], slot, program, inner); !ok) return ok;
    }
  }
  return {};
}

}  // namespace

Loaded* Instance::find(std::string_view program) const {
  for (const InstanceProgram& entry : programs_) {
    if (entry.image->name == program) return entry.loaded.get();
  }
  return nullptr;
}

Map* Instance::map(std::string_view name) const {
  const auto found =
      std::ranges::find_if(maps_, [&](Map* map) { return map->spec().name == name; });
  return found == maps_.end() ? nullptr : *found;
}

Vm::Vm(VmOptions options)
    : maps_(options.cpus, options.max_maps, options.memory), slots_(options.cpus) {}

// Rows that others hold stay as they are: each addition makes a new set.
Status Vm::add_helper(const HelperProto& proto, HostEntry entry) {
  const std::lock_guard lock(adding_);
  auto rows = rows_ == nullptr ? std::make_shared<HostRows>() : std::make_shared<HostRows>(*rows_);
  TRY(rows->add_helper(proto, entry));
  rows_ = std::move(rows);
  return {};
}

Result<ProgramType> Vm::add_program_type(HostProgramType type) {
  const std::lock_guard lock(adding_);
  auto rows = rows_ == nullptr ? std::make_shared<HostRows>() : std::make_shared<HostRows>(*rows_);
  const ProgramType number = TRY(rows->add_program_type(std::move(type)));
  rows_ = std::move(rows);
  return number;
}

std::shared_ptr<const HostRows> Vm::rows() const {
  const std::lock_guard lock(adding_);
  return rows_;
}

Result<std::unique_ptr<Instance>> Vm::load(std::span<const std::shared_ptr<const Image>> images,
                                           Backend& backend,
                                           std::span<const std::pair<std::string, u32>> reuse) {
  std::unique_ptr<Instance> instance(new (std::nothrow) Instance);
  if (instance == nullptr) return fail<Code::no_memory>("an instance");
  const auto specs = images.empty() || images.front()->maps == nullptr
                         ? std::span<const MapSpec>()
                         : std::span<const MapSpec>(*images.front()->maps);
  for (const MapSpec& spec : specs) {
    const u32 id = TRY(find_or_create(maps_, spec, backend, *images.front(), reuse));
    instance->shared_maps_.push_back(maps_.share(id));
    instance->maps_.push_back(instance->shared_maps_.back().get());
  }
  for (const auto& image : images) {
    auto loaded = backend.load(image, instance->maps_);
    InstanceProgram& entry = instance->programs_.emplace_back();
    entry.image = image;
    if (loaded) {
      entry.loaded = std::move(*loaded);
    } else {
      entry.error = std::move(loaded).error();
    }
  }
  if (auto ok = fill_slots(backend, *instance, specs); !ok)
    return std::unexpected(std::move(ok).error());
  return instance;
}

Result<std::unique_ptr<Instance>> Vm::load(std::span<const std::shared_ptr<const Image>> images) {
  const auto backend = make_interpreter();
  return load(images, *backend);
}

}  // namespace skep
