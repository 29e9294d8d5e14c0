// `skep run --pcap`: each packet of a capture through one program, verdicts by class of packet, the
// survivors to another capture, and how fast it went. See run_arguments.h.
#include <chrono>
#include <map>

#include "tools/names.h"
#include "tools/packet_class.h"
#include "tools/pcap_file.h"
#include "tools/run_arguments.h"

namespace skep {
namespace {

using Count = std::map<std::string, u64>;

// What the first pass over the capture found.
struct Tally {
  std::map<std::string, Count> classes;  // class, then verdict
  Count verdicts;
  u64 insns = 0;
  u64 faults = 0;
  std::vector<std::pair<std::size_t, Fault>> first_faults;
  std::vector<std::string> fault_texts;
};

constexpr std::size_t kShownFaults = 5;

// Null where nobody counts.
Json insns_document(const Engine& engine, u64 insns) {
  return engine.emulates ? Json(insns) : Json();
}

class CaptureRun {
 public:
  CaptureRun(const RunArguments& arguments, Session& session, Output& output)
      : arguments_(arguments),
        session_(session),
        output_(output),
        frame_(make_frame(arguments, session)),
        buffer_(must(PacketBuffer::make({}, session.image->type))) {
    options_.env = &session.env;
    if (arguments.budget != 0) options_.budget = arguments.budget;
  }

  // The first pass, with all reports; `writer` may be null.
  void judge(const Capture& capture, CaptureWriter* writer) {
    for (std::size_t i = 0; i < capture.packets.size(); ++i) {
      const CapturedPacket& packet = capture.packets[i];
      Frame frame;
      const RunResult result = run_packet(i, packet.bytes, frame);
      record(i, packet, frame, result);
      if (writer != nullptr && result.ok()) write_survivor(*writer, packet, frame, result.r0);
    }
  }

  // A pass for its speed alone.
  void repeat(const Capture& capture) {
    Frame frame;
    takes_cpus_ = false;  // moving to another one takes longer than a run
    for (std::size_t i = 0; i < capture.packets.size(); ++i)
      run_packet(i, capture.packets[i].bytes, frame);
  }

  const Tally& tally() const { return tally_; }
  const Json& packets() const { return packets_; }

 private:
  RunResult run_packet(std::size_t index, std::span<const u8> bytes, Frame& frame) {
    frame = frame_;
    if (buffer_.refill(bytes)) {
      frame.packet = buffer_.packet();
    } else {  // longer than a page
      large_ = must(PacketBuffer::make(bytes, frame.type));
      frame.packet = large_.packet();
    }
    // Without --cpu the packets take turns, as the queues of a device would.
    options_.cpu = arguments_.cpu ? *arguments_.cpu : static_cast<u32>(index % session_.cpus);
    if (takes_cpus_) take_cpu(session_.engine, options_.cpu);
    return session_.loaded->run(frame, options_);
  }

  void record(std::size_t index, const CapturedPacket& packet, const Frame& frame,
              const RunResult& result) {
    const std::string kind = packet_class(packet.bytes);
    const std::string verdict = result.ok() ? verdict_name(frame.type, result.r0) : "fault";
    // Filters that keep different lengths would make a column each.
    const std::string column = verdict.starts_with("keep ") ? "keep" : verdict;
    ++tally_.classes[kind][column];
    ++tally_.verdicts[column];
    tally_.insns += result.insns;
    if (!result.ok()) {
      ++tally_.faults;
      if (tally_.first_faults.size() < kShownFaults) {
        tally_.first_faults.emplace_back(index, result.fault);
        tally_.fault_texts.push_back(result.message);
      }
    }
    if (!arguments_.each_packet) return;
    output_.text("{:6}  {:<18} {:5} bytes  {}\n", index + 1, kind, packet.bytes.size(), verdict);
    if (output_.json()) {
      packets_.push_back({{"number", index + 1},
                          {"class", kind},
                          {"length", packet.bytes.size()},
                          {"verdict", verdict},
                          {"r0", result.r0},
                          {"insns", insns_document(session_.engine, result.insns)}});
    }
  }

  void write_survivor(CaptureWriter& writer, const CapturedPacket& packet, const Frame& frame,
                      u64 r0) {
    if (!packet_survives(frame.type, r0)) return;
    std::span<const u8> bytes(frame.packet.data, frame.packet.end);
    if (frame.type == ProgramType::socket_filter)
      bytes = bytes.first(std::min<std::size_t>(bytes.size(), static_cast<u32>(r0)));
    writer.write(packet.nanoseconds, bytes);
  }

