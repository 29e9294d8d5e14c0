// Every script of map_scripts.h on the kernel's maps, through bpf(2): that skep's answers are
// Linux's. Programs' operations are small XDP programs, run once each on CPU 0 by
// BPF_PROG_TEST_RUN. Skipped where bpf(2) is not permitted.
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "isa/program.h"
#include "tests/helpers/map_scripts.h"

namespace skep {
namespace {

int bpf(int command, bpf_attr& attr) {
  const long result = syscall(SYS_bpf, command, &attr, sizeof attr);
  return result < 0 ? -errno : static_cast<int>(result);
}

u64 address(const void* pointer) {
  return reinterpret_cast<u64>(pointer);
}

class KernelMap final : public ScriptedMap {
 public:
  explicit KernelMap(const MapSpec& spec) : spec_(spec) {
    bpf_attr attr{};
    attr.map_type = static_cast<u32>(spec.type);
    attr.key_size = spec.key_size;
    attr.value_size = spec.value_size;
    attr.max_entries = spec.max_entries;
    attr.map_flags = spec.flags;
    attr.map_extra = spec.extra;
    if (spec.inner != nullptr) {
      fits_ = std::make_unique<KernelMap>(*spec.inner);
      unfit_ = std::make_unique<KernelMap>(unfit_inner());
      attr.inner_map_fd = static_cast<u32>(fits_->fd);
    }
    fd = bpf(BPF_MAP_CREATE, attr);
  }
  ~KernelMap() override {
    if (fd >= 0) close(fd);
  }

  int write(const ByteString& key, const ByteString& value, u64 flags) override {
    if (fits_ != nullptr && value[0] == 1) return put(key, *fits_, flags);
    if (fits_ != nullptr && value[0] == 2) return put(key, *unfit_, flags);
    return element(BPF_MAP_UPDATE_ELEM, key.data(), value.data(), flags);
  }
  int read(const ByteString& key, ByteString& value, u64 flags) override {
    const int error = element(BPF_MAP_LOOKUP_ELEM, key.data(), value.data(), flags);
    if (fits_ != nullptr && error == 0) {
      value.assign(value.size(), 0);  // it is the id of the one map that can be there
      value[0] = 1;
    }
    return error;
  }
  int take(const ByteString& key, ByteString& value, u64 flags) override {
    return element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, key.data(), value.data(), flags);
  }
  int erase(const ByteString& key) override {
    return element(BPF_MAP_DELETE_ELEM, key.data(), nullptr, 0);
  }
  int next(const ByteString* key, ByteString& next) override {
    return element(BPF_MAP_GET_NEXT_KEY, key != nullptr ? key->data() : nullptr, next.data(), 0);
  }

  int update(const ByteString& key, const ByteString& value, u64 flags) override {
    begin(key);
    store(kValueAt, value);
    point(3, kValueAt);
    load(4, flags);
    call(BPF_FUNC_map_update_elem);
    return run();
  }
  int remove(const ByteString& key) override {
    begin(key);
    call(BPF_FUNC_map_delete_elem);
    return run();
  }
  int lookup(const ByteString& key, bool& found, u32& value) override {
    // One run tells whether there is a value, a second one gives it.
    begin(key);
    call(BPF_FUNC_map_lookup_elem);
    insns_.push_back(make_insn(0x15, 0, 0, 1, 0));  // if r0 == 0 goto exit
    insns_.push_back(make_insn(0xb7, 0, 0, 0, 1));  // r0 = 1
    const int present = run();
    if (present < 0) return present;
    found = present == 1;
    if (!found) return 0;
    begin(key);
    call(BPF_FUNC_map_lookup_elem);
    const int width = spec_.value_size >= 4 ? 0x61 : 0x71;
    insns_.push_back(make_insn(0x15, 0, 0, 1, 0));
    insns_.push_back(make_insn(static_cast<u8>(width), 0, 0, 0, 0));  // r0 = *(u32 or u8 *)r0
    value = static_cast<u32>(run());
    return 0;
  }

