// Loads the program of a run, makes its maps and fills them. See run_arguments.h.
#include <algorithm>

#include "tools/globals.h"
#include "tools/map_data.h"
#include "tools/run_arguments.h"

namespace skep {
namespace {

const ProgramTypeRow& type_of(const std::string& name) {
  const ProgramTypeRow* row = find_program_type(name);
  if (row == nullptr) raise<Code::usage>(fmt::format("--type {}: no such program type", name));
  return *row;
}

// The program to run: the one named, or the only one. Its reason if it could not be made.
std::shared_ptr<const Image> choose(const Object& object, const RunArguments& arguments) {
  if (arguments.name.empty() && object.programs.size() + object.failures.size() > 1) {
    raise<Code::several_programs>(object.name, object.programs.size() + object.failures.size(),
                                  program_names(object));
  }
  return must(object.image(arguments.name),
              arguments.program.path == "-" ? "stdin" : arguments.program.path);
}

// The object's images, with the chosen one's type changed, and with other first contents of maps.
std::vector<std::shared_ptr<const Image>> prepare_images(const Object& object,
                                                         std::shared_ptr<const Image>& chosen,
                                                         const RunArguments& arguments) {
  auto maps = object.maps;
  if (!arguments.globals.empty()) {
    auto changed = std::make_shared<std::vector<MapSpec>>(*object.maps);
    set_globals(object, arguments.globals, *changed);
    maps = changed;
  }
  std::vector<std::shared_ptr<const Image>> images;
  for (const auto& image : object.programs) {
    const bool is_chosen = image == chosen;
    auto copy = std::make_shared<Image>(*image);
    copy->maps = maps;
    if (is_chosen && !arguments.type.empty()) {
      copy->type = type_of(arguments.type).type;
      copy->attach_type = 0;
    }
    if (is_chosen) chosen = copy;
    images.push_back(std::move(copy));
  }
  return images;
}

Loaded* find_loaded(const Instance& instance, const Image& image) {
  for (const InstanceProgram& program : instance.programs()) {
    if (program.image.get() != &image) continue;
    if (program.error) throw Failure{*program.error};
    return program.loaded.get();
  }
  raise<Code::unhandled>("the program was not loaded");
}

VmOptions vm_options(const RunArguments& arguments, const Engine& engine) {
  const u32 needed = arguments.cpu.value_or(0) + 1;
  VmOptions options;
  options.cpus = engine_cpus(engine, arguments.cpus == 0 ? needed : arguments.cpus);
  if (arguments.cpus != 0 && arguments.cpus != options.cpus) {
    raise<Code::engine_cannot>(fmt::format("--cpus {}", arguments.cpus), engine.name,
                               fmt::format("has this machine's {}", options.cpus));
  }
  if (options.cpus < needed) {
    if (arguments.cpus == 0) {
      raise<Code::engine_cannot>(fmt::format("--cpu {}", *arguments.cpu), engine.name,
                                 fmt::format("has this machine's {}", options.cpus));
    }
    raise<Code::usage>(fmt::format("--cpu {} needs --cpus of {} or more", *arguments.cpu, needed));
  }
  return options;
}

// What an engine can't be told, most of all one with a world of its own.
void check_engine(const RunArguments& arguments, const Engine& engine, ProgramType type) {
  if (arguments.trace && !engine.traces) {
    raise<Code::engine_cannot>("--trace", engine.name, "shows no single instructions");
  }
  if (engine.emulates) {
    if (!is_emulated(type)) raise<Code::type_not_emulated>(name(type));
    return;
  }
  const struct {
    bool asked;
    const char* option;
    const char* reason;
  } kRefused[] = {
      {arguments.budget != 0, "--budget", "has its own bound, the verifier's"},
      {arguments.trusted, "--mode trusted", "always verifies"},
      {arguments.seed.has_value(), "--seed", "has its own clock and random numbers"},
      {!arguments.task.empty(), "--task", "runs as this process"},
      {!arguments.machine.empty(), "--machine", "has this machine's registers"},
  };
  for (const auto& refused : kRefused) {
    if (refused.asked) raise<Code::engine_cannot>(refused.option, engine.name, refused.reason);
  }
  for (const std::string& setting : arguments.context) {
    const auto [field, value] = split_setting(setting, "--ctx");
    if (value.starts_with('@')) {
      raise<Code::engine_cannot>("--ctx " + setting, engine.name, "can't be given memory");
    }
    if (!takes_field(engine, type, field)) {
      raise<Code::engine_cannot>("--ctx " + setting, engine.name,
                                 fmt::format("takes no such field of {} programs", name(type)));
    }
  }
}

bool prints(const Image& image) {
  constexpr i32 kTracePrintk = 6, kTraceVprintk = 177;
  return std::ranges::any_of(image.program.decoded(), [](const Decoded& insn) {
    return insn.op == Op::CallHelper && (insn.imm == kTracePrintk || insn.imm == kTraceVprintk);
  });
}

// The kernel prints to its own trace, which is read if it is there.
void follow_prints(Session& session, Output& output) {
  if (session.engine.emulates || !prints(*session.image)) return;
  try {
    session.prints = open_prints(session.engine);
  } catch (const Failure& failure) {
    output.warning(
        fmt::format("what bpf_printk prints is not shown: {} (mount -t tracefs none "
                    "/sys/kernel/tracing)",
                    failure.error.text));
  }
}

std::unique_ptr<Session> open_object(const RunArguments& arguments) {
  const Engine& engine = find_engine(arguments.engine);
  auto session = std::make_unique<Session>(engine, vm_options(arguments, engine));
  session->object = std::make_shared<const Object>(
      load_program(read_program(arguments.program), arguments.program));
  return session;
}

void load_images(const RunArguments& arguments, Session& session,
                 std::span<const std::shared_ptr<const Image>> images,
                 std::span<const std::pair<std::string, u32>> reuse) {
  if (session.backend == nullptr)
    session.backend = session.engine.make({.trusted = arguments.trusted, .trace = arguments.trace});
  session.instance = must(session.vm.load(images, *session.backend, reuse));
  for (Map* map : session.instance->maps()) open_events(session.engine, *map);
}

// What is asked for about maps, with all names checked before anything runs.
void fill_session(const RunArguments& arguments, Session& session) {
  plan_reports(arguments, session);
  fill_maps(session, arguments);
}

}  // namespace

void show_prints(Session& session) {
  if (session.prints == nullptr) return;
  for (const std::string& line : session.prints()) session.env.print(session.env.user, line);
}

std::unique_ptr<Session> make_session(const RunArguments& arguments, Output& output) {
  auto session = open_object(arguments);
  session->image = choose(*session->object, arguments);
  const auto images = prepare_images(*session->object, session->image, arguments);
  check_engine(arguments, session->engine, session->image->type);
  load_images(arguments, *session, images, {});
  session->loaded = find_loaded(*session->instance, *session->image);
  session->env = arguments.seed ? Env::deterministic(*arguments.seed) : Env::host();
  session->env.cpus = session->cpus;
  set_task(arguments.task, session->env.task);
  fill_session(arguments, *session);
  follow_prints(*session, output);
  return session;
}

std::unique_ptr<Session> make_object_session(const RunArguments& arguments, ObjectSession wanted) {
  auto session = open_object(arguments);
  session->backend = std::move(wanted.backend);
  std::shared_ptr<const Image> none;
  auto images = prepare_images(*session->object, none, arguments);
  std::erase_if(images, [&](const auto& image) {
    return arguments.name.empty() ? !image->autoload && !wanted.all : image->name != arguments.name;
  });
  if (images.empty() &&
      (!wanted.all || !arguments.name.empty() || session->object->failures.empty()))
    must(session->object->image(arguments.name), arguments.program.path);
  std::vector<std::pair<std::string, u32>> reuse;
  for (const MapSpec& spec : *session->object->maps) {
    if (auto map = wanted.existing ? wanted.existing(spec) : nullptr)
      reuse.emplace_back(spec.name, must(session->vm.maps().add(std::move(map))));
  }
  load_images(arguments, *session, images, reuse);
  fill_session(arguments, *session);
  return session;
}

}  // namespace skep