  const RunArguments& arguments_;
  Session& session_;
  Output& output_;
  const Frame frame_;
  PacketBuffer buffer_;
  PacketBuffer large_;
  RunOptions options_;
  bool takes_cpus_ = true;
  Tally tally_;
  Json packets_ = Json::array();
};

std::string class_table(const Tally& tally) {
  std::vector<std::string> heading{"class", "packets"};
  for (const auto& [verdict, count] : tally.verdicts) heading.push_back(verdict);
  Table table(heading);
  const auto add = [&](const std::string& name, const Count& counts) {
    u64 total = 0;
    std::vector<std::string> row{name, ""};
    for (const auto& [verdict, all] : tally.verdicts) {
      const auto found = counts.find(verdict);
      const u64 count = found == counts.end() ? 0 : found->second;
      total += count;
      row.push_back(count == 0 ? "-" : grouped(count));
    }
    row[1] = grouped(total);
    table.add(row);
  };
  for (const auto& [name, counts] : tally.classes) add(name, counts);
  add("total", tally.verdicts);
  return table.text();
}

struct Speed {
  u64 packets = 0;
  double nanoseconds = 0;
  double per_second() const {
    return nanoseconds == 0 ? 0 : static_cast<double>(packets) * 1e9 / nanoseconds;
  }
};

// Seconds of many passes; the first one is not among them, because reports slow it down.
Speed measure(CaptureRun& run, const Capture& capture, u32 passes) {
  using Time = std::chrono::steady_clock;
  const auto start = Time::now();
  for (u32 i = 0; i < passes; ++i) run.repeat(capture);
  return {u64{passes} * capture.packets.size(),
          std::chrono::duration<double, std::nano>(Time::now() - start).count()};
}

Json capture_document(const RunArguments& arguments, const Session& session, const Capture& capture,
                      const CaptureRun& run, const Speed& speed) {
  Json faults = Json::array();
  for (std::size_t i = 0; i < run.tally().first_faults.size(); ++i) {
    const auto& [index, fault] = run.tally().first_faults[i];
    faults.push_back({{"packet", index + 1},
                      {"code", name(fault.code)},
                      {"pc", fault.pc.value},
                      {"text", run.tally().fault_texts[i]}});
  }
  Json document{{"program", session.image->name},
                {"section", session.image->section},
                {"type", name(session.image->type)},
                {"capture", arguments.capture},
                {"packets", capture.packets.size()},
                {"verdicts", run.tally().verdicts},
                {"classes", run.tally().classes},
                {"engine", session.engine.name},
                {"insns", insns_document(session.engine, run.tally().insns)},
                {"faults", run.tally().faults},
                {"first_faults", faults}};
  if (speed.packets != 0) {
    document["measured"] = {{"packets", speed.packets},
                            {"nanoseconds", static_cast<u64>(speed.nanoseconds)},
                            {"packets_per_second", static_cast<u64>(speed.per_second())}};
  }
  if (arguments.each_packet) document["each"] = run.packets();
  return document;
}

void report_faults(const Tally& tally, Output& output) {
  for (std::size_t i = 0; i < tally.first_faults.size(); ++i) {
    const auto& [index, fault] = tally.first_faults[i];
    output.complain(
        {fault.code, fmt::format("packet {}: {}", index + 1, tally.fault_texts[i]), fault.pc});
  }
  const u64 rest = tally.faults - tally.first_faults.size();
  if (rest != 0) output.warning(fmt::format("{} more packets ended in a fault", rest));
}

// Raw IP gets the header that programs of an Ethernet device expect.
void add_ethernet(const RunArguments& arguments, Capture& capture) {
  if (!capture.raw_ip || arguments.bare_ip) return;
  for (CapturedPacket& packet : capture.packets) packet.bytes = with_ethernet(packet.bytes);
  capture.raw_ip = false;
}

}  // namespace

Exit run_capture(const RunArguments& arguments, Session& session, Output& output) {
  if (!has_packet(session.image->type)) raise<Code::no_packet>(name(session.image->type), "--pcap");
  Capture capture = read_capture(arguments.capture);
  add_ethernet(arguments, capture);
  std::optional<CaptureWriter> writer;
  if (!arguments.capture_out.empty()) writer.emplace(arguments.capture_out, capture.raw_ip);
  PrintLog log(output);
  log.attach(session.env);
  CaptureRun run(arguments, session, output);
  run.judge(capture, writer ? &*writer : nullptr);
  show_prints(session);
  if (writer) writer->close();
  const std::size_t count = std::max<std::size_t>(capture.packets.size(), 1);
  const std::string insns =
      session.engine.emulates ? fmt::format(", {} insns each", run.tally().insns / count) : "";
  output.text("{} ({}): {} packets of {}{}\n\n{}", session.image->name, session.image->section,
              grouped(capture.packets.size()), printable(arguments.capture), insns,
              class_table(run.tally()));
  Json maps;
  report_maps(session, output, maps);
  session.env.print = Env::discard;  // what passes for speed print is nobody's business
  const Speed speed = arguments.repeat > 1 ? measure(run, capture, arguments.repeat) : Speed{};
  if (speed.packets != 0) {
    output.text("\n{} packets in {:.1f} ms: {} packets per second\n", grouped(speed.packets),
                speed.nanoseconds / 1e6, grouped(static_cast<u64>(speed.per_second())));
  }
  Json document = capture_document(arguments, session, capture, run, speed);
  document["printk"] = log.document();
  if (maps.contains("maps")) document["maps"] = maps["maps"];
  output.document(document);
  report_faults(run.tally(), output);
  return run.tally().faults == 0 ? Exit::Good : Exit::Bad;
}

}  // namespace skep