  int push(const ByteString& value, u64 flags) override {
    insns_.clear();
    store(kValueAt, value);
    map(1);
    point(2, kValueAt);
    load(3, flags);
    call(BPF_FUNC_map_push_elem);
    return run();
  }
  int pop(u32& value) override { return take_out(BPF_FUNC_map_pop_elem, value); }
  int peek(u32& value) override { return take_out(BPF_FUNC_map_peek_elem, value); }

  int output(u32 size, u64 flags) override {
    insns_.clear();
    store(kValueAt, ByteString(size, static_cast<u8>(size)));
    map(1);
    point(2, kValueAt);
    load(3, size);
    load(4, flags);
    call(BPF_FUNC_ringbuf_output);
    return run();
  }

  // The records are held in r6, r7 and r8; r9 collects the answers.
  int records(const std::vector<Reservation>& records, u64 flags, u32& reserved) override {
    insns_.clear();
    insns_.push_back(make_insn(0xb7, 9, 0, 0, 0));
    for (u8 i = 0; i < records.size(); ++i) {
      const u8 reg = static_cast<u8>(6 + i);
      map(1);
      load(2, records[i].size);
      load(3, flags);
      call(BPF_FUNC_ringbuf_reserve);
      insns_.push_back(make_insn(0xbf, reg, 0, 0, 0));
      const u32 size = records[i].size;
      const i16 skipped = static_cast<i16>(size != 0 ? 3 : 1);
      insns_.push_back(make_insn(0x15, reg, 0, skipped, 0));  // if null
      insns_.push_back(make_insn(0x47, 9, 0, 0, 1 << i));
      if (size != 0) {  // first and last byte
        insns_.push_back(make_insn(0x72, reg, 0, 0, static_cast<u8>(size)));
        insns_.push_back(
            make_insn(0x72, reg, 0, static_cast<i16>(size - 1), static_cast<u8>(size)));
      }
    }
    for (u8 i = static_cast<u8>(records.size()); i-- > 0;) {
      const u8 reg = static_cast<u8>(6 + i);
      insns_.push_back(make_insn(0x15, reg, 0, 3, 0));
      insns_.push_back(make_insn(0xbf, 1, reg, 0, 0));
      insns_.push_back(make_insn(0xb7, 2, 0, 0, 0));
      call(records[i].discard ? BPF_FUNC_ringbuf_discard : BPF_FUNC_ringbuf_submit);
    }
    insns_.push_back(make_insn(0xbf, 0, 9, 0, 0));
    const int result = run();
    if (result >= 0) reserved = static_cast<u32>(result);
    return std::min(result, 0);
  }

  u32 query(u64 what) override {
    insns_.clear();
    map(1);
    load(2, what);
    call(BPF_FUNC_ringbuf_query);
    return static_cast<u32>(run());
  }

  // As libbpf: the consumer's page, the producer's page, the data twice.
  std::vector<ByteString> consume() override {
    std::vector<ByteString> all;
    const u64 page = 4096, size = spec_.max_entries;
    void* own = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void* theirs = mmap(nullptr, page + 2 * size, PROT_READ, MAP_SHARED, fd, page);
    EXPECT_NE(own, MAP_FAILED);
    EXPECT_NE(theirs, MAP_FAILED);
    u64& consumed = *static_cast<u64*>(own);
    const u64 produced = *static_cast<u64*>(theirs);
    const u8* data = static_cast<const u8*>(theirs) + page;
    while (consumed < produced) {
      const u8* header = data + (consumed & (size - 1));
      const u64 length = number_at(header, 4);
      if ((length & BPF_RINGBUF_BUSY_BIT) != 0) break;
      const u64 bytes = length & ~u64{BPF_RINGBUF_DISCARD_BIT};
      if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) all.emplace_back(header + 8, header + 8 + bytes);
      consumed += (bytes + 8 + 7) & ~u64{7};
    }
    munmap(own, page);
    munmap(theirs, page + 2 * size);
    return all;
  }

  int fd = -1;

 private:
  static constexpr i16 kKeyAt = -512, kValueAt = -448;

  int put(const ByteString& key, const KernelMap& inner, u64 flags) const {
    return element(BPF_MAP_UPDATE_ELEM, key.data(), reinterpret_cast<const u8*>(&inner.fd), flags);
  }

