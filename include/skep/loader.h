// Object files to programs, with what they may call and touch as tables.
#pragma once

#include "helpers/spec/host_rows.h"
#include "helpers/spec/kfunc.h"
#include "loader/core_target.h"
#include "loader/loader.h"
