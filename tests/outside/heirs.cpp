// An outside program: built with RTTI and exceptions, as most programs are, it derives from every
// class of skep that is meant for it and links our libraries, which have neither. That works only
// while those classes have no out-of-line virtual function: with one, their type information would
// lie in our -fno-rtti archive, where there is none, and this would not link.
//
// Its own map and engine then take part in a run. The ctest case outside/heirs;
// layering_test.cpp sees to it that no class with a virtual destructor is missing here.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include "helpers/bodies/env.h"
#include "helpers/contexts/frames.h"
#include "isa/asm.h"
#include "vm/vm.h"

namespace {

// A map of one value, which counts how often programs ask for it.
class OneValueMap : public skep::Map {
 public:
  explicit OneValueMap(const skep::MapSpec& spec) : Map(spec) {}

  skep::u8* lookup(const skep::u8*, skep::u32) override {
    ++lookups;
    return reinterpret_cast<skep::u8*>(&value);
  }
  bool region_of(skep::u64 address, skep::Region& found) override {
    const auto base = reinterpret_cast<skep::u64>(&value);
    if (address - base >= sizeof value) return false;
    found = value_region(base);
    return true;
  }

  skep::u64 value = 41;
  int lookups = 0;
};

// A program of another engine, with something done around each run.
class WatchedProgram : public skep::Loaded {
 public:
  explicit WatchedProgram(std::unique_ptr<Loaded> inner) : inner_(std::move(inner)) {}
  skep::RunResult run(skep::Frame& frame, const skep::RunOptions& options) override {
    ++runs;
    return inner_->run(frame, options);
  }
  const skep::Callable* callable() const override { return inner_->callable(); }

  int runs = 0;

 private:
  std::unique_ptr<Loaded> inner_;
};

class WatchedEngine : public skep::Backend {
 public:
  std::string_view name() const override { return "watched"; }
  skep::Result<std::unique_ptr<skep::Map>> create_map(const skep::MapSpec& spec,
                                                      const skep::MapWorld&,
                                                      const skep::Image&) override {
    return std::make_unique<OneValueMap>(spec);
  }
  skep::Result<std::unique_ptr<skep::Loaded>> load(std::shared_ptr<const skep::Image> image,
                                                   std::span<skep::Map* const> maps) override {
    auto loaded = inner_->load(std::move(image), maps);
    if (!loaded) return std::unexpected(loaded.error());
    return std::make_unique<WatchedProgram>(std::move(*loaded));
  }

 private:
  std::unique_ptr<Backend> inner_ = skep::make_interpreter();
};

// r0 = ++*lookup(map[counter], 0)
constexpr const char* kProgram = R"(
    r1 = map[counter]
    r2 = r10
    r2 += -4
    *(u32 *)(r2 + 0) = 0
    call 1
    if r0 == 0 goto none
    r1 = *(u64 *)(r0 + 0)
    r1 += 1
    *(u64 *)(r0 + 0) = r1
    r0 = r1
none:
    exit
)";

template <class T>
T must(skep::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

std::shared_ptr<const skep::Image> make_image() {
  auto image = std::make_shared<skep::Image>();
  image->name = "count";
  image->type = skep::ProgramType::raw;
  image->program = must(skep::make_program(must(skep::assemble(kProgram))));
  skep::MapSpec spec;
  spec.name = "counter";
  spec.type = skep::MapType::array;
  spec.key_size = 4;
  spec.value_size = 8;
  spec.max_entries = 1;
  image->maps = std::make_shared<std::vector<skep::MapSpec>>(1, spec);
  return image;
}

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

void run() {
  WatchedEngine engine;
  skep::Vm vm;
  const std::shared_ptr<const skep::Image> images[] = {make_image()};
  const auto instance = must(vm.load(images, engine));

  skep::Loaded* loaded = instance->find("count");
  require(loaded != nullptr, "the program was not loaded");
  require(typeid(*loaded) == typeid(WatchedProgram), "typeid of a heir");
  skep::u8 memory[8] = {};
  skep::Frame frame{.type = skep::ProgramType::raw, .memory = memory, .size = sizeof memory};
  skep::Env env = skep::Env::deterministic(1);
  const skep::RunResult result = loaded->run(frame, {.env = &env});
  require(result.ok(), result.message.c_str());
  require(result.r0 == 42, "the program did not see the outside map's value");

  require(dynamic_cast<WatchedProgram&>(*loaded).runs == 1, "the run was not watched");
  const auto& map = dynamic_cast<OneValueMap&>(*instance->map("counter"));
  require(map.value == 42 && map.lookups == 1, "the map was not used");
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::printf("failed: %s\n", error.what());
    return 1;
  }
  std::printf("ok\n");
}
