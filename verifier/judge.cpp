// Setting the judge up: the program's type, its maps, its functions.

#include "verifier/judge.h"

namespace skep::abstract {

Judge::Judge(const Image& image, const KernelProfile& profile, const VerifyOptions& options,
             MemoryMeter& meter)
    : image_(image), profile_(profile), options_(options), values_(meter), store_(meter, values_) {}

bool Judge::init() {
  if (!values_.init() || !store_.init()) return false;
  type_ = find_program_type(image_.host.get(), image_.type);
  context_kind_ = context_kind(image_.host.get(), image_.type);
  if (image_.maps != nullptr) {
    for (const MapSpec& spec : *image_.maps) specs_.push_back(&spec);
  }
  const std::size_t functions = image_.program.subprograms().size();
  called_.assign(functions, false);
  stack_used_.assign(functions, 0);
  moves_packet_.assign(functions, false);
  accessed_.assign(image_.program.size(), 0);
  find_packet_movers();
  return true;
}

// The index that values have for a spec. Inner maps of one shape are one.
u32 Judge::spec_index(const MapSpec& spec) {
  for (u32 i = 0; i < specs_.size(); ++i) {
    if (specs_[i] == &spec) return i;
  }
  specs_.push_back(&spec);
  return static_cast<u32>(specs_.size() - 1);
}

}  // namespace skep::abstract
