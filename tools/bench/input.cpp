// See input.h.
#include "tools/bench/input.h"

#include <algorithm>
#include <filesystem>

#include "tools/json_values.h"

namespace skep::bench {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::shared_ptr<const Object> read_object(const ProgramArguments& arguments) {
  return std::make_shared<const Object>(load_program(read_program(arguments), arguments));
}

std::shared_ptr<const Image> as_type(std::shared_ptr<const Image> image, const std::string& type) {
  if (type.empty()) return image;
  const ProgramTypeRow* row = find_program_type(type);
  if (row == nullptr) raise<Code::usage>(fmt::format("--type {}: no such program type", type));
  auto copy = std::make_shared<Image>(*image);
  copy->type = row->type;
  copy->attach_type = 0;
  return copy;
}

// Every program of one object on the input of the command line.
void add_object(const Arguments& arguments, const std::string& path, const std::string& group,
                std::vector<Entry>& entries) {
  ProgramArguments program = arguments.program;
  program.path = path;
  const auto object = read_object(program);
  for (const auto& image : object->programs) {
    if (!arguments.only.empty() && !matches(arguments.only, image->name)) continue;
    Entry entry;
    entry.name = image->name;
    entry.group = group;
    entry.object = object;
    entry.image = as_type(image, arguments.type);
    if (!arguments.data.empty()) entry.data = read_data(arguments.data, "--data");
    if (entry.data.empty() && has_packet(entry.image->type)) entry.data.resize(64);
    entry.arguments.maps = arguments.maps;
    entry.arguments.all_maps = arguments.all_maps;
    entries.push_back(std::move(entry));
  }
}

// One row of bench.json.
Entry listed(const Arguments& arguments, const std::string& folder, const Json& row) {
  const auto file = [&](const char* field) {
    return folder + "/" + row.at(field).get<std::string>();
  };
  Entry entry;
  entry.name = row.at("name").get<std::string>();
  entry.group = row.value("group", "");
  ProgramArguments program = arguments.program;
  program.path = file("object");
  entry.object = read_object(program);
  entry.image = must(entry.object->image(row.value("program", entry.name)), program.path);
  if (row.contains("data")) entry.data = read_input(file("data"));
  if (row.contains("maps")) entry.arguments.all_maps = file("maps");
  if (row.contains("r0")) entry.r0 = row.at("r0").get<u64>();
  return entry;
}

std::vector<Entry> read_list(const Arguments& arguments, const std::string& folder,
                             const std::string& path) {
  std::vector<Entry> entries;
  const Json list = parse_json(read_text(path), path);
  try {
    for (const Json& row : list.at("programs")) {
      const std::string name = row.at("name").get<std::string>();
      if (arguments.only.empty() || matches(arguments.only, name))
        entries.push_back(listed(arguments, folder, row));
    }
  } catch (const Json::exception& error) {
    raise<Code::bad_json>(path, error.what());
  }
  return entries;
}

std::vector<Entry> read_folder(const Arguments& arguments, const std::string& folder) {
  const std::string list = folder + "/bench.json";
  std::error_code ignored;
  if (fs::exists(list, ignored)) return read_list(arguments, folder, list);
  std::vector<std::string> objects;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    if (file.path().extension() == ".o") objects.push_back(file.path());
  }
  std::ranges::sort(objects);
  std::vector<Entry> entries;
  for (const std::string& object : objects) {
    const std::string stem = fs::path(object).stem().stem();
    add_object(arguments, object, stem, entries);
  }
  return entries;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') {
    return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         matches(pattern.substr(1), name.substr(1));
}

std::string folder_of(const Arguments& arguments) {
  if (is_folder(arguments.program.path)) return arguments.program.path;
  const std::string parent = fs::path(arguments.program.path).parent_path();
  return parent.empty() ? "." : parent;
}

std::vector<Entry> read_entries(const Arguments& arguments) {
  std::vector<Entry> entries;
  if (is_folder(arguments.program.path)) {
    entries = read_folder(arguments, arguments.program.path);
  } else {
    add_object(arguments, arguments.program.path, "", entries);
  }
  if (entries.empty()) {
    raise<Code::usage>(fmt::format("{}: no program{}", arguments.program.path,
                                   arguments.only.empty() ? "" : " fits " + arguments.only));
  }
  return entries;
}

}  // namespace skep::bench
