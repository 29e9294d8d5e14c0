// Devices by rtnetlink. See veth.h.
#include "tests/support/veth.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

namespace skep::test {
namespace {

constexpr const char* kFarDevice = "skepfar";

// One RTM_NEWLINK request, attribute by attribute.
struct Request {
  alignas(nlmsghdr) u8 bytes[512] = {};
  u32 size = NLMSG_LENGTH(sizeof(ifinfomsg));

  u32 open(u16 type) {
    const u32 at = size;
    put(type, nullptr, 0);
    return at;
  }
  void close(u32 at) {
    reinterpret_cast<rtattr*>(bytes + at)->rta_len = static_cast<u16>(size - at);
  }
  void put(u16 type, const void* value, u32 length) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes + size);
    attribute->rta_type = type;
    attribute->rta_len = static_cast<u16>(RTA_LENGTH(length));
    if (length != 0) std::memcpy(RTA_DATA(attribute), value, length);
    size += RTA_ALIGN(attribute->rta_len);
  }
  void put(u16 type, const char* text) { put(type, text, static_cast<u32>(std::strlen(text)) + 1); }
};

// The pair, the far end in the namespace `far`. 0 or an errno.
int make_pair(int far) {
  Request request;
  request.put(IFLA_IFNAME, kNearDevice);
  const u32 info = request.open(IFLA_LINKINFO);
  request.put(IFLA_INFO_KIND, "veth");
  const u32 data = request.open(IFLA_INFO_DATA);
  const u32 peer = request.open(VETH_INFO_PEER);
  request.size += sizeof(ifinfomsg);
  request.put(IFLA_IFNAME, kFarDevice);
  request.put(IFLA_NET_NS_FD, &far, sizeof(far));
  for (const u32 at : {peer, data, info}) request.close(at);
  auto* head = reinterpret_cast<nlmsghdr*>(request.bytes);
  head->nlmsg_len = request.size;
  head->nlmsg_type = RTM_NEWLINK;
  head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  alignas(nlmsghdr) u8 answer[4096];
  ssize_t size = ::send(fd, request.bytes, request.size, 0);
  if (size > 0) size = recv(fd, answer, sizeof(answer), 0);
  const int error = size < 0 ? errno : 0;
  ::close(fd);
  if (error != 0) return error;
  return -static_cast<const nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)))->error;
}

// Up, and silent: IPv6 would send packets of its own.
void bring_up(const char* device) {
  std::ofstream(std::string("/proc/sys/net/ipv6/conf/") + device + "/disable_ipv6") << "1";
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, device);
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP;
  ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
}

int packet_socket(const char* device) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(device));
  bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return fd;
}

int own_namespace() {
  return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

}  // namespace

int Wire::send(std::span<const u8> frame) const {
  return ::send(socket_, frame.data(), frame.size(), 0) < 0 ? errno : 0;
}

std::string on_a_wire(const std::function<void(const Wire&)>& body) {
  std::string skip;
  std::thread([&] {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
      skip = "needs permission: namespaces";
      return;
    }
    const int far = own_namespace();
    unshare(CLONE_NEWNET);
    const int near = own_namespace();
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (const int error = make_pair(far); error != 0) {
      skip = std::string("needs kernel feature: veth devices: ") + std::strerror(error);
    } else {
      Wire wire;
      setns(far, CLONE_NEWNET);
      bring_up(kFarDevice);
      wire.socket_ = packet_socket(kFarDevice);
      setns(near, CLONE_NEWNET);
      bring_up(kNearDevice);
      body(wire);
      close(wire.socket_);
    }
    close(near);
    close(far);
  }).join();
  return skip;
}

}  // namespace skep::test
