// Running programs: the Vm, its maps, contexts and their fields, the world that helpers ask about.
#pragma once

#include "helpers/bodies/env.h"
#include "helpers/contexts/access.h"
#include "helpers/contexts/frames.h"
#include "helpers/maps/map.h"
#include "vm/vm.h"
