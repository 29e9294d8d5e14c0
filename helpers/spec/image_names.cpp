// Names by the tables and by what the loader put into the image.
#include "helpers/spec/image_names.h"

#include "helpers/spec/host_rows.h"

namespace skep {

DisasmOptions names_of(const Image& image) {
  DisasmOptions names;
  names.helper = [&image](i32 id) {
    const HelperProto* helper = find_helper(image.host.get(), static_cast<u32>(id), image.type);
    return helper == nullptr ? std::string() : std::string(helper->name);
  };
  names.map = [&image](u32 index) {
    const bool known = image.maps != nullptr && index < image.maps->size();
    return known ? (*image.maps)[index].name : std::string();
  };
  names.external = [&image](u32 index) {
    return index < image.externs.size() ? image.externs[index].name : std::string();
  };
  return names;
}

}  // namespace skep
