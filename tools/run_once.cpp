// `skep run` on one input: the verdict, and what the program changed. See run_arguments.h.
#include "helpers/contexts/access.h"
#include "isa/wire.h"
#include "tools/names.h"
#include "tools/run_arguments.h"
#include "tools/trace.h"

namespace skep {
namespace {

constexpr std::size_t kDefaultPacket = 64;  // zero bytes: the least Ethernet frame

// What the program works on, and stays alive as long as the frame.
struct Input {
  Buffer bytes;   // as given
  Buffer memory;  // a copy for the program to change
  PacketBuffer packet;
};

Input place_input(const RunArguments& arguments, Frame& frame) {
  Input input;
  const bool packet = has_packet(frame.type);
  const bool flat = !takes_registers(frame.type) && !packet;
  if (!arguments.data.empty()) {
    if (!packet && !flat) raise<Code::no_packet>(name(frame.type), "--data");
    input.bytes = read_data(arguments.data, "--data");
  } else if (packet) {
    input.bytes.resize(kDefaultPacket);
  }
  if (packet) {
    input.packet = must(PacketBuffer::make(input.bytes, frame.type));
    frame.packet = input.packet.packet();
  } else if (flat && !input.bytes.empty()) {
    input.memory = input.bytes;
    frame.memory = input.memory.data();
    frame.size = input.memory.size();
  } else if (flat && frame.memory != nullptr) {
    input.bytes.assign(frame.memory, frame.memory + frame.size);  // words of --ctx
  }
  return input;
}

// The bytes that the run left, packet or memory.
std::span<const u8> final_bytes(const Frame& frame) {
  if (has_packet(frame.type)) return {frame.packet.data, frame.packet.end};
  return {frame.memory, frame.memory == nullptr ? 0 : frame.size};
}

// Fields that a program may write, by the names that --ctx takes.
std::vector<std::string> writable_fields(ProgramType type) {
  std::vector<std::string> names;
  const ProgramTypeRow* row = find_program_type(type);
  if (row == nullptr) return names;
  for (const FieldRow& field : fields(row->context)) {
    if (!field.write.has(type)) continue;
    const u32 count = field.size / field.element;
    for (u32 i = 0; i < count; ++i) {
      names.push_back(count == 1 ? std::string(field.name) : fmt::format("{}[{}]", field.name, i));
    }
  }
  return names;
}

Json changed_fields(const Frame& before, const Frame& after) {
  Json changes = Json::object();
  for (const std::string& field : writable_fields(after.type)) {
    const auto old = get_field(before, field);
    const auto now = get_field(after, field);
    if (old && now && *old != *now) changes[field] = *now;
  }
  return changes;
}

Json fault_document(const RunResult& result) {
  return {{"code", name(result.fault.code)}, {"text", result.message},
          {"pc", result.fault.pc.value},     {"class", name(result.fault.cls)},
          {"address", result.fault.address}, {"size", result.fault.size},
          {"base", result.fault.base},       {"bound", result.fault.bound}};
}

Json redirect_document(const Redirect& redirect) {
  switch (redirect.kind) {
    case Redirect::Kind::None: return nullptr;
    case Redirect::Kind::Interface:
      return {{"kind", "interface"}, {"ifindex", redirect.ifindex}, {"flags", redirect.flags}};
    case Redirect::Kind::Peer:
      return {{"kind", "peer"}, {"ifindex", redirect.ifindex}, {"flags", redirect.flags}};
    case Redirect::Kind::Neighbour:
      return {{"kind", "neighbour"}, {"ifindex", redirect.ifindex}, {"flags", redirect.flags}};
    case Redirect::Kind::Map:
      return {{"kind", "map"}, {"map", redirect.map->spec().name}, {"key", redirect.key}};
  }
  return nullptr;
}

void report_text(const RunArguments& arguments, const Session& session, const RunResult& result,
                 Output& output) {
  const std::string verdict = verdict_name(session.image->type, result.r0);
  if (result.ok()) {
    output.text("r0 = {}{}{}\n", result.r0, result.r0 > 9 ? fmt::format(" ({:#x})", result.r0) : "",
                verdict.empty() ? "" : "  " + output.strong(verdict));
  }
  const double each = static_cast<double>(result.nanoseconds) / arguments.repeat;
  const bool many = arguments.repeat > 1;
  if (session.engine.emulates)
    output.text("{} insns{}", grouped(result.insns), many ? " in " : ", ");
  if (many) output.text("{} runs, ", grouped(arguments.repeat));
  output.text("{:.0f} ns{}\n", each, many ? " each" : "");
}

void report_changes(const Input& input, const Frame& before, const Frame& after,
                    const Engine& engine, Output& output, Json& document) {
  const std::span<const u8> bytes = final_bytes(after);
  const bool changed = !std::ranges::equal(bytes, input.bytes);
  const bool packet = has_packet(after.type);
  if (packet || after.memory != nullptr) {
    document[packet ? "packet" : "memory"] = {
        {"length", bytes.size()}, {"changed", changed}, {"hex", to_hex(bytes)}};
  }
  if (changed) {
    output.text("{} changed, {} bytes now:\n{}", packet ? "packet" : "memory", bytes.size(),
                hex_dump(bytes, "  "));
  }
  const Json fields = changed_fields(before, after);
  for (const auto& [field, value] : fields.items())
    output.text("context: {} = {}\n", field, value.dump());
  document["context"] = fields;
  if (!engine.emulates) return;  // where a packet would have gone is not told by the kernel
  document["redirect"] = redirect_document(after.redirect);
  if (!document["redirect"].is_null()) output.text("redirect: {}\n", document["redirect"].dump());
  if (after.clones != 0) output.text("clones sent: {}\n", after.clones);
  document["clones"] = after.clones;
}

}  // namespace

Exit run_once(const RunArguments& arguments, Session& session, Output& output) {
  Frame frame = make_frame(arguments, session);
  Input input = place_input(arguments, frame);
  const Frame before = frame;
  PrintLog log(output);
  log.attach(session.env);
  Trace trace(*session.image, output);
  RunOptions options;
  options.env = &session.env;
  options.cpu = arguments.cpu.value_or(0);
  if (arguments.budget != 0) options.budget = arguments.budget;
  options.repeat = arguments.repeat;
  if (arguments.trace) trace.attach(options);
  take_cpu(session.engine, options.cpu);
  const RunResult result = session.loaded->run(frame, options);
  show_prints(session);
  if (arguments.trace) trace.finish(result);
  Json document{
      {"program", session.image->name},
      {"section", session.image->section},
      {"type", name(session.image->type)},
      {"r0", result.r0},
      {"r0_hex", fmt::format("{:#x}", result.r0)},
      {"verdict", result.ok() ? Json(verdict_name(session.image->type, result.r0)) : Json()},
      {"engine", session.engine.name},
      {"insns", session.engine.emulates ? Json(result.insns) : Json()},
      {"repeat", arguments.repeat},
      {"nanoseconds", result.nanoseconds}};
  document["fault"] = result.ok() ? Json() : fault_document(result);
  report_text(arguments, session, result, output);
  report_changes(input, before, frame, session.engine, output, document);
  document["printk"] = log.document();
  if (arguments.trace) document["trace"] = trace.document();
  report_maps(session, output, document);
  if (!arguments.data_out.empty()) write_output(arguments.data_out, final_bytes(frame));
  output.document(document);
  if (result.ok()) return Exit::Good;
  output.complain({result.fault.code, result.message, result.fault.pc});
  return exit_of(row(result.fault.code).kind);
}

}  // namespace skep
