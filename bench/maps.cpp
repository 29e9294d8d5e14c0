// skep_maps: what maps alone cost, with Google Benchmark. Its benchmarks are named
// TYPE/OPERATION/ENGINE; a row of the table is TYPE/OPERATION, a column an engine and a number of
// threads. The table has ns an operation by the clock on the wall, the least of repetitions that
// are mixed at random, all threads together: two threads that do not hinder each other halve it.
//   engines     skep: calls of Map from C++
//               kernel: programs of bench/maps.bpf.c in test runs, less an empty program's
//               unordered_map: the standard library's, with a shared mutex for several threads
//   operations  lookup and update of elements that are there; insert_delete: putting in and taking
//               out one that is not; iterate: a step from one element to the next, in the kernel by
//               bpf_for_each_map_elem, which LPM tries do not have; peek and push_pop of queues and
//               stacks that hold values: looking at the next one, putting in one and taking out one
// The flags are Google Benchmark's: --benchmark_filter='^hash/', --benchmark_out=FILE, ...
// The exit code is 1 if an operation failed, 2 for wrong flags.
#include <benchmark/benchmark.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <barrier>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "bench/maps_table.h"
#include "helpers/contexts/frames.h"
#include "loader/loader.h"
#include "vm/vm.h"

#ifdef SKEP_HAS_KERNEL
#include "kernel/backend.h"
#include "kernel/map.h"
#include "kernel/raw_program.h"
#endif

namespace skep::bench {
namespace {

constexpr u32 kKeys = 1024;  // as in bench/maps.bpf.c
constexpr u32 kOperations = 64;
constexpr u32 kIterations = 1 << 17;  // of ours and the standard library's, a repetition
constexpr const char* kIterate = "iterate";
constexpr u32 kMaxThreads = 8;  // whose own elements there is room for

// The "several" of the columns: as many threads as the machine runs at once.
u32 several_threads() {
  static const u32 count = std::clamp(std::thread::hardware_concurrency(), 2u, kMaxThreads);
  return count;
}

// While it lives, each of several threads stays on a CPU of its own. Two that wake on the same one
// would run one after the other: a sample is over before the kernel moves one of them.
class OnOneCpu {
 public:
#ifdef __linux__
  OnOneCpu(u32 thread, u32 threads) {
    if (threads < 2 || sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
    u32 skipped = thread % static_cast<u32>(std::max(1, CPU_COUNT(&before_)));
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &before_) || skipped-- != 0) continue;
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(cpu, &only);
      set_ = sched_setaffinity(0, sizeof(only), &only) == 0;
      break;
    }
  }
  ~OnOneCpu() {
    if (set_) sched_setaffinity(0, sizeof(before_), &before_);
  }

 private:
  cpu_set_t before_;
  bool set_ = false;
#else
  OnOneCpu(u32, u32) {}
  ~OnOneCpu() {}
#endif
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;
};

template <class T>
T take(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  return std::move(*result);
}

struct Kind;

// One operation on element `i`; whether it was done.
using Operation = bool (*)(Map& map, const Kind& kind, u32 i, u32 cpu);
struct NamedOperation {
  const char* name;
  Operation run;
};

struct Kind {
  const char* name;
  MapType type;
  std::span<const NamedOperation> operations;
  u32 key_size = 4;  // 8: a prefix of LPM tries
  u32 entries = 2 * kKeys;
  bool iterates = true;
};

struct Key {
  u32 words[2];
  explicit Key(const Kind& kind, u32 number)
      : words{kind.key_size == 8 ? 32 : number, __builtin_bswap32(number)} {}
  const u8* bytes() const { return reinterpret_cast<const u8*>(words); }
};

u32 number(u32 i) {
  return (i * 37 + 11) & (kKeys - 1);
}

