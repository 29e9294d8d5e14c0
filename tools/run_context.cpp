// The world of a run as --ctx, --task and --seed describe it. See run_arguments.h.
#include <charconv>

#include "helpers/contexts/access.h"
#include "tools/run_arguments.h"

namespace skep {
namespace {

// Decimal or hex, perhaps negative; the whole text or nothing.
std::optional<u64> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  u64 value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? 0 - value : value;
}

// What follows @user: or @kernel: - text, which ends in a zero byte, or other bytes.
Buffer memory_bytes(std::string_view text) {
  if (text.starts_with("hex:")) return parse_hex(text.substr(4), "--ctx");
  if (text.starts_with("file:")) return read_input(std::string(text.substr(5)));
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  Buffer bytes(text.begin(), text.end());
  bytes.push_back(0);
  return bytes;
}

u64 parse_value(const std::string& setting, std::string_view text, ProbeMemory& memory) {
  if (text.starts_with("@user:")) return memory.add(memory_bytes(text.substr(6)), true);
  if (text.starts_with("@kernel:")) return memory.add(memory_bytes(text.substr(8)), false);
  if (const auto number = parse_number(text)) return *number;
  raise<Code::usage>(fmt::format("--ctx {}: '{}' is neither a number nor @user:... or @kernel:...",
                                 setting, text));
}

// arg1 to arg8, ret and ip, whatever the machine calls them.
bool set_by_role(PtRegs& regs, std::string_view name, u64 value) {
  const unsigned last = regs.machine == Machine::A64 ? 8 : 6;
  if (name.size() == 4 && name.starts_with("arg") && name[3] >= '1' &&
      name[3] <= static_cast<char>('0' + last)) {
    regs.set_argument(static_cast<u32>(name[3] - '1'), value);
  } else if (name == "ret") {
    regs.set_result(value);
  } else if (name == "ip") {
    regs.set_ip(value);
  } else {
    return false;
  }
  return true;
}

// Programs that get words: arguments of a function or tracepoint, and perhaps a result behind them.
bool takes_words(ProgramType type) {
  const ProgramTypeRow* row = find_program_type(type);
  return row != nullptr &&
         (row->context == Context::Kernel || row->context == Context::RawTracepoint);
}

// arg1 to arg12 and ret of such programs: as many words as the last one needs.
bool set_word(std::vector<u64>& words, std::optional<u64>& result, std::string_view name,
              u64 value) {
  constexpr u64 kMostArguments = 12;  // MAX_BPF_FUNC_ARGS of Linux
  if (name == "ret") {
    result = value;
    return true;
  }
  if (!name.starts_with("arg")) return false;
  const auto number = parse_number(name.substr(3));
  if (!number || *number == 0 || *number > kMostArguments) return false;
  if (words.size() < *number) words.resize(*number);
  words[*number - 1] = value;
  return true;
}

Machine parse_machine(const std::string& name) {
  return name.empty() ? kHostMachine : name == "arm64" ? Machine::A64 : Machine::X64;
}

u32 task_number(const std::string& setting, const std::string& text) {
  const auto number = parse_number(text);
  if (!number || *number > ~u32{0})
    raise<Code::usage>(fmt::format("--task {}: '{}' is not a number of 32 bits", setting, text));
  return static_cast<u32>(*number);
}

}  // namespace

std::pair<std::string, std::string> split_setting(const std::string& setting,
                                                  std::string_view option) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    raise<Code::usage>(fmt::format("{} '{}' is not of the form NAME=VALUE", option, setting));
  }
  return {setting.substr(0, equals), setting.substr(equals + 1)};
}

bool has_packet(ProgramType type) {
  const ProgramTypeRow* row = find_program_type(type);
  return row != nullptr && (row->context == Context::XdpMd || row->context == Context::SkBuff);
}

bool takes_registers(ProgramType type) {
  return type == ProgramType::kprobe || type == ProgramType::perf_event;
}

u64 ProbeMemory::add(Buffer bytes, bool user) {
  u64& next = user ? next_user_ : next_kernel_;
  const u64 address = next;
  next = ((address + bytes.size()) | 4095) + 1 + 4096;  // an unmapped page between two pieces
  bytes_.push_back(std::move(bytes));
  mappings_.push_back({address, bytes_.back().data(), bytes_.back().size(), user});
  return address;
}

Frame make_frame(const RunArguments& arguments, Session& session) {
  Frame frame;
  frame.type = session.image->type;
  frame.regs.machine = parse_machine(arguments.machine);
  const bool registers = takes_registers(frame.type);
  const bool words = takes_words(frame.type);
  std::optional<u64> result;
  for (const std::string& setting : arguments.context) {
    const auto [name, text] = split_setting(setting, "--ctx");
    const u64 value = parse_value(setting, text, session.memory);
    if (registers && set_by_role(frame.regs, name, value)) continue;
    if (words && set_word(session.words, result, name, value)) continue;
    const Status set = set_field(frame, name, value);
    if (!set) raise<Code::usage>(fmt::format("--ctx {}: {}", setting, set.error().text));
  }
  frame.arguments = static_cast<u32>(session.words.size());
  if (result) session.words.push_back(*result);
  if (!session.words.empty()) {
    frame.memory = reinterpret_cast<u8*>(session.words.data());
    frame.size = session.words.size() * sizeof(u64);
  }
  session.env.memory = session.memory.mappings();
  return frame;
}

void set_task(const std::vector<std::string>& settings, Task& task) {
  for (const std::string& setting : settings) {
    const auto [name, text] = split_setting(setting, "--task");
    if (name == "comm") {
      std::memset(task.comm, 0, sizeof(task.comm));
      text.copy(task.comm, sizeof(task.comm) - 1);
      continue;
    }
    u32* field = name == "pid"    ? &task.pid
                 : name == "tgid" ? &task.tgid
                 : name == "uid"  ? &task.uid
                 : name == "gid"  ? &task.gid
                                  : nullptr;
    if (field == nullptr)
      raise<Code::usage>(
          fmt::format("--task {}: no such field; there are pid, tgid, uid, gid, comm", setting));
    *field = task_number(setting, text);
  }
}

void PrintLog::attach(Env& env) {
  env.user = this;
  env.print = print;
}

void PrintLog::print(void* user, std::string_view line) {
  auto& log = *static_cast<PrintLog*>(user);
  if (line.ends_with('\n')) line.remove_suffix(1);
  log.output_.text("printk: {}\n", printable(line));
  if (!log.output_.json()) return;
  if (log.lines_.size() == kKept) {
    ++log.dropped_;
  } else {
    log.lines_.emplace_back(line);
  }
}

Json PrintLog::document() const {
  Json lines = lines_;
  if (dropped_ != 0) lines.push_back(fmt::format("... and {} lines more", dropped_));
  return lines;
}

}  // namespace skep
