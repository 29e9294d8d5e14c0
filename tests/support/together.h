// Functions that race each other, for as long as it takes to see what may go wrong.
#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

namespace skep::test {

// Runs all functions at once, each in a thread of its own, until they see `stop`, which is set
// after `time`.
template <class... Functions>
void together(std::chrono::milliseconds time, std::atomic<bool>& stop, Functions... functions) {
  std::barrier start(sizeof...(functions) + 1);
  std::vector<std::jthread> threads;
  (threads.emplace_back([&start, functions] {
    start.arrive_and_wait();
    functions();
  }),
   ...);
  start.arrive_and_wait();
  std::this_thread::sleep_for(time);
  stop = true;
}

}  // namespace skep::test
