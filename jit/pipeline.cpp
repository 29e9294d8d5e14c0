// The list of passes. Tested by tests/agree/passes.cpp.

#include "jit/pipeline.h"

#include <algorithm>

#include "jit/opt/passes.h"

namespace skep::ir {
namespace {

template <void (*pass)(Function&)>
void each(Module& module, const World&) {
  for (Function& function : module.functions) pass(function);
}

constexpr Pass kPasses[] = {
    {"params", each<opt::simplify_params>},
    {"dce", each<opt::dce>},
    {"fold", each<opt::fold>},
    {"gvn", each<opt::gvn>},
    {"blocks", each<opt::blocks>},
    {"slots", opt::slots},
    {"narrow", each<opt::narrow>},
    {"calls", opt::calls},
    {"implied", each<opt::implied>},
    {"idioms", each<opt::idioms>},
    {"wide_loads", each<opt::wide_loads>},
    {"guards", each<opt::guards>},
    {"address", each<opt::address>},
};

constexpr std::string_view kO2[] = {
    "fold", "calls",      "slots",  "blocks", "fold", "gvn",    "narrow",  "fold", "implied",
    "dce",  "wide_loads", "idioms", "fold",   "gvn",  "guards", "address", "dce",  "blocks",
};

}  // namespace

std::span<const Pass> passes() {
  return kPasses;
}

const Pass* find_pass(std::string_view name) {
  const auto found = std::ranges::find(kPasses, name, &Pass::name);
  return found == std::end(kPasses) ? nullptr : &*found;
}

std::span<const std::string_view> pipeline(Level level) {
  return level == Level::O0 ? std::span<const std::string_view>() : kO2;
}

void optimise(Module& module, Level level, const World& world,
              const std::function<void(const Pass& pass, const Module& module)>& after) {
  for (const std::string_view name : pipeline(level)) {
    const Pass& pass = *find_pass(name);
    pass.run(module, world);
    if (after) after(pass, module);
  }
}

}  // namespace skep::ir
