// rtnetlink messages for classic tc: one request, one acknowledgement.

#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/permission.h"
#include "kernel/syscall.h"

namespace skep {
namespace {

// One request: a header, struct tcmsg, and attributes that are appended.
struct Request {
  nlmsghdr head{};
  tcmsg tc{};
  u8 attributes[512];

  u8* end() { return reinterpret_cast<u8*>(this) + NLMSG_ALIGN(head.nlmsg_len); }

  rtattr* add(u16 type, const void* bytes, std::size_t size) {
    rtattr* attribute = reinterpret_cast<rtattr*>(end());
    attribute->rta_type = type;
    attribute->rta_len = static_cast<u16>(RTA_LENGTH(size));
    if (size != 0) std::memcpy(RTA_DATA(attribute), bytes, size);
    head.nlmsg_len = NLMSG_ALIGN(head.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
  }
};

Request make_request(u16 type, u16 flags, u32 ifindex) {
  Request request;
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof(tcmsg));
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = static_cast<u16>(NLM_F_REQUEST | NLM_F_ACK | flags);
  request.tc.tcm_family = AF_UNSPEC;
  request.tc.tcm_ifindex = static_cast<int>(ifindex);
  return request;
}

// Sends it and waits for the acknowledgement: 0 or minus errno.
int send_request(const Request& request) {
  const Fd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket_fd) return -errno;
  if (send(socket_fd.get(), &request, request.head.nlmsg_len, 0) < 0) return -errno;
  alignas(nlmsghdr) u8 answer[4096];
  const ssize_t size = recv(socket_fd.get(), answer, sizeof(answer), 0);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))))
    return size < 0 ? -errno : -EPROTO;
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer);
  if (head->nlmsg_type != NLMSG_ERROR) return -EPROTO;
  return static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
}

u32 parent_of(const TcFilter& filter) {
  return TC_H_MAKE(TC_H_CLSACT, filter.egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

Request filter_request(const TcFilter& filter, u16 type, u16 flags) {
  Request request = make_request(type, flags, filter.ifindex);
  request.tc.tcm_parent = parent_of(filter);
  request.tc.tcm_handle = filter.handle;
  request.tc.tcm_info = TC_H_MAKE(filter.priority << 16, htons(ETH_P_ALL));
  request.add(TCA_KIND, "bpf", 4);
  return request;
}

}  // namespace

Status add_tc_filter(const TcFilter& filter, int fd, std::string_view name) {
  Request qdisc = make_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, filter.ifindex);
  qdisc.tc.tcm_parent = TC_H_CLSACT;
  qdisc.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  qdisc.add(TCA_KIND, "clsact", 7);
  int error = send_request(qdisc);
  if (error < 0 && error != -EEXIST) {
    return fail<Code::kernel_refused>("adding the clsact qdisc to interface", filter.ifindex,
                                      refusal_text(-error, kCapNetAdmin), "");
  }
  Request request = filter_request(filter, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
  rtattr* options = request.add(TCA_OPTIONS, nullptr, 0);
  const u32 program = static_cast<u32>(fd);
  const u32 flags = TCA_BPF_FLAG_ACT_DIRECT;
  char text[64] = {};
  std::memcpy(text, name.data(), std::min(name.size(), sizeof(text) - 1));
  request.add(TCA_BPF_FD, &program, sizeof(program));
  request.add(TCA_BPF_NAME, text, std::strlen(text) + 1);
  request.add(TCA_BPF_FLAGS, &flags, sizeof(flags));
  options->rta_len = static_cast<u16>(request.end() - reinterpret_cast<u8*>(options));
  error = send_request(request);
  if (error < 0)
    return fail<Code::kernel_refused>("adding the tc filter", name,
                                      refusal_text(-error, kCapNetAdmin), "");
  return {};
}

Status delete_tc_filter(const TcFilter& filter) {
  const int error = send_request(filter_request(filter, RTM_DELTFILTER, 0));
  if (error < 0)
    return fail<Code::kernel_refused>("deleting the tc filter of interface", filter.ifindex,
                                      refusal_text(-error, kCapNetAdmin), "");
  return {};
}

}  // namespace skep
