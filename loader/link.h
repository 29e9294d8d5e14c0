// Linked: all the objects of one load and what connects them. Each part of the loader fills in
// its fields, in this order:
//
//   read_unit    units                      loader/unit.cpp
//   link_names   globals, externs           loader/names.cpp
//   set_kconfig  values of .kconfig         loader/kconfig.cpp
//   place_data   data sections              loader/data.cpp
//   link_types   btf, type_base             loader/btf_link.cpp
//   make_maps    maps, places               loader/maps.cpp, btf_maps.cpp, map_slots.cpp
//   build        images                     loader/build.cpp
//
// Tested through tests/loader/loader_test.cpp and link_test.cpp.
#pragma once

#include "loader/unit.h"

namespace skep {

// A place in the code or data of one of the objects.
struct Place {
  u32 unit = 0;
  u32 section = 0;
  u64 offset = 0;
  friend constexpr auto operator<=>(const Place&, const Place&) = default;
};

// The definition of a global name that counts.
struct Global {
  std::string_view name;
  Place place;
  bool weak = false;
};

// A name of .kconfig or .ksyms.
struct ExternSymbol {
  std::string_view name;
  ExternInfo::Kind kind{};
  bool weak = false;
  u32 unit = 0;  // of the first declaration
  u32 type = 0;  // of the variable, or the FUNC, in that unit's BTF; 0 for void
  u32 size = 0;  // kconfig: of the value,
  u32 alignment = 1;
  u32 offset = 0;  // in the .kconfig map,
  bool found = false;
  u64 value = 0;
  std::string text;  // and of char arrays
};

// A section of global data, joined from the sections of that name of all objects.
struct DataSection {
  std::string_view name;
  SectionUse use{};
  u64 size = 0;
  u64 alignment = 1;  // of the strictest part so far, as bpftool aligns
  u32 map = 0;
  std::vector<Place> parts;  // offset: where the part begins in the joined section
};

struct Linked {
  static constexpr u32 kNoMap = ~u32{0};

  std::string name;  // of the object that results
  std::vector<Unit> units;
  std::vector<Global> globals;        // by name
  std::vector<ExternSymbol> externs;  // by name
  std::vector<DataSection> data;      // in the order of the files
  std::shared_ptr<const Btf> btf;
  std::vector<u32> type_base;  // by unit: what to add to a type id that is not 0
  std::vector<MapSpec> maps;
  std::vector<u32> values_at;  // by map: where its initial slots begin, 0 if it has none
  std::vector<std::pair<Place, u32>> map_places;  // by place: definitions of maps
  std::vector<LoadFailure> errors;
  u64 kconfig_size = 0;
  u32 arena_map = kNoMap;  // index, as the next one
  u32 kconfig_map = kNoMap;

  u32 type_id(u32 unit, u32 type) const { return type == 0 ? 0 : type + type_base[unit]; }
  // Records what could not be made, within bounds.
  void note(std::string_view name, std::string_view section, Error error);
  const Global* find_global(std::string_view name) const;
  i64 find_extern(std::string_view name) const;  // index, or -1
  i64 map_at(Place place) const;                 // index, or -1
};

Status link_names(Linked& linked);
Status set_kconfig(Linked& linked, const LoadOptions& options);
Status place_data(Linked& linked);
Status link_types(Linked& linked);
Status make_maps(Linked& linked);
void make_data_maps(Linked& linked);
MapSpec array_of_data(const Linked& linked, std::string_view section, u64 size);
void fill_map_slots(Linked& linked);
void make_btf_maps(Linked& linked, u32 unit);
void make_legacy_maps(Linked& linked, u32 unit);
void make_struct_ops_maps(Linked& linked);

// What a symbol stands for.
struct Target {
  enum class Kind : u8 { Undefined, Defined, Extern };
  Kind kind{};
  Place place;  // Defined
  u32 extern_index = 0;
};
Target resolve(const Linked& linked, u32 unit, const Symbol& symbol);

}  // namespace skep
