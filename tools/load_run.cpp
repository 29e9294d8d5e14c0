// One `skep load`: programs attached one by one, their records shown as they come, everything taken
// back in the reverse order. See load_arguments.h.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>

#include "kernel/link.h"
#include "tools/json_values.h"
#include "tools/load_arguments.h"
#include "tools/load_pins.h"
#include "tools/map_data.h"

namespace skep {
namespace {

using Time = std::chrono::steady_clock;

// Signals that end the verb come as readable bytes. A closed pipe is an error of writing, so that
// this process lives to detach.
Fd take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  sigset_t blocked = set;
  sigaddset(&blocked, SIGPIPE);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  return Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

struct Attached {
  const KernelProgram* program = nullptr;
  const KernelMap* map = nullptr;  // operations, instead of a program
  std::string place;
  Where where;
};

class Loading {
 public:
  Loading(const LoadArguments& arguments, Session& session, Output& output)
      : arguments_(arguments), session_(session), output_(output) {}

  Exit run(const Fd& signals) {
    for (Attached& wanted : places()) attach(wanted);
    Pins pins(arguments_.pin);
    if (!arguments_.pin.empty()) pin(pins);
    flush();
    if (!only_iterators()) stream(signals);
    links_.clear();
    take_records();  // written before the end
    report_lost();
    Json document{{"event", "end"}};
    report_maps(session_, output_, document);
    output_.document(document);
    pins.keep();
    return Exit::Good;
  }

 private:
  const KernelProgram& program(const std::string& name) const {
    const KernelProgram* found = nullptr;
    for (const InstanceProgram& entry : session_.instance->programs()) {
      if (!name.empty() && entry.image->name != name) continue;
      if (found != nullptr) {
        raise<Code::several_programs>(session_.object->name, session_.instance->programs().size(),
                                      program_names(*session_.object));
      }
      if (entry.error) throw Failure{*entry.error};
      found = static_cast<const KernelProgram*>(entry.loaded.get());
    }
    if (found == nullptr) raise<Code::unknown_program>(name, program_names(*session_.object));
    return *found;
  }

  // "[PROGRAM=]KIND:TARGET"; of operations the target is their map.
  Attached place_of(const std::string& text) const {
    const auto equals = text.find('=');
    const bool named = equals < text.find(':') && equals != std::string::npos;
    const std::string name = named ? text.substr(0, equals) : "";
    Attached wanted;
    wanted.place = named ? text.substr(equals + 1) : text;
    wanted.where = must(parse_where(wanted.place));
    if (wanted.where.kind != Where::Kind::StructOps) {
      wanted.program = &program(name);
      return wanted;
    }
    wanted.map = static_cast<const KernelMap*>(session_.instance->map(wanted.where.target));
    if (wanted.map == nullptr || wanted.map->spec().type != MapType::struct_ops)
      raise<Code::usage>(fmt::format("--attach {}: no such map of operations", text));
    return wanted;
  }

  // Where to, as asked for, or as the sections say.
  std::vector<Attached> places() const {
    std::vector<Attached> places;
    for (const std::string& text : arguments_.attach) places.push_back(place_of(text));
    if (!places.empty()) return places;
    for (const InstanceProgram& entry : session_.instance->programs()) {
      if (entry.error) throw Failure{*entry.error};
      auto where = where_of(*entry.image);
      if (where && !where->target.empty()) {
        places.push_back({static_cast<const KernelProgram*>(entry.loaded.get()), nullptr,
                          entry.image->section, std::move(*where)});
      }
    }
    for (Map* map : session_.instance->maps()) {
      if (map->spec().type != MapType::struct_ops) continue;
      places.push_back({nullptr,
                        static_cast<const KernelMap*>(map),
                        "struct_ops:" + map->spec().name,
                        {Where::Kind::StructOps, "", ""}});
    }
    if (places.empty() && arguments_.pin.empty()) {
      raise<Code::usage>(
          fmt::format("no section says where its program attaches; say it by "
                      "--attach KIND:TARGET (programs: {})",
                      program_names(*session_.object)));
    }
    return places;
  }

