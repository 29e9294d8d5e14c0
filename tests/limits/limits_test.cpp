// Large input and little memory: decoding, assembling, loading, making maps and running end in an
// error that says so, at whatever point memory ends. Each operation is tried with nothing to spare,
// with enough, and with amounts in between; every one of these must end properly.
#include <gtest/gtest.h>

#include <map>

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "helpers/maps/map.h"
#include "isa/asm.h"
#include "isa/program.h"
#include "loader/loader.h"
#include "tests/limits/limiter.h"
#include "tests/support/large_objects.h"
#include "tests/support/map_specs.h"

namespace skep::test {
namespace {

constexpr std::size_t kMega = 1 << 20;
constexpr std::size_t kPlenty = 2048 * kMega;

// What a Result says, as an outcome; only no_memory is the error that a lack of memory may give.
template <class T>
Outcome outcome_of(const std::expected<T, Error>& result, std::string& text) {
  if (result) return Outcome::Done;
  text = std::string(name(result.error().code)) + ": " + result.error().text;
  return result.error().code == Code::no_memory ? Outcome::NoMemory : Outcome::Wrong;
}

// ---- what is tried: each prepares its input without a limit and gives the limited part ----------

// A program of as many insns as any kernel takes.
std::vector<Insn> million_insns() {
  std::vector<Insn> insns(1'000'000, make_insn(0xb7, 0, 0, 0, 1));
  insns.back() = make_insn(0x95);
  return insns;
}

Operation make_program() {
  return [insns = million_insns()](std::string& text) mutable {
    return outcome_of(Program::make(std::move(insns)), text);
  };
}

Operation create(MapType type, u32 key_size, u32 value_size, u32 max_entries, u32 flags = 0) {
  return [spec = map_spec(type, key_size, value_size, max_entries, flags)](std::string& text) {
    return outcome_of(create_map(spec, {.cpus = 4}), text);
  };
}

Operation create_array() {
  return create(MapType::array, 4, 64, 1 << 20);
}
Operation create_large_value() {
  return create(MapType::array, 4, 100'000'000, 1);
}
Operation create_percpu_array() {
  return create(MapType::percpu_array, 4, 64, 1 << 18);
}
Operation create_hash() {
  return create(MapType::hash, 8, 64, 1 << 18);
}
Operation create_ring() {
  return create(MapType::ringbuf, 0, 0, 64 << 20);
}

Operation create_queue() {
  return create(MapType::queue, 0, 64, 1 << 20);
}
Operation create_lru_hash() {
  return create(MapType::lru_hash, 8, 64, 1 << 18, map_flags::kNoCommonLru);
}
Operation create_hash_of_maps() {
  MapSpec spec = map_spec(MapType::hash_of_maps, 8, 4, 1 << 20);
  spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 4, 1));
  return [spec](std::string& text) { return outcome_of(create_map(spec, {.cpus = 4}), text); };
}

Operation packet() {
  return [bytes = std::vector<u8>(kMaxPacket - 1)](std::string& text) {
    return outcome_of(PacketBuffer::make(bytes, ProgramType::xdp), text);
  };
}

// An object of which there is too much of something: refused for that, or loaded.
template <Bytes (*make)()>
Operation load_object() {
  return [bytes = make()](std::string& text) {
    const auto object = load(bytes);
    if (!object && object.error().code != Code::no_memory) return Outcome::Done;
    if (object && !object->failures.empty() && object->programs.empty()) {
      if (object->failures[0].error.code != Code::no_memory) return Outcome::Done;
      return outcome_of(Status(std::unexpected(object->failures[0].error)), text);
    }
    return outcome_of(object, text);
  };
}

// A text of the same line many times over, each with its number in place of {0}.
template <const char* const& line>
Operation assemble_lines() {
  std::string text;
  for (u32 i = 0; i < 50'000; ++i) text += fmt::format(fmt::runtime(line), i);
  return [text = text + "exit\n"](std::string& says) { return outcome_of(assemble(text), says); };
}
constexpr const char* kInsnLine = "exit\n";
constexpr const char* kLabelLine = "a{0}:b{0}:c{0}:d{0}:\n";
constexpr const char* kNoteLine = ";\n";
constexpr const char* kMapLine = "r1=map[m{0}]\n";
constexpr const char* kFunctionLine = "f{0}: call f{0};\n";
constexpr const char* kDeclarationLine = "g{0}:.func g{0}\nexit\n";

struct Case {
  const char* name;
  Operation (*prepare)();
};

const Case kCases[] = {
    {"program", make_program},
    {"assembly_of_insns", assemble_lines<kInsnLine>},
    {"assembly_of_labels", assemble_lines<kLabelLine>},
    {"assembly_of_notes", assemble_lines<kNoteLine>},
    {"assembly_of_maps", assemble_lines<kMapLine>},
    {"assembly_of_functions", assemble_lines<kFunctionLine>},
    {"assembly_of_declarations", assemble_lines<kDeclarationLine>},
    {"array", create_array},
    {"large_value", create_large_value},
    {"percpu_array", create_percpu_array},
    {"hash", create_hash},
    {"ring_buffer", create_ring},
    {"queue", create_queue},
    {"lru_hash", create_lru_hash},
    {"hash_of_maps", create_hash_of_maps},
    {"packet", packet},
    {"object_of_insns", load_object<object_of_insns>},
    {"object_of_functions", load_object<object_of_functions>},
    {"object_of_programs", load_object<object_of_programs>},
    {"object_of_maps", load_object<object_of_maps>},
    {"object_of_relocations", load_object<object_of_relocations>},
    {"object_of_data", load_object<object_of_data>},
    {"object_of_sections", load_object<object_of_sections>},
    {"object_of_lines", load_object<object_of_lines>},
    {"object_of_equal_names", load_object<object_of_equal_names>},
    {"object_of_chains", load_object<object_of_chains>},
    {"object_of_typed_maps", load_object<object_of_typed_maps>},
    {"object_of_slots", load_object<object_of_slots>},
    {"object_of_failures", load_object<object_of_failures>},
    {"object_of_externs", load_object<object_of_externs>},
    {"object_of_aligned_data", load_object<object_of_aligned_data>},
    {"object_of_files", load_object<object_of_files>},
};

class LimitsTest : public testing::TestWithParam<Case> {
 protected:
  void expect_errors_only(Limiter limiter) {
    const Operation operation = GetParam().prepare();
    std::map<Outcome, int> seen;
    // Until it has enough: what is done with so much is done with more.
    for (std::size_t extra = 0; extra <= kPlenty && seen[Outcome::Done] == 0;
         extra = extra == 0 ? kMega : extra * 2) {
      const Trial trial = run_limited(limiter, extra, operation);
      ++seen[trial.outcome];
      EXPECT_TRUE(trial.outcome == Outcome::Done || trial.outcome == Outcome::NoMemory)
          << "with " << extra << " bytes to spare: " << trial.text;
    }
    EXPECT_GT(seen[Outcome::Done], 0) << "it never had enough";
    EXPECT_GT(seen[Outcome::NoMemory], 0) << "nothing was limited";
  }
};

TEST_P(LimitsTest, Allocator) {
  expect_errors_only(Limiter::Allocator);
}
#ifdef SKEP_LIMIT_ADDRESS_SPACE
TEST_P(LimitsTest, AddressSpace) {
  expect_errors_only(Limiter::AddressSpace);
}
#endif

INSTANTIATE_TEST_SUITE_P(Of, LimitsTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep::test
