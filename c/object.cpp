// Objects and programs of the C interface. Tested by tests/c/*_test.cpp.

#include "c/handles.h"
#include "helpers/spec/image_names.h"

namespace skep {
namespace {

Result<CoreTarget> core_target(const skep_open_options& options) {
  const std::span bytes(static_cast<const u8*>(options.btf), options.btf_size);
  return CoreTarget::make(std::make_shared<const Btf>(TRY(load_btf(bytes))));
}

void list_programs(skep_object& object) {
  for (const auto& image : object.object.programs) {
    object.programs.push_back({.object = &object, .image = image});
  }
  for (const LoadFailure& failure : object.object.failures) {
    object.programs.push_back({.object = &object, .failure = &failure});
  }
}

void log_findings(const skep_object& object) {
  const skep_vm& vm = *object.vm;
  for (const auto* list : {&object.object.failures, &object.object.errors}) {
    for (const LoadFailure& failure : *list) {
      vm.log(SKEP_LOG_WARNING, fmt::format("{}: {}", failure.name, failure.error.text));
    }
  }
  for (const FailedCoreRelo& core : object.object.failed_core) {
    vm.log(SKEP_LOG_WARNING,
           fmt::format("{}, insn {}: {}: {}", core.section, core.pc.value, core.path, core.reason));
  }
}

Result<Object> read_object(skep_vm& vm, const void* bytes, size_t size,
                           const skep_open_options* given) {
  skep_open_options options;
  TRY(c::read_options(given, options));
  if (bytes == nullptr) return fail<Code::usage>("no object is given");
  LoadOptions load_options{.name = c::text_of(options.name),
                           .program = c::text_of(options.program),
                           .kconfig = c::text_of(options.kconfig),
                           .host = vm.vm.rows()};
  if (options.kernel_version != 0) load_options.kernel_version = options.kernel_version;
  std::optional<CoreTarget> target;
  if (options.btf != nullptr) {
    target = TRY(core_target(options));
    load_options.target = &*target;
  }
  return load({static_cast<const u8*>(bytes), size}, load_options);
}

// Programs stay while a slot names them, though their object is closed.
void own_targets(const std::shared_ptr<Instance>& instance) {
  for (Map* map : instance->maps()) {
    if (map->spec().type != MapType::prog_array) continue;
    for (u32 index = 0; index < map->spec().max_entries; ++index) {
      const Callable* target = map->target(index);
      if (target == nullptr) continue;
      for (const InstanceProgram& program : instance->programs()) {
        if (program.loaded == nullptr || program.loaded->callable() != target) continue;
        map->set_target(index, std::shared_ptr<const Callable>(instance, target));
      }
    }
  }
}

// The first program's failure, after all were tried.
Status load_object(skep_object& object, const skep_load_options* given) {
  skep_load_options options;
  TRY(c::read_options(given, options));
  if (object.instance != nullptr) return fail<Code::usage>("the object is loaded already");
  if (options.mode > SKEP_MODE_TRUSTED) return fail<Code::usage>("an unknown mode");
  const auto backend =
      make_interpreter({.mode = options.mode == SKEP_MODE_TRUSTED ? Mode::Trusted : Mode::Checked});
  object.instance = TRY(object.vm->vm.load(object.object.programs, *backend, object.reuse));
  object.vm->keep_track(object.instance);
  own_targets(object.instance);
  Status first;
  const auto loaded = object.instance->programs();
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    object.programs[i].loaded = loaded[i].loaded.get();
    object.programs[i].error = loaded[i].error;
    if (!loaded[i].error.has_value()) continue;
    object.vm->log(SKEP_LOG_WARNING,
                   fmt::format("{}: {}", loaded[i].image->name, loaded[i].error->text));
    if (first) first = std::unexpected(*loaded[i].error);
  }
  if (first && !object.object.failures.empty()) {
    first = std::unexpected(object.object.failures.front().error);
  }
  return first;
}

const Error* error_of(const skep_program& program) {
  if (program.failure != nullptr) return &program.failure->error;
  return program.error.has_value() ? &*program.error : nullptr;
}

const MapSpec* spec_of(const skep_object* object, std::size_t index) {
  if (object == nullptr || object->object.maps == nullptr) return nullptr;
  const auto& maps = *object->object.maps;
  return index < maps.size() ? &maps[index] : nullptr;
}

}  // namespace
}  // namespace skep

using namespace skep;

int skep_object_open(skep_vm* vm, const void* bytes, size_t size,
                     const struct skep_open_options* options, skep_object** object) {
  if (vm == nullptr || object == nullptr) return SKEP_E_USAGE;
  *object = nullptr;
  auto read = read_object(*vm, bytes, size, options);
  if (!read) return vm->report(vm->message, read.error());
  auto* made = c::make_handle<skep_object>(vm->memory);
  if (made == nullptr) return vm->report(vm->message, make_error<Code::no_memory>("an object"));
  vm->hold();
  made->vm = vm;
  made->object = std::move(*read);
  list_programs(*made);
  log_findings(*made);
  *object = made;
  return SKEP_OK;
}

