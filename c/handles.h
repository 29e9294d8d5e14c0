// What the handles of include/skep.h are, and what its functions share: options of any age,
// messages on handles, memory by the host's hooks. Tested by tests/c/.
#pragma once

#include <atomic>
#include <cstring>
#include <mutex>
#include <new>

#include "include/skep.h"
#include "isa/diagnostic.h"
#include "loader/loader.h"
#include "vm/vm.h"

namespace skep::c {

// A T in the host's memory; null if there is none.
template <class T>
T* make_handle(const Allocator& memory) {
  void* place = memory.take(sizeof(T));
  return place == nullptr ? nullptr : new (place) T;
}
template <class T>
void end_handle(const Allocator& memory, T* handle) {
  handle->~T();
  memory.give(handle, sizeof(T));
}

// Copies text as C strings are, cut to `size` bytes; gives its whole length.
std::size_t copy_text(std::string_view text, char* buffer, std::size_t size);

// The last message of a handle. Safe for many threads.
class Message {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  std::size_t copy(char* buffer, std::size_t size) const {
    const std::lock_guard lock(mutex_);
    return copy_text(text_, buffer, size);
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// SKEP_E_* of a diagnostic.
int code_of(Code code);

// Options as their caller knows them: what is not there is zero, and what is unknown here must be.
Status read_struct(const void* given, void* known, std::size_t size);
template <class T>
Status read_options(const T* given, T& known) {
  std::memset(&known, 0, sizeof known);
  return given == nullptr ? Status() : read_struct(given, &known, sizeof known);
}
// Fills in a struct of the caller's, as much of it as he knows.
Status write_struct(const void* known, void* given, std::size_t size);

// Fills in what a map is, as write_struct() does: SKEP_OK or SKEP_E_USAGE.
int write_map_info(const MapSpec& spec, u32 host_value_size, skep_map_info& info);

inline std::string_view text_of(const char* text) {
  return text == nullptr ? std::string_view() : text;
}

}  // namespace skep::c

struct skep_vm {
  ~skep_vm();
  skep_vm(const skep_vm_options& options, const skep::Allocator& allocator, skep::u32 cpus);

  // Puts an error on a handle of this vm, and gives its code.
  int report(skep::c::Message& on, const skep::Error& error);
  void log(int level, std::string_view text) const;
  void keep_track(const std::shared_ptr<skep::Instance>& instance);
  void hold() { references.fetch_add(1, std::memory_order_relaxed); }
  void release();  // the last one ends it

  skep_vm_options options;
  skep::Allocator memory;
  skep::Vm vm;
  skep::Env env = skep::Env::host();  // of runs without one
  skep::c::Message message;
  std::mutex extending;  // the two lists
  std::vector<std::weak_ptr<skep::Instance>> instances;
  std::vector<std::unique_ptr<struct skep_c_helper>> helpers;
  std::atomic<skep::u32> references{1};
};

// A helper of the host, as its entry finds it.
struct skep_c_helper {
  skep_helper_fn call;
  void* user;
  skep::u32 id;
};

struct skep_program {
  skep_object* object = nullptr;
  std::shared_ptr<const skep::Image> image = nullptr;  // null: it could not be made
  const skep::LoadFailure* failure = nullptr;
  skep::Loaded* loaded = nullptr;
  std::optional<skep::Error> error = {};  // why it was not loaded
};

struct skep_object {
  skep_vm* vm = nullptr;
  skep::Object object;
  std::vector<skep_program> programs;
  std::vector<std::pair<std::string, skep::u32>> reuse;
  std::shared_ptr<skep::Instance> instance;
  skep::c::Message message;
};

struct skep_env : skep::Env {
  skep_vm* vm = nullptr;
  skep_env_options hooks{};
  std::vector<skep::MappedMemory> mapped;
};

// A packet with its rooms, in memory of the vm's hooks.
struct skep_c_packet {
  skep::u8* bytes = nullptr;
  std::size_t capacity = 0;
};

struct skep_frame : skep::Frame {
  skep_vm* vm = nullptr;
  std::shared_ptr<const skep::HostRows> rows;
  std::string type_name;
  skep::Frame given;  // as the host has set it, for the next packet
  skep_c_packet buffer;
  void* call_user = nullptr;
  skep::u32 helper = 0;    // of the host, that is called now
  std::string failure;     // what it said when it ended the run
  skep::RunResult result;  // of the last run: its texts
  skep::c::Message message;
};
