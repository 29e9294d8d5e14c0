// What the running kernel's verifier says of each kind of argument, for each argument of each
// helper that a program can call with arguments of our making: one tiny program a question.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/support/argument_kinds.h"

namespace skep::test {

// For each argument: '+' accepted, '-' refused, '?' not to be had in the program type that was
// asked.
struct ArgumentAnswers {
  std::string type;    // of the programs; "" if no program of ours can call it
  std::string result;  // what the verifier takes r0 for afterwards, "" if for nothing
  std::vector<std::string> answers;
};

// Of every helper, by id. Needs the permission to load programs of all types.
std::map<u32, ArgumentAnswers> ask_arguments();

}  // namespace skep::test