  int element(int command, const u8* key, const u8* value, u64 flags) const {
    bpf_attr attr{};
    attr.map_fd = static_cast<u32>(fd);
    attr.key = address(key);
    attr.value = address(value);
    attr.flags = flags;
    return bpf(command, attr);
  }

  // The error, or the value, which scripts keep below 2^31.
  int take_out(int helper, u32& value) {
    insns_.clear();
    store(kValueAt, ByteString(spec_.value_size, 0xff));
    map(1);
    point(2, kValueAt);
    call(helper);
    insns_.push_back(make_insn(0x55, 0, 0, 1, 0));  // if r0 != 0 goto exit
    insns_.push_back(make_insn(0x61, 0, 10, kValueAt, 0));
    const int result = run();
    value = static_cast<u32>(result);
    return std::min(result, 0);
  }

  // r1 = map; r2 = &key
  void begin(const ByteString& key) {
    insns_.clear();
    store(kKeyAt, key);
    map(1);
    point(2, kKeyAt);
  }
  void map(u8 reg) {
    insns_.push_back(make_insn(0x18, reg, 1, 0, fd));
    insns_.push_back(make_insn(0, 0, 0, 0, 0));
  }
  void store(i16 at, const ByteString& bytes) {
    for (u64 i = 0; i < bytes.size(); ++i) {
      insns_.push_back(
          make_insn(0x72, 10, 0, static_cast<i16>(at + static_cast<i16>(i)), bytes[i]));
    }
  }
  void point(u8 reg, i16 at) {
    insns_.push_back(make_insn(0xbf, reg, 10, 0, 0));
    insns_.push_back(make_insn(0x07, reg, 0, 0, at));
  }
  void load(u8 reg, u64 number) {
    insns_.push_back(make_insn(0x18, reg, 0, 0, static_cast<i32>(number)));
    insns_.push_back(make_insn(0, 0, 0, 0, static_cast<i32>(number >> 32)));
  }
  void call(int helper) { insns_.push_back(make_insn(0x85, 0, 0, 0, helper)); }

  // Loads the program and runs it once: r0, or the error of loading.
  int run() {
    insns_.push_back(make_insn(0x95, 0, 0, 0, 0));
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_XDP;
    load.insns = address(insns_.data());
    load.insn_cnt = static_cast<u32>(insns_.size());
    load.license = address("GPL");
    const int program = bpf(BPF_PROG_LOAD, load);
    if (program < 0) return program;
    u8 packet[64] = {};
    bpf_attr test{};
    test.test.prog_fd = static_cast<u32>(program);
    test.test.data_in = address(packet);
    test.test.data_size_in = sizeof packet;
    test.test.repeat = 1;
    const int error = bpf(BPF_PROG_TEST_RUN, test);
    close(program);
    return error < 0 ? error : static_cast<int>(test.test.retval);
  }

  MapSpec spec_;
  std::vector<Insn> insns_;
  std::unique_ptr<KernelMap> fits_, unfit_;  // of maps of maps
};

bool permitted() {
  return KernelMap(map_spec(MapType::array, 4, 8, 1)).fd >= 0;
}

void pin_to_first_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
}

class KernelScript : public testing::TestWithParam<Script> {};

