// Frames, envs and runs of the C interface. Tested by tests/c/*_test.cpp.

#include <algorithm>

#include "c/handles.h"
#include "helpers/contexts/access.h"

namespace skep {
namespace {

u64 clock_hook(Env& env, Clock clock) {
  const auto& of = static_cast<skep_env&>(env);
  return of.hooks.clock(of.hooks.user, static_cast<int>(clock));
}
static_assert(static_cast<int>(Clock::Tai) == SKEP_CLOCK_TAI);

u32 random_hook(Env& env) {
  const auto& of = static_cast<skep_env&>(env);
  return of.hooks.random(of.hooks.user);
}

void print_hook(void* user, std::string_view line) {
  const auto& of = *static_cast<skep_env*>(user);
  of.hooks.print(of.hooks.user, line.data(), line.size());
}

void set_up(skep_env& env, const skep_env_options& options) {
  static_cast<Env&>(env) =
      options.deterministic != 0 ? Env::deterministic(options.seed) : Env::host();
  env.hooks = options;
  env.user = &env;
  env.slots = &env.vm->vm.cpu_slots();
  env.cpus = env.slots->count();
  env.numa_node = options.numa_node;
  if (options.clock != nullptr) env.clock = clock_hook;
  if (options.random != nullptr) env.random = random_hook;
  if (options.print != nullptr) env.print = print_hook;
  if (options.has_task == 0) return;
  env.task = {.pid = options.pid,
              .tgid = options.tgid,
              .uid = options.uid,
              .gid = options.gid,
              .comm = "",
              .address = options.task_address};
  c::copy_text(c::text_of(options.comm), env.task.comm, sizeof env.task.comm);
}

// As PacketBuffer::make(), in memory of the host's hooks.
Status set_packet(skep_frame& frame, const void* bytes, size_t size) {
  if (bytes == nullptr && size != 0) return fail<Code::usage>("no packet is given");
  if (size > kMaxPacket) {
    return fail<Code::bad_frame>("packet", fmt::format("at most {} bytes of packet", kMaxPacket));
  }
  const PacketRooms rooms = packet_rooms(frame.type, size);
  const std::size_t capacity = rooms.head + size + rooms.tail;
  skep_c_packet& buffer = frame.buffer;
  if (buffer.capacity < capacity) {
    frame.vm->memory.give(buffer.bytes, buffer.capacity);
    buffer = {};
    buffer.bytes = static_cast<u8*>(frame.vm->memory.take(capacity));
    if (buffer.bytes == nullptr) return fail<Code::no_memory>("a packet");
    buffer.capacity = capacity;
  } else {
    std::memset(buffer.bytes, 0, rooms.head);
  }
  u8* data = buffer.bytes + rooms.head;
  if (size != 0) std::memcpy(data, bytes, size);
  static_cast<Frame&>(frame) = frame.given;
  frame.packet = {buffer.bytes, data, data, data + size, buffer.bytes + capacity};
  return {};
}

// A field of the frame at hand, and of those that the next packets start from.
Status set_both(skep_frame& frame, const char* field, u64 value) {
  if (field == nullptr) return fail<Code::usage>("no field is named");
  TRY(set_field(frame, field, value));
  return set_field(frame.given, field, value);
}

// The text of a helper that ended the run stands behind the line that says so.
void add_failure(skep_frame& frame) {
  if (frame.result.fault.code != Code::host_fault || frame.failure.empty()) return;
  std::string& text = frame.result.message;
  text.insert(std::min(text.find('\n'), text.size()), ": " + frame.failure);
}

void describe_fault(const skep_frame& frame, skep_result& result) {
  const RunResult& run = frame.result;
  if (!run.fault.set) return;
  result.pc = run.fault.pc.value;
  result.fault_address = run.fault.address;
  result.fault_size = run.fault.size;
  result.fault_name = name(run.fault.code).data();
  result.message = run.message.c_str();
  if (run.image == nullptr) return;
  const SourceMap& source = run.image->program.source();
  const SourceLine* line = source.find(run.fault.pc);
  if (line == nullptr) return;
  result.source_line = line->line;
  result.source_column = line->column;
  result.source_text = line->text.c_str();
  if (line->file < source.files.size()) result.source_file = source.files[line->file].c_str();
}

skep_result result_of(const skep_frame& frame, int code) {
  skep_result result{};
  result.sz = sizeof result;
  result.code = code;
  result.r0 = frame.result.r0;
  result.insns = frame.result.insns;
  result.nanoseconds = frame.result.nanoseconds;
  result.fault_name = result.message = result.source_file = result.source_text = "";
  describe_fault(frame, result);
  return result;
}

// What speaks against running this program on this frame.
Status check_run(const skep_program& program, const skep_frame& frame) {
  if (program.failure != nullptr) return std::unexpected(program.failure->error);
  if (program.error.has_value()) return std::unexpected(*program.error);
  if (program.loaded == nullptr) return fail<Code::usage>("the object is not loaded");
  if (program.object->vm != frame.vm) return fail<Code::usage>("the frame is of another vm");
  if (program.image->type != frame.type) {
    return fail<Code::usage>(fmt::format("a frame for {} programs, but '{}' is of type {}",
                                         frame.type_name, program.image->name,
                                         skep_program_type_name(&program)));
  }
  return {};
}

// SKEP_OK, or the code of what ended the run; an Error where none was begun.
Result<int> run_on(skep_program& program, skep_frame& frame, const skep_run_options* given) {
  skep_run_options options;
  TRY(c::read_options(given, options));
  TRY(check_run(program, frame));
  skep_vm& vm = *frame.vm;
  const u32 cpus = vm.vm.cpu_slots().count();
  if (options.on_cpu != 0 && options.cpu >= cpus)
    return fail<Code::usage>(fmt::format("there is no CPU {} of {}", options.cpu, cpus));
  const u64 most = static_cast<u64>(INT64_MAX);
  frame.failure.clear();
  frame.redirect = {};
  frame.result = program.loaded->run(
      frame,
      {.env = options.env != nullptr ? static_cast<Env*>(options.env) : &vm.env,
       .cpu = options.on_cpu != 0 ? options.cpu : kAnyCpu,
       .budget = static_cast<i64>(options.budget == 0 ? most : std::min(options.budget, most)),
       .repeat = options.repeat != 0 ? options.repeat : 1});
  if (frame.result.fault.code == Code::cpu_busy) return SKEP_E_BUSY;
  add_failure(frame);
  return frame.result.ok() ? SKEP_OK : c::code_of(frame.result.fault.code);
}

}  // namespace
}  // namespace skep

