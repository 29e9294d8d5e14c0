// Lines of a trace look so, TASK-THREAD [CPU] FLAGS TIME: EVENT: TEXT; a text of several lines goes
// on without all that. Format: Linux 6.18 kernel/trace/trace_output.c, trace_print_context. See
// printk.h.
#include "kernel/printk.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "kernel/syscall.h"

namespace skep {
namespace {

constexpr const char* kTraces[] = {"/sys/kernel/tracing/trace", "/sys/kernel/debug/tracing/trace"};
constexpr std::string_view kEvent = ": bpf_trace_printk: ";

Result<std::string> read_trace(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail<Code::no_kernel>(fmt::format("{}: {}", path, errno_text(errno)));
  std::string text;
  char buffer[1 << 16];
  for (ssize_t size; (size = ::read(file.get(), buffer, sizeof(buffer))) != 0;) {
    if (size < 0) return fail<Code::no_kernel>(fmt::format("{}: {}", path, errno_text(errno)));
    text.append(buffer, static_cast<std::size_t>(size));
  }
  return text;
}

// Where "[CPU]" begins, three digits or more; npos if the line begins no event.
std::size_t find_cpu(std::string_view line) {
  constexpr std::string_view kDigits = "0123456789";
  for (auto at = line.find('['); at != std::string_view::npos; at = line.find('[', at + 1)) {
    const auto end = line.find_first_not_of(kDigits, at + 1);
    if (end != std::string_view::npos && end > at + 3 && line[end] == ']') return at;
  }
  return std::string_view::npos;
}

// The thread of "TASK-THREAD " or "TASK-THREAD (PROCESS) ". The task's name may have any character
// of these.
std::optional<int> thread_of(std::string_view task) {
  task = task.substr(0, task.find_last_not_of(' ') + 1);
  if (const auto process = task.rfind(" ("); task.ends_with(')') && process != task.npos)
    task = task.substr(0, process);
  const auto digits = task.rfind('-') + 1;
  int thread = 0;
  const auto [rest, error] =
      std::from_chars(task.data() + digits, task.data() + task.size(), thread);
  return digits != 0 && error == std::errc() ? std::optional(thread) : std::nullopt;
}

}  // namespace

std::vector<std::string> printed_by(std::string_view trace, int thread) {
  std::vector<std::string> texts;
  bool ours = false;
  while (!trace.empty()) {
    const auto end = std::min(trace.find('\n'), trace.size());
    const std::string_view line = trace.substr(0, end);
    trace.remove_prefix(std::min(end + 1, trace.size()));
    if (const auto cpu = find_cpu(line); line.starts_with('#') || cpu != line.npos) {
      const auto event = line.find(kEvent);
      ours = event != line.npos && cpu < event && thread_of(line.substr(0, cpu)) == thread;
      if (ours) texts.emplace_back(line.substr(event + kEvent.size()));
    } else if (ours) {
      texts.back().append("\n").append(line);
    }
  }
  return texts;
}

Result<PrintkReader> PrintkReader::open() {
  std::optional<Error> error;
  for (const char* path : kTraces) {
    auto trace = read_trace(path);
    if (!trace) {
      if (!error) error = std::move(trace).error();
      continue;
    }
    PrintkReader reader(path);
    reader.seen_ = printed_by(*trace, static_cast<int>(syscall(SYS_gettid))).size();
    return reader;
  }
  return std::unexpected(std::move(*error));
}

Result<std::vector<std::string>> PrintkReader::read() {
  const std::string trace = TRY(read_trace(path_));
  auto texts = printed_by(trace, static_cast<int>(syscall(SYS_gettid)));
  const std::size_t count = texts.size();
  // Fewer than before: older ones have left the trace.
  texts.erase(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(std::min(seen_, count)));
  seen_ = count;
  return texts;
}

}  // namespace skep