void skep_object_close(skep_object* object) {
  if (object == nullptr) return;
  skep_vm* vm = object->vm;
  c::end_handle(vm->memory, object);
  vm->release();
}

size_t skep_object_message(const skep_object* object, char* buffer, size_t size) {
  if (object == nullptr) return c::copy_text("", buffer, size);
  return object->message.copy(buffer, size);
}

size_t skep_object_program_count(const skep_object* object) {
  return object == nullptr ? 0 : object->programs.size();
}

skep_program* skep_object_program_at(skep_object* object, size_t index) {
  return index < skep_object_program_count(object) ? &object->programs[index] : nullptr;
}

skep_program* skep_object_find_program(skep_object* object, const char* name) {
  if (object == nullptr || name == nullptr) return nullptr;
  for (skep_program& program : object->programs) {
    if (std::string_view(skep_program_name(&program)) == name) return &program;
  }
  return nullptr;
}

int skep_object_reuse_map(skep_object* object, const char* name, skep_map* map) {
  if (object == nullptr) return SKEP_E_USAGE;
  skep_vm& vm = *object->vm;
  const auto wrong = [&](std::string_view why) {
    return vm.report(object->message, make_error<Code::usage>(why));
  };
  if (name == nullptr || map == nullptr) return wrong("a name and a map are needed");
  if (object->instance != nullptr) return wrong("the object is loaded already");
  bool declared = false;
  for (std::size_t i = 0; spec_of(object, i) != nullptr; ++i)
    declared |= spec_of(object, i)->name == name;
  if (!declared) return wrong(fmt::format("the object has no map '{}'", name));
  const Map* shared = reinterpret_cast<const Map*>(map);
  if (vm.vm.maps().find(shared->table_id()) == shared) {
    object->reuse.emplace_back(name, shared->table_id());
    return SKEP_OK;
  }
  return wrong("the map is of another vm");
}

int skep_object_load(skep_object* object, const struct skep_load_options* options) {
  if (object == nullptr) return SKEP_E_USAGE;
  const Status loaded = load_object(*object, options);
  return loaded ? SKEP_OK : object->vm->report(object->message, loaded.error());
}

const char* skep_program_name(const skep_program* program) {
  if (program == nullptr) return "";
  return program->image != nullptr ? program->image->name.c_str() : program->failure->name.c_str();
}

const char* skep_program_section(const skep_program* program) {
  if (program == nullptr) return "";
  return program->image != nullptr ? program->image->section.c_str()
                                   : program->failure->section.c_str();
}

// Names of rows are texts with a terminating zero: literals, or strings that the rows own.
const char* skep_program_type_name(const skep_program* program) {
  if (program == nullptr || program->image == nullptr) return "";
  const Image& image = *program->image;
  const ProgramTypeRow* row = find_program_type(image.host.get(), image.type);
  return row == nullptr || image.type == ProgramType::unspec ? "" : row->name.data();
}

const char* skep_program_attach_to(const skep_program* program) {
  return program == nullptr || program->image == nullptr ? "" : program->image->attach_to.c_str();
}

size_t skep_program_insn_count(const skep_program* program) {
  return program == nullptr || program->image == nullptr ? 0 : program->image->program.size();
}

int skep_program_status(const skep_program* program) {
  if (program == nullptr) return SKEP_E_USAGE;
  const Error* error = error_of(*program);
  return error == nullptr ? SKEP_OK : c::code_of(error->code);
}

size_t skep_program_message(const skep_program* program, char* buffer, size_t size) {
  const Error* error = program == nullptr ? nullptr : error_of(*program);
  return c::copy_text(error == nullptr ? std::string_view() : error->text, buffer, size);
}

size_t skep_program_disassemble(const skep_program* program, char* buffer, size_t size) {
  if (program == nullptr || program->image == nullptr) return c::copy_text("", buffer, size);
  const Image& image = *program->image;
  return c::copy_text(disassemble(image.program, names_of(image)), buffer, size);
}

size_t skep_object_map_count(const skep_object* object) {
  return object == nullptr || object->object.maps == nullptr ? 0 : object->object.maps->size();
}

int skep_object_map_info(const skep_object* object, size_t index, struct skep_map_info* info) {
  const MapSpec* spec = spec_of(object, index);
  if (spec == nullptr || info == nullptr) return SKEP_E_USAGE;
  return c::write_map_info(*spec, 0, *info);
}

skep_map* skep_object_map_at(skep_object* object, size_t index) {
  if (object == nullptr || object->instance == nullptr) return nullptr;
  const auto maps = object->instance->maps();
  return index < maps.size() ? reinterpret_cast<skep_map*>(maps[index]) : nullptr;
}

skep_map* skep_object_find_map(skep_object* object, const char* name) {
  for (std::size_t i = 0; name != nullptr && spec_of(object, i) != nullptr; ++i) {
    if (spec_of(object, i)->name == name) return skep_object_map_at(object, i);
  }
  return nullptr;
}
