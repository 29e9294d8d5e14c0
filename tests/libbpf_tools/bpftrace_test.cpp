// A one-liner of bpftrace, turned into an object by bpftrace itself, on emulated events.
//
//   bpftrace --emit-elf FILE -e 'kprobe:vfs_read { @reads[comm] = count(); }'
//
// The object has the code only: no licence, and maps by the numbers that bpftrace would have had
// from the kernel, 0 for the first. What @reads is follows from the script: a per-CPU hash of names
// to counts. So the test takes the code out of its section and gives it that map.
#include <unistd.h>

#include <cstdlib>

#include "tests/libbpf_tools/tool.h"

namespace skep {
namespace {

constexpr const char* kScript = "kprobe:vfs_read { @reads[comm] = count(); }";
constexpr u32 kNameBytes = 16;  // of a comm

// The bytes of the ELF section whose name begins so; empty if there is none.
std::span<const u8> section(std::span<const u8> object, std::string_view prefix) {
  const auto word = [&](u64 at, u32 size) {
    u64 value = 0;
    if (at + size <= object.size()) std::memcpy(&value, object.data() + at, size);
    return value;
  };
  const u64 headers = word(40, 8), count = word(60, 2), names = word(62, 2);
  const u64 strings = word(headers + names * 64 + 24, 8);
  for (u64 i = 0; i < count; ++i) {
    const u64 header = headers + i * 64;
    const u64 name = strings + word(header, 4), at = word(header + 24, 8),
              size = word(header + 32, 8);
    if (name + prefix.size() > object.size() || at + size > object.size()) continue;
    if (std::memcmp(object.data() + name, prefix.data(), prefix.size()) == 0) {
      return object.subspan(at, size);
    }
  }
  return {};
}

std::shared_ptr<const Image> image_of(std::span<const u8> code) {
  std::vector<Insn> insns(code.size() / sizeof(Insn));
  std::memcpy(insns.data(), code.data(), insns.size() * sizeof(Insn));
  auto program = Program::make(insns);
  EXPECT_TRUE(program);
  auto image = std::make_shared<Image>();
  image->name = "vfs_read";
  image->type = ProgramType::kprobe;
  image->license = "GPL";
  MapSpec reads;
  reads.name = "reads";
  reads.type = MapType::percpu_hash;
  reads.key_size = kNameBytes;
  reads.value_size = sizeof(u64);
  reads.max_entries = 4096;
  image->maps = std::make_shared<const std::vector<MapSpec>>(1, reads);
  if (program) image->program = std::move(*program);
  return image;
}

// The map as bpftrace prints it: one line an element, sums over the CPUs, by name.
std::string print(Map& map) {
  std::map<std::string, u64> counts;
  std::vector<u8> key(kNameBytes), value(map.host_value_size());
  for (int more = map.next_key(nullptr, key.data()); more == 0;
       more = map.next_key(key.data(), key.data())) {
    EXPECT_EQ(map.read(key.data(), value.data()), 0);
    u64& count = counts[test::text_at(key, 0, kNameBytes)];
    for (u64 at = 0; at < value.size(); at += sizeof(u64)) count += test::value_at<u64>(value, at);
  }
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("@reads[{}]: {}\n", name, count);
  return text;
}

TEST(Bpftrace, OneLinerCountsEvents) {
  if (!std::filesystem::exists("/usr/bin/bpftrace")) {
    GTEST_SKIP() << "needs kernel feature: bpftrace";
  }
  const std::string path = fmt::format("{}skep_bpftrace_{}.o", testing::TempDir(), getpid());
  const std::string command =
      fmt::format("/usr/bin/bpftrace --emit-elf {} -e '{}' > /dev/null 2>&1", path, kScript);
  const int status = std::system(command.c_str());
  const std::vector<u8> object = test::read_file(path);
  std::filesystem::remove(path);
  if (object.empty())
    GTEST_SKIP() << "needs permission: bpftrace made no object, status " << status;
  const auto code = section(object, "s_kprobe:vfs_read");
  ASSERT_FALSE(code.empty());

  Vm vm({.cpus = 2});
  const std::vector<std::shared_ptr<const Image>> images{image_of(code)};
  auto instance = vm.load(images);
  ASSERT_TRUE(instance) << instance.error().text;
  Loaded* program = (*instance)->find("vfs_read");
  ASSERT_NE(program, nullptr);
  Env env = Env::deterministic(1);
  env.cpus = 2;
  for (const char* name : {"cat", "shell", "cat", "cat", "shell", "tail"}) {
    env.task = {};
    std::strcpy(env.task.comm, name);
    for (u32 cpu = 0; cpu < 2; ++cpu) {
      Frame frame{.type = ProgramType::kprobe};
      const RunResult result = program->run(frame, {.env = &env, .cpu = cpu});
      EXPECT_EQ(result.message, "");
    }
  }
  EXPECT_EQ(print(*(*instance)->map("reads")),
            "@reads[cat]: 6\n@reads[shell]: 4\n@reads[tail]: 2\n");
}

}  // namespace
}  // namespace skep
