// A world of a test's own to attach programs in: a network and a mount namespace for a thread, a
// cgroup, and things to do that make programs run. What needs a permission or a kernel feature that
// is not there says so.
#pragma once

#include <functional>
#include <string>

namespace skep::test {

struct World {
  std::string skip;    // why nothing was done: "needs permission: ..."
  std::string cgroup;  // a folder of our own, removed afterwards; "" where there is no cgroup2
};

// Runs `body` in a thread in namespaces of its own, with loopback up and tracefs in its place. The
// skip reason if that is not allowed, else "".
std::string in_own_world(const std::function<void(World&)>& body);

// Runs `action` in a child process, which is in the cgroup if that is not "". Its exit code.
int in_child(const std::string& cgroup, void (*action)());

// What makes programs run.
void use_udp();       // on loopback: socket, options, bind, send to itself, receive, connect
void use_tcp();       // on loopback: a connection with some bytes
void use_skep_tcp();  // the same with the congestion control "skep_test"
void use_files();     // opens a sysctl, and a device
void use_priority();  // getpriority(2)
void use_time();      // sleeps, then works, for some milliseconds each
void use_function();  // calls skep_link_test_function()

}  // namespace skep::test

// What uprobes are attached to.
extern "C" void skep_link_test_function();
