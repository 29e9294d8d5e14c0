// Programs compiled for this machine, in a library: what every engine is compared with. The program
// NAME is u64 native_NAME(u8* memory, u64 length). Its map MAP is the pointer native_map_MAP, and
// its helpers are the functions of native_helpers: both are filled in here with maps and bodies of
// ours, so that native code differs from engines in its instructions alone.
#include <dlfcn.h>

#include <chrono>
#include <filesystem>

#include "tools/bench/engines.h"

namespace skep::bench {
namespace {

extern "C" {
using NativeProgram = u64 (*)(u8* memory, u64 length);

struct NativeHelpers {
  void* (*lookup)(void* map, const void* key);
  i64 (*update)(void* map, const void* key, const void* value, u64 flags);
  i64 (*remove)(void* map, const void* key);
  u64 (*node)();
};

void* native_lookup(void* map, const void* key) {
  return static_cast<Map*>(map)->lookup(static_cast<const u8*>(key), 0);
}
i64 native_update(void* map, const void* key, const void* value, u64 flags) {
  return static_cast<Map*>(map)->update(static_cast<const u8*>(key), static_cast<const u8*>(value),
                                        flags, 0);
}
i64 native_remove(void* map, const void* key) {
  return static_cast<Map*>(map)->remove(static_cast<const u8*>(key));
}
u64 native_node() {
  static volatile u64 node = 0;
  return node;
}
}

constexpr NativeHelpers kHelpers{native_lookup, native_update, native_remove, native_node};

struct CloseLibrary {
  void operator()(void* library) const { dlclose(library); }
};

class NativeContender final : public Contender {
 public:
  NativeContender(std::unique_ptr<Session> session, std::shared_ptr<void> library,
                  NativeProgram program, std::span<const u8> data)
      : session_(std::move(session)),
        library_(std::move(library)),
        program_(program),
        memory_(data) {}

  Sample run(u32 repeat) override {
    const std::span<u8> memory = memory_.reset();
    u64 r0 = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (u32 i = 0; i < repeat; ++i) r0 = program_(memory.data(), memory.size());
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    return {r0, spent.count(), 0};
  }

 private:
  std::unique_ptr<Session> session_;  // the maps
  std::shared_ptr<void> library_;
  NativeProgram program_;
  Memory memory_;
};

class NativeLineup final : public Lineup {
 public:
  explicit NativeLineup(const std::string& path) {
    name = std::filesystem::path(path).stem();
    if (name.starts_with("lib")) name = name.substr(3);
    const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
    if (void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      library_ = std::shared_ptr<void>(library, CloseLibrary());
      if (void* helpers = dlsym(library_.get(), "native_helpers"))
        *static_cast<NativeHelpers*>(helpers) = kHelpers;
    } else {
      const char* reason = dlerror();
      absent = reason == nullptr ? "the library can't be loaded" : reason;
    }
  }

  Ready make(const Entry& entry) override {
    const std::string symbol = "native_" + entry.image->name;
    const auto program = reinterpret_cast<NativeProgram>(dlsym(library_.get(), symbol.c_str()));
    if (program == nullptr) return {{}, {}, "the library has no function " + symbol};
    auto session = open_session(entry, find_engine("interpreter"));
    for (Map* map : session->instance->maps()) {
      void* place = dlsym(library_.get(), ("native_map_" + map->spec().name).c_str());
      if (place != nullptr) *static_cast<void**>(place) = map;
    }
    return {std::make_unique<NativeContender>(std::move(session), library_, program, entry.data),
            {},
            {}};
  }

 private:
  std::shared_ptr<void> library_;
};

}  // namespace

std::unique_ptr<Lineup> make_native_lineup(const std::string& library) {
  return std::make_unique<NativeLineup>(library);
}

}  // namespace skep::bench