bool look_up(Map& map, const Kind& kind, u32 i, u32 cpu) {
  return map.lookup(Key(kind, number(i)).bytes(), cpu) != nullptr;
}
bool look_up_map(Map& map, const Kind& kind, u32 i, u32 /*cpu*/) {
  return map.inner(Key(kind, number(i)).bytes()) != nullptr;
}
bool update(Map& map, const Kind& kind, u32 i, u32 cpu) {
  const u64 value = 7;
  return map.update(Key(kind, number(i)).bytes(), reinterpret_cast<const u8*>(&value),
                    update_flags::kAny, cpu) == 0;
}
bool insert_delete(Map& map, const Kind& kind, u32 i, u32 cpu) {
  const u64 value = 7;
  const Key key(kind, kKeys + cpu * kOperations + i % kOperations);
  return map.update(key.bytes(), reinterpret_cast<const u8*>(&value), update_flags::kNoExist,
                    cpu) == 0 &&
         map.remove(key.bytes()) == 0;
}
bool peek(Map& map, const Kind& /*kind*/, u32 /*i*/, u32 /*cpu*/) {
  u64 value;
  return map.peek(reinterpret_cast<u8*>(&value)) == 0;
}
bool push_pop(Map& map, const Kind& /*kind*/, u32 i, u32 /*cpu*/) {
  u64 value = i;
  return map.push(reinterpret_cast<const u8*>(&value), update_flags::kAny) == 0 &&
         map.pop(reinterpret_cast<u8*>(&value)) == 0;
}

constexpr NamedOperation kOfHashes[] = {
    {"lookup", look_up}, {"update", update}, {"insert_delete", insert_delete}};
constexpr NamedOperation kOfArrays[] = {{"lookup", look_up}, {"update", update}};
constexpr NamedOperation kOfQueues[] = {{"peek", peek}, {"push_pop", push_pop}};
constexpr NamedOperation kOfMapsOfMaps[] = {{"lookup", look_up_map}};

constexpr Kind kKinds[] = {
    {"hash", MapType::hash, kOfHashes},
    {"array", MapType::array, kOfArrays, 4, kKeys},
    {"percpu_hash", MapType::percpu_hash, kOfHashes},
    {"percpu_array", MapType::percpu_array, kOfArrays, 4, kKeys},
    {"lru_hash", MapType::lru_hash, kOfHashes},
    {"lru_percpu_hash", MapType::lru_percpu_hash, kOfHashes},
    {"lpm_trie", MapType::lpm_trie, kOfHashes, 8},
    {"queue", MapType::queue, kOfQueues, 0, 2 * kKeys, false},
    {"stack", MapType::stack, kOfQueues, 0, 2 * kKeys, false},
    {"hash_of_maps", MapType::hash_of_maps, kOfMapsOfMaps, 4, 2 * kKeys, false},
};

MapSpec spec_of(const Kind& kind) {
  MapSpec spec;
  spec.name = kind.name;
  spec.type = kind.type;
  spec.key_size = kind.key_size;
  spec.value_size = 8;
  spec.max_entries = kind.entries;
  spec.flags = kind.type == MapType::lpm_trie ? map_flags::kNoPrealloc : 0;
  if (kind.type == MapType::hash_of_maps) {
    spec.value_size = 4;
    MapSpec inner;
    inner.type = MapType::array;
    inner.key_size = 4;
    inner.value_size = 8;
    inner.max_entries = 1;
    spec.inner = std::make_shared<MapSpec>(inner);
  }
  return spec;
}

// Puts something in for each key; `put` gives an error or 0.
void fill(const Kind& kind, const std::function<int(const u8* key)>& put) {
  for (u32 i = 0; i < kKeys; ++i) {
    const Key key(kind, i);
    if (put(kind.key_size == 0 ? nullptr : key.bytes()) != 0)
      throw std::runtime_error(std::string("can't fill ") + kind.name);
  }
}
void fill_with_zeros(Map& map, const Kind& kind) {
  const std::vector<u8> value(map.host_value_size());
  fill(kind, [&](const u8* key) { return map.write(key, value.data(), update_flags::kAny); });
}

// ---- skep ---------------------------------------------------------------------------------------