TEST_P(KernelScript, LinuxAnswersSo) {
  if (!permitted()) GTEST_SKIP() << "needs permission: bpf(2)";
  pin_to_first_cpu();
  KernelMap map(GetParam().spec);
  ASSERT_GE(map.fd, 0) << strerror(-map.fd);
  ScriptRunner(GetParam().spec, map).run(GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Scripts, KernelScript, testing::ValuesIn(map_scripts()),
                         case_name<Script>);

// Specs of each running type, near the bounds of each field: validate() says what BPF_MAP_CREATE
// says.
class KernelSpecs : public testing::TestWithParam<MapType> {};

int error_of(const Status& checked) {
  if (checked) return 0;
  switch (checked.error().code) {
    case Code::map_too_large: return kE2BIG;
    case Code::map_flag_refused: return kENOTSUPP;
    default: return kEINVAL;
  }
}

std::vector<MapSpec> specs_near(const MapSpec& base) {
  std::vector<MapSpec> specs;
  const auto add = [&](auto change) { change(specs.emplace_back(base)); };
  constexpr u32 kSizes[] = {0,   1,   3,   4,   5,   7,    8,    9,    16,    20,
                            259, 260, 261, 512, 513, 4096, 4097, 8192, 32768, 32769};
  // Around the bounds of KMALLOC_MAX_SIZE; and where the kernel need not look for gigabytes.
  constexpr u32 kLarge[] = {4194024, 4194025, 4194251,     4194252,
                            4194304, 4194305, 0x8000'0000, 0xffff'ffff};
  constexpr u32 kManyEntries[] = {(1u << 27) + 1, 1u << 31, 0xffff'ffff};
  constexpr u32 kTokenFlag = 1u << 16;  // bpf(2)'s own: a file descriptor follows
  for (const u32 size : kSizes) {
    add([&](MapSpec& spec) { spec.key_size = size; });
    add([&](MapSpec& spec) { spec.value_size = size; });
    add([&](MapSpec& spec) { spec.max_entries = size; });
  }
  for (const u32 size : kLarge) {
    add([&](MapSpec& spec) { spec.key_size = size; });
    add([&](MapSpec& spec) { spec.value_size = size; });
  }
  for (u32 flag = 1; flag != 0; flag <<= 1) {
    if (flag == kTokenFlag) continue;
    add([&](MapSpec& spec) { spec.flags = flag; });
    add([&](MapSpec& spec) { spec.flags |= flag | map_flags::kRdonly | map_flags::kRdonlyProg; });
    add([&](MapSpec& spec) { spec.flags |= flag | map_flags::kNoPrealloc; });
  }
  add([](MapSpec& spec) { spec.flags = 0; });
  add([](MapSpec& spec) { spec.extra = 1; });
  if (base.type == MapType::hash || base.type == MapType::percpu_hash) {
    for (const u32 entries : kManyEntries) {
      add([&](MapSpec& spec) { spec.max_entries = entries; });
    }
  }
  return specs;
}

TEST_P(KernelSpecs, AreRefusedAlike) {
  if (!permitted()) GTEST_SKIP() << "needs permission: bpf(2)";
  const MapRule& rule = find_map_kind(GetParam())->rule;
  const bool ring = rule.more == find_map_kind(MapType::ringbuf)->rule.more;
  const MapSpec base = map_spec(GetParam(), std::max(rule.key.min, std::min(4u, rule.key.max)),
                                rule.value.min, ring ? 4096 : rule.entries.min, rule.required);
  ASSERT_TRUE(validate(base)) << validate(base).error().text;
  for (const MapSpec& spec : specs_near(base)) {
    const KernelMap map(spec);
    const auto ours = validate(spec);
    EXPECT_STREQ(errno_name(error_of(ours)), errno_name(std::min(map.fd, 0))) << fmt::format(
        "key {} value {} entries {} flags {:#x} extra {}: {}", spec.key_size, spec.value_size,
        spec.max_entries, spec.flags, spec.extra, ours ? "accepted" : ours.error().text);
  }
}

// Without those that need BTF (object storage, struct_ops) or an inner map, that depend on the
// kernel's NR_CPUS (cpumap), or that 6.18 does not have.
std::vector<MapType> comparable_types() {
  std::vector<MapType> types;
  for (u32 id = 1; find_map_kind(static_cast<MapType>(id)) != nullptr; ++id) {
    const MapKind& kind = *find_map_kind(static_cast<MapType>(id));
    const bool storage = kind.rule.more == find_map_kind(MapType::sk_storage)->rule.more;
    const bool special = kind.type == MapType::struct_ops || kind.type == MapType::cpumap;
    if (!storage && !holds_maps(kind.type) && !special && kind.since <= 6.18_v)
      types.push_back(kind.type);
  }
  return types;
}

INSTANTIATE_TEST_SUITE_P(Types, KernelSpecs, testing::ValuesIn(comparable_types()),
                         [](const auto& test) {
                           return std::string(find_map_kind(test.param)->name);
                         });

}  // namespace
}  // namespace skep
