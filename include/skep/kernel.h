// The same programs and maps in the running kernel, through bpf(2).
#pragma once

#include "kernel/backend.h"
#include "kernel/link.h"
#include "kernel/map.h"
#include "kernel/perf_buffer.h"
#include "kernel/program_info.h"
