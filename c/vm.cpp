// Vms of the C interface, and what all its functions share. Tested by tests/c/*_test.cpp.

#include "c/handles.h"

#include <algorithm>
#include <iterator>

namespace skep::c {

std::size_t copy_text(std::string_view text, char* buffer, std::size_t size) {
  if (buffer != nullptr && size != 0) {
    const std::size_t count = std::min(text.size(), size - 1);
    if (count != 0) std::memcpy(buffer, text.data(), count);
    buffer[count] = 0;
  }
  return text.size();
}

int code_of(Code code) {
  switch (row(code).kind) {
    case Kind::Rejected: return SKEP_E_REJECTED;
    case Kind::Fault: return SKEP_E_FAULT;
    case Kind::Usage: return SKEP_E_USAGE;
    case Kind::Unreadable: return SKEP_E_UNREADABLE;
    case Kind::Unsupported: return SKEP_E_UNSUPPORTED;
    case Kind::Internal: break;
  }
  return SKEP_E_INTERNAL;
}

// Every struct begins with the size that its caller knows.
Status read_struct(const void* given, void* known, std::size_t size) {
  std::size_t theirs = 0;
  std::memcpy(&theirs, given, sizeof theirs);
  if (theirs < sizeof theirs) return fail<Code::usage>("sz of a struct is its size, not 0");
  const auto* bytes = static_cast<const u8*>(given);
  if (theirs > size &&
      std::any_of(bytes + size, bytes + theirs, [](u8 byte) { return byte != 0; })) {
    return fail<Code::usage>("a struct has members set that this version of skep does not know");
  }
  std::memcpy(known, given, std::min(theirs, size));
  return {};
}

Status write_struct(const void* known, void* given, std::size_t size) {
  std::size_t theirs = 0;
  std::memcpy(&theirs, given, sizeof theirs);
  if (theirs < sizeof theirs) return fail<Code::usage>("sz of a struct is its size, not 0");
  const std::size_t count = std::min(theirs, size);
  std::memcpy(static_cast<u8*>(given) + sizeof theirs,
              static_cast<const u8*>(known) + sizeof theirs, count - sizeof theirs);
  return {};
}

}  // namespace skep::c

using namespace skep;

skep_vm::skep_vm(const skep_vm_options& given, const Allocator& allocator, u32 cpu_count)
    : options(given),
      memory(allocator),
      vm({.cpus = cpu_count,
          .max_maps = given.max_maps != 0 ? given.max_maps : VmOptions().max_maps,
          .memory = allocator}) {
  env.cpus = cpu_count;
  env.slots = &vm.cpu_slots();
}

// Slots own the programs in them, these their instance, and that its maps.
skep_vm::~skep_vm() {
  for (const auto& weak : instances) {
    const auto instance = weak.lock();
    if (instance == nullptr) continue;
    for (Map* map : instance->maps()) {
      if (map->spec().type != MapType::prog_array) continue;
      for (u32 index = 0; index < map->spec().max_entries; ++index) map->set_target(index, nullptr);
    }
  }
}

void skep_vm::keep_track(const std::shared_ptr<Instance>& instance) {
  const std::lock_guard lock(extending);
  std::erase_if(instances, [](const auto& weak) { return weak.expired(); });
  instances.push_back(instance);
}

void skep_vm::log(int level, std::string_view text) const {
  if (options.log != nullptr) options.log(options.log_user, level, std::string(text).c_str());
}

int skep_vm::report(c::Message& on, const Error& error) {
  on.set(error.text);
  log(SKEP_LOG_ERROR, error.text);
  return c::code_of(error.code);
}

void skep_vm::release() {
  if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const Allocator allocator = memory;
  c::end_handle(allocator, this);
}

const char* skep_version(void) {
  return SKEP_VERSION_TEXT;
}

const char* skep_code_name(int code) {
  static constexpr const char* kNames[] = {"rejected",    "fault",    "usage", "unreadable",
                                           "unsupported", "internal", "busy"};
  if (code == SKEP_OK) return "ok";
  const i64 index = i64{SKEP_E_REJECTED} - code;
  return index >= 0 && index < std::ssize(kNames) ? kNames[index] : "";
}

int skep_vm_new(const struct skep_vm_options* given, skep_vm** vm) {
  skep_vm_options options;
  if (vm == nullptr || !c::read_options(given, options)) return SKEP_E_USAGE;
  *vm = nullptr;
  if ((options.alloc == nullptr) != (options.free == nullptr)) return SKEP_E_USAGE;
  if (options.cpus > CpuSlots::kMaxCpus) return SKEP_E_USAGE;
  const u32 cpus =
      options.cpus != 0 ? options.cpus : std::min(Env::host().cpus, CpuSlots::kMaxCpus);
  const Allocator memory{options.alloc, options.free, options.alloc_user};
  void* place = memory.take(sizeof(skep_vm));
  if (place == nullptr) return SKEP_E_INTERNAL;
  *vm = new (place) skep_vm(options, memory, cpus);
  return SKEP_OK;
}

void skep_vm_free(skep_vm* vm) {
  if (vm != nullptr) vm->release();
}

size_t skep_vm_message(const skep_vm* vm, char* buffer, size_t size) {
  return vm == nullptr ? c::copy_text("", buffer, size) : vm->message.copy(buffer, size);
}