void run_skep(benchmark::State& state, Map* map, const Kind& kind, Operation operation) {
  const u32 cpu = static_cast<u32>(state.thread_index());
  const OnOneCpu pinned(cpu, static_cast<u32>(state.threads()));
  u32 i = 0;
  bool good = true;
  for (auto _ : state) good &= operation(*map, kind, i++, cpu);
  if (!good) state.SkipWithError("an operation failed");
}

void run_skep_iterate(benchmark::State& state, Map* map) {
  const OnOneCpu pinned(static_cast<u32>(state.thread_index()), static_cast<u32>(state.threads()));
  u8 key[8];
  u8* last = nullptr;
  u64 steps = 0, rounds = 0;
  for (auto _ : state) {
    const bool more = map->next_key_unchecked(last, key) == 0;
    last = more ? key : nullptr;
    rounds += !more;
    ++steps;
  }
  // A round is a step to each element, and one that finds no more.
  if (rounds != steps / (kKeys + 1)) state.SkipWithError("not every element was visited");
}

// ---- the standard library -----------------------------------------------------------------------

struct Standard {
  std::unordered_map<u32, u64> elements;
  std::shared_mutex mutex;
};

// Locks if there is more than one thread.
template <class Lock>
Lock lock(benchmark::State& state, Standard& map) {
  return state.threads() > 1 ? Lock(map.mutex) : Lock(map.mutex, std::defer_lock);
}

void run_standard(benchmark::State& state, Standard* map, int operation) {
  using Shared = std::shared_lock<std::shared_mutex>;
  using Unique = std::unique_lock<std::shared_mutex>;
  const u32 thread = static_cast<u32>(state.thread_index());
  const OnOneCpu pinned(thread, static_cast<u32>(state.threads()));
  u32 i = 0;
  auto at = map->elements.begin();
  for (auto _ : state) {
    const u32 key = number(i++);
    if (operation == 0) {
      const Shared locked = lock<Shared>(state, *map);
      benchmark::DoNotOptimize(map->elements.find(key)->second);
    } else if (operation == 1) {
      const Unique locked = lock<Unique>(state, *map);
      map->elements[key] = 7;
    } else if (operation == 2) {
      const u32 other = kKeys + thread * kOperations + i % kOperations;
      {
        const Unique locked = lock<Unique>(state, *map);
        map->elements.emplace(other, 7);
      }
      const Unique locked = lock<Unique>(state, *map);
      map->elements.erase(other);
    } else {
      const Shared locked = lock<Shared>(state, *map);
      if (at == map->elements.end()) at = map->elements.begin();
      benchmark::DoNotOptimize(at->second);
      ++at;
    }
  }
}

// ---- the kernel ---------------------------------------------------------------------------------

#ifdef SKEP_HAS_KERNEL
constexpr double kSampleNs = 2e6;
constexpr u32 kTrialRuns = 50;
constexpr int kEmptySamples = 5;
constexpr u32 kEmptyResult = 1;  // r0 of empty_program()

using Clock = std::chrono::steady_clock;

// What one thread saw of its test runs.
struct Runs {
  Clock::time_point start, end;
  std::string error;  // empty if all is well
  double ns() const { return std::chrono::duration<double, std::nano>(end - start).count(); }
};