using namespace skep;

// ---- envs -----------------------------------------------------------------------------------

int skep_env_new(skep_vm* vm, const struct skep_env_options* given, skep_env** env) {
  if (vm == nullptr || env == nullptr) return SKEP_E_USAGE;
  *env = nullptr;
  skep_env_options options;
  if (auto ok = c::read_options(given, options); !ok) return vm->report(vm->message, ok.error());
  auto* made = c::make_handle<skep_env>(vm->memory);
  if (made == nullptr) return vm->report(vm->message, make_error<Code::no_memory>("an env"));
  vm->hold();
  made->vm = vm;
  set_up(*made, options);
  *env = made;
  return SKEP_OK;
}

void skep_env_free(skep_env* env) {
  if (env == nullptr) return;
  skep_vm* vm = env->vm;
  c::end_handle(vm->memory, env);
  vm->release();
}

int skep_env_map_memory(skep_env* env, uint64_t address, const void* bytes, size_t size,
                        int user_memory) {
  if (env == nullptr) return SKEP_E_USAGE;
  if ((bytes == nullptr && size != 0) || address + size < address) {
    skep_vm& vm = *env->vm;
    return vm.report(vm.message, make_error<Code::usage>("mapped memory that is not there"));
  }
  env->mapped.push_back(
      {address, static_cast<u8*>(const_cast<void*>(bytes)), size, user_memory != 0});
  env->memory = env->mapped;
  return SKEP_OK;
}

// ---- frames ---------------------------------------------------------------------------------

int skep_frame_new(skep_vm* vm, const char* program_type, skep_frame** frame) {
  if (vm == nullptr || frame == nullptr) return SKEP_E_USAGE;
  *frame = nullptr;
  const std::string_view wanted = c::text_of(program_type);
  auto rows = vm->vm.rows();
  const ProgramTypeRow* row = find_program_type(rows.get(), wanted);
  const HostType* host = rows == nullptr ? nullptr : rows->find_type(wanted);
  if (row == nullptr || (host == nullptr && !is_emulated(row->type))) {
    return vm->report(vm->message, make_error<Code::type_not_emulated>(wanted));
  }
  auto* made = c::make_handle<skep_frame>(vm->memory);
  if (made == nullptr) return vm->report(vm->message, make_error<Code::no_memory>("a frame"));
  vm->hold();
  made->vm = vm;
  made->given.type = row->type;
  made->given.host = host;
  made->type_name = wanted;
  made->rows = std::move(rows);
  static_cast<Frame&>(*made) = made->given;
  *frame = made;
  return SKEP_OK;
}