  void attach(Attached& wanted) {
    links_.push_back(wanted.map != nullptr ? must(Link::attach_struct_ops(*wanted.map))
                                           : must(Link::attach(*wanted.program, wanted.where)));
    const Link& link = links_.back();
    const std::string name =
        wanted.map != nullptr ? wanted.map->spec().name : wanted.program->image().name;
    names_.push_back(name);
    output_.text("{} attached to {}\n", output_.strong(name), wanted.place);
    output_.document({{"event", "attached"},
                      {"program", name},
                      {"place", wanted.place},
                      {"link", link.fd() < 0 ? Json() : Json(link.id())}});
    iterators_.push_back(wanted.where.kind == Where::Kind::Iter);
    if (!iterators_.back()) return;
    const std::string text = must(link.read_iterator());
    output_.text("{}", text);
    output_.document({{"event", "iterator"}, {"program", name}, {"text", text}});
  }

  bool only_iterators() const {
    return !iterators_.empty() && std::ranges::find(iterators_, false) == iterators_.end();
  }

  void pin(Pins& pins) {
    for (const InstanceProgram& entry : session_.instance->programs()) {
      if (entry.error) throw Failure{*entry.error};
      const auto& loaded = static_cast<const KernelProgram&>(*entry.loaded);
      pins.add("programs", entry.image->name, [&](auto& path) { return loaded.pin(path); });
    }
    for (Map* map : session_.instance->maps()) {
      const auto& kernel_map = static_cast<const KernelMap&>(*map);
      pins.add_map(kernel_map);
    }
    for (std::size_t i = 0; i < links_.size(); ++i)
      pins.add("links", names_[i], [&](auto& path) { return links_[i].pin(path); });
    output_.text("pinned in {}\n", arguments_.pin);
    output_.document({{"event", "pinned"}, {"folder", arguments_.pin}});
  }

  // Until a signal, the end of --for, or an output that nobody reads.
  void stream(const Fd& signals) {
    constexpr int kTick = 200;  // ms; programs may ask not to wake who waits
    std::vector<pollfd> waits{{signals.get(), POLLIN, 0}};
    for (Map* map : session_.instance->maps()) {
      for (const int fd : static_cast<const KernelMap&>(*map).event_fds())
        waits.push_back({fd, POLLIN, 0});
    }
    const auto start = Time::now();
    for (;;) {
      int wait = kTick;
      if (arguments_.seconds) {
        const double left =
            *arguments_.seconds - std::chrono::duration<double>(Time::now() - start).count();
        if (left <= 0) return;
        wait = std::min(wait, static_cast<int>(left * 1e3) + 1);
      }
      poll(waits.data(), waits.size(), wait);
      take_records();
      flush();
      if ((waits[0].revents & POLLIN) != 0 || std::ferror(stdout) != 0) return;
    }
  }

  void take_records() {
    for (Map* map : session_.instance->maps()) {
      if (map->spec().type != MapType::ringbuf && map->spec().type != MapType::perf_event_array)
        continue;
      // The sink must not throw, so it keeps bytes, and typing them comes after.
      std::vector<Buffer> records;
      map->consume(
          [&](std::span<const u8> bytes) { records.emplace_back(bytes.begin(), bytes.end()); });
      for (const Buffer& record : records) show(*map, record);
    }
  }

  void show(const Map& map, const Buffer& bytes) {
    const auto found = session_.types.find(&map);
    const u32 type = found == session_.types.end() ? 0 : found->second.record;
    const Json record = bytes_to_json(session_.object->btf.get(), type, bytes);
    output_.text("{}: {}\n", printable(map.spec().name), json_to_text(record));
    output_.document({{"event", "record"}, {"map", map.spec().name}, {"record", record}});
  }

  void report_lost() {
    for (Map* map : session_.instance->maps()) {
      const u64 lost = static_cast<const KernelMap&>(*map).lost_events();
      if (lost == 0) continue;
      output_.warning(fmt::format("{}: {} records were lost", map->spec().name, lost));
      output_.document({{"event", "lost"}, {"map", map->spec().name}, {"records", lost}});
    }
  }

  static void flush() { std::fflush(stdout); }

  const LoadArguments& arguments_;
  Session& session_;
  Output& output_;
  std::vector<Link> links_;
  std::vector<std::string> names_;  // of each link
  std::vector<bool> iterators_;     // of each link
};

}  // namespace

Exit run_load(const LoadArguments& arguments, Output& output) {
  must(check_permission());
  const Fd signals = take_signals();
  ObjectSession wanted;
  wanted.existing = [&](const MapSpec& spec) -> std::unique_ptr<Map> {
    if (!spec.pinned || arguments.pin.empty()) return nullptr;
    return open_pin(arguments.pin, spec);
  };
  const auto session = make_object_session(arguments.run, std::move(wanted));
  return Loading(arguments, *session, output).run(signals);
}

}  // namespace skep