// The programs of bench/maps.bpf.c in the kernel, their maps filled.
class KernelMaps {
 public:
  KernelMaps() : backend_(make_kernel_backend()) {
    std::ifstream file(SKEP_MAPS_OBJECT, std::ios::binary);
    if (!file) throw std::runtime_error("can't read " SKEP_MAPS_OBJECT);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    object_ = take(load({reinterpret_cast<const u8*>(bytes.data()), bytes.size()}));
    instance_ = take(vm_.load(object_.programs, *backend_));
    for (const Kind& kind : kKinds) fill_of(kind);
    empty_ = take(vm_.load({{take(empty_program(ProgramType::sched_cls))}}, *backend_));
    empty_ns_ = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kEmptySamples; ++i)
      empty_ns_ = std::min(empty_ns_, run_ns(*empty_->programs()[0].loaded, kEmptyResult, 1));
  }

  Loaded* find(const std::string& name) const { return instance_->find(name); }

  // ns an operation, all threads together, of a program that does so many.
  double operation_ns(Loaded& program, u32 operations, u32 threads) const {
    return (run_ns(program, operations, threads) - empty_ns_ / threads) / operations;
  }

 private:
  void fill_of(const Kind& kind) {
    Map& map = *instance_->map(std::string(kind.name) + "_map");
    if (kind.type != MapType::hash_of_maps) return fill_with_zeros(map, kind);
    const std::unique_ptr<KernelMap> inner = take(KernelMap::create(*spec_of(kind).inner, {}));
    const int fd = inner->fd();
    fill(kind, [&](const u8* key) {
      return map.write(key, reinterpret_cast<const u8*>(&fd), update_flags::kAny);
    });
  }

  // ns a run, all threads together: from the first one's start to the last one's end.
  static double run_ns(Loaded& program, u32 expected, u32 threads) {
    const Runs trial = checked(run(program, expected, 0, kTrialRuns));
    const u32 count =
        static_cast<u32>(std::max(1.0, kSampleNs * kTrialRuns / std::max(1.0, trial.ns())));
    std::vector<Runs> done(threads);
    std::barrier start(static_cast<std::ptrdiff_t>(threads));
    {
      std::vector<std::jthread> running;
      for (u32 thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, thread] {
          const OnOneCpu pinned(thread, threads);
          start.arrive_and_wait();
          done[thread] = run(program, expected, thread, count);
        });
      }
    }
    Runs all = checked(done[0]);
    for (const Runs& runs : done) {
      all.start = std::min(all.start, checked(runs).start);
      all.end = std::max(all.end, runs.end);
    }
    return all.ns() / count / threads;
  }

  static Runs run(Loaded& program, u32 expected, u32 thread, u32 count) {
    Runs runs;
    const u8 bytes[64] = {};
    Result<PacketBuffer> buffer = PacketBuffer::make(bytes, ProgramType::sched_cls);
    if (!buffer) {
      runs.error = buffer.error().text;
      return runs;
    }
    Frame frame;
    frame.type = ProgramType::sched_cls;
    frame.packet = buffer->packet();
    frame.skb.mark = thread;
    Env env = Env::deterministic(1);
    runs.start = Clock::now();
    const RunResult result = program.run(frame, {.env = &env, .repeat = count});
    runs.end = Clock::now();
    if (!result.ok()) {
      runs.error = result.message;
    } else if (result.r0 != expected) {
      runs.error = "r0 is " + std::to_string(result.r0) + " instead of " + std::to_string(expected);
    }
    return runs;
  }

  static const Runs& checked(const Runs& runs) {
    if (!runs.error.empty()) throw std::runtime_error(runs.error);
    return runs;
  }

  std::unique_ptr<Backend> backend_;
  Object object_;
  Vm vm_;
  std::unique_ptr<Instance> instance_, empty_;
  double empty_ns_ = 0;
};

// The threads are ours, not Google Benchmark's: an iteration is a sample of many operations.
void run_kernel(benchmark::State& state, const KernelMaps* maps, Loaded* program, u32 operations) {
  for (auto _ : state) {
    try {
      const u32 threads = static_cast<u32>(state.range(0));
      state.SetIterationTime(maps->operation_ns(*program, operations, threads) / 1e9);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
      break;
    }
  }
}

void register_kernel(const std::shared_ptr<KernelMaps>& maps, const Kind& kind,
                     const std::string& operation) {
  Loaded* program = maps->find(std::string(kind.name) + "_" + operation);
  if (program == nullptr) return;
  const u32 operations = operation == kIterate ? kKeys : kOperations;
  benchmark::RegisterBenchmark((kind.name + ("/" + operation) + "/kernel").c_str(),
                               [maps, program, operations](benchmark::State& state) {
                                 run_kernel(state, maps.get(), program, operations);
                               })
      ->UseManualTime()
      ->Iterations(1)
      ->ArgName("threads")
      ->Arg(1)
      ->Arg(several_threads());
}

