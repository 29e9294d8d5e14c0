// What runs of all engines share: faults, and the question that helpers ask of an address.

#include "isa/run.h"

#include "isa/diagnostic.h"

namespace skep {

std::string_view name(AddressClass cls) {
  switch (cls) {
    case AddressClass::None: return "nothing";
    case AddressClass::Stack: return "stack";
    case AddressClass::Context: return "context";
    case AddressClass::Packet: return "packet";
    case AddressClass::MapValue: return "map value";
    case AddressClass::ReadOnly: return "read-only data";
    case AddressClass::Record: return "ring buffer record";
    case AddressClass::Memory: return "memory";
    case AddressClass::Map: return "map";
    case AddressClass::Function: return "function";
  }
  return "";
}

void Run::set_fault(Code code, u64 address, u64 size, u8 access) {
  if (fault.set) return;
  fault = {code, true, pc, AddressClass::None, address, size, access, 0, 0};
}

bool Run::find(u64 address, u64 size, u8 access, Region& found) {
  if (size == 0 || mode != Mode::Checked) {
    found = {address, size, AddressClass::None, access};
    return true;
  }
  if (probe(*this, address, size, access, found)) return true;
  set_fault(Code::bad_access, address, size, access);
  fault.cls = found.cls;
  fault.base = found.base;
  fault.bound = found.base + found.size;
  return false;
}

}  // namespace skep