void skep_frame_free(skep_frame* frame) {
  if (frame == nullptr) return;
  skep_vm* vm = frame->vm;
  vm->memory.give(frame->buffer.bytes, frame->buffer.capacity);
  c::end_handle(vm->memory, frame);
  vm->release();
}

size_t skep_frame_message(const skep_frame* frame, char* buffer, size_t size) {
  if (frame == nullptr) return c::copy_text("", buffer, size);
  return frame->message.copy(buffer, size);
}

int skep_frame_set_packet(skep_frame* frame, const void* bytes, size_t size) {
  if (frame == nullptr) return SKEP_E_USAGE;
  const Status set = set_packet(*frame, bytes, size);
  return set ? SKEP_OK : frame->vm->report(frame->message, set.error());
}

int skep_frame_set_memory(skep_frame* frame, void* memory, size_t size) {
  if (frame == nullptr) return SKEP_E_USAGE;
  if (memory == nullptr && size != 0) {
    return frame->vm->report(frame->message, make_error<Code::usage>("no memory is given"));
  }
  for (Frame* of : {static_cast<Frame*>(frame), &frame->given}) {
    of->memory = static_cast<u8*>(memory);
    of->size = size;
  }
  return SKEP_OK;
}

int skep_frame_set_field(skep_frame* frame, const char* field, uint64_t value) {
  if (frame == nullptr) return SKEP_E_USAGE;
  const Status set = set_both(*frame, field, value);
  return set ? SKEP_OK : frame->vm->report(frame->message, set.error());
}

int skep_frame_get_field(const skep_frame* frame, const char* field, uint64_t* value) {
  if (frame == nullptr || field == nullptr || value == nullptr) return SKEP_E_USAGE;
  const auto found = get_field(*frame, field);
  if (!found) return c::code_of(found.error().code);
  *value = *found;
  return SKEP_OK;
}

int skep_frame_set_argument(skep_frame* frame, uint32_t index, uint64_t value) {
  if (frame == nullptr || frame->type != ProgramType::kprobe || index >= 8) return SKEP_E_USAGE;
  frame->regs.set_argument(index, value);
  frame->given.regs.set_argument(index, value);
  return SKEP_OK;
}

int skep_frame_set_return(skep_frame* frame, uint64_t value) {
  if (frame == nullptr || frame->type != ProgramType::kprobe) return SKEP_E_USAGE;
  frame->regs.set_result(value);
  frame->given.regs.set_result(value);
  return SKEP_OK;
}

int skep_frame_set_ip(skep_frame* frame, uint64_t value) {
  if (frame == nullptr || frame->type != ProgramType::kprobe) return SKEP_E_USAGE;
  frame->regs.set_ip(value);
  frame->given.regs.set_ip(value);
  return SKEP_OK;
}

void skep_frame_set_user(skep_frame* frame, void* user) {
  if (frame != nullptr) frame->call_user = user;
}

int skep_frame_packet(const skep_frame* frame, const void** bytes, size_t* size) {
  if (frame == nullptr || bytes == nullptr || size == nullptr || frame->packet.data == nullptr) {
    return SKEP_E_USAGE;
  }
  *bytes = frame->packet.data;
  *size = static_cast<size_t>(frame->packet.end - frame->packet.data);
  return SKEP_OK;
}

int skep_frame_redirect(const skep_frame* frame, struct skep_redirect* redirect) {
  if (frame == nullptr || redirect == nullptr) return SKEP_E_USAGE;
  static_assert(static_cast<int>(Redirect::Kind::Map) == SKEP_REDIRECT_MAP);
  const Redirect& from = frame->redirect;
  const struct skep_redirect known = {.sz = sizeof known,
                                      .kind = static_cast<u32>(from.kind),
                                      .ifindex = from.ifindex,
                                      .flags = from.flags,
                                      .map = reinterpret_cast<skep_map*>(from.map),
                                      .key = from.key};
  return c::write_struct(&known, redirect, sizeof known) ? SKEP_OK : SKEP_E_USAGE;
}

int skep_program_run(skep_program* program, skep_frame* frame,
                     const struct skep_run_options* options, struct skep_result* result) {
  if (program == nullptr || frame == nullptr) return SKEP_E_USAGE;
  frame->result = {};
  const auto ran = run_on(*program, *frame, options);
  const int code = ran ? *ran : frame->vm->report(frame->message, ran.error());
  if (ran && code != SKEP_OK) {
    const std::string& text = frame->result.message;
    frame->message.set(code == SKEP_E_BUSY ? "all CPUs of the vm are taken by runs" : text);
  }
  if (result != nullptr) {
    const skep_result known = result_of(*frame, code);
    if (!c::write_struct(&known, result, sizeof known)) return SKEP_E_USAGE;
  }
  return code;
}
