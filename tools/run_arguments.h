// What `skep run` is asked for, and the world it makes for the program: context, memory, task,
// clock. Shared by cmd_run.cpp and the files run_*.cpp.
#pragma once

#include <deque>
#include <map>

#include "tools/command.h"
#include "tools/engine.h"
#include "tools/program_input.h"
#include "vm/vm.h"

namespace skep {

struct RunArguments {
  ProgramArguments program;
  std::string name;  // --prog
  std::string type;  // --type
  std::string data;  // --data
  std::string data_out;
  std::string capture;  // --pcap
  std::string capture_out;
  bool each_packet = false;          // --packets
  bool bare_ip = false;              // --no-ethernet
  std::vector<std::string> context;  // --ctx
  std::vector<std::string> task;     // --task
  std::vector<std::string> globals;  // --set
  std::vector<std::string> maps;     // --map NAME=FILE
  std::string all_maps;              // --maps FILE
  bool dump_all = false;             // --dump-maps
  std::vector<std::string> dump;     // --dump-map
  std::vector<std::string> records;  // --records MAP=TYPE
  std::vector<std::string> keys;     // --keys MAP=TYPE
  u32 repeat = 1;
  i64 budget = 0;  // 0: none
  bool trace = false;
  bool trusted = false;
  std::string engine = "interpreter";
  std::string machine;
  std::optional<u32> cpu;
  u32 cpus = 0;             // 0: as many as --cpu needs
  std::optional<u64> seed;  // given: runs are deterministic
};

// The memory that --ctx puts beside the program. Addresses stay valid while this lives.
class ProbeMemory {
 public:
  // A new piece at an address of its own, no byte of which touches another's page.
  u64 add(Buffer bytes, bool user);
  std::span<const MappedMemory> mappings() const { return mappings_; }

 private:
  std::deque<Buffer> bytes_;
  std::vector<MappedMemory> mappings_;
  u64 next_user_ = 0x7f00'0000'1000;
  u64 next_kernel_ = 0xffff'8880'0000'1000;
};

// bpf_printk lines as they come: to the screen in text form, kept for the document in JSON form.
class PrintLog {
 public:
  explicit PrintLog(Output& output) : output_(output) {}
  void attach(Env& env);
  Json document() const;

 private:
  static void print(void* user, std::string_view line);
  static constexpr std::size_t kKept = 100'000;

  Output& output_;
  std::vector<std::string> lines_;
  u64 dropped_ = 0;
};

// Types of a map's parts that the object does not give, or not as people want to see them.
struct MapTypes {
  u32 key = 0;
  u32 record = 0;
};

// One program, loaded and with its world, ready for any number of runs.
struct Session {
  std::shared_ptr<const Object> object;
  std::shared_ptr<const Image> image;
  const Engine& engine;
  Vm vm;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Instance> instance;
  Loaded* loaded = nullptr;
  Env env;
  Prints prints;  // what does not come through env; null if nothing does
  ProbeMemory memory;
  std::vector<u64> words;  // arguments and result of a traced function
  u32 cpus = 1;
  std::vector<Map*> reported;            // maps to show after the run
  std::map<const Map*, MapTypes> types;  // of those that --records and --keys name

  Session(const Engine& with, VmOptions options) : engine(with), vm(options), cpus(options.cpus) {}
};

// Gives the session's Env what was printed past it.
void show_prints(Session& session);

// A map by its name, or by its section: .bss instead of firewall.bss. Null if there is none.
Map* find_map(const Session& session, std::string_view name);

// Loads what the arguments name, fills its maps. Warns of what the engine will not tell.
std::unique_ptr<Session> make_session(const RunArguments& arguments, Output& output);

// A session of all programs that the object wants loaded, or of the one named; none is chosen to
// run.
struct ObjectSession {
  // May give a map that is to be used instead of a new one.
  std::function<std::unique_ptr<Map>(const MapSpec& spec)> existing;
  std::unique_ptr<Backend> backend;  // null: the engine's
  bool all = false;                  // programs that the object does not want loaded, too
};
std::unique_ptr<Session> make_object_session(const RunArguments& arguments, ObjectSession wanted);

// Options that fill maps, and that show what is in them: for each verb that has a Session.
void add_map_options(CLI::App& app, RunArguments& run);
void add_map_reports(CLI::App& app, RunArguments& run);

// A frame of the image's type with the fields of --ctx, without its packet.
Frame make_frame(const RunArguments& arguments, Session& session);
void set_task(const std::vector<std::string>& settings, Task& task);

// The run's verdict on one input, or on a capture.
Exit run_once(const RunArguments& arguments, Session& session, Output& output);
Exit run_capture(const RunArguments& arguments, Session& session, Output& output);

// What maps hold afterwards, as asked for: text to `output`, or the document's "maps".
void report_maps(Session& session, Output& output, Json& document);
// Decides what report_maps() will show, before the run, so that a wrong name costs no run.
void plan_reports(const RunArguments& arguments, Session& session);

// "NAME=VALUE" taken apart; a usage error without the '='.
std::pair<std::string, std::string> split_setting(const std::string& setting,
                                                  std::string_view option);
bool has_packet(ProgramType type);
bool takes_registers(ProgramType type);

}  // namespace skep
