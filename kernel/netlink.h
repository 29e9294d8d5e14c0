// Classic tc by rtnetlink: a clsact qdisc and a BPF filter on it. For kernels before tcx (6.6).
#pragma once

#include "isa/diagnostic.h"

namespace skep {

struct TcFilter {
  u32 ifindex = 0;
  bool egress = false;
  u32 handle = 1;
  u32 priority = 49152;
};

// Adds the qdisc if it is not there, and the filter with the program `fd`.
Status add_tc_filter(const TcFilter& filter, int fd, std::string_view name);
Status delete_tc_filter(const TcFilter& filter);

}  // namespace skep
