// A tool of Debian's libbpf-tools under test: its object out of the installed program, its programs
// loaded, each run on an event that the World gives.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "helpers/maps/map.h"
#include "loader/loader.h"
#include "tests/libbpf_tools/world.h"
#include "vm/vm.h"

namespace skep::test {

inline std::vector<u8> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<u8> bytes(in ? static_cast<std::size_t>(in.tellg()) : 0);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

// The first BPF object in a program's bytes; empty if there is none. It is an ELF header of the
// machine BPF, up to the end of its last section or header table.
inline std::span<const u8> embedded_object(std::span<const u8> bytes) {
  constexpr std::string_view kMagic(
      "\x7f"
      "ELF\2\1",
      6);
  constexpr u16 kBpf = 247;
  constexpr u32 kNoBits = 8;  // SHT_NOBITS
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto word = [&](u64 at, u32 size) {
    u64 value = 0;
    if (at + size <= bytes.size()) std::memcpy(&value, bytes.data() + at, size);
    return value;
  };
  for (u64 start = text.find(kMagic, 1); start != text.npos; start = text.find(kMagic, start + 1)) {
    const u64 headers = word(start + 40, 8), count = word(start + 60, 2);
    if (word(start + 18, 2) != kBpf || count == 0) continue;
    u64 end = headers + count * 64;
    for (u64 i = 0; i < count; ++i) {
      const u64 header = start + headers + i * 64;
      if (word(header + 4, 4) == kNoBits) continue;
      end = std::max(end, word(header + 24, 8) + word(header + 32, 8));
    }
    if (start + end <= bytes.size()) return bytes.subspan(start, end);
  }
  return {};
}

inline constexpr const char* kToolFolder = "/usr/sbin/";

inline bool tools_installed() {
  return std::filesystem::exists(std::string(kToolFolder) + "execsnoop") &&
         !embedded_object(read_file(std::string(kToolFolder) + "execsnoop")).empty();
}

inline std::shared_ptr<const Btf> kernel_types() {
  auto types = Btf::parse(read_file(SKEP_SOURCE_DIR "/tests/data/libbpf_tools_linux_6_1.btf"));
  EXPECT_TRUE(types);
  return types ? std::make_shared<const Btf>(std::move(*types)) : nullptr;
}

// One event: the arguments of the function and its result, or the words behind a tracepoint's
// header; and what is in all the words after them.
struct Event {
  std::vector<u64> words;
  u64 result = 0;
  u64 rest = 0;
};

class Tool {
 public:
  Tool(const std::string& name, std::shared_ptr<const Btf> types) : vm_({.cpus = kCpus}) {
    program_ = read_file(kToolFolder + name);
    auto target = CoreTarget::make(std::move(types));
    LoadOptions options{.name = name, .kernel_version = 6 << 16 | 1 << 8};
    options.target = target ? &*target : nullptr;
    auto object = load(embedded_object(program_), options);
    if (!object) {
      error = object.error().text;
      return;
    }
    object_ = std::move(*object);
    give_sizes();
    auto instance = vm_.load(object_.programs);
    if (instance) {
      instance_ = std::move(*instance);
    } else {
      error = instance.error().text;
    }
  }

  std::span<const InstanceProgram> programs() const {
    return instance_ == nullptr ? std::span<const InstanceProgram>() : instance_->programs();
  }
  Map* map(std::string_view name) const {
    Map* found = instance_ == nullptr ? nullptr : instance_->map(name);
    EXPECT_NE(found, nullptr) << name;
    return found;
  }

  // Runs a program on an event; the fault, "" for none.
  std::string run(const InstanceProgram& program, const Event& event, Env& env) {
    if (program.loaded == nullptr) return program.error->text;
    Frame frame{.type = program.image->type};
    frame.regs.machine = Machine::X64;
    std::vector<u64> words = event.words;
    if (frame.type == ProgramType::tracepoint) {
      words.insert(words.begin(), 0);
    } else {
      frame.arguments = static_cast<u32>(words.size());
      words.push_back(event.result);
    }
    words.resize(kWords, event.rest);
    for (u32 i = 0; i < 6; ++i) {
      frame.regs.set_argument(i, i < event.words.size() ? event.words[i] : event.rest);
    }
    frame.regs.set_result(event.result);
    frame.regs.set_ip(0xffffffff81000000);
    frame.function = 0xffffffff81000000;
    const bool flat = frame.type != ProgramType::kprobe && frame.type != ProgramType::perf_event;
    if (flat) {
      frame.memory = reinterpret_cast<u8*>(words.data());
      frame.size = words.size() * sizeof(u64);
    }
    const RunResult result = program.loaded->run(frame, {.env = &env, .budget = 10'000'000});
    return result.message;
  }
  std::string run(std::string_view name, const Event& event, Env& env) {
    for (const InstanceProgram& program : programs()) {
      if (program.image->name == name) return run(program, event, env);
    }
    return "no such program";
  }

  std::vector<std::vector<u8>> records(std::string_view name) const {
    std::vector<std::vector<u8>> all;
    if (Map* from = map(name)) {
      from->consume(
          [&](std::span<const u8> record) { all.emplace_back(record.begin(), record.end()); });
    }
    return all;
  }

  std::string error;  // why there is none

 private:
  // Maps whose sizes the tools choose when they run.
  void give_sizes() {
    auto maps = std::make_shared<std::vector<MapSpec>>(*object_.maps);
    for (MapSpec& spec : *maps) {
      if (spec.type == MapType::stack_trace && spec.value_size == 0) spec.value_size = 127 * 8;
      const bool chosen = spec.type == MapType::stack_trace || spec.type == MapType::hash;
      if (chosen && spec.max_entries == 0) spec.max_entries = 1024;
    }
    object_.maps = maps;
    for (auto& image : object_.programs) {
      auto copy = std::make_shared<Image>(*image);
      copy->maps = maps;
      image = copy;
    }
  }

  static constexpr u32 kCpus = 2;
  static constexpr u32 kWords = 16;
  std::vector<u8> program_;
  Object object_;
  Vm vm_;
  std::unique_ptr<Instance> instance_;
};

// A number or text in the bytes of a record.
template <class T>
T value_at(const std::vector<u8>& bytes, u64 offset) {
  T value{};
  if (offset + sizeof value <= bytes.size())
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
inline std::string text_at(const std::vector<u8>& bytes, u64 offset, u64 size) {
  if (offset + size > bytes.size()) return "(past the record)";
  const char* text = reinterpret_cast<const char*>(bytes.data() + offset);
  return {text, strnlen(text, size)};
}

}  // namespace skep::test
