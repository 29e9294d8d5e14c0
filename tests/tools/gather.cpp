// gather: programs on one engine, as lines to be compared with other engines and other kernels: the
// verdict, the insns that the verifier processed, and of what can be run r0, packet and maps.
// `./dev kernels` runs it on the interpreter, on the running kernel and in guests.
//
//   gather ENGINE WHAT...
//
// WHAT is a folder or an object as `skep bench` takes it; perhaps with "@capture=FILE" (each of its
// packets is run), "@maps=FILE" (filled before) and "@records=MAP=TYPE" behind it. A line is
// object, program, what, value; tab-separated. Values are what every engine can tell: the lower
// half of r0; of per-CPU maps the values of CPU 0, where all runs are; hash maps in order of keys.
// Exit code 77: there is no kernel that can be asked.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "isa/wire.h"
#include "kernel/backend.h"
#include "kernel/raw_program.h"
#include "tools/bench/input.h"
#include "tools/map_data.h"
#include "tools/pcap_file.h"

namespace {

using namespace skep;

constexpr std::size_t kLeastPacket = 14;  // test runs take none that is shorter
constexpr std::size_t kEmptyPacket = 64;
constexpr const char* kMemoryMap = "skep_memory";  // of as_kernel_program

struct Input {
  std::string object;
  bench::Entry entry;
  std::vector<Buffer> packets;
};

// "PATH@capture=FILE@maps=FILE" taken apart; every program of it is an input.
void add_inputs(std::string_view what, std::vector<Input>& inputs) {
  bench::Arguments arguments;
  std::vector<Buffer> packets;
  std::vector<std::string> records;
  for (bool first = true; !what.empty(); first = false) {
    const auto at = std::min(what.find('@'), what.size());
    const std::string part(what.substr(0, at));
    what.remove_prefix(std::min(at + 1, what.size()));
    const auto value = part.substr(std::min(part.find('=') + 1, part.size()));
    if (first) {
      arguments.program.path = part;
    } else if (part.starts_with("capture=")) {
      for (CapturedPacket& packet : read_capture(value).packets) {
        if (packet.bytes.size() >= kLeastPacket) packets.push_back(std::move(packet.bytes));
      }
    } else if (part.starts_with("maps=")) {
      arguments.all_maps = value;
    } else if (part.starts_with("records=")) {
      records.push_back(value);
    } else {
      raise<Code::usage>(fmt::format("gather: what is '{}'?", part));
    }
  }
  for (bench::Entry& entry : bench::read_entries(arguments)) {
    const std::string object = entry.object->name;
    entry.arguments.records = records;
    inputs.push_back({object, std::move(entry), packets});
  }
}

class Gatherer {
 public:
  Gatherer(const Engine& engine, const Input& input)
      : engine_(engine), entry_(input.entry), object_(input.object), packets_(input.packets) {
    name_ = entry_.image->name;
    data_ = entry_.data;
  }

  void gather() {
    try {
      as_engine_takes_it();
      session_ = bench::open_session(entry_, engine_, {});
      plan_reports(entry_.arguments, *session_);
    } catch (const Failure& failure) {
      const KernelLog log = parse_log(failure.error.text);
      const std::string& reason = log.message.empty() ? failure.error.text : log.message;
      line("verdict", "refused");
      line("reason", reason.substr(0, reason.find('\n')));
      if (!log.counted) return;
      return line("processed", fmt::format("{}", log.processed_insns));
    }
    line("verdict", "accepted");
    if (!engine_.emulates) {
      const auto& program = static_cast<const KernelProgram&>(*session_->loaded);
      line("processed", fmt::format("{}", parse_log(program.log()).processed_insns));
    }
    run_all();
  }

 private:
  void line(std::string_view what, std::string_view value) const {
    std::string text(value);
    std::ranges::replace_if(text, [](char c) { return c == '\t' || c == '\n'; }, ' ');
    fmt::print("{}\t{}\t{}\t{}\n", object_, name_, what, text);
  }

  void as_engine_takes_it() {
    if (engine_.emulates || entry_.image->type != ProgramType::raw) return;
    entry_.image = must(as_kernel_program(*entry_.image, entry_.data));
    data_.assign(kEmptyPacket, 0);
  }

  void run_all() {
    std::vector<Buffer> inputs = packets_;
    if (inputs.empty()) inputs.push_back(data_);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!run(inputs[i], inputs.size() == 1 ? "" : fmt::format("[{}]", i))) return;
    }
    for (Map* map : session_->instance->maps()) {
      const std::string& map_name = map->spec().name;
      if (map_name == kMemoryMap) {
        Buffer bytes(map->host_value_size());
        const u32 key = 0;
        map->read(reinterpret_cast<const u8*>(&key), bytes.data());
        line("bytes", to_hex(bytes));
      } else if (!map->spec().frozen && map->spec().type != MapType::prog_array) {
        line("map " + map_name, contents(*map).dump());
      }
    }
  }

  // What it gives for one input; false if it could not be run.
  bool run(const Buffer& input, const std::string& which) {
    Frame frame;
    frame.type = session_->image->type;
    PacketBuffer packet;
    Buffer memory = input;
    if (has_packet(frame.type)) {
      packet = must(PacketBuffer::make(input, frame.type));
      frame.packet = packet.packet();
    } else if (!input.empty()) {
      frame.memory = memory.data();
      frame.size = memory.size();
    }
    const RunResult result = session_->loaded->run(frame, {.env = &session_->env});
    if (!result.ok()) {
      line("not run" + which, result.message);
      return false;
    }
    line("r0" + which, fmt::format("{:#x}", static_cast<u32>(result.r0)));
    if (session_->instance->map(kMemoryMap) != nullptr) return true;  // the memory is a map
    const std::span<const u8> bytes = has_packet(frame.type)
                                          ? std::span<const u8>{frame.packet.data, frame.packet.end}
                                          : std::span<const u8>{frame.memory, frame.size};
    line("bytes" + which, to_hex(bytes));
    return true;
  }

  Json contents(Map& map) {
    Json entries = dump_map(*session_, map);
    if (!entries.is_array()) return entries;
    for (Json& entry : entries) {
      if (!entry.is_object() || !entry.contains("values") || !entry["values"].is_array()) continue;
      Json values = Json::array();
      for (const Json& value : entry["values"]) {
        if (value.value("cpu", 0) == 0) values.push_back(value);
      }
      entry["values"] = values;
    }
    if (map.spec().type != MapType::ringbuf) {
      std::sort(entries.begin(), entries.end(),
                [](const Json& a, const Json& b) { return a.dump() < b.dump(); });
    }
    return entries;
  }

  const Engine& engine_;
  bench::Entry entry_;
  std::string object_, name_;
  std::vector<Buffer> packets_;
  Buffer data_;
  std::unique_ptr<Session> session_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) raise<Code::usage>("gather ENGINE WHAT...");
    const Engine& engine = find_engine(argv[1]);
    if (!engine.emulates) must(check_permission());
    take_cpu(engine, 0);
    std::vector<Input> inputs;
    for (int i = 2; i < argc; ++i) add_inputs(argv[i], inputs);
    for (const Input& input : inputs) Gatherer(engine, input).gather();
    return 0;
  } catch (const Failure& failure) {
    fmt::print(stderr, "gather: {}\n", failure.error.text);
    if (failure.error.code == Code::no_kernel) return 77;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gather: {}\n", error.what());
  }
  return 2;
}