void register_kernel(const std::shared_ptr<KernelMaps>& maps) {
  for (const Kind& kind : kKinds) {
    for (const NamedOperation& operation : kind.operations)
      register_kernel(maps, kind, operation.name);
    register_kernel(maps, kind, kIterate);
  }
}
#endif

// False if the kernel is there and its column is not.
bool try_kernel() {
#ifdef SKEP_HAS_KERNEL
  if (auto ok = check_permission(); !ok) {
    std::cerr << "skep_maps: without the kernel: " << ok.error().text << '\n';
    return true;
  }
  try {
    register_kernel(std::make_shared<KernelMaps>());
  } catch (const std::exception& error) {
    std::cerr << "skep_maps: error: the kernel's maps: " << error.what() << '\n';
    return false;
  }
#else
  std::cerr << "skep_maps: without the kernel: not in this build\n";
#endif
  return true;
}

// ---- all ----------------------------------------------------------------------------------------

void set_up(benchmark::internal::Benchmark* benchmark) {
  // As many iterations as said: chosen by Google Benchmark, they are too few for all repetitions
  // if its first sample was interrupted.
  benchmark->UseRealTime()
      ->Iterations(kIterations)
      ->Threads(1)
      ->Threads(static_cast<int>(several_threads()));
}

std::shared_ptr<Map> filled(const Kind& kind) {
  const MapSpec spec = spec_of(kind);
  std::shared_ptr<Map> map = take(create_map(spec, {.cpus = several_threads()}));
  if (spec.inner == nullptr) {
    fill_with_zeros(*map, kind);
    return map;
  }
  const std::shared_ptr<Map> inner = take(create_map(*spec.inner, {}));
  fill(kind, [&](const u8* key) { return map->set_inner(key, inner, update_flags::kAny); });
  return map;
}

void register_skep() {
  for (const Kind& kind : kKinds) {
    const std::shared_ptr<Map> map = filled(kind);
    const auto add = [&](const char* operation, auto run) {
      set_up(benchmark::RegisterBenchmark(
          (std::string(kind.name) + "/" + operation + "/skep").c_str(), run));
    };
    for (const NamedOperation& operation : kind.operations) {
      add(operation.name, [map, &kind, run = operation.run](benchmark::State& state) {
        run_skep(state, map.get(), kind, run);
      });
    }
    if (!kind.iterates) continue;
    add(kIterate, [map](benchmark::State& state) { run_skep_iterate(state, map.get()); });
  }
}

void register_standard() {
  static constexpr const char* kNames[] = {"lookup", "update", "insert_delete", kIterate};
  const auto map = std::make_shared<Standard>();
  for (u32 i = 0; i < kKeys; ++i) map->elements[i] = 0;
  for (int i = 0; i < 4; ++i) {
    set_up(benchmark::RegisterBenchmark(
        (std::string("hash/") + kNames[i] + "/unordered_map").c_str(),
        [map, i](benchmark::State& state) { run_standard(state, map.get(), i); }));
  }
}

int run_all(int argc, char** argv) {
  // Ours come first, so that the caller's win.
  std::string defaults[] = {"--benchmark_enable_random_interleaving=true",
                            "--benchmark_repetitions=20"};
  std::vector<char*> arguments{argv[0]};
  for (std::string& flag : defaults) arguments.push_back(flag.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  register_skep();
  register_standard();
  const bool complete = try_kernel();
  TableReporter reporter;
  const std::size_t run = benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return complete && run != 0 && !reporter.failed() ? 0 : 1;
}

}  // namespace
}  // namespace skep::bench

int main(int argc, char** argv) {
  try {
    return skep::bench::run_all(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "skep_maps: " << error.what() << '\n';
    return 1;
  }
}
